"""The diagnosis against its definitions: kinds by plain loops, gains by evaluating corrected detections."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hrpro.core.annotations import Detection, Detections, Segment
from hrpro.core.errors import ConfigError, DataError
from hrpro.metrics.detection import mean_average_precision
from hrpro.metrics.errors import KINDS, diagnose
from metrics_reference import Found, Truth, as_columns, finds, iou, match_class, ranked, truths

Verdict = tuple[str, Detection, str, int | None]
thresholds = st.sampled_from((0.05, 0.1, 0.3, 0.5, 1.0))


def judge(truth: Truth, found: Found, tiou: float) -> tuple[list[Verdict], set[tuple[str, int]]]:
    """(video, detection, kind, index of the segment aimed at) best score first, and the segments found."""
    labels = {segment.label for segments in truth.values() for segment in segments}
    outcome = {label: match_class(truth, found, label, tiou) for label in labels}
    hits = {label: iter(of_class) for label, (of_class, _) in outcome.items()}
    near = min(0.1, tiou)
    verdicts: list[Verdict] = []
    for video, row in ranked(truth, found):
        overlaps = [(iou(row, segment), -i) for i, segment in enumerate(truth[video])]
        same = [pair for pair in overlaps if truth[video][-pair[1]].label == row.label]
        own = max(same, default=(0.0, 0))
        other = max((pair for pair in overlaps if pair not in same), default=(0.0, 0))
        target = None
        if next(hits[row.label]):
            kind = "true positive"
        elif own[0] >= tiou:
            kind = "double"
        elif other[0] >= tiou:
            kind, target = "wrong label", -other[1]
        elif own[0] >= near:
            kind, target = "localisation", -own[1]
        elif other[0] >= near:
            kind, target = "confusion", -other[1]
        else:
            kind = "background"
        verdicts.append((video, row, kind, target))
    return verdicts, set().union(*(taken for _, taken in outcome.values()))


@settings(deadline=None)
@given(truths, finds, thresholds)
def test_kinds_profile_and_misses_equal_the_definitions(truth: Truth, found: Found, tiou: float) -> None:
    verdicts, taken = judge(truth, found, tiou)
    diagnosis = diagnose(truth, as_columns(found), tiou=tiou)
    assert diagnosis.kinds == {kind: sum(v[2] == kind for v in verdicts) for kind in KINDS}
    n_truth = Counter(segment.label for segments in truth.values() for segment in segments)
    assert (diagnosis.n_truth, diagnosis.missed) == (n_truth.total(), n_truth.total() - len(taken))
    expected = np.zeros((10, len(KINDS)))
    rank: Counter[str] = Counter()
    for _, row, kind, _ in verdicts:
        level = rank[row.label] // n_truth[row.label]
        rank[row.label] += 1
        if level < 10:
            expected[level, KINDS.index(kind)] += 1
    np.testing.assert_array_equal(diagnosis.profile, expected)


def evaluate(truth: Truth, rows: list[tuple[str, Detection]], tiou: float) -> float:
    # Scores by place, so that corrected detections keep the rank of the ones they come from.
    placed = [(v, Detection(d.start, d.end, d.label, -float(i))) for i, (v, d) in enumerate(rows)]
    found = {video: Detections.from_list(d for v, d in placed if v == video) for video in truth}
    return mean_average_precision(truth, found, [tiou]).average()


@settings(deadline=None)
@given(truths, finds, thresholds)
def test_gains_equal_evaluating_corrected_detections(truth: Truth, found: Found, tiou: float) -> None:
    verdicts, taken = judge(truth, found, tiou)
    diagnosis = diagnose(truth, as_columns(found), tiou=tiou)
    base = evaluate(truth, [(v, row) for v, row, _, _ in verdicts], tiou)
    assert diagnosis.mean_ap == pytest.approx(base, abs=1e-12)
    for wrong in KINDS[1:]:
        without = [(v, row) for v, row, kind, _ in verdicts if kind != wrong]
        assert diagnosis.gain_removed[wrong] == pytest.approx(
            evaluate(truth, without, tiou) - base, abs=1e-12
        )
        put_right: list[tuple[str, Detection]] = []
        reached = set(taken)
        for video, row, kind, target in verdicts:
            if kind != wrong:
                put_right.append((video, row))
            elif target is not None and (video, target) not in reached:
                reached.add((video, target))
                segment = truth[video][target]
                put_right.append((video, Detection(segment.start, segment.end, segment.label, row.score)))
        gain = evaluate(truth, put_right, tiou) - base
        assert diagnosis.gain_fixed[wrong] == pytest.approx(gain, abs=1e-12)
    aimed_at = {(video, target) for video, _, _, target in verdicts if target is not None}
    unseen = [
        (v, s)
        for v, segments in truth.items()
        for i, s in enumerate(segments)
        if (v, i) not in taken | aimed_at
    ]
    new = [(v, Detection(s.start, s.end, s.label, 1)) for v, s in unseen]
    gain = evaluate(truth, new + [(v, row) for v, row, _, _ in verdicts], tiou) - base
    assert diagnosis.gain_fixed["missed"] == pytest.approx(gain, abs=1e-12)


TRUTH = {
    "a": (Segment(0, 10, "x"), Segment(20, 30, "y"), Segment(50, 60, "x"), Segment(80, 90, "y")),
    "b": (Segment(0, 4, "x"),),
}
ROWS = {
    "true positive": Detection(0, 9, "x", 0.9),
    "double": Detection(0, 10, "x", 0.8),
    "wrong label": Detection(20, 30, "x", 0.7),
    "localisation": Detection(53, 75, "x", 0.6),
    "confusion": Detection(85, 100, "x", 0.5),
    "background": Detection(89.9, 100, "x", 0.4),
}


def test_one_of_each_kind() -> None:
    diagnosis = diagnose(TRUTH, {"a": Detections.from_list(ROWS.values())})
    assert diagnosis.kinds == dict.fromkeys(KINDS, 1)
    assert diagnosis.profile[:3].tolist() == [[1, 1, 1, 0, 0, 0], [0, 0, 0, 1, 1, 1], [0] * 6]
    assert diagnosis.missed == 4
    # mAP: x finds one of 3 at rank 1; y has two and nothing for them.
    assert diagnosis.mean_ap == pytest.approx((1 / 3 + 0) / 2)
    assert diagnosis.gain_fixed["wrong label"] == pytest.approx(1 / 2 / 2)
    assert diagnosis.gain_fixed["confusion"] == pytest.approx(1 / 2 / 2)
    assert diagnosis.gain_fixed["localisation"] == pytest.approx(2 / 4 / 3 / 2)
    assert diagnosis.gain_fixed["missed"] == pytest.approx(1 / 3 / 2)
    assert set(diagnosis.gain_removed.values()) == {0.0}


def test_an_own_segment_that_is_near_goes_before_another_that_is_not() -> None:
    truth = {"a": (Segment(0, 10, "x"), Segment(4, 14, "y"))}
    found = {"a": Detections.from_list([Detection(4, 14.5, "x", 1)])}
    assert diagnose(truth, found, tiou=0.5).kinds["wrong label"] == 1
    assert diagnose(truth, found, tiou=0.97).kinds["localisation"] == 1
    assert diagnose(truth, found, tiou=0.3).kinds["true positive"] == 1


def test_missed_by_length() -> None:
    lengths = [1, 1, 2, 2, 3, 3, 4, 4, 5, 5]
    truth = {f"v{i}": (Segment(10, 10 + length, "x"),) for i, length in enumerate(lengths)} | {
        "unknown length": (Segment(15.1, 16.1, "x"),)
    }
    found = {f"v{i}": Detections.from_list([Detection(10, 10 + lengths[i], "x", 1)]) for i in (1, 4, 5, 8)}
    durations = {f"v{i}": 20.0 if i < 9 else 1000.0 for i in range(10)}
    diagnosis = diagnose(truth, found, durations=durations)
    rows = [(b.name, b.n, b.missed, b.shortest, b.longest) for b in diagnosis.by_length]
    assert 16.1 - 15.1 > 1, "not quite 1, and yet in one bucket with it"
    expected = [
        ("XS", 3, 2, 1, 1),
        ("S", 2, 2, 2, 2),
        ("M", 2, 0, 3, 3),
        ("L", 2, 2, 4, 4),
        ("XL", 2, 1, 5, 5),
    ]
    assert rows == expected
    relative = diagnosis.by_relative_length
    assert sum(b.n for b in relative) == 10
    assert (relative[0].shortest, relative[-1].longest) == (0.005, 0.25)
    assert (relative[0].n, relative[0].missed) == (3, 2)
    assert diagnose(truth, found).by_relative_length == ()
    assert diagnose(truth, found, durations={"v0": 0.0}).by_relative_length == ()


def test_equal_lengths_share_one_bucket() -> None:
    truth = {"a": tuple(Segment(i, i + 1, "x") for i in range(7))}
    (bucket,) = diagnose(truth, {}).by_length
    assert (bucket.n, bucket.missed, bucket.shortest, bucket.longest) == (7, 7, 1, 1)


def test_as_json() -> None:
    out = diagnose(TRUTH, {"a": Detections.from_list(ROWS.values())}).to_dict()
    assert out["profile"][0] == dict(zip(KINDS, (1, 1, 1, 0, 0, 0), strict=True))
    assert out["by_length"][0]["name"] == "XS"


def test_bad_input_is_refused() -> None:
    for tiou in (0, -1, 1.01, float("nan")):
        with pytest.raises(ConfigError, match="threshold"):
            diagnose(TRUTH, {}, tiou=tiou)
    with pytest.raises(DataError, match="holds no segment"):
        diagnose({}, {})
