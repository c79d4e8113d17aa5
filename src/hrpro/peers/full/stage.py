"""The fully supervised upper bound as a whole: learn from segments, then find candidates in any recording."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hrpro.core.errors import DataError
from hrpro.data.batches import pack
from hrpro.data.supervised import SupervisedSet
from hrpro.data.training_set import TrainingSet
from hrpro.peers.full.config import FullConfig
from hrpro.peers.full.decode import candidates, joined
from hrpro.peers.full.network import FullNetwork
from hrpro.peers.full.task import FullTask
from hrpro.proposals.scores import SnippetScores
from hrpro.training.loop import train


class FullStage:
    """``config.members`` networks that differ in their seed alone, read as one."""

    def __init__(self, classes: Sequence[str], dimension: int, config: FullConfig) -> None:
        self.classes, self.dimension, self.config = tuple(classes), dimension, config
        self.networks = tuple(network(len(self.classes), dimension, own) for own in each(config))

    @property
    def width(self) -> int:
        """Dimension D' of the embedded features, those of all members side by side."""
        return len(self.networks) * self.config.hidden

    @classmethod
    def fit(
        cls,
        training_set: SupervisedSet | TrainingSet,
        config: FullConfig,
        *,
        name: str = "full",
        run_dir: Path | None = None,
        resume: bool = False,
        progress: bool = False,
        on_row: Callable[[Any], None] | None = None,
    ) -> FullStage:
        """Learn from segments. DataError for a set without; else raises as training.loop.train does.

        name: under which ``run_dir`` keeps checkpoints and logs, with the number of the member. The rows that
        ``on_row`` is given also have their ``member``, from 0 on.
        """
        if not isinstance(training_set, SupervisedSet):
            raise DataError("--method full learns from segments: the dataset has no gt_full.json")
        plain = training_set.training_set
        stage = cls(plain.classes, plain.dimension, config)
        for member, (made, own) in enumerate(zip(stage.networks, each(config), strict=True)):
            task = FullTask(made, training_set, own)
            title = name if config.members == 1 else f"{name}-{member + 1}"
            tell = None if on_row is None else lambda row, m=member: on_row({"member": m, **row})
            with torch.random.fork_rng(devices=[]):  # the caller's own chance goes on as if nothing had been
                weights = train(
                    task, own, name=title, run_dir=run_dir, resume=resume, progress=progress, on_row=tell
                )
            made.load_state_dict(weights.ema)
            made.eval()
        return stage

    @torch.inference_mode()
    def scores(self, features_td: NDArray[np.floating]) -> SnippetScores:
        """Features [T, D] of one recording, finite -> its scores and candidates. DataError if D is another.

        S and P are the snippet head's, A is the highest of S.
        """
        if features_td.ndim != 2 or features_td.shape[1] != self.dimension or len(features_td) == 0:
            raise DataError(
                f"features must be [T, {self.dimension}] as in training, not {list(features_td.shape)}",
                mend="extract them with the backbone the model was trained with",
            )
        packed_td, lengths = pack([np.ascontiguousarray(features_td, np.float32)])
        packed_td = packed_td.to(self.networks[0].mean.device)
        said = [made(packed_td, lengths) for made in self.networks]

        def mean(parts: list[Tensor]) -> NDArray[np.float32]:
            return torch.stack(parts).float().mean(0).cpu().numpy()

        class_tc = mean([one.snippet_tc.sigmoid() for one in said])
        score_nc = mean([one.logits_nc.sigmoid() for one in said])
        distances_n2 = mean([one.distances_n2 for one in said])
        embedded_td = torch.cat([one.embedded_td for one in said], 1).float().cpu().numpy()
        found = candidates(score_nc, distances_n2, len(class_tc), self.config)
        both = joined(found, class_tc, self.config.position_weight)
        return SnippetScores(class_tc, class_tc.max(1), class_tc, embedded_td, both)

    def to(self, device: str | torch.device) -> FullStage:
        for made in self.networks:
            made.to(device)
        return self

    def state_dict(self) -> dict[str, Tensor]:
        """Weights of all members, by ``member.name``."""
        return torch.nn.ModuleList(self.networks).state_dict()

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """RuntimeError if the weights are not those of so many such networks."""
        torch.nn.ModuleList(self.networks).load_state_dict(state)


def network(classes: int, dimension: int, config: FullConfig) -> FullNetwork:
    """Untrained, its weights following from the seed alone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        return FullNetwork(dimension=dimension, classes=classes, config=config).eval()


def each(config: FullConfig) -> list[FullConfig]:
    """The members' settings: seeds drawn from the stage's, so that two stages share none."""
    seeds = np.random.SeedSequence(config.seed).generate_state(config.members)
    return [replace(config, members=1, seed=int(seed)) for seed in seeds]
