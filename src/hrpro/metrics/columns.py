"""Ground truth and detections of all videos side by side in columns, and the pairs of them that overlap.

What every metric agrees on is settled here. Classes are those of the ground truth. A detection in a video
that the ground truth does not hold is left out and counted; one of a class that it does not hold keeps its
place with label -1. Detections stand best score first; among equal scores, those of the earlier video of the
ground truth come first, then those that stood first in their video: the order of the videos in a results
file has no influence.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hrpro.core.annotations import Detections, Segment
from hrpro.core.errors import DataError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Columns:
    """G true segments and N ranked detections, best first.

    Segments [., 2] are in seconds, labels index ``classes``, videos index ``videos``.
    """

    classes: tuple[str, ...]
    videos: tuple[str, ...]
    true_segments: Floats
    true_labels: Ints
    true_videos: Ints
    segments: Floats
    labels: Ints
    video_index: Ints
    scores: Floats
    unknown_videos: tuple[str, ...]
    unknown_video_detections: int
    unknown_classes: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.scores)

    def keep(self, which: Bools) -> Columns:
        """The same with only the detections where ``which`` [N] holds."""
        names = ("segments", "labels", "video_index", "scores")
        return replace(self, **{name: getattr(self, name)[which] for name in names})

    def truth_per_class(self) -> Ints:
        """Number of true segments of each class, [C]."""
        return np.bincount(self.true_labels, minlength=len(self.classes))

    def detections_per_class(self) -> Ints:
        """Number of detections of each class, [C]."""
        return np.bincount(self.labels[self.labels >= 0], minlength=len(self.classes))


class Pairs(NamedTuple):
    """Detections and true segments that overlap, each [P]: by detection, the highest tIoU of one first."""

    detection: Ints
    truth: Ints
    tiou: Floats


def align(truth: Mapping[str, Sequence[Segment]], detections: Mapping[str, Detections]) -> Columns:
    """Columns of ``truth`` (video -> segments) and ``detections`` (video -> detections).

    Raises DataError where the truth holds no segment at all, or a detection is not finite or reversed.
    """
    true = [(segment, video) for video, segments in enumerate(truth.values()) for segment in segments]
    if not true:
        raise DataError(
            "the ground truth holds no segment to find", mend="check the subset and what is left out"
        )
    classes = tuple(sorted({segment.label for segment, _ in true}))
    index = {name: i for i, name in enumerate(classes)}

    parts = [(i, detections[video]) for i, video in enumerate(truth) if len(detections.get(video, ()))]
    maps = {part.classes: np.array([index.get(n, -1) for n in part.classes], np.int64) for _, part in parts}
    lengths = np.array([len(part) for _, part in parts], np.int64)
    segments = np.concatenate([np.zeros((0, 2)), *(part.segments for _, part in parts)])
    labels = np.concatenate([np.zeros(0, np.int64), *(maps[part.classes][part.labels] for _, part in parts)])
    scores = np.concatenate([np.zeros(0), *(part.scores for _, part in parts)])
    video_index = np.repeat(np.array([i for i, _ in parts], np.int64), lengths)
    videos = tuple(truth)
    good = np.isfinite(scores) & np.isfinite(segments).all(1) & (segments[:, 0] <= segments[:, 1])
    if not good.all():
        bad = int(np.argmin(good))
        (start, end), score = segments[bad], scores[bad]
        place = bad - int(np.searchsorted(video_index, video_index[bad]))
        raise DataError(
            f"detection {place} runs from {start} to {end} s with score {score}",
            where=videos[video_index[bad]],
            mend="times and scores must be finite, the end not before the start",
        )
    unknown = tuple(video for video in detections if video not in truth)
    unknown_classes: set[str] = set()
    if (labels < 0).any():
        met = {part.classes[label] for _, part in parts for label in np.unique(part.labels).tolist()}
        unknown_classes = met - set(classes)
    order = np.argsort(-scores, kind="stable")
    return Columns(
        classes=classes,
        videos=videos,
        true_segments=np.array([(segment.start, segment.end) for segment, _ in true], np.float64),
        true_labels=np.array([index[segment.label] for segment, _ in true], np.int64),
        true_videos=np.array([video for _, video in true], np.int64),
        segments=segments[order],
        labels=labels[order],
        video_index=video_index[order],
        scores=scores[order],
        unknown_videos=unknown,
        unknown_video_detections=sum(len(detections[video]) for video in unknown),
        unknown_classes=tuple(sorted(unknown_classes)),
    )


def tiou(segments: Floats, others: Floats) -> Floats:
    """Temporal IoU, row by row, of two arrays [P, 2]; 0 where both have no length. In [0, 1]."""
    inner = np.minimum(segments[:, 1], others[:, 1]) - np.maximum(segments[:, 0], others[:, 0])
    inner = np.maximum(inner, 0.0)
    # Summed in the order of the ActivityNet code: a threshold met exactly must not be missed by one rounding.
    outer = (others[:, 1] - others[:, 0]) + (segments[:, 1] - segments[:, 0]) - inner
    return np.divide(inner, outer, out=np.zeros_like(inner), where=inner > 0)


def overlapping(columns: Columns, *, least: float, same_class: bool) -> Pairs:
    """Pairs within a video (``same_class``: and within a class) with tIoU of at least ``least`` > 0.

    Equal tIoU of one detection with several segments: see _settle_ties.
    """
    true_key, key = columns.true_videos, columns.video_index
    if same_class:
        n_classes = len(columns.classes)
        true_key = true_key * n_classes + columns.true_labels
        key = np.where(columns.labels < 0, -1, key * n_classes + columns.labels)
    detection, truth = touching(columns.true_segments, true_key, columns.segments, key)
    overlap = tiou(columns.segments[detection], columns.true_segments[truth])
    keep = overlap >= least
    detection, truth, overlap = detection[keep], truth[keep], overlap[keep]
    # They come by detection, and most detections meet one segment: only the others need an order.
    again = np.concatenate(([False], detection[1:] == detection[:-1], [False]))
    several = np.flatnonzero(again[1:] | again[:-1])
    order = np.arange(len(detection))
    order[several] = several[np.lexsort((truth[several], -overlap[several], detection[several]))]
    pairs = Pairs(detection[order], truth[order], overlap[order])
    return _settle_ties(pairs, columns, true_key) if same_class else pairs


def touching(true_segments: Floats, true_key: Ints, segments: Floats, key: Ints) -> tuple[Ints, Ints]:
    """Indices (detection, truth), each [P], of the pairs of one key that share a moment, by detection.

    Keys are 0 or more; -1 pairs with nothing. Besides them come a few pairs that do not touch (segments that
    lie within the reach of an earlier, longer one): a superset, so that no pair needs a look but the near
    ones.
    """
    order = np.lexsort((true_segments[:, 0], true_key))
    starts, ends = np.sort(true_segments[:, 0]), np.sort(true_segments[:, 1])
    width = len(order) + 1
    # (key, time) as one whole number, time by its rank: exact for any times and any number of keys.
    by_start = true_key[order] * width + np.searchsorted(starts, true_segments[order, 0])
    by_end = true_key[order] * width + np.searchsorted(ends, true_segments[order, 1])
    reach = np.maximum.accumulate(by_end)
    first = np.searchsorted(reach, key * width + np.searchsorted(ends, segments[:, 0]))
    last = np.searchsorted(by_start, key * width + np.searchsorted(starts, segments[:, 1], side="right"))
    counts = np.maximum(last - first, 0)
    detection = np.repeat(np.arange(len(key)), counts)
    place = np.arange(len(detection)) - np.repeat(np.cumsum(counts) - counts - first, counts)
    return detection, order[place]


def _settle_ties(pairs: Pairs, columns: Columns, true_key: Ints) -> Pairs:
    """Order the segments of exactly equal tIoU as the ActivityNet code does: reversed ``argsort`` of the row.

    The protocol says nothing of them, and no simple rule (first, last, nearest) gives the published figures:
    on THUMOS14 the choice moves the AP of single classes by up to 0.003, the mAP by 0.00001. That argsort is
    not stable: x86 processors with AVX2 or AVX-512 agree on its order, others may differ by as much as that.
    """
    tied = (pairs.detection[1:] == pairs.detection[:-1]) & (pairs.tiou[1:] == pairs.tiou[:-1])
    if not tied.any():
        return pairs
    truth = pairs.truth.copy()
    rows: dict[int, Ints] = {}
    for detection in np.unique(pairs.detection[1:][tied]).tolist():
        first, stop = np.searchsorted(pairs.detection, (detection, detection + 1))
        key = int(true_key[truth[first]])
        row = rows.setdefault(key, np.flatnonzero(true_key == key))
        repeated = np.broadcast_to(columns.segments[detection], (len(row), 2))
        ranked = row[np.argsort(tiou(repeated, columns.true_segments[row]))[::-1]]
        truth[first:stop] = ranked[: stop - first]
    return pairs._replace(truth=truth)
