"""AR@AN against the ActivityNet definition spelled out, and its corners."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hrpro.core.annotations import Detection, Detections, Segment
from hrpro.core.errors import ConfigError, DataError
from hrpro.metrics.recall import average_recall
from metrics_reference import Found, Truth, as_columns, finds, iou, truths


def naive_recall(truth: Truth, found: Found, number: float, threshold: float) -> float:
    truth = {video: segments for video, segments in truth.items() if segments}
    total = sum(len(found.get(video, [])) for video in truth)
    reached = 0
    for video, segments in truth.items():
        rows = sorted(found.get(video, []), key=lambda row: -row.score)
        share = math.floor(len(rows) * Fraction(number) * len(truth) / total) if total else 0
        reached += sum(any(iou(row, segment) >= threshold for row in rows[:share]) for segment in segments)
    return reached / sum(map(len, truth.values()))


@settings(deadline=None)
@given(truths, finds, st.sets(st.integers(1, 60), min_size=1).map(lambda s: [k / 4 for k in sorted(s)]))
def test_equals_the_definition(truth: Truth, found: Found, numbers: list[float]) -> None:
    result = average_recall(truth, as_columns(found), numbers, "0.2,0.5,0.75,1")
    for a, number in enumerate(numbers):
        expected = [naive_recall(truth, found, number, threshold) for threshold in result.tious]
        np.testing.assert_allclose(result.recall[a], expected, rtol=0, atol=1e-12)
        assert result.at(number) == pytest.approx(np.mean(expected))


@settings(deadline=None)
@given(truths, finds)
def test_more_proposals_and_lower_thresholds_never_find_less(truth: Truth, found: Found) -> None:
    result = average_recall(truth, as_columns(found))
    assert result.recall.shape == (100, 10)
    assert (np.diff(result.recall, axis=0) >= 0).all()
    assert (np.diff(result.recall, axis=1) <= 0).all()
    assert 0 <= result.area <= result.average_recall[-1] <= 1


TRUTH = {"a": (Segment(0, 10, "x"), Segment(20, 30, "y")), "b": (Segment(0, 10, "x"),), "silent": ()}


def test_known_figures() -> None:
    proposals = {
        # Any label will do; the second is of no use, the third finds the second segment up to tIoU 0.8.
        "a": Detections.from_list(
            [Detection(0, 10, "z", 0.9), Detection(50, 60, "x", 0.8), Detection(20, 28, "x", 0.7)]
        ),
        "b": Detections.from_list([Detection(0, 10, "x", 0.1)]),
        "silent": Detections.from_list([Detection(0, 10, "x", 1)] * 100),
        "unknown": Detections.from_list([Detection(0, 10, "x", 1)] * 100),
    }
    result = average_recall(TRUTH, proposals, [0.5, 1, 2], "0.5:0.95")
    assert result.available == 2
    # 4 proposals in the 2 videos with a segment: AN 0.5 keeps a quarter of each (0 of 3, 0 of 1), AN 1 half.
    assert result.recall[0].tolist() == [0] * 10
    np.testing.assert_allclose(result.recall[1], [1 / 3] * 10)
    np.testing.assert_allclose(result.recall[2], [1.0] * 7 + [2 / 3] * 3)
    assert result.area == pytest.approx((0.5 * (1 / 3) / 2 + 1 * (1 / 3 + 0.9) / 2) / 2)


def test_one_proposal_may_serve_two_segments() -> None:
    truth = {"a": (Segment(0, 10, "x"), Segment(0, 9, "y"))}
    result = average_recall(truth, {"a": Detections.from_list([Detection(0, 10, "x", 1)])}, [1], "0.9")
    assert result.recall.tolist() == [[1]]


def test_nothing_proposed_recalls_nothing() -> None:
    result = average_recall(TRUTH, {"a": Detections.empty()})
    assert not result.recall.any()
    assert result.area == result.available == 0


@pytest.mark.parametrize("numbers", [[], [0, 1], [2, 1], [1, 1], [[1, 2]], [math.nan]])
def test_numbers_must_ascend(numbers: list[float]) -> None:
    with pytest.raises(ConfigError, match="ascend"):
        average_recall(TRUTH, {}, numbers)


def test_what_was_not_computed_is_not_given() -> None:
    with pytest.raises(ConfigError, match="AR@7 "):
        average_recall(TRUTH, {}, [1, 2]).at(7)


def test_an_empty_truth_is_refused() -> None:
    with pytest.raises(DataError, match="holds no segment"):
        average_recall({"a": ()}, {})


def test_a_whole_number_of_proposals_is_kept_whole() -> None:
    # 15 / 22 * 22 is 14.999999999999998 in floating point.
    useless, useful = [Detection(90, 99, "x", -i) for i in range(14)], [Detection(0, 10, "x", -14)]
    rows = [*useless, *useful, *(Detection(90, 99, "x", -15 - i) for i in range(7))]
    result = average_recall({"a": (Segment(0, 10, "x"),)}, {"a": Detections.from_list(rows)}, [14, 15])
    assert result.average_recall.tolist() == [0, 1]
