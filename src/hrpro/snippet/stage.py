"""Stage 1 as a whole: learn snippet scores from clicks, then score any recording."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hrpro.core.errors import DataError
from hrpro.data.batches import Samples, pad, replay, statistics
from hrpro.data.training_set import TrainingSet
from hrpro.snippet.config import SnippetConfig
from hrpro.snippet.losses import action_loss, attention_loss, contrastive_loss, instance_weights
from hrpro.snippet.memory import class_sums, initial_memory, updated_memory
from hrpro.snippet.network import SnippetNetwork, SnippetOutput
from hrpro.snippet.pseudo_labels import mine
from hrpro.training.loop import train
from hrpro.training.task import Task


@dataclass(frozen=True, eq=False)
class SnippetScores:
    """Scores of one recording: S [T, C] and A [T] in [0, 1], embedded features X^e [T, D']."""

    class_tc: NDArray[np.float32]
    attention_t: NDArray[np.float32]
    embedded_td: NDArray[np.float32]

    @property
    def activation_tc(self) -> NDArray[np.float32]:
        """P = S * A [T, C]."""
        return self.class_tc * self.attention_t[:, None]


class SnippetStage:
    """A stage-1 network, its classes and settings; usable without stage 2."""

    def __init__(self, classes: Sequence[str], dimension: int, config: SnippetConfig) -> None:
        self.classes, self.dimension, self.config = tuple(classes), dimension, config
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed)
            self.network = SnippetNetwork(dimension=dimension, classes=len(self.classes), config=config)
        self.network.eval()

    @property
    def width(self) -> int:
        """Dimension D' of the embedded features."""
        return self.network.memory.shape[1]

    @classmethod
    def fit(
        cls,
        training_set: TrainingSet,
        config: SnippetConfig,
        *,
        run_dir: Path | None = None,
        resume: bool = False,
        progress: bool = False,
        on_row: Callable[[Any], None] | None = None,
    ) -> SnippetStage:
        """Learn from clicks. DataError if there is none; else raises as training.loop.train does."""
        if not any(training_set.clicks.values()):
            raise DataError("there is not a single click to learn from", mend="click one moment an action")
        stage = cls(training_set.classes, training_set.dimension, config)
        task = SnippetTask(stage, Samples(training_set))
        with torch.random.fork_rng(devices=[]):  # the caller's own chance goes on as if nothing had been
            weights = train(
                task, config, name="snippet", run_dir=run_dir, resume=resume, progress=progress, on_row=on_row
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
        device = self.network.memory.device
        features_btd, mask_bt = pad([np.ascontiguousarray(features_td, np.float32)])
        output = self.network(features_btd.to(device), mask_bt.to(device))
        class_tc, attention_t, embedded_td = (
            part[0].float().cpu().numpy()
            for part in (output.class_btc, output.attention_bt, output.embedded_btd)
        )
        return SnippetScores(class_tc, attention_t, embedded_td)


class SnippetTask(Task):
    """What the training loop needs to know of stage 1."""

    def __init__(self, stage: SnippetStage, samples: Samples) -> None:
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
        self.network.memory.copy_(self._first_memory())

    @torch.inference_mode()
    def _first_memory(self) -> Tensor:
        """Eq. 2 over the clicks of the whole set, features as the untrained network embeds them."""
        sums_cd = torch.zeros_like(self.network.memory)
        counts_c = sums_cd.new_zeros(len(sums_cd))
        for index in range(len(self.samples)):
            sample = self.samples[index]
            if len(sample.snippets):
                embedded_btd = self.network(*pad([sample.features_td])).embedded_btd
                clicked_tc = np.zeros((len(sample.features_td), len(sums_cd)), np.float32)
                clicked_tc[sample.snippets, sample.classes] = 1
                more_cd, more_c = class_sums(embedded_btd, torch.from_numpy(clicked_tc)[None])
                sums_cd += more_cd
                counts_c += more_c
        return initial_memory(sums_cd, counts_c)

    def batch(self, step: int, indices: NDArray[np.int64], rng: np.random.Generator) -> dict[str, Any]:
        chosen = [self.samples[int(i)] for i in indices]
        if self.config.time_warp:
            factors = np.exp(rng.uniform(-self.config.time_warp, self.config.time_warp, len(chosen)))
            chosen = [replay(sample, float(f)) for sample, f in zip(chosen, factors, strict=True)]
        features_btd, mask_bt = pad([sample.features_td for sample in chosen])
        clicks = [(sample.snippets, sample.classes) for sample in chosen]
        return {"features": features_btd, "mask": mask_bt, "clicks": clicks}

    def losses(self, module: torch.nn.Module, batch: dict[str, Any]) -> dict[str, Tensor]:
        config = self.config
        output: SnippetOutput = module(batch["features"], batch["mask"])
        action_btc, background_bt = self.pseudo_labels(output, batch)
        weight_bt = instance_weights(action_btc, config.instance_balance)
        gamma = config.focal_gamma
        losses = {
            "action": action_loss(output.activation_btc, action_btc.float(), weight_bt, gamma),
            "background": attention_loss(output.attention_bt, 0.0, background_bt.float(), gamma),
        }
        total = losses["action"] + losses["background"]  # eq. 1
        if config.attention_weight:
            losses["attention"] = attention_loss(output.attention_bt, 1.0, weight_bt, gamma)
            total = total + config.attention_weight * losses["attention"]
        if config.contrast_weight:
            losses["contrast"] = contrastive_loss(
                output.embedded_btd,
                self.network.memory.clone(),
                action_btc,
                background_bt,
                temperature=config.temperature,
                form=config.contrast_form,
            )
            total = total + config.contrast_weight * losses["contrast"]
        batch["embedded"], batch["action"] = output.embedded_btd.detach().float(), action_btc
        return {**losses, "total": total}  # eq. 8

    def pseudo_labels(self, output: SnippetOutput, batch: dict[str, Any]) -> tuple[Tensor, Tensor]:
        """Pseudo action [B, T, C] and background [B, T] snippets, boolean, mined from clicks and A."""
        mask_bt = batch["mask"]
        attention_bt = output.attention_bt.detach().cpu().numpy()
        lengths = mask_bt.sum(1).tolist()
        action_btc = np.zeros((*attention_bt.shape, output.class_btc.shape[-1]), np.bool_)
        background_bt = np.zeros(attention_bt.shape, np.bool_)
        for row, ((snippets, classes), length) in enumerate(zip(batch["clicks"], lengths, strict=True)):
            labels = mine(
                attention_bt[row, :length],
                snippets,
                classes,
                action_btc.shape[-1],
                action_threshold=self.config.action_threshold,
                background_threshold=self.config.background_threshold,
            )
            action_btc[row, :length], background_bt[row, :length] = labels.action_tc, labels.background_t
        device = mask_bt.device
        return torch.from_numpy(action_btc).to(device), torch.from_numpy(background_bt).to(device)

    @torch.no_grad()
    def after_step(self, batches: Sequence[Any], add_up: Callable[[Tensor], Tensor]) -> None:
        """Eq. 3, with the pseudo action snippets of the whole step."""
        memory = self.network.memory
        sums_cd, counts_c = torch.zeros_like(memory), memory.new_zeros(len(memory))
        for batch in batches:
            more_cd, more_c = class_sums(batch["embedded"], batch["action"])
            sums_cd, counts_c = sums_cd + more_cd, counts_c + more_c
        memory.copy_(updated_memory(memory, add_up(sums_cd), add_up(counts_c), self.config.momentum))
