"""Single-moment mAP: is the peak of a detection inside a true segment of its class?

The measure for those who need the moment and not its boundaries. Detections of a class are ranked over all
videos; each takes, of the true segments of its video and class that contain its moment (ends included) and
are not yet taken, the one whose middle lies nearest, among equals the first; the AP is the interpolated one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from hrpro.core.annotations import Detections, Segment
from hrpro.core.errors import DataError
from hrpro.metrics.columns import Floats, Ints, Pairs, align, touching
from hrpro.metrics.matching import average_precision, match


@dataclass(frozen=True, eq=False)
class MomentResult:
    """AP of each class, ap [C] in [0, 1], with the numbers of true segments and detections [C].

    at_middles: the middles of detections were judged, since not all of them had peaks.
    """

    classes: tuple[str, ...]
    ap: Floats
    n_truth: Ints
    n_detections: Ints
    at_middles: bool = False

    @property
    def mean(self) -> float:
        """The single-moment mAP."""
        return float(self.ap.mean())


def moment_average_precision(
    truth: Mapping[str, Sequence[Segment]],
    detections: Mapping[str, Detections],
    peaks: Mapping[str, ArrayLike] | None = None,
) -> MomentResult:
    """Evaluate the moments ``peaks`` (video -> [n] seconds, one a detection).

    Default: their own peaks, or the middles of all where any has none.

    Classes and videos unknown to the truth are ignored, as in detection.py. Raises DataError where the truth
    is empty, a moment is not finite, or the numbers of peaks and detections differ.
    """
    held = [found.peaks for found in detections.values() if len(found)]
    at_middles = peaks is None and any(own is None for own in held)
    if peaks is None and not at_middles:
        peaks = {video: found.peaks for video, found in detections.items() if found.peaks is not None}
    moments = {
        video: _at_moments(video, found, peaks) for video, found in detections.items() if video in truth
    }
    columns = align(truth, moments)
    columns = columns.keep(columns.labels >= 0)
    n_classes = len(columns.classes)
    true_key = columns.true_videos * n_classes + columns.true_labels
    key = columns.video_index * n_classes + columns.labels
    detection, true = touching(columns.true_segments, true_key, columns.segments, key)
    moment, span = columns.segments[detection, 0], columns.true_segments[true]
    inside = (span[:, 0] <= moment) & (moment <= span[:, 1])
    detection, true = detection[inside], true[inside]
    distance = np.abs(moment[inside] - span[inside].mean(axis=1))
    order = np.lexsort((true, distance, detection))
    pairs = Pairs(detection[order], true[order], np.ones(len(order)))
    hit, _ = match(pairs, (1.0,), len(columns), len(columns.true_labels))
    n_truth = columns.truth_per_class()
    ap = average_precision(hit, columns.labels, n_truth)[:, 0]
    return MomentResult(columns.classes, ap, n_truth, columns.detections_per_class(), at_middles)


def _at_moments(video: str, found: Detections, peaks: Mapping[str, ArrayLike] | None) -> Detections:
    if peaks is None:
        moments = found.segments.mean(axis=1)
    else:
        moments = np.asarray(peaks.get(video, ()), np.float64)
        if moments.shape != (len(found),):
            raise DataError(
                f"{moments.size} peaks for {len(found)} detections", where=video, mend="one for each"
            )
    return Detections(np.stack((moments, moments), axis=1), found.labels, found.scores, found.classes)
