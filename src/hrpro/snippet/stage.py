"""Stage 1 as a whole: learn snippet scores from clicks, then score any recording."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from hrpro.data.batches import Samples, pack
from hrpro.data.training_set import TrainingSet
from hrpro.snippet.click_task import ClickTask
from hrpro.snippet.config import SnippetConfig
from hrpro.snippet.losses import action_loss, attention_loss, contrastive_loss, instance_weights
from hrpro.snippet.memory import class_sums, initial_memory, updated_memory
from hrpro.snippet.network import SnippetNetwork, SnippetOutput
from hrpro.snippet.pseudo_labels import mine
from hrpro.snippet.scorer import SnippetScorer


class SnippetStage(SnippetScorer):
    """One stage-1 network, its classes and settings; usable without stage 2."""

    name = "snippet"
    config: SnippetConfig
    network: SnippetNetwork

    def made(self) -> SnippetNetwork:
        return SnippetNetwork(dimension=self.dimension, classes=len(self.classes), config=self.config)

    def task(self, training_set: TrainingSet) -> SnippetTask:
        return SnippetTask(self, Samples(training_set))

    @property
    def width(self) -> int:
        return self.network.memory.shape[1]

    def read(self, output: SnippetOutput) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        return output.class_tc, output.attention_t, output.activation_tc, output.embedded_td


class SnippetTask(ClickTask):
    """What the training loop needs to know of stage 1."""

    def __init__(self, stage: SnippetStage, samples: Samples) -> None:
        super().__init__(stage, samples)
        self.network.memory.copy_(self._first_memory())

    @torch.inference_mode()
    def _first_memory(self) -> Tensor:
        """Eq. 2 over the clicks of the whole set, features as the untrained network embeds them."""
        sums_cd = torch.zeros_like(self.network.memory)
        counts_c = sums_cd.new_zeros(len(sums_cd))
        for index in range(len(self.samples)):
            sample = self.samples[index]
            if len(sample.snippets):
                embedded_td = self.network(*pack([sample.features_td])).embedded_td
                clicked_tc = np.zeros((len(sample.features_td), len(sums_cd)), np.float32)
                clicked_tc[sample.snippets, sample.classes] = 1
                more_cd, more_c = class_sums(embedded_td, torch.from_numpy(clicked_tc))
                sums_cd += more_cd
                counts_c += more_c
        return initial_memory(sums_cd, counts_c)

    def losses(self, module: torch.nn.Module, batch: dict[str, Any]) -> dict[str, Tensor]:
        config = self.config
        output: SnippetOutput = module(batch["features"], batch["lengths"])
        action_tc, background_t = self.pseudo_labels(output, batch)
        of = batch["recording"], len(batch["lengths"])
        weight_t = instance_weights(action_tc, batch["recording"], config.instance_balance)
        gamma = config.focal_gamma
        losses = {
            "action": action_loss(output.activation_tc, action_tc.float(), weight_t, *of, gamma),
            "background": attention_loss(output.attention_t, 0.0, background_t.float(), *of, gamma),
        }
        total = losses["action"] + losses["background"]  # eq. 1
        if config.attention_weight:
            losses["attention"] = attention_loss(output.attention_t, 1.0, weight_t, *of, gamma)
            total = total + config.attention_weight * losses["attention"]
        if config.contrast_weight:
            losses["contrast"] = contrastive_loss(
                output.embedded_td,
                self.network.memory.clone(),
                action_tc,
                background_t,
                *of,
                temperature=config.temperature,
                form=config.contrast_form,
            )
            total = total + config.contrast_weight * losses["contrast"]
        batch["embedded"], batch["action"] = output.embedded_td.detach().float(), action_tc
        return {**losses, "total": total}  # eq. 8

    def pseudo_labels(self, output: SnippetOutput, batch: dict[str, Any]) -> tuple[Tensor, Tensor]:
        """Pseudo action [sum T, C] and background [sum T] snippets, boolean, mined from clicks and A."""
        attention_t = output.attention_t.detach()
        parts = zip(attention_t.cpu().split(batch["lengths"]), batch["clicks"], strict=True)
        labels = [
            mine(
                part_t.numpy(),
                snippets,
                classes,
                output.class_tc.shape[1],
                action_threshold=self.config.action_threshold,
                background_threshold=self.config.background_threshold,
            )
            for part_t, (snippets, classes) in parts
        ]
        action_tc = torch.from_numpy(np.concatenate([label.action_tc for label in labels]))
        background_t = torch.from_numpy(np.concatenate([label.background_t for label in labels]))
        return action_tc.to(attention_t.device), background_t.to(attention_t.device)

    @torch.no_grad()
    def after_step(self, batches: Sequence[Any], add_up: Callable[[Tensor], Tensor]) -> None:
        """Eq. 3, with the pseudo action snippets of the whole step."""
        memory = self.network.memory
        sums_cd, counts_c = torch.zeros_like(memory), memory.new_zeros(len(memory))
        for batch in batches:
            more_cd, more_c = class_sums(batch["embedded"], batch["action"])
            sums_cd, counts_c = sums_cd + more_cd, counts_c + more_c
        memory.copy_(updated_memory(memory, add_up(sums_cd), add_up(counts_c), self.config.momentum))
