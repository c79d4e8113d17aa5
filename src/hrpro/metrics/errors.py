"""What goes wrong, how often and at what cost, after DETAD (Alwassel et al., ECCV 2018).

At one tIoU threshold t every detection is of one kind, the first that holds (a detection's tIoU with the true
segments of its video; "near" means at least min(0.1, t)):

true positive  it is matched as for the mAP (see detection.py);
double         tIoU >= t with a segment of its class, but better detections took all of those;
wrong label    tIoU >= t with a segment of another class;
localisation   near a segment of its class;
confusion      near a segment of another class;
background     near none.

(DETAD looks at the one segment of highest tIoU whatever its class; here a detection's own class goes first.)
A true segment is missed if no detection is matched with it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np

from hrpro.core.annotations import Detections, Segment
from hrpro.core.errors import ConfigError
from hrpro.metrics.columns import Bools, Columns, Floats, Ints, Pairs, align, overlapping
from hrpro.metrics.matching import average_precision, partners
from hrpro.metrics.sensitivity import Bucket, by_size, normalised_map

KINDS = ("true positive", "double", "wrong label", "localisation", "confusion", "background")
_, DOUBLE, WRONG_LABEL, LOCALISATION, CONFUSION, BACKGROUND = range(len(KINDS))
ERRORS = range(DOUBLE, len(KINDS))
NEAR = 0.1


@dataclass(frozen=True, eq=False)
class Diagnosis:
    """The errors of a set of detections at one tIoU.

    kinds: number of detections of each of KINDS, by name. missed, n_truth: numbers of true segments.
    profile [10, 6]: the same (columns: KINDS) for each class's ranks 1..G (row 0), G+1..2G, ..., 9G+1..10G,
    where G is the class's number of true segments; summed over classes.
    by_length, by_relative_length: missed segments and mAP_N by length, quintiles XS to XL (relative to the
    video, for the videos whose duration is known). map_n: the mAP_N of all (see sensitivity.py).
    gain_removed: what the mAP gains if the detections of one kind are taken away.
    gain_fixed: what it gains if they are put right. A wrong label, localisation or confusion takes the label
    and boundaries of the segment it overlaps most (of its own class for localisation, of another for the
    other two): the best of those finds the segment if nothing else did, the others vanish, as doubles and
    background do. "missed": segments that are missed and that no such error aims at are found, ranked above
    all else.
    """

    tiou: float
    mean_ap: float
    kinds: dict[str, int]
    profile: Ints
    n_truth: int
    missed: int
    map_n: float
    by_length: tuple[Bucket, ...]
    by_relative_length: tuple[Bucket, ...]
    gain_removed: dict[str, float]
    gain_fixed: dict[str, float]

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        profile = [dict(zip(KINDS, row, strict=True)) for row in self.profile.tolist()]
        return {**asdict(self), "profile": profile}


def diagnose(
    truth: Mapping[str, Sequence[Segment]],
    detections: Mapping[str, Detections],
    *,
    tiou: float = 0.5,
    durations: Mapping[str, float] | None = None,
) -> Diagnosis:
    """Sort the errors of ``detections`` against ``truth`` by kind.

    durations: seconds of each video, where known (for missed segments by relative length).
    Unknown classes and videos are ignored, as in detection.py. Raises DataError as mean_average_precision
    does, ConfigError for a threshold outside (0, 1].
    """
    if not 0 < tiou <= 1:
        raise ConfigError(f"the tIoU threshold must lie in (0, 1], not {tiou:g}")
    columns = align(truth, detections)
    judged = _judge(columns.keep(columns.labels >= 0), tiou)
    base = judged.mean_ap()
    lengths = columns.true_segments[:, 1] - columns.true_segments[:, 0]
    of_video = np.array([(durations or {}).get(video) or np.nan for video in columns.videos], np.float64)
    known = judged.columns
    return Diagnosis(
        tiou=tiou,
        mean_ap=base,
        kinds=dict(zip(KINDS, np.bincount(judged.kind, minlength=len(KINDS)).tolist(), strict=True)),
        profile=judged.profile(),
        n_truth=len(lengths),
        missed=int(np.count_nonzero(~judged.found)),
        map_n=normalised_map(known, judged.partner),
        by_length=by_size(lengths, known, judged.partner),
        by_relative_length=by_size(lengths / of_video[columns.true_videos], known, judged.partner),
        gain_removed={KINDS[kind]: judged.without(kind) - base for kind in ERRORS},
        gain_fixed={
            **{KINDS[kind]: judged.fixed(kind) - base for kind in ERRORS},
            "missed": judged.missed_found() - base,
        },
    )


@dataclass(frozen=True, eq=False)
class _Judged:
    """Detections and their verdict: partner [N] (segment that it finds, or -1), kind [N], target [N] (segment
    that an error aims at, or -1)."""

    columns: Columns
    partner: Ints
    kind: Ints
    target: Ints

    @cached_property
    def hit(self) -> Bools:
        """[N]"""
        return self.partner >= 0

    @cached_property
    def found(self) -> Bools:
        """[G]"""
        found = np.zeros(len(self.columns.true_labels), np.bool_)
        found[self.partner[self.hit]] = True
        return found

    def mean_ap(self) -> float:
        return self._mean_ap(self.hit, self.columns.labels)

    def without(self, kind: int) -> float:
        """mAP when the detections of one kind are taken away."""
        keep = self.kind != kind
        return self._mean_ap(self.hit[keep], self.columns.labels[keep])

    def fixed(self, kind: int) -> float:
        """mAP when they are put right: the best that aims at a missed segment finds it, the rest go."""
        aimed = np.flatnonzero((self.kind == kind) & (self.target >= 0))
        aimed = aimed[~self.found[self.target[aimed]]]
        segments, first = np.unique(self.target[aimed], return_index=True)
        hit, labels = self.hit.copy(), self.columns.labels.copy()
        hit[aimed[first]] = True
        labels[aimed[first]] = self.columns.true_labels[segments]
        keep = (self.kind != kind) | hit
        return self._mean_ap(hit[keep], labels[keep])

    def missed_found(self) -> float:
        """mAP when the missed segments that no error aims at are found, above all other ranks."""
        aimed_at = np.zeros(len(self.found), np.bool_)
        aimed_at[self.target[self.target >= 0]] = True
        new = self.columns.true_labels[~self.found & ~aimed_at]
        hit = np.concatenate((np.ones(len(new), np.bool_), self.hit))
        return self._mean_ap(hit, np.concatenate((new, self.columns.labels)))

    def profile(self, levels: int = 10) -> Ints:
        """Counts [levels, 6] of the kinds by rank within the class, in units of its true segments."""
        columns = self.columns
        by_class = np.argsort(columns.labels, kind="stable")
        counts = columns.detections_per_class()
        rank = np.arange(len(columns)) - np.repeat(np.cumsum(counts) - counts, counts)
        level = rank // columns.truth_per_class()[columns.labels[by_class]]
        cell = level * len(KINDS) + self.kind[by_class]
        cells = np.bincount(cell[level < levels], minlength=levels * len(KINDS))
        return cells.reshape(levels, len(KINDS))

    def _mean_ap(self, hit: Bools, labels: Ints) -> float:
        return float(average_precision(hit[:, None], labels, self.columns.truth_per_class()).mean())


def _judge(columns: Columns, tiou: float) -> _Judged:
    own_class = overlapping(columns, least=tiou, same_class=True)
    partner = partners(own_class, len(columns))
    near = min(NEAR, tiou)
    pairs = overlapping(columns, least=near, same_class=False)
    same = columns.labels[pairs.detection] == columns.true_labels[pairs.truth]
    own, own_target = _best(pairs, same, len(columns))
    other, other_target = _best(pairs, ~same, len(columns))
    conditions = [partner >= 0, own >= tiou, other >= tiou, own >= near, other >= near]
    kind = np.select(conditions, range(len(conditions)), BACKGROUND)
    aims = [kind == LOCALISATION, (kind == WRONG_LABEL) | (kind == CONFUSION)]
    return _Judged(columns, partner, kind, np.select(aims, [own_target, other_target], -1))


def _best(pairs: Pairs, which: Bools, n: int) -> tuple[Floats, Ints]:
    """Highest tIoU [n] of each detection among some pairs (0: none), and with which true segment [n] (-1)."""
    detection, first = np.unique(pairs.detection[which], return_index=True)
    highest, segment = np.zeros(n), np.full(n, -1)
    highest[detection] = pairs.tiou[which][first]
    segment[detection] = pairs.truth[which][first]
    return highest, segment
