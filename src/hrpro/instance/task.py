"""What the training loop needs to know of stage 2's network."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hrpro.data.batches import Statistics
from hrpro.instance.examples import Views, draw
from hrpro.instance.losses import regression_loss, score_loss
from hrpro.instance.network import InstanceNetwork, InstanceOutput, Spans, refine
from hrpro.training.task import Task


class InstanceTask(Task):
    """The recordings at ``indices`` of the views, ``known`` of whose features is told, teach the network."""

    def __init__(
        self,
        classes: Sequence[str],
        network: InstanceNetwork,
        views: Views,
        indices: list[int],
        known: Statistics,
        made_from: Mapping[str, Any] | None = None,
    ) -> None:
        self.classes, self.views, self.indices, self.config = tuple(classes), views, indices, network.config
        self.module = network
        self.recordings = [views.names[i] for i in indices]
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
        examples = [draw(self.views.pools[i], len(self.classes), rng, self.config) for i in chosen]
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
