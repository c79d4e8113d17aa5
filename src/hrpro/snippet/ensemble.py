"""Several stage-1 networks that differ in their seed alone, read as one: their scores are averaged (ours).

On small sets one network's luck decides some points of mAP. The mean of a few has less of it, and its scores
are what stage 2 can build on: ``docs/findings.md`` holds the measurements.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hrpro.data.training_set import TrainingSet
from hrpro.snippet.config import SnippetConfig
from hrpro.snippet.stage import SnippetScores, SnippetStage


class SnippetEnsemble:
    """Stage 1 as the localizer uses it: ``config.members`` networks, each a ``SnippetStage``."""

    def __init__(self, classes: Sequence[str], dimension: int, config: SnippetConfig) -> None:
        self.config = config
        self.members = tuple(SnippetStage(classes, dimension, own) for own in _each(config))

    @classmethod
    def fit(cls, training_set: TrainingSet, config: SnippetConfig, **kept: Any) -> SnippetEnsemble:
        """Train the members one after the other; arguments and errors are those of ``SnippetStage.fit``."""
        ensemble = cls.__new__(cls)
        ensemble.config = config
        names = ["snippet"] if config.members == 1 else [f"snippet-{m + 1}" for m in range(config.members)]
        ensemble.members = tuple(
            SnippetStage.fit(training_set, own, name=name, **kept)
            for name, own in zip(names, _each(config), strict=True)
        )
        return ensemble

    @property
    def classes(self) -> tuple[str, ...]:
        return self.members[0].classes

    @property
    def dimension(self) -> int:
        """D of the features it reads."""
        return self.members[0].dimension

    @property
    def width(self) -> int:
        """Dimension of the embedded features, those of all members side by side."""
        return sum(member.width for member in self.members)

    def scores(self, features_td: NDArray[np.floating]) -> SnippetScores:
        """As ``SnippetStage.scores``: means of S, A and P = S * A, embedded features side by side."""
        each = [member.scores(features_td) for member in self.members]
        return SnippetScores(
            np.mean([one.class_tc for one in each], axis=0),
            np.mean([one.attention_t for one in each], axis=0),
            np.mean([one.activation_tc for one in each], axis=0),
            np.concatenate([one.embedded_td for one in each], axis=1),
        )

    def to(self, device: str | torch.device) -> SnippetEnsemble:
        for member in self.members:
            member.network.to(device)
        return self

    def state_dict(self) -> dict[str, Tensor]:
        """Weights of all members, by ``member.name``."""
        states = [member.network.state_dict() for member in self.members]
        return {f"{m}.{name}": tensor for m, state in enumerate(states) for name, tensor in state.items()}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """RuntimeError if the weights are not those of so many such networks."""
        expected = self.state_dict().keys()
        if state.keys() != expected:
            raise RuntimeError(f"{len(state.keys() ^ expected)} weights are missing or too many")
        for m, member in enumerate(self.members):
            own = {
                name.partition(".")[2]: tensor for name, tensor in state.items() if name.startswith(f"{m}.")
            }
            member.network.load_state_dict(own)


def _each(config: SnippetConfig) -> list[SnippetConfig]:
    """The members' settings: seeds drawn from the ensemble's, so that two ensembles share none."""
    seeds = np.random.SeedSequence(config.seed).generate_state(config.members)
    return [replace(config, members=1, seed=int(seed)) for seed in seeds]
