"""Several stage-1 networks, and exemplars, read as one (ours).

On small sets one network's luck decides some points of mAP. The mean of a few has less of it, and its scores
are what stage 2 can build on; ``exemplars`` err elsewhere than networks do. They differ in their seed and,
with ``config.narrow``, in what they see: a kernel longer than most actions blurs one into the next.
``docs/findings.md`` holds the measurements.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hrpro.core.annotations import Click
from hrpro.data.training_set import TrainingSet
from hrpro.methods import Scorer
from hrpro.proposals.scores import SnippetScores
from hrpro.snippet.belief import doubted, without
from hrpro.snippet.config import SnippetConfig
from hrpro.snippet.exemplars import NAMES, Exemplars, clicked_activation
from hrpro.snippet.habit import moved, recentred
from hrpro.snippet.length import typical_length
from hrpro.snippet.stage import SnippetStage

OnRow = Callable[[Any], None]


class SnippetEnsemble:
    """Stage 1 as the localizer uses it: ``config.members`` networks, each a ``SnippetStage``, and exemplars.

    ``exemplars`` is None without training, and where ``config.exemplar_weight`` is 0. ``doubted``: clicks by
    recording that the members were taught without. ``moved``: how many clicks they were taught at another
    moment, since people click early, or late. Both are known after ``fit`` alone.
    """

    def __init__(self, classes: Sequence[str], dimension: int, config: SnippetConfig) -> None:
        self.config = config
        self.members: tuple[SnippetStage, ...] = tuple(
            SnippetStage(classes, dimension, own) for own in _each(config)
        )
        self.exemplars: Exemplars | None = None
        self.doubted: dict[str, tuple[Click, ...]] = {}
        self.moved = 0

    @classmethod
    def fit(
        cls, training_set: TrainingSet, config: SnippetConfig, *, on_row: OnRow | None = None, **kept: Any
    ) -> SnippetEnsemble:
        """Train the members one after the other, then the exemplars on what they say.

        Arguments and errors are those of ``SnippetStage.fit``. The rows that ``on_row`` is given also have
        the number of their ``member``, from 0 on; ``anew`` those of the first one taught again; ``scout``
        those of a shorter one that only tells where people click, before a single member.
        """
        ensemble = cls.__new__(cls)
        ensemble.config, ensemble.exemplars, ensemble.doubted, ensemble.moved = config, None, {}, 0
        ensemble.members = tuple[SnippetStage, ...]()
        if scout := scouting(config):
            told = _of_member(0, on_row, scout=True)
            seen = SnippetStage.fit(training_set, scout, name="snippet-scout", **kept, on_row=told)
            training_set = ensemble._recentred(seen, training_set)
        names = ["snippet"] if config.members == 1 else [f"snippet-{m + 1}" for m in range(config.members)]
        kernel = config.kernel
        for member, (name, own) in enumerate(zip(names, _each(config), strict=True)):
            if config.narrow and member == (config.members + 1) // 2:
                kernel = 1 if typical_length(ensemble, training_set) < kernel else kernel
            told = _of_member(member, on_row)
            taught = SnippetStage.fit(
                training_set, replace(own, kernel=kernel), name=name, **kept, on_row=told
            )
            ensemble.members += (taught,)
            if member == 0 and config.members > 1:
                mended = ensemble._mended(training_set)
                if mended is not training_set:  # what it learned of the others it would bring into the mean
                    training_set = mended
                    told = _of_member(member, on_row, anew=True)
                    taught = SnippetStage.fit(training_set, own, name=f"{name}-anew", **kept, on_row=told)
                    ensemble.members = (taught,)
        if config.exemplar_weight:
            network = ensemble.members[0].network
            ensemble.exemplars = Exemplars.fit(
                training_set,
                clicked_activation(training_set, lambda x_td: ensemble.scores(x_td).activation_tc),
                mean=network.mean,
                deviation=network.deviation,
                number=config.exemplars,
                seed=config.seed,
            )
        return ensemble

    def _mended(self, training_set: TrainingSet) -> TrainingSet:
        """The set without the clicks that the first member does not believe, and the others where it says
        that they belong; the very same where nothing is to be mended."""
        if self.config.belief:
            self.doubted = doubted(self, training_set, self.config.belief)
            if self.doubted:
                training_set = without(training_set, self.doubted)
        return self._recentred(self, training_set) if self.config.habit else training_set

    def _recentred(self, asked: Scorer, training_set: TrainingSet) -> TrainingSet:
        """The set with its clicks where ``asked`` says that they belong; the very same if it says nothing."""
        found = recentred(asked, training_set)
        if found is None:
            return training_set
        self.moved = moved(training_set, found)
        return found

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
        """As ``SnippetStage.scores``: means of S, A and P = S * A, embedded features side by side.

        The exemplars' P' is then mixed into P.
        """
        each = [member.scores(features_td) for member in self.members]
        activation_tc = np.mean([one.activation_tc for one in each], axis=0)
        if self.exemplars is not None:
            weight = np.float32(self.config.exemplar_weight)
            activation_tc += weight * (self.exemplars.activation(features_td) - activation_tc)
        return SnippetScores(
            np.mean([one.class_tc for one in each], axis=0),
            np.mean([one.attention_t for one in each], axis=0),
            activation_tc,
            np.concatenate([one.embedded_td for one in each], axis=1),
        )

    def to(self, device: str | torch.device) -> SnippetEnsemble:
        for member in self.members:
            member.network.to(device)
        if self.exemplars is not None:
            self.exemplars.to(device)
        return self

    def state_dict(self) -> dict[str, Tensor]:
        """Weights of all members, by ``member.name``, and ``exemplars.name``."""
        states = [member.network.state_dict() for member in self.members]
        weights = {f"{m}.{name}": tensor for m, state in enumerate(states) for name, tensor in state.items()}
        held = {} if self.exemplars is None else self.exemplars.tensors
        return weights | {f"exemplars.{name}": tensor for name, tensor in held.items()}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """RuntimeError if the weights are not those of so many such networks and of exemplars."""
        if self.config.exemplar_weight:
            held = {name: state[key] for name in NAMES if (key := f"exemplars.{name}") in state}
            self.exemplars = Exemplars.checked(held, len(self.classes), self.dimension)
        expected = self.state_dict().keys()
        if state.keys() != expected:
            raise RuntimeError(f"{len(state.keys() ^ expected)} weights are missing or too many")
        members = list(self.members)
        for m, member in enumerate(members):
            own = {
                name.partition(".")[2]: tensor for name, tensor in state.items() if name.startswith(f"{m}.")
            }
            if self.config.narrow and own["embed.weight"].shape[-1:] == (1,):
                narrow = replace(member.config, kernel=1)
                members[m] = SnippetStage(member.classes, member.dimension, narrow)
            members[m].network.load_state_dict(own)
        self.members = tuple(members)


def scouting(config: SnippetConfig) -> SnippetConfig | None:
    """Settings of the network that is asked where people click before the only member learns; None: no such.

    Among several the first is asked. A third of the steps: longer taught, it takes clicks for the middle.
    """
    own = replace(_each(config)[0], steps=max(config.steps // 3, 1))
    return own if config.habit and config.members == 1 else None


def _of_member(member: int, on_row: OnRow | None, **about: bool) -> OnRow | None:
    return None if on_row is None else lambda row: on_row({"member": member, **about, **row})


def _each(config: SnippetConfig) -> list[SnippetConfig]:
    """The members' settings: seeds drawn from the ensemble's, so that two ensembles share none."""
    seeds = np.random.SeedSequence(config.seed).generate_state(config.members)
    return [replace(config, members=1, seed=int(seed)) for seed in seeds]
