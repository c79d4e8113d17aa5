"""How sure a figure is, and the difference of two: bootstrap over videos, paired for differences.

Videos are drawn with replacement, as many as there are, and the mAP is computed anew from the draw: a video
drawn twice counts as two videos alike. Two runs are compared on the same draws, so what makes a video hard
for both does not blur their difference. Intervals hold the middle 95 % of the draws; seeds are fixed. What
detection finds what is settled within a video and does not depend on the draw, so one matching serves all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hrpro.metrics.columns import Floats
from hrpro.metrics.thresholds import RANGES, parse_tious
from hrpro.report.collect import Judged, Result

DRAWS, SEED, MIDDLE = 2000, 0, 0.95
_AT_ONCE = 100

Interval = tuple[float, float]


@dataclass(frozen=True)
class Estimate:
    """A metric's value, or a difference of two, and the interval that holds the middle of the draws.

    interval: None where one video alone has a true segment, as nothing can be drawn then.
    """

    name: str
    value: float
    interval: Interval | None


def draw_videos(n_videos: int, draws: int = DRAWS, seed: int = SEED) -> Floats:
    """How often each video is drawn: counts [draws, V], each row adding up to V."""
    rng = np.random.default_rng(seed)
    return rng.multinomial(n_videos, np.full(n_videos, 1 / n_videos), size=draws).astype(np.float64)


def mean_ap(judged: Judged, weight_bv: Floats) -> Floats:
    """mAP [B, K] when video v counts ``weight_bv[b, v]`` times, over the classes that then occur.

    Whole numbers give exactly the mAP of the videos repeated so often (copies of a detection stand side by
    side in the ranking); NaN where no class occurs.
    """
    columns = judged.columns
    truth_vc = np.zeros((len(columns.videos), len(columns.classes)))
    np.add.at(truth_vc, (columns.true_videos, columns.true_labels), 1)
    total_bk = np.zeros((len(weight_bv), judged.hit.shape[1]))
    present_bc = weight_bv @ truth_vc > 0
    for label in range(len(columns.classes)):
        place = judged.per_class(label)
        hit = judged.hit[place]
        last = np.flatnonzero(hit.any(1))
        if not len(last):
            continue
        place, hit = place[: last[-1] + 1], hit[: last[-1] + 1]  # what ranks below the last hit adds nothing
        for first in range(0, len(weight_bv), _AT_ONCE):
            part = slice(first, first + _AT_ONCE)
            weight_bn = weight_bv[part, columns.video_index[place]]
            n_truth_b = weight_bv[part] @ truth_vc[:, label]
            total_bk[part] += _average_precision(weight_bn, hit, n_truth_b)
    n_present_b = present_bc.sum(1)[:, None]
    return np.divide(total_bk, n_present_b, out=np.full_like(total_bk, np.nan), where=n_present_b > 0)


def _average_precision(weight_bn: Floats, hit_nk: np.ndarray, n_truth_b: Floats) -> Floats:
    """Interpolated AP [B, K] of one class's ranked detections that count ``weight_bn`` times each."""
    rank_bn = np.maximum(np.cumsum(weight_bn, axis=1), 1)
    ap_bk = np.zeros((len(weight_bn), hit_nk.shape[1]))
    for k in range(hit_nk.shape[1]):
        hits_bn = weight_bn * hit_nk[:, k]
        precision_bn = np.cumsum(hits_bn, axis=1) / rank_bn
        best_bn = np.maximum.accumulate(precision_bn[:, ::-1], axis=1)[:, ::-1]
        ap_bk[:, k] = (best_bn * hits_bn).sum(1) / np.maximum(n_truth_b, 1)
    return ap_bk


def metrics(tious: Sequence[float]) -> dict[str, list[int]]:
    """What is told of a result, by name: the thresholds [K] that each figure is the mean over."""
    places = {f"{tiou:g}": [k] for k, tiou in enumerate(tious)}
    for name, text in RANGES.items():
        near = [np.flatnonzero(np.isclose(tious, wanted)) for wanted in parse_tious(text)]
        if all(len(place) for place in near):
            places[name] = [int(place[0]) for place in near]
    return places


def estimate(result: Result) -> list[Estimate]:
    """Every metric of a run with its own interval."""
    drawn_bk = _drawn(result)
    return [
        Estimate(name, float(result.detection.mean[k].mean()), _middle(drawn_bk, k))
        for name, k in metrics(result.detection.tious).items()
    ]


def difference(base: Result, other: Result) -> list[Estimate]:
    """Every metric of ``other`` less that of ``base`` (of the same truth), draw by draw."""
    assert base.truth is other.truth or dict(base.truth) == dict(other.truth)
    one_bk, two_bk = _drawn(base), _drawn(other)
    drawn_bk = None if one_bk is None or two_bk is None else two_bk - one_bk
    return [
        Estimate(
            name,
            float(other.detection.mean[k].mean() - base.detection.mean[k].mean()),
            _middle(drawn_bk, k),
        )
        for name, k in metrics(base.detection.tious).items()
    ]


def _drawn(result: Result) -> Floats | None:
    """mAP of each draw of the videos that hold a segment or a detection; None: too few to draw from."""
    judged = result.judged
    if len(np.unique(judged.columns.true_videos)) < 2:
        return None
    return mean_ap(judged, draw_videos(len(judged.columns.videos)))


def _middle(drawn_bk: Floats | None, places: list[int]) -> Interval | None:
    if drawn_bk is None:
        return None
    ends = np.nanquantile(drawn_bk[:, places].mean(1), [(1 - MIDDLE) / 2, (1 + MIDDLE) / 2])
    return float(ends[0]), float(ends[1])
