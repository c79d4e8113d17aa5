"""What a result on videos must beat: chance, and what can be had when no click says when."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from hrpro.core.annotations import Detections, Segment
from hrpro.core.timeline import Timeline
from hrpro.data.formats.activitynet import GroundTruth
from hrpro.metrics.detection import mean_average_precision
from hrpro.proposals.generate import generate
from hrpro.proposals.suppress import soft_nms

DRAWS = 20
RIDGE = 3000.0
Features = NDArray[np.float32]
Array = NDArray[np.float64]


def chance(learned: GroundTruth, tested: GroundTruth, *, seed: int = 0) -> float:
    """Average mAP 0.1:0.7 of actions placed at random in the recordings of ``tested``, mean of DRAWS draws.

    Their lengths, classes and number a second are the true ones of ``learned``, which clicks do not tell.
    Both must give durations, and ``learned`` hold an action.
    """
    rng = np.random.default_rng(seed)
    known = [segment for segments in learned.videos.values() for segment in segments]
    often = len(known) / sum(learned.durations.values())
    figures = []
    for _ in range(DRAWS):
        found = {}
        for id in tested.videos:
            duration = tested.durations[id]
            picks = rng.integers(len(known), size=max(1, round(often * duration)))
            found[id] = _placed([known[k] for k in picks], duration, learned.classes, rng)
        figures.append(mean_average_precision(tested.videos, found).average())
    return float(np.mean(figures))


def _placed(
    actions: Sequence[Segment], duration: float, classes: tuple[str, ...], rng: np.random.Generator
) -> Detections:
    """Each at any time within ``duration``, with any score."""
    length_n = np.minimum([action.end - action.start for action in actions], duration)
    start_n = rng.uniform(0, duration - length_n)
    label_n = np.array([classes.index(action.label) for action in actions])
    return Detections(
        np.stack([start_n, start_n + length_n], 1), label_n, rng.uniform(size=len(actions)), classes
    )


def without_times(
    learned: Sequence[tuple[Features, Sequence[str]]], tested: Mapping[str, Features], grid: Timeline
) -> dict[str, Detections]:
    """Detections that are learned from which actions a recording holds, and not from when they are.

    learned: features [T, D] of the backbone ``classic``, and a label for each action; tested: features by id,
    on the snippets ``grid``. How much moves (the last value of ``classic``) stands for the attention; a ridge
    regression of the recordings' labels on their snippets, times that, for the class activation; candidates
    and their scores come from these as they do in HR-Pro.
    """
    classes = tuple(sorted({label for _, labels in learned for label in labels}))
    x_nd = np.concatenate([features_td for features_td, _ in learned]).astype(np.float64)
    middle_d, spread_d = x_nd.mean(0), x_nd.std(0) + 1e-6
    rates = [
        [list(labels).count(name) / len(features_td) for name in classes] for features_td, labels in learned
    ]
    rate_nc = np.repeat(np.array(rates), [len(features_td) for features_td, _ in learned], axis=0)
    z_nd = (x_nd - middle_d) / spread_d
    ridge_dd = z_nd.T @ z_nd + RIDGE * np.eye(z_nd.shape[1])
    weights_dc = np.linalg.solve(ridge_dd, z_nd.T @ (rate_nc - rate_nc.mean(0)))
    weights_dc /= (z_nd @ weights_dc).std(0) + 1e-12
    found = {}
    for id, features_td in tested.items():
        z_td = (features_td - middle_d) / spread_d
        attention_t = _logistic(1.5 * z_td[:, -1])
        activation_tc = attention_t[:, None] * _logistic(z_td @ weights_dc)
        candidates = generate(activation_tc, attention_t, np.arange(len(classes)))
        kept, scores = soft_nms(candidates.segments, candidates.oic, candidates.labels)
        segments = grid.to_seconds(candidates.segments[kept])
        found[id] = Detections(segments, candidates.labels[kept], scores, classes)
    return found


def _logistic(values: Array) -> Array:
    return 1 / (1 + np.exp(-values))
