"""What the training loop needs to know of one network: its batches, their targets, its losses."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hrpro.data.batches import Sample, Samples, pack, replay, statistics
from hrpro.data.training_set import TrainingSet
from hrpro.peers.full.config import DenseConfig
from hrpro.peers.full.losses import diou_loss, sigmoid_focal
from hrpro.peers.full.network import DenseNetwork, DenseOutput, points
from hrpro.peers.full.targets import Actions, assign, shown
from hrpro.training.task import Task

_NO_CLICKS = np.zeros(0, np.int64)


class DenseTask(Task):
    """One network and the actions it learns from, of every recording of the training set."""

    def __init__(
        self,
        network: DenseNetwork,
        training_set: TrainingSet,
        actions: Sequence[Actions],
        config: DenseConfig,
    ) -> None:
        self.module, self.config = network, config
        self.classes, self.samples = len(training_set.classes), Samples(training_set)
        self.recordings = [recording.id for recording in training_set.recordings]
        self.actions = actions
        known = statistics(map(self.samples.features, range(len(self.samples))))
        network.mean.copy_(torch.from_numpy(known.mean))
        network.deviation.copy_(torch.from_numpy(known.deviation))
        content = [[spans.tolist(), labels.tolist()] for spans, labels in actions]
        self.fingerprint: Mapping[str, Any] = {
            "classes": list(training_set.classes),
            "features": known.checksum,
            "segments": zlib.crc32(json.dumps(content).encode()),
        }
        # All losses are sums over positions, divided by the positives of a mean recording: no recording's
        # weight depends on what it is batched with.
        counts = [
            assign(points(len(self.samples.features(i)), config), own, self.classes, config).positive_n.sum()
            for i, own in enumerate(actions)
        ]
        self.positives = max(float(np.mean(counts)), 1.0)

    def batch(self, step: int, indices: NDArray[np.int64], rng: np.random.Generator) -> dict[str, Any]:
        config = self.config
        features, targets, snippets = [], [], []
        for index in indices.tolist():
            features_td, own = self._replayed(index, float(np.exp(rng.uniform(-1, 1) * config.time_warp)))
            if config.crop and len(features_td) > config.crop:
                first = int(rng.integers(len(features_td) - config.crop + 1))
                features_td, own = features_td[first : first + config.crop], own.within(first, config.crop)
            features.append(features_td)
            targets.append(assign(points(len(features_td), config), own, self.classes, config))
            snippets.append(shown(len(features_td), own, self.classes))
        packed_td, lengths = pack(features)
        return {
            "features": packed_td,
            "lengths": lengths,
            "snippet": torch.from_numpy(np.concatenate(snippets)),
            **{
                name: torch.from_numpy(np.concatenate([getattr(target, name) for target in targets]))
                for name in ("class_nc", "distances_n2", "positive_n")
            },
        }

    def _replayed(self, index: int, factor: float) -> tuple[NDArray[np.float32], Actions]:
        """The recording played ``factor`` times as long, and its actions with it."""
        features_td, own = self.samples.features(index), self.actions[index]
        if not self.config.time_warp:
            return features_td, own
        warped_td = replay(Sample(features_td, _NO_CLICKS, _NO_CLICKS), factor).features_td
        return warped_td, own.scaled(len(warped_td) / len(features_td))

    def losses(self, module: torch.nn.Module, batch: dict[str, Any]) -> dict[str, Tensor]:
        config, norm = self.config, self.positives * len(batch["lengths"])
        output: DenseOutput = module(batch["features"], batch["lengths"])
        rule = {"gamma": config.focal_gamma, "alpha": config.focal_alpha}
        off_n = diou_loss(output.distances_n2, batch["distances_n2"]) * batch["positive_n"]
        losses = {
            "class": sigmoid_focal(output.logits_nc, batch["class_nc"], **rule).sum() / norm,
            "distance": off_n.sum() / norm,
            "snippet": sigmoid_focal(output.snippet_tc, batch["snippet"], **rule).sum() / norm,
        }
        return {**losses, "total": torch.stack(list(losses.values())).sum()}
