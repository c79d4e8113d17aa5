"""SF-Net as a whole: learn snippet scores from clicks, then score any recording."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hrpro.core.errors import DataError
from hrpro.data.batches import Samples, pack, replay, statistics
from hrpro.data.training_set import TrainingSet
from hrpro.peers.sfnet.config import SFNetConfig
from hrpro.peers.sfnet.losses import actionness_loss, frame_loss, video_logits, video_loss
from hrpro.peers.sfnet.mining import mine, radius_at
from hrpro.peers.sfnet.network import SFNetOutput, SFNetwork
from hrpro.proposals.scores import SnippetScores
from hrpro.training.loop import train
from hrpro.training.task import Task


class SFNetStage:
    """One network of SF-Net, its classes and settings."""

    def __init__(self, classes: Sequence[str], dimension: int, config: SFNetConfig) -> None:
        self.classes, self.dimension, self.config = tuple(classes), dimension, config
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed)
            self.network = SFNetwork(dimension=dimension, classes=len(self.classes), config=config)
        self.network.eval()

    @property
    def width(self) -> int:
        """Dimension D' of the embedded features."""
        return self.config.hidden

    @classmethod
    def fit(
        cls,
        training_set: TrainingSet,
        config: SFNetConfig,
        *,
        name: str = "sfnet",
        run_dir: Path | None = None,
        resume: bool = False,
        progress: bool = False,
        on_row: Callable[[Any], None] | None = None,
    ) -> SFNetStage:
        """Learn from clicks. DataError if there is none; else raises as training.loop.train does.

        name: under which ``run_dir`` keeps its checkpoints and logs.
        """
        if not any(training_set.clicks.values()):
            raise DataError("there is not a single click to learn from", mend="click one moment an action")
        stage = cls(training_set.classes, training_set.dimension, config)
        task = SFNetTask(stage, Samples(training_set))
        with torch.random.fork_rng(devices=[]):  # the caller's own chance goes on as if nothing had been
            weights = train(
                task, config, name=name, run_dir=run_dir, resume=resume, progress=progress, on_row=on_row
            )
        stage.network.load_state_dict(weights.ema)
        stage.network.eval()
        return stage

    @torch.inference_mode()
    def scores(self, features_td: NDArray[np.floating]) -> SnippetScores:
        """Features [T, D] of one recording, finite -> its scores. DataError if D is not the model's."""
        if features_td.ndim != 2 or features_td.shape[1] != self.dimension or len(features_td) == 0:
            raise DataError(
                f"features must be [T, {self.dimension}] as in training, not {list(features_td.shape)}",
                mend="extract them with the backbone the model was trained with",
            )
        packed_td, lengths = pack([np.ascontiguousarray(features_td, np.float32)])
        output: SFNetOutput = self.network(packed_td.to(self.network.mean.device), lengths)
        class_tc, attention_t, embedded_td = (
            part.float().cpu().numpy()
            for part in (
                output.logits_tc.softmax(-1)[:, :-1],
                output.actionness_t.sigmoid(),
                output.embedded_td,
            )
        )
        # Two probabilities: their geometric mean is on the scale of either, as the thresholds expect.
        return SnippetScores(class_tc, attention_t, np.sqrt(class_tc * attention_t[:, None]), embedded_td)

    def to(self, device: str | torch.device) -> SFNetStage:
        self.network.to(device)
        return self

    def state_dict(self) -> dict[str, Tensor]:
        return self.network.state_dict()

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """RuntimeError if the weights are not those of such a network."""
        self.network.load_state_dict(dict(state))


class SFNetTask(Task):
    """What the training loop needs to know of SF-Net."""

    def __init__(self, stage: SFNetStage, samples: Samples) -> None:
        self.module = self.network = stage.network
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
        self.network.mean.copy_(torch.from_numpy(known.mean))
        self.network.deviation.copy_(torch.from_numpy(known.deviation))

    def batch(self, step: int, indices: NDArray[np.int64], rng: np.random.Generator) -> dict[str, Any]:
        config = self.config
        chosen = [self.samples[int(i)] for i in indices]
        if config.time_warp:
            factors = np.exp(rng.uniform(-config.time_warp, config.time_warp, len(chosen)))
            chosen = [replay(sample, float(f)) for sample, f in zip(chosen, factors, strict=True)]
        features_td, lengths = pack([sample.features_td for sample in chosen])
        present_bc = torch.zeros(len(chosen), len(self.network.classifier.bias) - 1)
        for b, sample in enumerate(chosen):
            present_bc[b, torch.from_numpy(sample.classes)] = 1
        return {
            "features": features_td,
            "lengths": lengths,
            "recording": torch.repeat_interleave(torch.arange(len(lengths)), torch.tensor(lengths)),
            "clicks": [(sample.snippets, sample.classes) for sample in chosen],
            "present": present_bc,
            "radius": radius_at(step, steps=config.steps, radius=config.radius, growth=config.growth),
        }

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
