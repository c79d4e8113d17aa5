"""Learning snippet scores from clicks: what stage 1 shares with the peers that learn from the same."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hrpro.data.batches import Samples, pack, replayed, statistics
from hrpro.snippet.scorer import SnippetScorer
from hrpro.training.task import Task


class ClickTask(Task):
    """Batches of clicked recordings, replayed at other speeds, for a network that standardises its input.

    The network's buffers ``mean`` and ``deviation`` [D] become those of the training set's features.
    """

    def __init__(self, stage: SnippetScorer, samples: Samples) -> None:
        self.module = self.network = stage.network
        self.config, self.samples = stage.config, samples
        self.recordings = [recording.id for recording in samples.training_set.recordings]
        known = statistics(map(samples.features, range(len(samples))))
        self.fingerprint = {
            "classes": list(stage.classes),
            "features": known.checksum,
            "clicks": samples.clicks_checksum(),
        }
        self.network.mean.copy_(torch.from_numpy(known.mean))
        self.network.deviation.copy_(torch.from_numpy(known.deviation))

    def batch(self, step: int, indices: NDArray[np.int64], rng: np.random.Generator) -> dict[str, Any]:
        """features [sum T, D], the lengths T, recording [sum T] (which of the batch), clicks of each."""
        chosen = replayed([self.samples[int(i)] for i in indices], self.config.time_warp, rng)
        features_td, lengths = pack([sample.features_td for sample in chosen])
        return {
            "features": features_td,
            "lengths": lengths,
            "recording": torch.repeat_interleave(torch.arange(len(lengths)), torch.tensor(lengths)),
            "clicks": [(sample.snippets, sample.classes) for sample in chosen],
        }

    def present(self, batch: dict[str, Any]) -> Tensor:
        """[recordings, C]: 1 where a class is clicked in a recording."""
        present_bc = torch.zeros(len(batch["clicks"]), len(self.samples.training_set.classes))
        for b, (_, classes) in enumerate(batch["clicks"]):
            present_bc[b, torch.from_numpy(classes)] = 1
        return present_bc
