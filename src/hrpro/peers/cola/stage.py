"""CoLA as a whole: learn snippet scores from the classes that recordings show, then score any recording."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hrpro.data.batches import pack, replayed, statistics
from hrpro.data.training_set import TrainingSet
from hrpro.peers.cola.bags import Bags
from hrpro.peers.cola.config import ColaConfig
from hrpro.peers.cola.losses import contrast_loss, video_logits, video_loss
from hrpro.peers.cola.mining import mine
from hrpro.peers.cola.network import ColaNetwork, ColaOutput
from hrpro.snippet.scorer import SnippetScorer
from hrpro.training.task import Task


class ColaStage(SnippetScorer):
    """One network of CoLA, its classes and settings. Learns from which classes occur where, never when."""

    name = "cola"
    config: ColaConfig
    network: ColaNetwork

    def made(self) -> ColaNetwork:
        return ColaNetwork(dimension=self.dimension, classes=len(self.classes), config=self.config)

    def task(self, training_set: TrainingSet) -> ColaTask:
        return ColaTask(self, Bags(training_set))

    @property
    def width(self) -> int:
        return self.config.hidden

    def read(self, output: ColaOutput) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        class_tc = output.logits_tc.sigmoid()
        return class_tc, output.actionness_t, class_tc, output.embedded_td


class ColaTask(Task):
    """What the training loop needs to know of CoLA."""

    def __init__(self, stage: ColaStage, bags: Bags) -> None:
        self.module = self.network = stage.network
        self.config, self.bags = stage.config, bags
        self.recordings = bags.ids
        known = statistics(map(bags.features, range(len(bags))))
        self.fingerprint: Mapping[str, Any] = {
            "classes": list(stage.classes),
            "features": known.checksum,
            "present": zlib.crc32(bags.present_bc.tobytes()),
        }
        self.network.mean.copy_(torch.from_numpy(known.mean))
        self.network.deviation.copy_(torch.from_numpy(known.deviation))

    def batch(self, step: int, indices: NDArray[np.int64], rng: np.random.Generator) -> dict[str, Any]:
        chosen = [self.bags.sample(int(i)) for i in indices]
        chosen = replayed(chosen, self.config.time_warp, rng)
        features_td, lengths = pack([sample.features_td for sample in chosen])
        present_bc = torch.from_numpy(self.bags.present_bc[indices]).float()
        return {"features": features_td, "lengths": lengths, "present": present_bc}

    def losses(self, module: torch.nn.Module, batch: dict[str, Any]) -> dict[str, Tensor]:
        config, lengths = self.config, batch["lengths"]
        output: ColaOutput = module(batch["features"], lengths)
        logits_bc = video_logits(output.logits_tc, lengths, config.easy)
        losses = {"video": video_loss(logits_bc, batch["present"])}
        total = losses["video"]
        if config.contrast_weight:
            mined = [
                mine(part_t, easy=config.easy, near=config.near, far=config.far)
                for part_t in output.actionness_t.detach().split(lengths)
            ]
            losses["contrast"] = contrast_loss(output.embedded_td.split(lengths), mined, config.temperature)
            total = total + config.contrast_weight * losses["contrast"]
        return {**losses, "total": total}
