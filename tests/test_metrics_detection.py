"""mAP: the published figures, an independent plain implementation, and the corners of the protocol."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hrpro.core.annotations import Detection, Detections, Segment
from hrpro.core.errors import ConfigError, DataError
from hrpro.data.formats.activitynet import read_detections, read_ground_truth
from hrpro.metrics.columns import align, overlapping
from hrpro.metrics.detection import mean_average_precision
from hrpro.metrics.thresholds import RANGES, parse_tious
from metrics_reference import Found, Truth, as_columns, finds, iou, naive_ap, truths

SHARED = Path(__file__).resolve().parents[1].parent / "shared"
GOLDEN = SHARED / "golden/evaluation_thumos14"
THUMOS = SHARED / "data/annotations/thumos14"
LEFT_OUT = ("video_test_0000270", "video_test_0001292", "video_test_0001496")


@pytest.mark.skipif(not GOLDEN.exists(), reason="the shared reference vectors are not here")
def test_equals_the_published_evaluation() -> None:
    with open(GOLDEN / "ap.csv", newline="") as file:
        header, *rows = csv.reader(file)
    truth = read_ground_truth(THUMOS / "gt_full.json", subset="Test", exclude=LEFT_OUT)
    result = mean_average_precision(truth.videos, read_detections(GOLDEN / "detections.json"), "0.1:0.7:0.1")
    assert [f"{tiou:g}" for tiou in result.tious] == header[1:]
    assert sorted(row[0] for row in rows) == list(result.classes)
    expected = np.array([row[1:] for row in sorted(rows)], np.float64)
    # Two cells hang on the order of equal tIoU, hence on NumPy's argsort with AVX2 (see columns.py).
    np.testing.assert_allclose(result.ap, expected, rtol=0, atol=1e-6)
    assert result.average() == pytest.approx(0.43273, abs=5e-6)
    assert result.average("0.3:0.7") == pytest.approx(expected[:, 2:].mean(), abs=1e-6)
    assert result.coverage.unknown_videos == (LEFT_OUT[0], LEFT_OUT[2])
    assert result.coverage.unknown_video_detections + result.n_detections.sum() == 31_587


@settings(deadline=None)
@given(truths, finds, st.sets(st.integers(1, 20), min_size=1).map(lambda s: [k / 20 for k in sorted(s)]))
def test_equals_the_plain_implementation(truth: Truth, found: Found, tious: list[float]) -> None:
    result = mean_average_precision(truth, as_columns(found), tious)
    for k, tiou in enumerate(tious):
        expected = naive_ap(truth, found, tiou)
        assert list(result.classes) == list(expected)
        np.testing.assert_allclose(result.ap[:, k], list(expected.values()), rtol=0, atol=1e-12)


@settings(deadline=None)
@given(truths, finds)
def test_only_the_order_of_scores_counts(truth: Truth, found: Found) -> None:
    columns = as_columns(found)
    result = mean_average_precision(truth, columns)
    turned_around = dict(reversed(columns.items()))
    np.testing.assert_array_equal(mean_average_precision(truth, turned_around).ap, result.ap)
    levels = sorted({row.score for rows in found.values() for row in rows})
    by_level = {
        video: [Detection(row.start, row.end, row.label, 1e9 * levels.index(row.score) - 7e9) for row in rows]
        for video, rows in found.items()
    }
    np.testing.assert_array_equal(mean_average_precision(truth, as_columns(by_level)).ap, result.ap)


@settings(deadline=None)
@given(truths, finds)
def test_many_thresholds_equal_one_at_a_time(truth: Truth, found: Found) -> None:
    tious = parse_tious("0.01:1:0.01")
    together = mean_average_precision(truth, as_columns(found), tious)
    assert len(tious) == 100
    for k in (0, 1, 31, 62, 63, 64, 65, 99):
        alone = mean_average_precision(truth, as_columns(found), [tious[k]])
        # Sums over one column and over a hundred are added up in another order.
        np.testing.assert_allclose(together.ap[:, k], alone.ap[:, 0], rtol=0, atol=1e-12)


@settings(deadline=None)
@given(truths, finds, st.sampled_from((0.01, 0.25, 0.5, 1.0)), st.booleans())
def test_pairs_are_all_that_overlap(truth: Truth, found: Found, least: float, same_class: bool) -> None:
    columns = align(truth, as_columns(found))
    pairs = overlapping(columns, least=least, same_class=same_class)
    met = {(d, t): q for d, t, q in zip(*(column.tolist() for column in pairs), strict=True)}
    assert len(met) == len(pairs.detection)
    assert list(zip(pairs.detection, -pairs.tiou, strict=True)) == sorted(
        zip(pairs.detection, -pairs.tiou, strict=True)
    )
    for d in range(len(columns)):
        for t in range(len(columns.true_labels)):
            near = columns.video_index[d] == columns.true_videos[t]
            near &= not same_class or columns.labels[d] == columns.true_labels[t]
            (start, end), (true_start, true_end) = columns.segments[d], columns.true_segments[t]
            overlap = iou(Segment(start, end, ""), Segment(true_start, true_end, "")) if near else 0.0
            assert met.get((d, t), 0.0) == (overlap if overlap >= least else 0.0)


TRUTH = {
    "a": (Segment(0, 10, "x"), Segment(20, 30, "x"), Segment(40, 50, "y")),
    "b": (Segment(0, 10, "y"),),
    "nothing happens": (),
}


def test_the_truth_itself_scores_one_and_silence_scores_nothing() -> None:
    perfect = {
        v: Detections.from_list(Detection(s.start, s.end, s.label, 1) for s in t) for v, t in TRUTH.items()
    }
    result = mean_average_precision(TRUTH, perfect, "0.5,1")
    assert result.ap.tolist() == [[1, 1], [1, 1]]
    assert result.coverage.remarks() == ["1 of 3 videos have no detection"]
    for silence in ({}, {"a": Detections.empty(("x",))}):
        result = mean_average_precision(TRUTH, silence)
        assert result.ap.tolist() == [[0] * 7] * 2
        assert result.coverage.videos_without_detections == 3
        assert result.n_detections.tolist() == [0, 0]


def test_what_is_found_where_nothing_is_true_counts_against_its_class() -> None:
    false = Detections.from_list([Detection(0, 10, "y", 0.9)])
    true = Detections.from_list([Detection(0, 10, "y", 0.5), Detection(40, 50, "y", 0.4)], ("y", "x"))
    for where in ("nothing happens", "a"):
        found = {"b": true[:1], where: false}
        assert mean_average_precision(TRUTH, found, "0.5").ap.tolist() == [[0], [0.25]]
    assert mean_average_precision(TRUTH, {"b": true}, "0.5").ap.tolist() == [[0], [0.5]]


def test_unknown_videos_and_classes_are_counted_and_change_nothing() -> None:
    known = [Detection(0, 10, "x", 0.5), Detection(41, 50, "y", 0.4)]
    strangers = [Detection(0, 10, "z", 0.9), Detection(5, 6, "z", 0.8), Detection(5, 6, "w", 0.1)]
    plain = mean_average_precision(TRUTH, {"a": Detections.from_list(known)})
    result = mean_average_precision(
        TRUTH,
        {
            "a": Detections.from_list(
                strangers[:1] + known + strangers[1:], ("never used", "z", "y", "x", "w")
            ),
            "who?": Detections.from_list(known),
            "empty": Detections.empty(),
        },
    )
    np.testing.assert_array_equal(result.ap, plain.ap)
    assert result.n_detections.tolist() == plain.n_detections.tolist() == [1, 1]
    coverage = result.coverage
    assert (coverage.unknown_videos, coverage.unknown_video_detections) == (("who?", "empty"), 2)
    assert (coverage.unknown_classes, coverage.unknown_class_detections) == (("w", "z"), 3)
    assert coverage.remarks() == [
        "2 of 3 videos have no detection",
        "2 detections ignored: in 2 videos that are not in the ground truth (who?, empty)",
        "3 detections ignored: of classes that are not in the ground truth (w, z)",
    ]


def test_equal_scores_rank_by_place_and_by_the_order_of_the_truth() -> None:
    right, wrong = Detection(0, 10, "x", 0.5), Detection(100, 110, "x", 0.5)
    one = {"a": (Segment(0, 10, "x"),), "b": ()}

    def ap(found: Found) -> float:
        return float(mean_average_precision(one, as_columns(found), "0.5").ap[0, 0])

    assert ap({"a": [right, wrong]}) == 1
    assert ap({"a": [wrong, right]}) == 0.5
    assert ap({"b": [wrong], "a": [right]}) == 1


def test_segments_without_length_are_never_found_and_find_nothing() -> None:
    truth = {"a": (Segment(5, 5, "x"), Segment(0, 10, "x"))}
    points = Detections.from_list([Detection(5, 5, "x", 0.9), Detection(0, 10, "x", 0.5)])
    assert mean_average_precision(truth, {"a": points}, "0.1").ap.tolist() == [[0.25]]


def test_a_threshold_met_exactly_is_met() -> None:
    truth = {"a": (Segment(0, 10, "x"),)}
    found = {"a": Detections.from_list([Detection(0, 5, "x", 0.9)])}
    assert mean_average_precision(truth, found, [0.5, math.nextafter(0.5, 1)]).ap.tolist() == [[1, 0]]


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (Detection(0, math.nan, "x", 0.5), "nan"),
        (Detection(0, 1, "x", math.inf), "inf"),
        (Detection(3, 2, "x", 0.5), "from 3.0 to 2.0 s"),
    ],
)
def test_detections_that_are_none_are_refused(row: Detection, said: str) -> None:
    found = {"b": Detections.from_list([row]), "a": Detections.from_list([Detection(0, 1, "x", 1), row])}
    with pytest.raises(DataError, match=f"^a: detection 1 .*{said}"):
        mean_average_precision(TRUTH, found)


def test_a_truth_without_segments_is_refused() -> None:
    with pytest.raises(DataError, match="holds no segment"):
        mean_average_precision({"a": ()}, {})


@pytest.mark.parametrize("tious", [[], [0.5, 0.5], [0.7, 0.5], [0.0, 0.5], [0.5, 1.1], [math.nan]])
def test_thresholds_must_ascend_within_0_and_1(tious: list[float]) -> None:
    with pytest.raises(ConfigError, match="ascend"):
        mean_average_precision(TRUTH, {}, tious)


def test_result_as_json_rows_and_averages() -> None:
    found = {"a": Detections.from_list([Detection(0, 6, "x", 0.5), Detection(40, 50, "y", 0.4)])}
    result = mean_average_precision(TRUTH, found, "0.1:0.7")
    assert result.mean.tolist() == [0.5] * 6 + [0.25]
    assert result.averages() == {
        "0.1:0.5": pytest.approx(0.5),
        "0.3:0.7": pytest.approx(0.45),
        "0.1:0.7": pytest.approx(result.average()),
    }
    assert result.average("0.7") == 0.25
    with pytest.raises(ConfigError, match=r"no average over 0\.5:0\.95"):
        result.average("0.5:0.95")
    parsed = json.loads(json.dumps(result.to_dict()))
    assert parsed["average_mAP"] == result.average()
    assert parsed["classes"]["y"] == {
        "n_truth": 2,
        "n_detections": 1,
        "AP": {f"0.{k}": 0.5 for k in range(1, 8)},
    }
    header, *rows = result.rows()
    assert header == ["class", *(f"0.{k}" for k in range(1, 8))]
    assert rows == [["x", *[0.5] * 6, 0.0], ["y", *[0.5] * 7], ["mAP", *[0.5] * 6, 0.25]]
    by_linspace = mean_average_precision(TRUTH, found, np.linspace(0.1, 0.7, 7).tolist())
    assert by_linspace.average("0.3:0.7") == pytest.approx(0.45)


@pytest.mark.parametrize("name", RANGES)
def test_the_usual_ranges(name: str) -> None:
    start, stop = map(float, name.split(":"))
    tious = parse_tious(name)
    step = 0.05 if stop == 0.95 else 0.1
    np.testing.assert_allclose(tious, np.arange(start, stop + step / 2, step), rtol=0, atol=1e-12)
    assert tious == parse_tious(RANGES[name])


@settings(deadline=None)
@given(st.integers(1, 100), st.integers(0, 99), st.integers(1, 30))
def test_ranges_are_exact_in_decimals(start: int, reach: int, step: int) -> None:
    stop = min(start + reach, 100)
    tious = parse_tious(f"{start / 100}:{stop / 100}:{step / 100}")
    assert tious == tuple(k / 100 for k in range(start, stop + 1, step))


def test_thresholds_as_lists() -> None:
    assert parse_tious("0.5") == (0.5,)
    assert parse_tious(" 0.7, 0.3 ,0.5,0.50") == (0.3, 0.5, 0.7)
    assert parse_tious("0.95,0.1:0.3:0.1") == (0.1, 0.2, 0.3, 0.95)


@pytest.mark.parametrize(
    "text",
    [
        *("", "x", "0.5,,0.6", "__import__('os')", "0.2:0.6", "0.1:0.7:0.1:0.1"),
        *("0", "0.5,1.01", "nan", "inf", "1e-999999999", "0.1:nan:0.1", "0.9:1.1:0.1"),
        *("0.1:0.7:0", "0.1:0.7:-0.1", "0.7:0.1:0.1", "0.0001:1:0.0001", "0.1:1:1e-999999999"),
    ],
)
def test_thresholds_that_are_none(text: str) -> None:
    with pytest.raises(ConfigError, match="tIoU thresholds"):
        parse_tious(text)
