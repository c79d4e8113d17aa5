"""Class-wise suppression of overlapping detections: soft-NMS (Bodla et al. 2017), gaussian, or the hard form.

Best first, each detection taken lowers the score p of every other of its class by their overlap:
``p <- p * exp(-tIoU^2 / sigma)``. A score below zero (an OIC can be) moves away from zero by the same part,
for multiplying would raise it.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hrpro.core.compiled import compiled
from hrpro.core.errors import ConfigError, NonFiniteError

Kept = tuple[NDArray[np.int64], NDArray[np.float64]]
Rule = tuple[float, float, float, float]  # sigma, drop above this tIoU, floor, length offset


def soft_nms(
    segments: ArrayLike,
    scores: ArrayLike,
    labels: ArrayLike | None = None,
    *,
    sigma: float = 0.3,
    floor: float = -math.inf,
    limit: int | None = None,
    length_offset: float = 0.0,
) -> Kept:
    """Gaussian soft-NMS of segments [n, 2] (any unit), scores [n], labels [n] (None: all of one class).

    Returns the index [m] of what is kept and its new scores [m], best first; ties go to the first given.
    floor: what falls below is dropped. limit: so many are kept, over all classes. length_offset is added to
    every length and overlap (the reference adds 1, a pixel). Raises NonFiniteError, and ConfigError for a
    sigma that is not positive.
    """
    if not sigma > 0:
        raise ConfigError(f"soft-NMS needs a positive sigma, not {sigma}")
    return _by_class(segments, scores, labels, (sigma, math.inf, floor, length_offset), limit)


def hard_nms(
    segments: ArrayLike,
    scores: ArrayLike,
    labels: ArrayLike | None = None,
    *,
    tiou: float,
    limit: int | None = None,
) -> Kept:
    """As soft_nms, but what overlaps a better one by more than ``tiou`` is dropped and no score changes."""
    return _by_class(segments, scores, labels, (math.inf, tiou, -math.inf, 0.0), limit)


def _by_class(
    segments: ArrayLike,
    scores: ArrayLike,
    labels: ArrayLike | None,
    rule: Rule,
    limit: int | None,
) -> Kept:
    spans = np.asarray(segments, np.float64).reshape(-1, 2)
    values = np.asarray(scores, np.float64)
    n = len(values)
    classes = np.zeros(n, np.int64) if labels is None else np.asarray(labels, np.int64)
    assert len(spans) == len(classes) == n, (spans.shape, values.shape, classes.shape)
    if not (np.isfinite(values).all() and np.isfinite(spans).all()):
        raise NonFiniteError("a detection's score or boundary is NaN or infinite")
    most = n if limit is None else min(limit, n)

    order = np.argsort(classes, kind="stable")
    groups = np.split(order, np.flatnonzero(np.diff(classes[order])) + 1)
    index, kept = np.zeros(n, np.int64), np.zeros(n)
    count = 0
    for group in groups:
        taken, lowered = _suppress(spans[group], values[group], rule, most)
        index[count : count + len(taken)] = group[taken]
        kept[count : count + len(taken)] = lowered
        count += len(taken)
    index, kept = index[:count], kept[:count]
    best = np.lexsort((index, -kept))[:most]
    return index[best], kept[best]


@compiled
def _suppress(spans: NDArray[np.float64], score: NDArray[np.float64], rule: Rule, limit: int) -> Kept:
    """One class. The arrays, consumed, hold what is open yet: each pass lowers, compacts, finds the next."""
    sigma, drop_above, floor, length_offset = rule
    n = len(score)
    row = np.arange(n)
    index = np.empty(min(limit, n), np.int64)
    kept = np.empty(min(limit, n), np.float64)
    best = 0
    for i in range(1, n):
        if score[i] > score[best]:
            best = i
    count, rest = 0, n
    while rest > 0 and count < len(index) and score[best] >= floor:
        index[count], kept[count] = row[best], score[best]
        count += 1
        start, end = spans[best, 0], spans[best, 1]
        length = end - start + length_offset
        taken, best, write = best, 0, 0
        for i in range(rest):
            if i == taken:
                continue
            value = score[i]
            overlap = min(spans[i, 1], end) - max(spans[i, 0], start) + length_offset
            if overlap > 0:
                tiou = overlap / (length + (spans[i, 1] - spans[i, 0] + length_offset) - overlap)
                if tiou > drop_above:
                    continue
                weight = math.exp(-tiou * tiou / sigma)
                value *= weight if value > 0 else 2 - weight
            if value < floor:
                continue
            spans[write, 0], spans[write, 1] = spans[i, 0], spans[i, 1]
            score[write], row[write] = value, row[i]
            if value > score[best]:
                best = write
            write += 1
        rest = write
    return index[:count], kept[:count]
