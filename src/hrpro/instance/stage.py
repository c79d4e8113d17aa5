"""Stage 2 as a whole: learn completeness and boundaries from reliable proposals, then refine candidates."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hrpro.core.errors import DataError
from hrpro.data.batches import statistics
from hrpro.instance.config import InstanceConfig
from hrpro.instance.examples import Pool, draw
from hrpro.instance.losses import regression_loss, score_loss
from hrpro.instance.network import InstanceNetwork, InstanceOutput, Spans, refine
from hrpro.proposals.generate import Proposals
from hrpro.training.loop import train
from hrpro.training.task import Task

_AT_ONCE = 2048
_SHORTEST = 0.1  # a refined proposal below this part of its length is taken for a failed refinement


class NothingToLearn(DataError):
    """No recording has a prototype."""


class Views(Protocol):
    """Training recordings as stage 2 sees them, by index: input features [T, D] float32 and pools."""

    @property
    def names(self) -> Sequence[str]: ...

    @property
    def pools(self) -> Sequence[Pool]: ...

    def features(self, index: int) -> NDArray[np.float32]: ...


@dataclass(frozen=True, eq=False)
class Refined:
    """Of n candidates: completeness [n] in [0, 1]; refined segments [n, 2] in snippets, within the recording;
    completeness [n] of those."""

    completeness: NDArray[np.float64]
    segments: NDArray[np.float64]
    refined_completeness: NDArray[np.float64]


class InstanceStage:
    """A stage-2 network, its classes and settings; usable on candidates from anywhere."""

    def __init__(self, classes: Sequence[str], dimension: int, config: InstanceConfig) -> None:
        self.classes, self.dimension, self.config = tuple(classes), dimension, config
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
        task = InstanceTask(classes, views, config, made_from)
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
        task.stage.network.load_state_dict(weights.ema)
        task.stage.network.eval()
        return task.stage

    @torch.inference_mode()
    def refine(self, features_td: NDArray[np.floating], proposals: Proposals) -> Refined:
        """Score and refine one recording's candidates (eq. 9, 11, 12), reading its features [T, D], finite.

        Candidates may come from anywhere, of the classes trained on. DataError if D is not the model's.
        """
        if features_td.ndim != 2 or features_td.shape[1] != self.dimension or len(features_td) == 0:
            raise DataError(f"features must be [T, {self.dimension}], not {list(features_td.shape)}")
        network, device = self.network, self.network.mean.device
        length = len(features_td)
        segments = torch.from_numpy(proposals.segments).float().clamp(0, length).to(device)
        labels = torch.from_numpy(proposals.labels).to(device)
        snippets_td = network.snippets(torch.tensor(features_td, dtype=torch.float32, device=device))
        output = self._read(snippets_td, segments, length)
        completeness = self._own(output, labels)
        if output.offsets_n2 is None:
            refined, again = segments, completeness
        else:
            refined = refine(segments, output.offsets_n2).clamp(0, length)
            failed = (refined[:, 1] - refined[:, 0]) < _SHORTEST * (segments[:, 1] - segments[:, 0])
            refined = torch.where(failed[:, None], segments, refined)
            again = self._own(self._read(snippets_td, refined, length), labels)
        first, segments_n2, second = (
            part.cpu().numpy().astype(np.float64) for part in (completeness, refined, again)
        )
        return Refined(first, segments_n2, second)

    def _read(self, snippets_td: Tensor, segments_n2: Tensor, length: int) -> InstanceOutput:
        """In pieces, since what is pooled takes many times the room of the proposals."""
        parts = []
        for piece in segments_n2.split(_AT_ONCE) if len(segments_n2) else [segments_n2]:
            first = torch.zeros(len(piece), dtype=torch.long, device=piece.device)
            parts.append(self.network.read(snippets_td, Spans(piece, first, first + length)))
        columns = zip(*parts, strict=True)
        return InstanceOutput(*(None if column[0] is None else torch.cat(column) for column in columns))

    def _own(self, output: InstanceOutput, labels: Tensor) -> Tensor:
        """Completeness of each proposal's own class; 0 without a score head."""
        if output.logits_nc is None:
            return torch.zeros(len(labels), device=labels.device)
        column = labels[:, None] if self.config.class_aware else torch.zeros_like(labels)[:, None]
        return output.logits_nc.gather(1, column)[:, 0].sigmoid()


