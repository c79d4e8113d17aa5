"""Stage 2 as a whole: learn completeness and boundaries from reliable proposals, then refine candidates."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hrpro.core.errors import DataError
from hrpro.data.batches import statistics
from hrpro.instance.config import InstanceConfig
from hrpro.instance.examples import Views, teaching
from hrpro.instance.exemplars import ProposalExemplars
from hrpro.instance.network import InstanceNetwork, InstanceOutput, Spans, refine
from hrpro.instance.task import InstanceTask
from hrpro.instance.worth import judged_weight
from hrpro.proposals.generate import Proposals
from hrpro.training.loop import train

_AT_ONCE = 2048
_SHORTEST = 0.1  # a refined proposal below this part of its length is taken for a failed refinement


@dataclass(frozen=True, eq=False)
class Refined:
    """Of n candidates: completeness [n] in [0, 1]; refined segments [n, 2] in snippets, within the recording;
    completeness [n] of those. likeness, refined_likeness: the same, by the exemplars. 0 from what is not
    there."""

    completeness: NDArray[np.float64]
    segments: NDArray[np.float64]
    refined_completeness: NDArray[np.float64]
    likeness: NDArray[np.float64]
    refined_likeness: NDArray[np.float64]


class InstanceStage:
    """A stage-2 network and exemplars, their classes and settings; usable on candidates from anywhere.

    Once taught, ``config`` has the weight that the exemplars were judged to have.

    ``network`` is None where both its heads are off, ``exemplars`` without training and where
    ``config.exemplar_weight`` is 0.
    """

    def __init__(self, classes: Sequence[str], dimension: int, config: InstanceConfig) -> None:
        self.classes, self.dimension, self.config = tuple(classes), dimension, config
        self.network: InstanceNetwork | None = None
        self.exemplars: ProposalExemplars | None = None
        self._device = torch.device("cpu")
        if config.has_network:
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(config.seed)
                self.network = InstanceNetwork(dimension=dimension, classes=len(self.classes), config=config)
            self.network.eval()

    @classmethod
    def fit(
        cls,
        classes: Sequence[str],
        views: Views,
        config: InstanceConfig,
        *,
        made_from: Mapping[str, Any] | None = None,
        run_dir: Path | None = None,
        resume: bool = False,
        progress: bool = False,
        on_row: Callable[[Any], None] | None = None,
    ) -> InstanceStage:
        """Learn from the pools of ``views``. NothingToLearn if no recording has a prototype.

        made_from: JSON of what ``views`` were computed from, by which a resumed run knows them, since another
        device, or number of threads, computes them with other last bits; None: by their own.
        """
        indices = teaching(views, config)
        known = statistics(map(views.features, indices))
        stage = cls(classes, len(known.mean), config)
        if stage.network is not None:
            task = InstanceTask(classes, stage.network, views, indices, known, made_from)
            with torch.random.fork_rng(devices=[]):  # the caller's own chance goes on as if nothing had been
                weights = train(
                    task,
                    config,
                    name="instance",
                    run_dir=run_dir,
                    resume=resume,
                    progress=progress,
                    on_row=on_row,
                )
            stage.network.load_state_dict(weights.ema)
            stage.network.eval()
        if config.exemplar_weight:
            learned = (views, indices, known.mean, len(stage.classes), config)
            stage.exemplars = ProposalExemplars.fit(*learned)
            if config.exemplar_weight == "judged":
                stage.config = replace(config, exemplar_weight=judged_weight(*learned))
        return stage

    def without_network(self) -> InstanceStage:
        """The same exemplars alone."""
        alone = InstanceStage(self.classes, self.dimension, self.config.without_network())
        alone.exemplars, alone._device = self.exemplars, self._device
        return alone

    def with_exemplars(self, exemplars: ProposalExemplars | None) -> InstanceStage:
        """The same network beside other exemplars."""
        other = copy(self)
        other.exemplars = exemplars
        return other

    def to(self, device: str | torch.device) -> InstanceStage:
        self._device = torch.device(device)
        for part in (self.network, self.exemplars):
            if part is not None:
                part.to(device)
        return self

    def state_dict(self) -> dict[str, Tensor]:
        """Weights of the network, and ``exemplars.name``."""
        weights = {} if self.network is None else self.network.state_dict()
        held = {} if self.exemplars is None else self.exemplars.tensors
        return {**weights, **{f"exemplars.{name}": tensor for name, tensor in held.items()}}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """RuntimeError if the weights are not those of such a network and of exemplars."""
        held = {
            name.removeprefix("exemplars."): tensor
            for name, tensor in state.items()
            if name.startswith("exemplars.")
        }
        weights = {name: tensor for name, tensor in state.items() if not name.startswith("exemplars.")}
        if bool(held) != bool(self.config.exemplar_weight) or bool(weights) != (self.network is not None):
            raise RuntimeError("weights are missing or too many")
        if held:
            self.exemplars = ProposalExemplars.checked(held, len(self.classes), self.dimension)
        if self.network is not None:
            self.network.load_state_dict(weights)

    @torch.inference_mode()
    def refine(self, features_td: NDArray[np.floating], proposals: Proposals) -> Refined:
        """Score and refine one recording's candidates (eq. 9, 11, 12), reading its features [T, D], finite.

        Candidates may come from anywhere, of the classes trained on. DataError if D is not the model's.
        """
        if features_td.ndim != 2 or features_td.shape[1] != self.dimension or len(features_td) == 0:
            raise DataError(f"features must be [T, {self.dimension}], not {list(features_td.shape)}")
        device, length = self._device, len(features_td)
        segments = torch.from_numpy(proposals.segments).float().clamp(0, length).to(device)
        labels = torch.from_numpy(proposals.labels).to(device)
        features = torch.tensor(features_td, dtype=torch.float32, device=device)
        refined, completeness = segments, torch.zeros(len(labels), device=device)
        again = completeness
        if self.network is not None:
            snippets_td = self.network.snippets(features)
            output = self._read(self.network, snippets_td, segments)
            again = completeness = self._own(output, labels)
            if output.offsets_n2 is not None:
                refined = refine(segments, output.offsets_n2).clamp(0, length)
                failed = (refined[:, 1] - refined[:, 0]) < _SHORTEST * (segments[:, 1] - segments[:, 0])
                refined = torch.where(failed[:, None], segments, refined)
                again = self._own(self._read(self.network, snippets_td, refined), labels)
        like = self._likeness(features, segments, labels)
        like_again = like if refined is segments else self._likeness(features, refined, labels)
        told = (completeness, refined, again, like, like_again)
        return Refined(*(part.cpu().numpy().astype(np.float64) for part in told))

    def _likeness(self, features_td: Tensor, segments_n2: Tensor, labels: Tensor) -> Tensor:
        """Completeness of each proposal's own class, by the exemplars; 0 without."""
        if self.exemplars is None:
            return torch.zeros(len(labels), device=labels.device)
        return self.exemplars.completeness(features_td, segments_n2).gather(1, labels[:, None])[:, 0]

    def _read(self, network: InstanceNetwork, snippets_td: Tensor, segments_n2: Tensor) -> InstanceOutput:
        """In pieces, since what is pooled takes many times the room of the proposals."""
        parts, length = [], len(snippets_td)
        for piece in segments_n2.split(_AT_ONCE) if len(segments_n2) else [segments_n2]:
            first = torch.zeros(len(piece), dtype=torch.long, device=piece.device)
            parts.append(network.read(snippets_td, Spans(piece, first, first + length)))
        columns = zip(*parts, strict=True)
        return InstanceOutput(*(None if column[0] is None else torch.cat(column) for column in columns))

    def _own(self, output: InstanceOutput, labels: Tensor) -> Tensor:
        """Completeness of each proposal's own class; 0 without a score head."""
        if output.logits_nc is None:
            return torch.zeros(len(labels), device=labels.device)
        column = labels[:, None] if self.config.class_aware else torch.zeros_like(labels)[:, None]
        return output.logits_nc.gather(1, column)[:, 0].sigmoid()
