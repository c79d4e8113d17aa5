"""Normalised mAP by length against its definition, rank by rank, and an example by hand."""

from __future__ import annotations

import pytest
from hypothesis import given, settings

from hrpro.core.annotations import Detection, Detections, Segment
from hrpro.metrics.errors import diagnose
from hrpro.metrics.sensitivity import Bucket
from metrics_reference import Found, Place, Truth, as_columns, finds, interpolated, match_class, truths
from test_metrics_errors import thresholds


def naive(truth: Truth, found: Found, tiou: float, part: set[Place]) -> float:
    labels = {segment.label for segments in truth.values() for segment in segments}
    usual = sum(map(len, truth.values())) / len(labels)
    each = []
    for label in labels:
        n = sum(truth[video][i].label == label for video, i in part)
        if n == 0:
            continue
        hits = [hit for hit in match_class(truth, found, label, tiou)[0] if hit is None or hit in part]
        precision, recall = [], []
        for rank in range(1, len(hits) + 1):
            right = sum(hit is not None for hit in hits[:rank])
            recall.append(right / n)
            precision.append(recall[-1] * usual / (recall[-1] * usual + rank - right))
        each.append(interpolated(precision, recall))
    return sum(each) / len(each)


@settings(deadline=None)
@given(truths, finds, thresholds)
def test_each_part_equals_the_definition(truth: Truth, found: Found, tiou: float) -> None:
    places = {(video, i) for video, segments in truth.items() for i in range(len(segments))}
    durations = {"v1": 20.0, "v2": 5.0}  # that of v3 is not known
    diagnosis = diagnose(truth, as_columns(found), tiou=tiou, durations=durations)
    assert diagnosis.map_n == pytest.approx(naive(truth, found, tiou, places))
    seconds = dict.fromkeys(truth, 1.0)
    for wholes, buckets in ((seconds, diagnosis.by_length), (durations, diagnosis.by_relative_length)):
        for bucket in buckets:
            part = set()
            for video, i in places:
                length = truth[video][i].end - truth[video][i].start
                size = round(length / wholes.get(video, float("nan")), 6)
                if bucket.shortest <= size <= bucket.longest:
                    part.add((video, i))
            assert len(part) == bucket.n
            assert bucket.map_n == pytest.approx(naive(truth, found, tiou, part))


def test_by_hand() -> None:
    """Four of 1 s and one of 9 s; the best detection is false, two short ones are found, and the long one."""
    truth = {"v": (*(Segment(10 * i, 10 * i + 1, "x") for i in range(4)), Segment(50, 59, "x"))}
    rows = [(80, 81, 0.9), (0, 1, 0.8), (10, 11, 0.7), (50, 59, 0.6)]
    found = {"v": Detections.from_list([Detection(a, b, "x", score) for a, b, score in rows])}
    diagnosis = diagnose(truth, found)
    short, long = diagnosis.by_length
    assert (short.told("s"), Bucket("XL", 0.0123, 1.0, 1, 0, 0.0).told("%")) == ("1 s", "1.23–100 %")
    assert Bucket("XL", 98.76, 3600.4, 1, 0, 0.0).told("s") == "98.8–3600 s"
    assert (short.n, short.missed, long.n, long.missed) == (4, 2, 1, 0)
    # Short: after the false one, 1/4 and 2/4 of them are found; as if of 5, that is 2.5 true ones beside it.
    assert short.map_n == pytest.approx(0.5 * 2.5 / 3.5)
    assert long.map_n == pytest.approx(5 / 6)  # all of them, as if 5, beside the false one
    assert diagnosis.map_n == pytest.approx(diagnosis.mean_ap)  # one class: N is what it has


def test_the_same_data_seven_times_makes_no_difference() -> None:
    def parts(copies: int) -> list[float]:
        truth: Truth = {}
        found: Found = {}
        for n in range(copies):
            truth[f"{n}"] = (
                Segment(0, 1, "x"),
                Segment(10, 11, "x"),
                Segment(20, 29, "x"),
                Segment(40, 49, "x"),
            )
            found[f"{n}"] = [
                Detection(0, 1, "x", 0.9),
                Detection(60, 61, "x", 0.8),
                Detection(20, 29, "x", 0.7),
            ]
        return [bucket.map_n for bucket in diagnose(truth, as_columns(found)).by_length]

    assert parts(1) == pytest.approx(parts(7))
