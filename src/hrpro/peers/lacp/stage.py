"""LACP as a whole: learn snippet scores from clicks and their optimal sequences, then score any recording."""

from __future__ import annotations

import copy
import json
import zlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from hrpro.core.errors import DataError
from hrpro.data.batches import Samples, pack, replay, statistics
from hrpro.data.training_set import TrainingSet
from hrpro.peers.lacp.config import LACPConfig
from hrpro.peers.lacp.losses import feature_loss, score_loss, video_loss
from hrpro.peers.lacp.network import LACPNetwork, LACPOutput
from hrpro.peers.lacp.search import DenseSequences, dense_sequences
from hrpro.proposals.scores import SnippetScores
from hrpro.snippet.losses import action_loss, attention_loss, instance_weights
from hrpro.snippet.pseudo_labels import PseudoLabels, mine
from hrpro.training.loop import train
from hrpro.training.task import Task


class LACPStage:
    """One LACP network, its classes and settings."""

    def __init__(self, classes: Sequence[str], dimension: int, config: LACPConfig) -> None:
        self.classes, self.dimension, self.config = tuple(classes), dimension, config
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed)
            self.network = LACPNetwork(dimension=dimension, classes=len(self.classes), config=config)
        self.network.eval()

    @property
    def width(self) -> int:
        """Dimension of the embedded features."""
        return self.network.width

    @classmethod
    def fit(
        cls,
        training_set: TrainingSet,
        config: LACPConfig,
        *,
        name: str = "lacp",
        run_dir: Path | None = None,
        resume: bool = False,
        progress: bool = False,
        on_row: Callable[[Any], None] | None = None,
    ) -> LACPStage:
        """Learn from clicks. DataError if there is none; else raises as training.loop.train does.

        name: under which ``run_dir`` keeps its checkpoints and logs.
        """
        if not any(training_set.clicks.values()):
            raise DataError("there is not a single click to learn from", mend="click one moment an action")
        stage = cls(training_set.classes, training_set.dimension, config)
        task = LACPTask(stage, Samples(training_set))
        with torch.random.fork_rng(devices=[]):  # the caller's own chance goes on as if nothing had been
            weights = train(
                task, config, name=name, run_dir=run_dir, resume=resume, progress=progress, on_row=on_row
            )
        own = {key: tensor for key, tensor in weights.ema.items() if key.startswith("network.")}
        stage.network.load_state_dict({key.removeprefix("network."): own[key] for key in own})
        stage.network.eval()
        return stage

    @torch.inference_mode()
    def scores(self, features_td: NDArray[np.floating]) -> SnippetScores:
        """Features [T, D] of one recording, finite -> its scores: S = P, A = 1 - Q, P = P^.

        DataError if D is not the model's.
        """
        if features_td.ndim != 2 or features_td.shape[1] != self.dimension or len(features_td) == 0:
            raise DataError(
                f"features must be [T, {self.dimension}] as in training, not {list(features_td.shape)}",
                mend="extract them with the backbone the model was trained with",
            )
        packed_td, lengths = pack([np.ascontiguousarray(features_td, np.float32)])
        output: LACPOutput = self.network(packed_td.to(self.network.mean.device), lengths)
        class_tc, attention_t, activation_tc, embedded_td = (
            part.float().cpu().numpy()
            for part in (output.class_tc, 1 - output.background_t, output.activation_tc, output.embedded_td)
        )
        return SnippetScores(class_tc, attention_t, activation_tc, embedded_td)

    def to(self, device: str | torch.device) -> LACPStage:
        self.network.to(device)
        return self

    def state_dict(self) -> dict[str, Tensor]:
        return self.network.state_dict()

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """RuntimeError if the weights are not those of such a network."""
        self.network.load_state_dict(state)


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


class LACPTask(Task):
    """What the training loop needs to know of LACP."""

    def __init__(self, stage: LACPStage, samples: Samples) -> None:
        self.config, self.samples = stage.config, samples
        self.recordings = [recording.id for recording in samples.training_set.recordings]
        known = statistics(map(samples.features, range(len(samples))))
        each = map(samples.__getitem__, range(len(samples)))
        clicks = [[sample.snippets.tolist(), sample.classes.tolist()] for sample in each]
        self.fingerprint: Mapping[str, Any] = {
            "classes": list(stage.classes),
            "features": known.checksum,
            "clicks": zlib.crc32(json.dumps(clicks).encode()),
        }
        stage.network.mean.copy_(torch.from_numpy(known.mean))
        stage.network.deviation.copy_(torch.from_numpy(known.deviation))
        self.module = self.learning = Learning(stage.network)

    def batch(self, step: int, indices: NDArray[np.int64], rng: np.random.Generator) -> dict[str, Any]:
        chosen = [self.samples[int(i)] for i in indices]
        if self.config.time_warp:
            factors = np.exp(rng.uniform(-self.config.time_warp, self.config.time_warp, len(chosen)))
            chosen = [replay(sample, float(f)) for sample, f in zip(chosen, factors, strict=True)]
        features_td, lengths = pack([sample.features_td for sample in chosen])
        recording_t = torch.repeat_interleave(torch.arange(len(lengths)), torch.tensor(lengths))
        present_bc = torch.zeros(len(chosen), len(self.samples.training_set.classes))
        for b, sample in enumerate(chosen):
            present_bc[b, sample.classes] = 1
        return {
            "features": features_td,
            "lengths": lengths,
            "recording": recording_t,
            "present": present_bc,
            "clicks": [(sample.snippets, sample.classes) for sample in chosen],
        }

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
