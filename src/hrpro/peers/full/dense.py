"""The dense localizer as a whole: learn from actions, then find candidates in any recording."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hrpro.core.errors import DataError
from hrpro.data.batches import pack
from hrpro.data.training_set import TrainingSet
from hrpro.peers.full.config import DenseConfig
from hrpro.peers.full.decode import candidates
from hrpro.peers.full.network import DenseNetwork
from hrpro.peers.full.targets import Actions, shown
from hrpro.peers.full.task import DenseTask
from hrpro.proposals.generate import Proposals
from hrpro.snippet.exemplars import NAMES, Exemplars
from hrpro.training.loop import train


class Said(NamedTuple):
    """Of one recording: the part of each snippet that every class covers, snippet_tc [T, C] in [0, 1]; the
    positions' candidates; embedded_td [T, D']."""

    snippet_tc: NDArray[np.float32]
    found: Proposals
    embedded_td: NDArray[np.float32]


class DenseStage:
    """``config.members`` networks that differ in their seed alone, and exemplars, read as one.

    ``position_weight``, that of the positions' candidates beside others, is for who teaches it to choose.
    """

    def __init__(self, classes: Sequence[str], dimension: int, config: DenseConfig) -> None:
        self.classes, self.dimension, self.config = tuple(classes), dimension, config
        self.networks = tuple(network(len(self.classes), dimension, own) for own in each(config))
        self.exemplars: Exemplars | None = None
        self.position_weight = config.position_weight

    @property
    def width(self) -> int:
        """Dimension D' of the embedded features, those of all members side by side."""
        return len(self.networks) * self.config.hidden

    @classmethod
    def fit(
        cls,
        training_set: TrainingSet,
        actions: Sequence[Actions],
        config: DenseConfig,
        *,
        name: str = "dense",
        run_dir: Path | None = None,
        resume: bool = False,
        progress: bool = False,
        on_row: Callable[[Any], None] | None = None,
    ) -> DenseStage:
        """Learn from the actions of every recording, within it. Raises as training.loop.train does.

        name: under which ``run_dir`` keeps checkpoints and logs, with the number of the member. The rows that
        ``on_row`` is given also have their ``member``, from 0 on.
        """
        stage = cls(training_set.classes, training_set.dimension, config)
        kept: dict[str, Any] = {"run_dir": run_dir, "resume": resume, "progress": progress}
        for member, (made, own) in enumerate(zip(stage.networks, each(config), strict=True)):
            task = DenseTask(made, training_set, actions, own)
            title = name if config.members == 1 else f"{name}-{member + 1}"
            tell = None if on_row is None else lambda row, m=member: on_row({"member": m, **row})
            with torch.random.fork_rng(devices=[]):  # the caller's own chance goes on as if nothing had been
                weights = train(task, own, name=title, on_row=tell, **kept)
            made.load_state_dict(weights.ema)
            made.eval()
        if config.exemplar_weight:
            stage.exemplars = remembered(training_set, actions, stage.networks[0], config)
        return stage

    @torch.inference_mode()
    def said(self, features_td: NDArray[np.floating]) -> Said:
        """What it says of a recording of features [T, D], finite. DataError if D is another than its own."""
        if features_td.ndim != 2 or features_td.shape[1] != self.dimension or len(features_td) == 0:
            raise DataError(
                f"features must be [T, {self.dimension}] as in training, not {list(features_td.shape)}",
                mend="extract them with the backbone the model was trained with",
            )
        packed_td, lengths = pack([np.ascontiguousarray(features_td, np.float32)])
        packed_td = packed_td.to(self.networks[0].mean.device)
        outputs = [made(packed_td, lengths) for made in self.networks]

        def mean(parts: list[Tensor]) -> NDArray[np.float32]:
            return torch.stack(parts).float().mean(0).cpu().numpy()

        snippet_tc = mean([one.snippet_tc.sigmoid() for one in outputs])
        if self.exemplars is not None:
            alike_tc = self.exemplars.activation(np.asarray(features_td, np.float32))
            snippet_tc += np.float32(self.config.exemplar_weight) * (alike_tc - snippet_tc)
        score_nc = mean([one.logits_nc.sigmoid() for one in outputs])
        distances_n2 = mean([one.distances_n2 for one in outputs])
        found = candidates(score_nc, distances_n2, len(features_td), self.config)
        embedded_td = torch.cat([one.embedded_td for one in outputs], 1).float().cpu().numpy()
        return Said(snippet_tc, found, embedded_td)

    def to(self, device: str | torch.device) -> DenseStage:
        for made in self.networks:
            made.to(device)
        if self.exemplars is not None:
            self.exemplars.to(device)
        return self

    def state_dict(self) -> dict[str, Tensor]:
        """Weights of all members, by ``member.name``; ``exemplars.name``; and ``position_weight``."""
        held = {} if self.exemplars is None else self.exemplars.tensors
        return {
            **torch.nn.ModuleList(self.networks).state_dict(),
            **{f"exemplars.{name}": tensor for name, tensor in held.items()},
            "position_weight": torch.tensor([self.position_weight], dtype=torch.float64),
        }

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """RuntimeError if the weights are not those of so many such networks and of exemplars."""
        own = dict(state)
        weight = own.pop("position_weight", None)
        if weight is None or weight.shape != (1,):
            raise RuntimeError("position_weight is missing or has a size mismatch")
        if self.config.exemplar_weight:
            held = {name: own.pop(key) for name in NAMES if (key := f"exemplars.{name}") in own}
            self.exemplars = Exemplars.checked(held, len(self.classes), self.dimension)
        torch.nn.ModuleList(self.networks).load_state_dict(own)
        self.position_weight = float(weight)


def network(classes: int, dimension: int, config: DenseConfig) -> DenseNetwork:
    """Untrained, its weights following from the seed alone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        return DenseNetwork(dimension=dimension, classes=classes, config=config).eval()


def remembered(
    training_set: TrainingSet, actions: Sequence[Actions], made: DenseNetwork, config: DenseConfig
) -> Exemplars:
    """Exemplars of the training's snippets, taught by the part of each that an action covers."""

    def target(index: int) -> NDArray[np.float32]:
        length = training_set.recordings[index].features.shape[0]
        return shown(length, actions[index], len(training_set.classes))

    held = {"mean": made.mean, "deviation": made.deviation}
    return Exemplars.fit(training_set, target, **held, number=config.exemplars, seed=config.seed)


def each(config: DenseConfig) -> list[DenseConfig]:
    """The members' settings: seeds drawn from the stage's, so that two stages share none."""
    seeds = np.random.SeedSequence(config.seed).generate_state(config.members)
    return [replace(config, members=1, seed=int(seed)) for seed in seeds]
