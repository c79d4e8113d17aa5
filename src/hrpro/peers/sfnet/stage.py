"""SF-Net as a whole: learn snippet scores from clicks, then score any recording."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hrpro.data.batches import Samples
from hrpro.data.training_set import TrainingSet
from hrpro.peers.sfnet.config import SFNetConfig
from hrpro.peers.sfnet.losses import actionness_loss, frame_loss, video_logits, video_loss
from hrpro.peers.sfnet.mining import mine, radius_at
from hrpro.peers.sfnet.network import SFNetOutput, SFNetwork
from hrpro.snippet.click_task import ClickTask
from hrpro.snippet.scorer import SnippetScorer


class SFNetStage(SnippetScorer):
    """One network of SF-Net, its classes and settings."""

    name = "sfnet"
    config: SFNetConfig
    network: SFNetwork

    def made(self) -> SFNetwork:
        return SFNetwork(dimension=self.dimension, classes=len(self.classes), config=self.config)

    def task(self, training_set: TrainingSet) -> SFNetTask:
        return SFNetTask(self, Samples(training_set))

    @property
    def width(self) -> int:
        return self.config.hidden

    def read(self, output: SFNetOutput) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        class_tc, attention_t = output.logits_tc.softmax(-1)[:, :-1], output.actionness_t.sigmoid()
        # Two probabilities: their geometric mean is on the scale of either, as the thresholds expect.
        activation_tc = (class_tc.float() * attention_t.float()[:, None]).sqrt()
        return class_tc, attention_t, activation_tc, output.embedded_td


class SFNetTask(ClickTask):
    """What the training loop needs to know of SF-Net."""

    def batch(self, step: int, indices: NDArray[np.int64], rng: np.random.Generator) -> dict[str, Any]:
        batch, config = super().batch(step, indices, rng), self.config
        radius = radius_at(step, steps=config.steps, radius=config.radius, growth=config.growth)
        return {**batch, "present": self.present(batch), "radius": radius}

    def losses(self, module: torch.nn.Module, batch: dict[str, Any]) -> dict[str, Tensor]:
        config = self.config
        output: SFNetOutput = module(batch["features"], batch["lengths"])
        action_tc, background_t = self.pseudo_labels(output, batch)
        of = batch["recording"], len(batch["lengths"])
        action, background = frame_loss(output.logits_tc, action_tc, background_t.float(), *of)
        losses = {
            "action": action,
            # The background is one class of many: it weighs as one.
            "background": background / action_tc.shape[1],
            "actionness": actionness_loss(output.actionness_t, action_tc, background_t.float(), *of),
        }
        total = losses["action"] + losses["background"] + config.actionness_weight * losses["actionness"]
        if config.video_weight:
            logits_bc = video_logits(output.logits_tc[:, :-1], batch["lengths"], config.top)
            losses["video"] = video_loss(logits_bc, batch["present"])
            total = total + config.video_weight * losses["video"]
        return {**losses, "total": total}

    def pseudo_labels(self, output: SFNetOutput, batch: dict[str, Any]) -> tuple[Tensor, Tensor]:
        """Pseudo action [sum T, C] and background [sum T] snippets, boolean, mined from clicks and scores."""
        config = self.config
        score_tc = output.logits_tc.detach().softmax(-1)
        parts = zip(score_tc.cpu().split(batch["lengths"]), batch["clicks"], strict=True)
        labels = [
            mine(
                part_tc.numpy(),
                snippets,
                classes,
                radius=batch["radius"],
                ratio=config.ratio,
                eta=config.eta,
            )
            for part_tc, (snippets, classes) in parts
        ]
        action_tc = torch.from_numpy(np.concatenate([label.action_tc for label in labels]))
        background_t = torch.from_numpy(np.concatenate([label.background_t for label in labels]))
        return action_tc.to(score_tc.device), background_t.to(score_tc.device)
