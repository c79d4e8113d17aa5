"""Intervals and differences: the bootstrap draws videos, is paired, and agrees with the mAP it resamples."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hrpro.core.annotations import Detections
from hrpro.metrics.detection import mean_average_precision
from hrpro.report.collect import TIOUS, Result
from hrpro.report.compare import difference, draw_videos, estimate, mean_ap, metrics
from report_subjects import detections, result, subject


@given(
    st.lists(st.integers(0, 3), min_size=5, max_size=5).filter(any),
    st.integers(0, 1000),
    st.sampled_from([0.1, 1.0, 3.0]),
)
def test_a_video_that_counts_twice_counts_as_two_videos_alike(
    counts: list[int], seed: int, noise: float
) -> None:
    about = subject(5, seed)
    found = detections(about, noise, seed)
    weighed = mean_ap(Result(about, result(found)).judged, np.array([counts], float))[0]
    assert about.truth is not None
    copies = [(f"{id} {copy}", id) for id, n in zip(found, counts, strict=True) for copy in range(n)]
    truth = {name: about.truth[id] for name, id in copies}
    expected = mean_average_precision(truth, {name: found[id] for name, id in copies}, TIOUS)
    assert weighed == pytest.approx(expected.mean, abs=1e-12)


def test_counting_each_video_once_is_the_metric_itself() -> None:
    about = subject(12)
    one = Result(about, result(detections(about, 1.0)))
    assert mean_ap(one.judged, np.ones((1, 12)))[0] == pytest.approx(one.detection.mean, abs=1e-12)
    for row in estimate(one):
        own = one.detection.average(row.name) if ":" in row.name else None
        place = None if own is not None else one.detection.tious.index(float(row.name))
        assert row.value == pytest.approx(one.detection.mean[place] if place is not None else own)
        assert row.interval is not None
        assert row.interval[0] <= row.value <= row.interval[1]
        assert row.interval[0] < row.interval[1]
    assert {"0.5", "0.1:0.7", "0.3:0.7"} <= metrics(one.detection.tious).keys()


def test_equal_runs_do_not_differ() -> None:
    about = subject()
    found = detections(about, 1.0)
    one, two = (Result(about, result(found, name=name)) for name in ("one", "two"))
    assert [(e.value, e.interval) for e in difference(one, two)] == [(0.0, (0.0, 0.0))] * len(estimate(one))


def test_a_run_made_worse_is_worse_beyond_doubt_and_one_made_better_better() -> None:
    about = subject(20)
    good = Result(about, result(detections(about, 0.2, seed=1)))
    bad = Result(about, result(detections(about, 2.5, seed=1)))
    for row in difference(good, bad):
        assert row.value < 0
        assert row.interval is not None
        assert row.interval[1] < 0, row
    for there, back in zip(difference(good, bad), difference(bad, good), strict=True):
        assert back.value == -there.value
        assert back.interval is not None
        assert there.interval is not None
        assert back.interval == pytest.approx([-there.interval[1], -there.interval[0]])


def test_a_small_change_hides_in_either_run_s_noise_and_shows_when_paired() -> None:
    """Videos differ a lot, the runs a little: the same draws for both take the first out."""
    about = subject(20)
    found = detections(about, 1.2, seed=3)
    ruined = {  # half of the videos are hard for both
        id: replace(each, segments=each.segments + (0 if i % 2 else 3))
        for i, (id, each) in enumerate(found.items())
    }
    nudged = {id: replace(each, segments=each.segments + 0.25) for id, each in ruined.items()}
    one, two = Result(about, result(ruined)), Result(about, result(nudged))
    paired = {e.name: e.interval for e in difference(one, two)}["0.1:0.7"]
    assert paired is not None
    apart = mean_ap(two.judged, draw_videos(20, seed=1)) - mean_ap(one.judged, draw_videos(20, seed=2))
    low, high = np.quantile(apart.mean(1), [0.025, 0.975])
    assert paired[1] - paired[0] < 0.6 * (high - low)


def test_the_same_data_give_the_same_interval_at_every_call() -> None:
    about = subject()
    one, two = (Result(about, result(detections(about, 1.0))) for _ in range(2))
    assert [e.interval for e in estimate(one)] == [e.interval for e in estimate(two)]


@pytest.mark.parametrize("n", [1, 2])
def test_of_one_video_there_is_no_interval(n: int) -> None:
    about = subject(n)
    one = Result(about, result(detections(about, 1.0)))
    assert [row.interval is None for row in estimate(one)] == [n == 1] * len(estimate(one))
    assert [row.interval is None for row in difference(one, one)] == [n == 1] * len(estimate(one))


def test_draws_without_a_class_or_a_true_segment_spoil_nothing() -> None:
    about = subject(6)
    assert about.truth is not None
    ids = list(about.truth)
    only_two = {id: each if i < 2 else () for i, (id, each) in enumerate(about.truth.items())}
    sparse = replace(about, truth=only_two)
    one = Result(sparse, result(detections(about, 0.5)))
    drawn = mean_ap(one.judged, np.eye(6) * 6)
    assert np.isnan(drawn[2:]).all()
    assert np.isfinite(drawn[:2]).all()
    assert all(row.interval and np.isfinite(row.interval).all() for row in estimate(one))
    nothing = Result(about, result({id: Detections.empty(("jump",)) for id in ids}))
    assert {(row.value, row.interval) for row in estimate(nothing)} == {(0.0, (0.0, 0.0))}
