"""Greedy matching of ranked detections with true segments, all thresholds in one pass, and its AP."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from hrpro.metrics.columns import Bools, Floats, Ints, Pairs


def match(pairs: Pairs, tious: Sequence[float], n_detections: int, n_truth: int) -> tuple[Bools, Bools]:
    """Who finds whom: (hit [N, K] of detections, found [G, K] of true segments) at K ascending thresholds.

    Best score first, every detection takes the segment of highest tIoU that is at or above the threshold and
    not yet taken. The thresholds do not meet each other: each is one bit of a whole number, and a pair is
    looked at once for all of them.
    """
    levels = np.searchsorted(np.asarray(tious, np.float64), pairs.tiou, side="right")
    masks = [(1 << level) - 1 for level in range(len(tious) + 1)]
    hit: dict[int, int] = {}
    found: dict[int, int] = {}
    for detection, truth, level in zip(
        pairs.detection.tolist(), pairs.truth.tolist(), levels.tolist(), strict=True
    ):
        free = masks[level] & ~(hit.get(detection, 0) | found.get(truth, 0))
        if free:
            hit[detection] = hit.get(detection, 0) | free
            found[truth] = found.get(truth, 0) | free
    return _unpack(hit, n_detections, len(tious)), _unpack(found, n_truth, len(tious))


def partners(pairs: Pairs, n_detections: int) -> Ints:
    """Which true segment each detection finds, [N] (-1: none), as ``match`` does at one threshold that all
    ``pairs`` reach."""
    partner = np.full(n_detections, -1)
    found: set[int] = set()
    for detection, truth in zip(pairs.detection.tolist(), pairs.truth.tolist(), strict=True):
        if partner[detection] < 0 and truth not in found:
            partner[detection] = truth
            found.add(truth)
    return partner


def average_precision(hit: Bools, labels: Ints, n_truth: Ints) -> Floats:
    """Interpolated AP [C, K] of ranked detections: hit [N, K], labels [N] < C, n_truth [C] > 0.

    Detections with a label below 0 belong to no class.

    Precision is made non-increasing from the right and summed where recall grows (ActivityNet, Pascal VOC
    2010 and later): AP = sum over hits of the highest precision at this or a later rank, by n_truth.
    """
    ap = np.zeros((len(n_truth), hit.shape[1]))
    by_class = np.argsort(labels, kind="stable")
    bounds = np.searchsorted(labels[by_class], np.arange(len(n_truth) + 1))
    for label, (first, stop) in enumerate(pairwise(bounds)):
        of_class = hit[by_class[first:stop]]
        precision = np.cumsum(of_class, axis=0) / np.arange(1, stop - first + 1)[:, None]
        best_after = np.maximum.accumulate(precision[::-1], axis=0)[::-1]
        ap[label] = (best_after * of_class).sum(axis=0) / n_truth[label]
    return ap


def _unpack(bits: dict[int, int], n: int, n_thresholds: int) -> Bools:
    table = np.zeros((n, n_thresholds), np.bool_)
    if bits:
        size = (n_thresholds + 7) // 8
        packed = np.frombuffer(b"".join(mask.to_bytes(size, "little") for mask in bits.values()), np.uint8)
        rows = np.unpackbits(packed.reshape(-1, size), axis=1, bitorder="little", count=n_thresholds)
        table[np.fromiter(bits, np.int64, len(bits))] = rows.astype(np.bool_)
    return table
