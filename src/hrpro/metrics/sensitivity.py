"""How well actions are found by how long they are: DETAD's sensitivity (Alwassel et al., ECCV 2018).

The true segments are parted by length, and each part is evaluated on its own: detections that find a segment
of another part are taken away, those that find none stay. A part with fewer segments would have a lower AP by
that alone, since the false positives are those of the whole; hence the normalised one (Hoiem et al., ECCV
2012), whose precision counts the true positives as if each class had N segments, the mean over the classes:

    precision_N = R N / (R N + F)

R: share of the part's segments that are found down to a rank; F: false positives down to there. mAP_N is the
mean over the classes that have a segment in the part.

DETAD parts by fixed limits, of THUMOS14 or ActivityNet; here it is quintiles, which any data fill.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from hrpro.metrics.columns import Bools, Columns, Floats, Ints

SIZES = ("XS", "S", "M", "L", "XL")


@dataclass(frozen=True)
class Bucket:
    """True segments of about one length: the range (s, or share of the video), how many, how many missed.

    map_n: their normalised mAP, in [0, 1].
    """

    name: str
    shortest: float
    longest: float
    n: int
    missed: int
    map_n: float

    def told(self, unit: str) -> str:
        """The range in words, in "s" or "%" of the video."""
        scale = 100 if unit == "%" else 1
        ends = [f"{float(f'{scale * end:.3g}'):.10g}" for end in (self.shortest, self.longest)]
        return f"{'–'.join(dict.fromkeys(ends))} {unit}"


def normalised_map(columns: Columns, partner: Ints, among: Bools | None = None) -> float:
    """mAP_N of the true segments ``among`` [G] (None: all; at least one).

    columns: detections of known classes, best first. partner [N]: which true segment each finds; -1: none.
    """
    of_part = np.ones(len(columns.true_labels), np.bool_) if among is None else among
    stays = (partner < 0) | of_part[partner]
    hit, labels = partner[stays] >= 0, columns.labels[stays]
    n_truth = np.bincount(columns.true_labels[of_part], minlength=len(columns.classes))
    usual = len(columns.true_labels) / len(columns.classes)
    by_class = np.argsort(labels, kind="stable")
    bounds = np.searchsorted(labels[by_class], np.arange(len(n_truth) + 1))
    found = [
        _normalised_ap(hit[by_class[first:stop]], int(n), usual)
        for (first, stop), n in zip(pairwise(bounds), n_truth, strict=True)
        if n
    ]
    return float(np.mean(found))


def _normalised_ap(hit: Bools, n_truth: int, usual: float) -> float:
    """Interpolated as in matching.average_precision; hit [N] of one class, best first."""
    as_if = np.cumsum(hit) * usual / n_truth
    precision = as_if / (as_if + np.cumsum(~hit))  # the first of either makes it more than 0
    best_after = np.maximum.accumulate(precision[::-1])[::-1]
    return float((best_after * hit).sum() / n_truth)


def by_size(sizes: Floats, columns: Columns, partner: Ints) -> tuple[Bucket, ...]:
    """Quintiles of ``sizes`` [G] (NaN: not known); equal ones share a bucket, hence some may stay empty and
    are left out. The others as for ``normalised_map``."""
    known = np.isfinite(sizes)
    if not known.any():
        return ()
    # Times are sums of roundings: 1.5 s and 1.5000000000000009 s are one length.
    sizes = np.round(sizes, 6)
    edges = np.quantile(sizes[known], np.arange(1, len(SIZES)) / len(SIZES))
    size = np.where(known, np.searchsorted(edges, sizes, side="left"), -1)
    missed = np.ones(len(sizes), np.bool_)
    missed[partner[partner >= 0]] = False
    groups = [(name, size == i) for i, name in enumerate(SIZES)]
    return tuple(
        Bucket(
            name,
            float(sizes[g].min()),
            float(sizes[g].max()),
            int(g.sum()),
            int(missed[g].sum()),
            normalised_map(columns, partner, g),
        )
        for name, g in groups
        if g.any()
    )
