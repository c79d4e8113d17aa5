"""The next most useful video: a pure function of features, clicks and doubts."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hrpro.studio.next_video import describe, doubt, propose, standardised

LINE = np.array([[0.0], [1.0], [2.0], [10.0]])


def order(*args, **words):
    return [one.video for one in propose(*args, **words)]


def test_what_is_like_many_comes_before_what_is_like_none():
    """Seven videos of one kind, and one far from all: k-center would take that one first."""
    places_nd = np.array([[0.0, 0], [5, 0], [5, 0.2], [5, 0.4], [5.2, 0.2], [4.8, 0.2], [0, 9], [0.1, 0]])
    clicked_n = np.array([True] + 7 * [False])
    found = propose(clicked_n, places_nd=places_nd)
    assert found[0].video == 2
    assert found[0].alike == 4
    assert found[1].video == 6
    assert (found[1].novelty, found[1].alike) == (1, 0)


def test_two_alike_are_not_both_proposed_early_and_what_is_known_by_heart_comes_last():
    clicked_n = np.array([True, False, False, False, False])
    places_nd = np.array([[0.0, 0], [10, 0], [10, 0.1], [0, 6], [0.0, 0]])
    found = propose(clicked_n, places_nd=places_nd)
    assert not {1, 2} <= {one.video for one in found[:2]}
    assert (found[-1].video, found[-1].usefulness) == (4, 0)


def test_before_the_first_click_the_middle_one():
    assert order(np.zeros(4, bool), places_nd=LINE)[:2] == [1, 3]


def test_doubt_decides_between_equally_new_ones_and_cannot_outweigh_what_is_known_by_heart():
    clicked_n = np.array([True, False, False, False])
    places_nd = np.array([[0.0, 0], [1, 0], [0, 1], [0, 0]])
    doubts_n = np.array([0.0, 1, 5, 50])
    assert order(clicked_n, places_nd=places_nd, doubts_n=doubts_n) == [2, 1, 3]
    for nothing in (np.full(4, np.nan), np.zeros(4)):
        assert order(clicked_n, places_nd=places_nd, doubts_n=nothing) == order(
            clicked_n, places_nd=places_nd
        )
    # What nothing is known of is neither the most nor the least doubtful.
    some_n = np.array([np.nan, 1, np.nan, 3])
    assert order(clicked_n, places_nd=places_nd, doubts_n=some_n)[0] == 2


def test_doubt_is_most_where_all_classes_are_as_likely_whatever_the_level():
    assert doubt(np.full((5, 4), 0.2)) == pytest.approx(np.log(4))
    assert doubt(np.full((5, 4), 0.9)) == pytest.approx(np.log(4))
    sure = doubt(np.tile([0.9, 0, 0, 0], (5, 1)))
    assert 0 < sure < 0.05
    assert doubt(np.tile([0.9, 0.3, 0, 0], (5, 1))) > sure
    assert np.isfinite(doubt(np.zeros((5, 4))))


def test_a_video_is_described_alike_in_one_part_or_in_several():
    features_td = np.random.default_rng(0).normal(3, 2, (50, 4)).astype(np.float32)
    whole_d = describe([features_td])
    np.testing.assert_allclose(whole_d, np.concatenate([features_td.mean(0), features_td.std(0)]), rtol=1e-4)
    np.testing.assert_allclose(describe(np.array_split(features_td, 7)), whole_d, rtol=1e-6)


def test_of_very_many_some_are_covered_and_all_may_be_proposed(monkeypatch):
    monkeypatch.setattr("hrpro.studio.next_video.MOST", 5)
    places_nd = np.random.default_rng(0).normal(size=(23, 3))
    found = order(np.arange(23) < 2, places_nd=places_nd)
    assert sorted(found) == list(range(2, 23))


def test_without_features_the_shortest_first_and_unknown_lengths_last():
    seconds_n = np.array([50.0, np.nan, 10.0, 30.0])
    found = propose(np.zeros(4, bool), seconds_n=seconds_n)
    assert [one.video for one in found] == [2, 3, 0, 1]
    assert found[0].usefulness == 1
    assert all(one.novelty is None for one in found)


def test_videos_without_features_come_after_those_with():
    places_nd = np.array([[0.0], [np.nan], [1.0], [np.nan]])
    seconds_n = np.array([9.0, 8.0, 7.0, 6.0])
    found = propose(np.array([True, False, False, False]), places_nd=places_nd, seconds_n=seconds_n)
    assert [one.video for one in found] == [2, 3, 1]
    assert found[0].usefulness > found[1].usefulness > found[2].usefulness


@pytest.mark.parametrize("clicked", [[], [True], [True, True]])
def test_nothing_to_propose(clicked):
    assert propose(np.array(clicked, bool), places_nd=np.zeros((len(clicked), 3))) == []


def test_a_feature_that_never_changes_counts_for_nothing():
    places_nd = np.array([[7.0, 1.0], [7.0, 3.0]])
    placed = standardised(places_nd, np.ones(2, bool))
    np.testing.assert_allclose(placed, [[0, -1], [0, 1]])


@st.composite
def projects(draw):
    n = draw(st.integers(1, 8))
    numbers = st.floats(-1e3, 1e3)
    places_nd = np.array(draw(st.lists(st.lists(numbers, min_size=2, max_size=2), min_size=n, max_size=n)))
    for row in draw(st.sets(st.integers(0, n - 1))):
        places_nd[row] = np.nan
    doubts = st.one_of(st.just(np.nan), st.floats(0, 1e3))
    doubts_n = np.array(draw(st.lists(doubts, min_size=n, max_size=n)))
    clicked_n = np.array(draw(st.lists(st.booleans(), min_size=n, max_size=n)))
    return clicked_n, places_nd, doubts_n


@given(projects(), st.booleans(), st.integers(0, 9))
def test_every_video_without_a_click_once_in_falling_usefulness(project, doubtful, limit):
    clicked_n, places_nd, doubts_n = project
    words = {"places_nd": places_nd, "doubts_n": doubts_n if doubtful else None}
    found = propose(clicked_n, **words)
    assert sorted(one.video for one in found) == np.flatnonzero(~clicked_n).tolist()
    values = [one.usefulness for one in found]
    assert all(0 <= value <= 1 for value in values)
    assert all(a >= b - 1e-9 for a, b in pairwise(values))
    assert [one.video for one in propose(clicked_n, **words, limit=limit)] == [
        one.video for one in found[:limit]
    ]


@given(projects(), st.floats(0.1, 50), st.floats(-100, 100))
def test_the_unit_of_the_features_does_not_matter(project, scale, shift):
    clicked_n, places_nd, doubts_n = project
    places_nd = np.round(places_nd)  # differences that rounding cannot turn around
    one = propose(clicked_n, places_nd=places_nd, doubts_n=doubts_n)
    other = propose(clicked_n, places_nd=places_nd * scale + shift, doubts_n=doubts_n)
    np.testing.assert_allclose(
        sorted(x.usefulness for x in one), sorted(x.usefulness for x in other), atol=1e-3
    )
