"""Single-moment mAP against its definition spelled out."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hrpro.core.annotations import Detection, Detections, Segment
from hrpro.core.errors import DataError
from hrpro.metrics.detection import mean_average_precision
from hrpro.metrics.moment import moment_average_precision
from metrics_reference import CLASSES, Found, Truth, as_columns, finds, interpolated_ap, ranked, truths


def naive_moment_ap(truth: Truth, found: Found) -> dict[str, float]:
    labels = [segment.label for segments in truth.values() for segment in segments]
    aps: dict[str, float] = {}
    for label in sorted(set(labels)):
        taken: set[tuple[str, int]] = set()
        hits: list[bool] = []
        for video, row in ranked(truth, found):
            if row.label != label:
                continue
            moment = (row.start + row.end) / 2
            free = [
                (abs(moment - (segment.start + segment.end) / 2), i)
                for i, segment in enumerate(truth[video])
                if segment.label == label
                and segment.start <= moment <= segment.end
                and (video, i) not in taken
            ]
            hits.append(bool(free))
            taken |= {(video, min(free)[1])} if free else set()
        aps[label] = interpolated_ap(hits, labels.count(label))
    return aps


@settings(deadline=None)
@given(truths, finds)
def test_equals_the_definition(truth: Truth, found: Found) -> None:
    result = moment_average_precision(truth, as_columns(found))
    expected = naive_moment_ap(truth, found)
    assert list(result.classes) == list(expected)
    np.testing.assert_allclose(result.ap, list(expected.values()), rtol=0, atol=1e-12)
    assert result.mean == pytest.approx(np.mean(list(expected.values())))


@settings(deadline=None)
@given(truths, finds, st.floats(0, 1))
def test_given_peaks_replace_the_middles(truth: Truth, found: Found, where: float) -> None:
    columns = as_columns(found)
    peaks = {video: rows.segments @ (1 - where, where) for video, rows in columns.items()}
    at_peaks = {
        video: [Detection(p, p, row.label, row.score) for p, row in zip(peaks[video], rows, strict=True)]
        for video, rows in found.items()
    }
    result = moment_average_precision(truth, columns, peaks)
    np.testing.assert_allclose(result.ap, list(naive_moment_ap(truth, at_peaks).values()), rtol=0, atol=1e-12)


def test_boundaries_do_not_matter_and_ends_are_inside() -> None:
    truth = {"a": (Segment(10, 20, CLASSES[0]),)}
    for start, end, ap in ((14.9, 15.1, 1), (0, 20, 1), (10, 30, 1), (0, 40.001, 0), (0, 19.998, 0)):
        found = {"a": Detections.from_list([Detection(start, end, CLASSES[0], 1)])}
        assert moment_average_precision(truth, found).ap.tolist() == [ap]
    found = {"a": Detections.from_list([Detection(14.9, 15.1, CLASSES[0], 1)])}
    assert mean_average_precision(truth, found, "0.1").ap.tolist() == [[0]]


def test_a_segment_is_found_once_and_the_nearest_first() -> None:
    truth = {"a": (Segment(0, 100, "x"), Segment(0, 10, "x"))}
    rows = [Detection(4, 6, "x", 0.9), Detection(3, 5, "x", 0.8), Detection(2, 4, "x", 0.7)]
    result = moment_average_precision(truth, {"a": Detections.from_list(rows)})
    # The first takes the short segment, which leaves the long one to the second and nothing to the third.
    assert result.ap.tolist() == [1]
    rows[1] = Detection(30, 40, "x", 0.8)
    assert moment_average_precision(truth, {"a": Detections.from_list(rows)}).ap.tolist() == [1]


def test_peaks_that_do_not_fit_are_refused() -> None:
    truth = {"a": (Segment(0, 1, "x"),)}
    found = {"a": Detections.from_list([Detection(0, 1, "x", 1)] * 2)}
    for peaks in ({"a": [0.5]}, {}, {"a": [[0.5, 0.5]]}):
        with pytest.raises(DataError, match=r"^a: \d peaks for 2 detections"):
            moment_average_precision(truth, found, peaks)
    with pytest.raises(DataError, match="nan"):
        moment_average_precision(truth, found, {"a": [0.5, math.nan]})
    with pytest.raises(DataError, match="holds no segment"):
        moment_average_precision({}, found)


@settings(deadline=None)
@given(truths, finds, st.floats(0, 1))
def test_peaks_of_their_own_are_judged_if_all_have_them(truth: Truth, found: Found, where: float) -> None:
    columns = as_columns(found)
    peaks = {video: rows.segments @ (1 - where, where) for video, rows in columns.items()}
    own = {video: replace(rows, peaks=peaks[video]) for video, rows in columns.items()}
    result = moment_average_precision(truth, own)
    assert not result.at_middles
    np.testing.assert_array_equal(result.ap, moment_average_precision(truth, columns, peaks).ap)
    if filled := [video for video, rows in own.items() if len(rows)]:
        partly = moment_average_precision(truth, {**own, filled[0]: columns[filled[0]]})
        assert partly.at_middles
        np.testing.assert_array_equal(partly.ap, moment_average_precision(truth, columns).ap)
