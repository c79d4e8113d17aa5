"""Clicks, segments and detections. All times are in seconds from the start of the recording."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Click:
    """One moment inside one action: what a person gives, and all that training ever sees."""

    time: float
    label: str


@dataclass(frozen=True)
class Segment:
    """Ground truth: one action from start to end. Evaluation reads these, training never does."""

    start: float
    end: float
    label: str


@dataclass(frozen=True)
class Detection:
    """One predicted action; a higher score is more certain (the scale is the model's own)."""

    start: float
    end: float
    label: str
    score: float


@dataclass(frozen=True, eq=False)
class Detections:
    """The predicted actions of one recording, in columns.

    segments [n, 2] seconds (start, end); labels [n] indices into ``classes``; scores [n]; peaks [n] the
    surest moment of each, in seconds (None: not known).
    """

    segments: NDArray[np.float64]
    labels: NDArray[np.int64]
    scores: NDArray[np.float64]
    classes: tuple[str, ...] = field(default=())
    peaks: NDArray[np.float64] | None = None

    def __post_init__(self) -> None:
        n = len(self.scores)
        assert self.peaks is None or self.peaks.shape == (n,)
        assert self.segments.shape == (n, 2)
        assert self.labels.shape == self.scores.shape == (n,)

    @classmethod
    def empty(cls, classes: Sequence[str] = ()) -> Detections:
        return cls(np.zeros((0, 2)), np.zeros(0, np.int64), np.zeros(0), tuple(classes))

    @classmethod
    def from_list(cls, detections: Iterable[Detection], classes: Sequence[str] | None = None) -> Detections:
        """Columns from rows; ``classes`` defaults to the labels met, sorted."""
        rows = list(detections)
        names = tuple(sorted({d.label for d in rows})) if classes is None else tuple(classes)
        index = {name: i for i, name in enumerate(names)}
        return cls(
            np.array([(d.start, d.end) for d in rows], np.float64).reshape(-1, 2),
            np.array([index[d.label] for d in rows], np.int64),
            np.array([d.score for d in rows], np.float64),
            names,
        )

    def __len__(self) -> int:
        return len(self.scores)

    def __getitem__(self, keep: NDArray[np.bool_] | NDArray[np.int64] | slice) -> Detections:
        peaks = None if self.peaks is None else self.peaks[keep]
        return Detections(self.segments[keep], self.labels[keep], self.scores[keep], self.classes, peaks)

    def moved(self, change: Callable[[NDArray[np.float64]], NDArray[np.float64]]) -> Detections:
        """The same with ``change`` of all times, which must keep their order."""
        peaks = None if self.peaks is None else change(self.peaks)
        return replace(self, segments=change(self.segments), peaks=peaks)

    def within(self, end: float) -> Detections:
        """What of them lies from 0 to ``end`` seconds."""
        cut = self.moved(lambda times: np.clip(times, 0, end))
        return cut[cut.segments[:, 1] > cut.segments[:, 0]]

    def __iter__(self) -> Iterator[Detection]:
        for (start, end), label, score in zip(self.segments, self.labels, self.scores, strict=True):
            yield Detection(float(start), float(end), self.classes[label], float(score))

    def ranked(self) -> Detections:
        """The same detections, best score first (ties keep their order)."""
        return self[np.argsort(-self.scores, kind="stable")]
