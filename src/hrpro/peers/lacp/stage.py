"""LACP as a whole: learn snippet scores from clicks and their optimal sequences, then score any recording."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from hrpro.data.batches import Samples
from hrpro.data.training_set import TrainingSet
from hrpro.peers.lacp.config import LACPConfig
from hrpro.peers.lacp.losses import feature_loss, score_loss, video_loss
from hrpro.peers.lacp.network import LACPNetwork, LACPOutput
from hrpro.peers.lacp.search import DenseSequences, dense_sequences
from hrpro.snippet.click_task import ClickTask
from hrpro.snippet.losses import action_loss, attention_loss, instance_weights
from hrpro.snippet.pseudo_labels import PseudoLabels, mine
from hrpro.snippet.scorer import SnippetScorer


class LACPStage(SnippetScorer):
    """One LACP network, its classes and settings. Its scores are S = P, A = 1 - Q, P = P^ of the paper."""

    name = "lacp"
    config: LACPConfig
    network: LACPNetwork

    def made(self) -> LACPNetwork:
        return LACPNetwork(dimension=self.dimension, classes=len(self.classes), config=self.config)

    def task(self, training_set: TrainingSet) -> LACPTask:
        return LACPTask(self, Samples(training_set))

    def take(self, learned: Mapping[str, Tensor]) -> None:
        own = {key: tensor for key, tensor in learned.items() if key.startswith("network.")}
        super().take({key.removeprefix("network."): own[key] for key in own})

    @property
    def width(self) -> int:
        return self.network.width

    def read(self, output: LACPOutput) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        return output.class_tc, 1 - output.background_t, output.activation_tc, output.embedded_td


class Learning(nn.Module):
    """The network in training, and what it was at the last search: all that the sequences follow from.

    So a resumed run finds the sequences it had, and they fit the recording however it is replayed.
    """

    steps: Tensor

    def __init__(self, network: LACPNetwork) -> None:
        super().__init__()
        self.network = network
        self.searched = copy.deepcopy(network).requires_grad_(False)
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64))

    def forward(self, features_td: Tensor, lengths: Sequence[int]) -> LACPOutput:
        return self.network(features_td, lengths)

    @torch.no_grad()
    def at_last_search(self, features_td: Tensor, lengths: Sequence[int]) -> LACPOutput:
        self.searched.eval()
        return self.searched(features_td, lengths)


class LACPTask(ClickTask):
    """What the training loop needs to know of LACP."""

    def __init__(self, stage: LACPStage, samples: Samples) -> None:
        super().__init__(stage, samples)
        self.module = self.learning = Learning(stage.network)

    def batch(self, step: int, indices: NDArray[np.int64], rng: np.random.Generator) -> dict[str, Any]:
        batch = super().batch(step, indices, rng)
        return {**batch, "present": self.present(batch)}

    def losses(self, module: nn.Module, batch: dict[str, Any]) -> dict[str, Tensor]:
        config, lengths, present_bc = self.config, batch["lengths"], batch["present"]
        output: LACPOutput = module(batch["features"], lengths)
        activation_tc, attention_t = output.activation_tc, 1 - output.background_t
        device = activation_tc.device
        seeds = self.seeds(output, batch)
        action_tc = torch.from_numpy(np.concatenate([seed.action_tc for seed in seeds])).to(device)
        background_t = torch.from_numpy(np.concatenate([seed.background_t for seed in seeds])).to(device)
        weight_t, background_t = instance_weights(action_tc, batch["recording"], 1.0), background_t.float()
        of = batch["recording"], len(lengths), config.focal_gamma
        losses = {
            "video": video_loss(output.class_tc, present_bc, lengths, config.top),
            "action": action_loss(activation_tc, action_tc.float(), weight_t, *of)
            + attention_loss(attention_t, 1.0, weight_t, *of),
            "background": action_loss(activation_tc, action_tc.float(), background_t, *of)
            + attention_loss(attention_t, 0.0, background_t, *of),
            "score": activation_tc.new_zeros(()),
            "feature": activation_tc.new_zeros(()),
        }
        if int(self.learning.steps) >= config.search_every:
            found = self.sequences(batch)
            weight_tc = torch.from_numpy(np.concatenate([one.weight_tc for one in found])).to(device)
            label_tc = np.concatenate([one.label_tc for one in found])
            losses["score"] = score_loss(activation_tc, weight_tc, present_bc, batch["recording"])
            losses["feature"] = feature_loss(output.embedded_td, label_tc, lengths, config.temperature)
        total = (
            config.video_weight * losses["video"]
            + config.action_weight * losses["action"]
            + losses["background"]
            + config.score_weight * losses["score"]
            + config.feature_weight * losses["feature"]
        )
        return {**losses, "total": total}

    def seeds(self, output: LACPOutput, batch: dict[str, Any]) -> list[PseudoLabels]:
        """Action and background seeds of each recording, mined from its clicks and Q."""
        attention_t = 1 - output.background_t.detach().cpu()
        parts = zip(attention_t.split(batch["lengths"]), batch["clicks"], strict=True)
        return [
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

    def sequences(self, batch: dict[str, Any]) -> list[DenseSequences]:
        """The optimal sequences of each recording, as the network of the last search sees it."""
        output = self.learning.at_last_search(batch["features"], batch["lengths"])
        parts = output.activation_tc.cpu().split(batch["lengths"])
        return [
            dense_sequences(
                part_tc.numpy(),
                seed.action_tc,
                seed.background_t,
                outer=self.config.outer,
                budget=self.config.budget,
            )
            for part_tc, seed in zip(parts, self.seeds(output, batch), strict=True)
        ]

    @torch.no_grad()
    def after_step(self, batches: Sequence[Any], add_up: Callable[[Tensor], Tensor]) -> None:
        """Every so many steps a search: from then on the sequences follow from the weights as they are."""
        self.learning.steps += 1
        if int(self.learning.steps) % self.config.search_every == 0:
            self.learning.searched.load_state_dict(self.learning.network.state_dict())
