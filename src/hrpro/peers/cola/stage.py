"""CoLA as a whole: learn snippet scores from the classes that recordings show, then score any recording."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hrpro.core.errors import DataError
from hrpro.data.batches import pack, replay, statistics
from hrpro.data.training_set import TrainingSet
from hrpro.peers.cola.bags import Bags
from hrpro.peers.cola.config import ColaConfig
from hrpro.peers.cola.losses import contrast_loss, video_logits, video_loss
from hrpro.peers.cola.mining import mine
from hrpro.peers.cola.network import ColaNetwork, ColaOutput
from hrpro.proposals.scores import SnippetScores
from hrpro.training.loop import train
from hrpro.training.task import Task


class ColaStage:
    """One network of CoLA, its classes and settings."""

    def __init__(self, classes: Sequence[str], dimension: int, config: ColaConfig) -> None:
        self.classes, self.dimension, self.config = tuple(classes), dimension, config
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed)
            self.network = ColaNetwork(dimension=dimension, classes=len(self.classes), config=config)
        self.network.eval()

    @property
    def width(self) -> int:
        """Dimension D' of the embedded features."""
        return self.config.hidden

    @classmethod
    def fit(
        cls,
        training_set: TrainingSet,
        config: ColaConfig,
        *,
        name: str = "cola",
        run_dir: Path | None = None,
        resume: bool = False,
        progress: bool = False,
        on_row: Callable[[Any], None] | None = None,
    ) -> ColaStage:
        """Learn from which classes occur where, never when; DataError if none does anywhere, else raises as
        training.loop.train does.

        name: under which ``run_dir`` keeps its checkpoints and logs.
        """
        bags = Bags(training_set)
        if not bags.present_bc.any():
            raise DataError("there is not a single click to learn from", mend="click one moment an action")
        stage = cls(training_set.classes, training_set.dimension, config)
        task = ColaTask(stage, bags)
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
        output: ColaOutput = self.network(packed_td.to(self.network.mean.device), lengths)
        class_tc, attention_t, embedded_td = (
            part.float().cpu().numpy()
            for part in (output.logits_tc.sigmoid(), output.actionness_t, output.embedded_td)
        )
        return SnippetScores(class_tc, attention_t, class_tc, embedded_td)

    def to(self, device: str | torch.device) -> ColaStage:
        self.network.to(device)
        return self

    def state_dict(self) -> dict[str, Tensor]:
        return self.network.state_dict()

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """RuntimeError if the weights are not those of such a network."""
        self.network.load_state_dict(dict(state))


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
        if self.config.time_warp:
            factors = np.exp(rng.uniform(-self.config.time_warp, self.config.time_warp, len(chosen)))
            chosen = [replay(sample, float(f)) for sample, f in zip(chosen, factors, strict=True)]
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
