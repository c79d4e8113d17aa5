"""Average recall against the number of proposals (AR@AN), as in the ActivityNet proposal challenge.

Classes do not count. Every video keeps the same share of its proposals, the best first, such that over the
videos with a true segment AN are kept on average; the recall is the share of true segments that a kept
proposal overlaps by the threshold or more (one proposal may serve several segments), and AR its mean over
thresholds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from hrpro.core.annotations import Detections, Segment
from hrpro.core.errors import ConfigError
from hrpro.metrics.columns import Columns, Floats, Ints, align, overlapping
from hrpro.metrics.thresholds import parse_tious


@dataclass(frozen=True, eq=False)
class RecallResult:
    """recall [A, K] at ``numbers`` [A] of proposals a video (AN) and ``tious`` [K].

    available: how many proposals a video has on average.
    """

    numbers: Floats
    tious: tuple[float, ...]
    recall: Floats
    available: float

    @property
    def average_recall(self) -> Floats:
        """AR at each AN, [A]."""
        return self.recall.mean(axis=1)

    def at(self, number: float) -> float:
        """AR@AN for one of ``numbers``. Raises ConfigError for another."""
        place = np.flatnonzero(self.numbers == number)
        if not len(place):
            raise ConfigError(f"AR@{number:g} was not computed")
        return float(self.average_recall[place[0]])

    @property
    def area(self) -> float:
        """Area under AR over AN, trapezoids from the first AN to the last, divided by the last; in [0, 1]."""
        steps = np.diff(self.numbers)
        middle = (self.average_recall[1:] + self.average_recall[:-1]) / 2
        return float((steps * middle).sum() / self.numbers[-1])


def average_recall(
    truth: Mapping[str, Sequence[Segment]],
    proposals: Mapping[str, Detections],
    numbers: ArrayLike | None = None,
    tious: str | Sequence[float] = "0.5:0.95",
) -> RecallResult:
    """AR@AN of ``proposals`` (of any class, known to the truth or not) for ascending AN ``numbers`` > 0.

    numbers: default 1, 2, ..., 100. An AN above the number at hand keeps every proposal. Raises DataError
    where the truth is empty, ConfigError for numbers that do not ascend from above 0.
    """
    wanted = np.arange(1.0, 101.0) if numbers is None else np.atleast_1d(np.asarray(numbers, np.float64))
    if wanted.ndim != 1 or not len(wanted) or not (wanted[0] > 0 and (np.diff(wanted) > 0).all()):
        raise ConfigError("the numbers of proposals must ascend from above 0")
    thresholds = parse_tious(tious) if isinstance(tious, str) else tuple(tious)
    columns = align({video: segments for video, segments in truth.items() if segments}, proposals)
    n_videos = len(columns.videos)
    held = np.bincount(columns.video_index, minlength=n_videos)
    # A proposal of rank r (from 0) in its video is kept where more than r of that video's are.
    # Divided last: a share that is a whole number must not come out just below it.
    kept_av = np.minimum(np.outer(wanted * n_videos, held) // max(len(columns), 1), held)
    first_gk = _first_hits(columns, thresholds)
    recall = (first_gk[None] < kept_av[:, columns.true_videos, None]).mean(axis=1)
    return RecallResult(wanted, thresholds, recall, len(columns) / n_videos)


def _first_hits(columns: Columns, thresholds: tuple[float, ...]) -> Floats:
    """Rank in its video of the best scored proposal that reaches each segment, [G, K]; inf: none does."""
    pairs = overlapping(columns, least=thresholds[0], same_class=False)
    rank = _ranks(columns.video_index)[pairs.detection]
    first_gk = np.full((len(columns.true_labels), len(thresholds)), np.inf)
    for k, threshold in enumerate(thresholds):
        reach = pairs.tiou >= threshold
        np.minimum.at(first_gk[:, k], pairs.truth[reach], rank[reach])
    return first_gk


def _ranks(groups: Ints) -> Ints:
    """Place of each entry [N] among the entries of its group, in the order they stand."""
    order = np.argsort(groups, kind="stable")
    counts = np.bincount(groups)
    places = np.arange(len(groups)) - np.repeat(np.cumsum(counts) - counts, counts)
    ranks = np.empty(len(groups), np.int64)
    ranks[order] = places
    return ranks
