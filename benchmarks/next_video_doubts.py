"""How well each doubt, and their mean, tells wrong predictions: ``next_video.py --doubts`` is the command."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from hrpro.config import Config
from hrpro.data.folder import Dataset
from hrpro.data.formats.activitynet import read_ground_truth
from hrpro.data.training_set import Recording, TrainingSet
from hrpro.localizer import HRPro
from hrpro.studio.uncertainty import DOUBTS, uncertainty
from next_video_orders import looked_at


def tell_doubts(dataset: Dataset, pool: TrainingSet, judged: Sequence[Recording]) -> None:
    """Area under the curve of each doubt as a sign that a prediction is wrong (tIoU with truth below 0.5)."""
    assert dataset.ground_truth_path is not None
    truth = read_ground_truth(dataset.ground_truth_path).videos
    base = Config.for_data(pool)
    light = replace(base.snippet, members=3, blocks=0, hidden=64, batch_size=2, steps=200, lr=2e-3, ema=0.95)
    model = HRPro(replace(base, stages=1, snippet=light)).fit(pool)
    every, wrong = [], []
    for item in judged:
        found, doubts_nd, _ = looked_at(model, item)
        every.append(doubts_nd)
        for (start, end), label in zip(item.timeline.to_seconds(found.segments), found.labels, strict=True):
            best = max(
                (tiou(start, end, s.start, s.end) for s in truth[item.id] if s.label == model.classes[label]),
                default=0.0,
            )
            wrong.append(best < 0.5)
    doubts_nd, wrong_n = np.concatenate(every), np.array(wrong)
    print(f"{len(wrong_n)} predictions of {len(judged)} recordings, {wrong_n.mean():.0%} of them wrong")
    columns = {name: doubts_nd[:, d] for d, name in enumerate(DOUBTS)}
    columns |= {"uncertainty": uncertainty(doubts_nd), "largest": doubts_nd.max(1), "mean": doubts_nd.mean(1)}
    for name, value_n in columns.items():
        first = np.argsort(-value_n, kind="stable")[: max(len(wrong_n) // 5, 1)]
        print(
            f"{name:12s} AUC {auc(value_n, wrong_n):.3f}   wrong in the first fifth"
            f" {wrong_n[first].mean():.0%}"
        )


def tiou(a: float, b: float, c: float, d: float) -> float:
    overlap = max(min(b, d) - max(a, c), 0.0)
    return overlap / (b - a + d - c - overlap)


def auc(value_n: NDArray[np.float64], wrong_n: NDArray[np.bool_]) -> float:
    bad, good = value_n[wrong_n], value_n[~wrong_n]
    return float((bad[:, None] > good).mean() + 0.5 * (bad[:, None] == good).mean())
