"""The metrics once more, row by row and threshold by threshold, as slow and plain as the definitions read.

Shares nothing with hrpro.metrics but the vocabulary of hrpro.core.
"""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from hrpro.core.annotations import Detection, Detections, Segment

CLASSES = ("jump", "run", "throw")
VIDEOS = ("v1", "v2", "v3")

Truth = dict[str, tuple[Segment, ...]]
Found = dict[str, list[Detection]]


def iou(a: Segment | Detection, b: Segment | Detection) -> float:
    inner = max(0.0, min(a.end, b.end) - max(a.start, b.start))
    return inner / ((b.end - b.start) + (a.end - a.start) - inner) if inner > 0 else 0.0


def ranked(truth: Truth, found: Found) -> list[tuple[str, Detection]]:
    """Detections of known videos and classes, best first; ties: order of the truth, then of the list."""
    classes = {segment.label for segments in truth.values() for segment in segments}
    rows = [(video, row) for video in truth for row in found.get(video, []) if row.label in classes]
    return sorted(rows, key=lambda row: -row[1].score)


def interpolated_ap(hits: list[bool], n_truth: int) -> float:
    precision = [sum(hits[: i + 1]) / (i + 1) for i in range(len(hits))]
    recall = [sum(hits[: i + 1]) / n_truth for i in range(len(hits))]
    return interpolated(precision, recall)


def interpolated(precision: list[float], recall: list[float]) -> float:
    levels = [0.0, *recall, 1.0]
    heights = [0.0, *precision, 0.0]
    for i in range(len(heights) - 2, -1, -1):
        heights[i] = max(heights[i], heights[i + 1])
    return sum((levels[i] - levels[i - 1]) * heights[i] for i in range(1, len(levels)))


Place = tuple[str, int]
"""Video, index in video."""


def match_class(
    truth: Truth, found: Found, label: str, threshold: float
) -> tuple[list[Place | None], set[Place]]:
    """The segment that each ranked detection of one class finds, if any, and all found segments."""
    taken: set[Place] = set()
    hits: list[Place | None] = []
    for video, row in ranked(truth, found):
        if row.label != label:
            continue
        places = [i for i, segment in enumerate(truth[video]) if segment.label == label]
        overlaps = np.array([iou(row, truth[video][i]) for i in places])
        hit = None
        for best in overlaps.argsort()[::-1]:
            if overlaps[best] < threshold:
                break
            if (video, places[best]) not in taken:
                hit = (video, places[best])
                taken.add(hit)
                break
        hits.append(hit)
    return hits, taken


def naive_ap(truth: Truth, found: Found, threshold: float) -> dict[str, float]:
    labels = [segment.label for segments in truth.values() for segment in segments]
    return {
        label: interpolated_ap(
            [hit is not None for hit in match_class(truth, found, label, threshold)[0]], labels.count(label)
        )
        for label in sorted(set(labels))
    }


def as_columns(found: Found) -> dict[str, Detections]:
    """Each video with its own tuple of classes in its own order: the metrics must not need a common one."""
    return {
        video: Detections.from_list(rows, sorted({row.label for row in rows}, reverse=i % 2 == 0))
        for i, (video, rows) in enumerate(found.items())
    }


# Times on a coarse grid and few scores: thresholds met exactly, equal tIoU, equal scores, touching ends.
_times = st.tuples(st.integers(0, 12), st.integers(1, 6)).map(lambda t: (t[0] / 2, (t[0] + t[1]) / 2))
_segments = st.builds(lambda t, label: Segment(t[0], t[1], label), _times, st.sampled_from(CLASSES))
_fine = st.floats(0, 1, allow_subnormal=False)
_rows = st.builds(
    lambda t, label, score: Detection(t[0], t[1], label, score),
    _times | st.tuples(_fine, _fine).map(lambda t: (6 * min(t), 6 * max(t))),
    st.sampled_from((*CLASSES, "unheard of")),
    st.sampled_from((0.1, 0.5, 0.9)) | _fine,
)
truths = st.fixed_dictionaries(
    {video: st.lists(_segments, max_size=6, unique=True).map(tuple) for video in VIDEOS}
).filter(lambda truth: any(truth.values()))
finds = st.dictionaries(st.sampled_from((*VIDEOS, "elsewhere")), st.lists(_rows, max_size=14), max_size=4)
