"""Mean average precision of detections at any tIoU: the protocol of the ActivityNet detection challenge.

Detections of one class are ranked over all videos; each takes the true segment of its video and class with
the highest tIoU among those not yet taken and at or above the threshold, else it is a false positive; the AP
is the interpolated one; the mAP is the mean over the classes of the ground truth. Hence a class without
detections counts 0, and detections in a video where the class does not occur are false positives. Detections
of classes and videos that the ground truth does not hold are ignored, and counted in the result.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from hrpro.core.annotations import Detections, Segment
from hrpro.core.errors import ConfigError
from hrpro.metrics.columns import Floats, Ints, align, overlapping
from hrpro.metrics.matching import average_precision, match
from hrpro.metrics.moment import MomentResult
from hrpro.metrics.recall import RecallResult
from hrpro.metrics.thresholds import RANGES, parse_tious


@dataclass(frozen=True)
class Coverage:
    """What was, and was not, evaluated: numbers of videos, and of detections left aside, with the reason."""

    videos: int
    videos_without_detections: int
    unknown_videos: tuple[str, ...] = ()
    unknown_video_detections: int = 0
    unknown_classes: tuple[str, ...] = ()
    unknown_class_detections: int = 0
    ambiguous_detections: int = 0
    excluded_unknown: tuple[str, ...] = ()
    dropped_unknown: tuple[str, ...] = ()

    def remarks(self) -> list[str]:
        """One sentence for each thing that the reader of a figure should know."""
        outside = f"in {len(self.unknown_videos)} videos that are not in the ground truth"
        lines = (
            (self.videos_without_detections, f"of {self.videos} videos have no detection", ()),
            (self.unknown_video_detections, f"detections ignored: {outside}", self.unknown_videos),
            (
                self.unknown_class_detections,
                "detections ignored: of classes that are not in the ground truth",
                self.unknown_classes,
            ),
            (self.ambiguous_detections, "detections removed: they touch an ambiguous stretch", ()),
            (
                len(self.excluded_unknown),
                "videos to exclude were not in the ground truth",
                self.excluded_unknown,
            ),
            (
                len(self.dropped_unknown),
                "labels to drop are on none of the videos",
                self.dropped_unknown,
            ),
        )
        return [f"{count} {text}{_few(names)}" for count, text, names in lines if count]


@dataclass(frozen=True, eq=False)
class MAPResult:
    """AP of each class at each threshold: ap [C, K] in [0, 1]; n_truth and n_detections [C].

    recall, moment: of the same detections, at the same thresholds, if they were asked for.
    """

    tious: tuple[float, ...]
    classes: tuple[str, ...]
    ap: Floats
    n_truth: Ints
    n_detections: Ints
    coverage: Coverage
    recall: RecallResult | None = None
    moment: MomentResult | None = None

    @property
    def mean(self) -> Floats:
        """mAP at each threshold, [K]."""
        return self.ap.mean(axis=0)

    def average(self, over: str | None = None) -> float:
        """Mean of the mAP over the thresholds ``over`` (see parse_tious), or over all that were evaluated.

        Raises ConfigError where one of them was not evaluated.
        """
        return float(self.mean[self._places(over)].mean())

    def averages(self) -> dict[str, float]:
        """The average over each usual range (metrics.thresholds.RANGES) that was evaluated in full."""
        return {name: self.average(name) for name in RANGES if self._covers(name)}

    def to_dict(self) -> dict[str, Any]:
        """For JSON: everything, thresholds as text keys."""
        more: dict[str, Any] = {}
        if self.recall is not None:
            ar = self.recall.average_recall.tolist()
            more["AR"] = dict(zip(map(_text, self.recall.numbers), ar, strict=True))
        if self.moment is not None:
            ap = dict(zip(self.moment.classes, self.moment.ap.tolist(), strict=True))
            judged = "middle" if self.moment.at_middles else "peak"
            more["moment"] = {"mAP": self.moment.mean, "judged": judged, "AP": ap}
        return {
            "average_mAP": self.average(),
            "averages": self.averages(),
            "mAP": dict(zip(map(_text, self.tious), self.mean.tolist(), strict=True)),
            "classes": {
                name: {
                    "n_truth": int(self.n_truth[i]),
                    "n_detections": int(self.n_detections[i]),
                    "AP": dict(zip(map(_text, self.tious), self.ap[i].tolist(), strict=True)),
                }
                for i, name in enumerate(self.classes)
            },
            "coverage": {name: getattr(self.coverage, name) for name in self.coverage.__dataclass_fields__},
            **more,
        }

    def rows(self) -> list[list[str | float]]:
        """For CSV: a header (class, thresholds), a row for each class, and last the row ``mAP``.

        With ``moment`` a last column has its AP; with ``recall`` rows AR@AN have the recall before the last.
        """
        rows: list[list[str | float]] = [["class", *map(_text, self.tious)]]
        rows += [[name, *self.ap[i].tolist()] for i, name in enumerate(self.classes)]
        last: list[str | float] = ["mAP", *self.mean.tolist()]
        if self.moment is not None:
            for row, value in zip(rows[1:], self.moment.ap.tolist(), strict=True):
                row.append(value)
            rows[0].append("moment")
            last.append(self.moment.mean)
        if self.recall is not None:
            blank = [""] if self.moment is not None else []
            for number, values in zip(self.recall.numbers, self.recall.recall.tolist(), strict=True):
                rows.append([f"AR@{_text(number)}", *values, *blank])
        return [*rows, last]

    def _covers(self, over: str) -> bool:
        return all(np.isclose(self.tious, wanted, rtol=0, atol=1e-9).any() for wanted in parse_tious(over))

    def _places(self, over: str | None) -> list[int]:
        if over is None:
            return list(range(len(self.tious)))
        if not self._covers(over):
            evaluated = ", ".join(map(_text, self.tious))
            raise ConfigError(f"no average over {over}: evaluated were the tIoU {evaluated}")
        return [int(np.argmin(np.abs(np.asarray(self.tious) - wanted))) for wanted in parse_tious(over)]


def mean_average_precision(
    truth: Mapping[str, Sequence[Segment]],
    detections: Mapping[str, Detections],
    tious: str | Sequence[float] = "0.1:0.7",
) -> MAPResult:
    """Evaluate ``detections`` (video -> detections) against ``truth`` (video -> segments), times in seconds.

    tious: text for parse_tious, or ascending numbers in (0, 1]. A video with an empty tuple of segments
    belongs to the truth: what is detected there is wrong. Raises DataError where the truth is empty or a
    detection not finite, ConfigError for thresholds that are none.
    """
    thresholds = parse_tious(tious) if isinstance(tious, str) else tuple(float(value) for value in tious)
    if (
        not thresholds
        or not 0 < thresholds[0] <= thresholds[-1] <= 1
        or list(thresholds) != sorted(set(thresholds))
    ):
        raise ConfigError(f"tIoU thresholds must ascend within (0, 1], not {thresholds}")
    columns = align(truth, detections)
    coverage = Coverage(
        videos=len(columns.videos),
        videos_without_detections=len(columns.videos) - len(np.unique(columns.video_index)),
        unknown_videos=columns.unknown_videos,
        unknown_video_detections=columns.unknown_video_detections,
        unknown_classes=columns.unknown_classes,
        unknown_class_detections=int(np.count_nonzero(columns.labels < 0)),
    )
    pairs = overlapping(columns, least=thresholds[0], same_class=True)
    hit, _ = match(pairs, thresholds, len(columns), len(columns.true_labels))
    n_truth = columns.truth_per_class()
    ap = average_precision(hit, columns.labels, n_truth)
    return MAPResult(thresholds, columns.classes, ap, n_truth, columns.detections_per_class(), coverage)


def _text(tiou: float) -> str:
    return f"{tiou:.10g}"


def _few(names: Sequence[str]) -> str:
    return f" ({', '.join(names[:3])}{', ...' if len(names) > 3 else ''})" if names else ""