class InstanceTask(Task):
    """What the training loop needs to know of stage 2."""

    def __init__(
        self,
        classes: Sequence[str],
        views: Views,
        config: InstanceConfig,
        made_from: Mapping[str, Any] | None = None,
    ) -> None:
        # A recording without proposals and without low attention has nothing to teach.
        self.indices = [
            index
            for index, source in enumerate(views.pools)
            if len(source.prototypes_m2) or (config.negatives and source.low_t.any())
        ]
        if not any(len(source.prototypes_m2) for source in views.pools):
            raise NothingToLearn(
                "stage 1 gave no proposal that holds a click, so stage 2 has nothing to learn from",
                mend="train stage 1 longer, click more actions, or set stages: 1",
            )
        self.views, self.config = views, config
        dimension = views.features(self.indices[0]).shape[1]
        self.stage = InstanceStage(classes, dimension, config)
        self.module = network = self.stage.network
        self.recordings = [views.names[i] for i in self.indices]
        known = statistics(map(views.features, self.indices))
        network.mean.copy_(torch.from_numpy(known.mean))
        network.deviation.copy_(torch.from_numpy(known.deviation))
        if made_from is None:
            checksum = known.checksum
            for source in views.pools:
                for part in vars(source).values():
                    checksum = zlib.crc32(np.ascontiguousarray(part).data, checksum)
            made_from = {"views": checksum}
        self.fingerprint: Mapping[str, Any] = {"classes": list(classes), **made_from}

    def batch(self, step: int, indices: NDArray[np.int64], rng: np.random.Generator) -> dict[str, Any]:
        chosen = [self.indices[int(i)] for i in indices]
        examples = [draw(self.views.pools[i], len(self.stage.classes), rng, self.config) for i in chosen]
        lengths = [self.views.pools[i].length for i in chosen]
        counts = [len(e.own_n) for e in examples]
        first = np.cumsum([0, *lengths[:-1]])

        def joined(name: str) -> Tensor:
            return torch.from_numpy(np.concatenate([getattr(e, name) for e in examples])).float()

        spans = Spans(
            joined("segments_n2"),
            torch.from_numpy(np.repeat(first, counts)),
            torch.from_numpy(np.repeat(lengths, counts)),
        )
        return {
            "features": torch.from_numpy(np.concatenate([self.views.features(i) for i in chosen])),
            "spans": spans,
            "recording": torch.from_numpy(np.repeat(np.arange(len(chosen)), counts)),
            "recordings": len(chosen),
            "completeness": joined("completeness_nc"),
            "own": joined("own_n"),
            "reliable": joined("reliable_n2"),
        }

    def losses(self, module: torch.nn.Module, batch: dict[str, Any]) -> dict[str, Tensor]:
        config = self.config
        output: InstanceOutput = module(batch["features"], batch["spans"])
        of = batch["recording"], batch["recordings"]
        losses: dict[str, Tensor] = {}
        total = batch["own"].new_zeros(())
        if output.logits_nc is not None:
            target_nc = batch["completeness"] if config.class_aware else batch["own"][:, None]
            losses["score"] = score_loss(output.logits_nc, target_nc, *of, config.score_loss)
            total = total + config.score_weight * losses["score"]
        if output.offsets_n2 is not None:
            refined_n2 = refine(batch["spans"].segments_n2, output.offsets_n2)
            learns_n = (batch["own"] >= config.regression_tiou) & (batch["own"] > 0)
            losses["regression"] = regression_loss(refined_n2, batch["reliable"], learns_n, *of)
            total = total + config.regression_weight * losses["regression"]
        return {**losses, "total": total}  # eq. 14
