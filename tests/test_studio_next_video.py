"""The next most useful video: a pure function of features, clicks and doubts."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hrpro.studio.next_video import propose, standardised

LINE = np.array([[0.0], [1.0], [2.0], [10.0]])


def order(*args, **words):
    return [one.video for one in propose(*args, **words)]


def test_the_farthest_from_all_clicked_comes_first_and_two_alike_are_not_both_proposed_early():
    clicked_n = np.array([True, False, False, False, False])
    means_nd = np.array([[0.0, 0], [10, 0], [10, 0.1], [0, 6], [0.2, 0]])
    assert order(clicked_n, means_nd=means_nd)[:2] in ([1, 3], [2, 3], [3, 1], [3, 2])
    assert order(clicked_n, means_nd=means_nd)[-1] in (4, 2, 1)
    first_two = set(order(clicked_n, means_nd=means_nd)[:2])
    assert not {1, 2} <= first_two


def test_before_the_first_click_the_middle_one_and_then_the_one_farthest_from_it():
    assert order(np.zeros(4, bool), means_nd=LINE)[:2] == [2, 3]


def test_doubt_decides_between_equally_new_ones_and_cannot_outweigh_what_is_known_by_heart():
    clicked_n = np.array([True, False, False, False])
    means_nd = np.array([[0.0, 0], [1, 0], [0, 1], [0, 0]])
    doubts_n = np.array([0.0, 1, 5, 50])
    assert order(clicked_n, means_nd=means_nd, doubts_n=doubts_n) == [2, 1, 3]
    assert order(clicked_n, means_nd=means_nd, doubts_n=np.full(4, np.nan))[-1] == 3


def test_without_features_the_shortest_first_and_unknown_lengths_last():
    seconds_n = np.array([50.0, np.nan, 10.0, 30.0])
    found = propose(np.zeros(4, bool), seconds_n=seconds_n)
    assert [one.video for one in found] == [2, 3, 0, 1]
    assert found[0].usefulness == 1
    assert all(one.novelty is None for one in found)


def test_videos_without_features_come_after_those_with():
    means_nd = np.array([[0.0], [np.nan], [1.0], [np.nan]])
    seconds_n = np.array([9.0, 8.0, 7.0, 6.0])
    found = propose(np.array([True, False, False, False]), means_nd=means_nd, seconds_n=seconds_n)
    assert [one.video for one in found] == [2, 3, 1]
    assert found[0].usefulness > found[1].usefulness > found[2].usefulness


@pytest.mark.parametrize("clicked", [[], [True], [True, True]])
def test_nothing_to_propose(clicked):
    assert propose(np.array(clicked, bool), means_nd=np.zeros((len(clicked), 3))) == []


def test_a_feature_that_never_changes_counts_for_nothing():
    means_nd = np.array([[7.0, 1.0], [7.0, 3.0]])
    placed = standardised(means_nd, np.ones(2, bool))
    np.testing.assert_allclose(placed, [[0, -1], [0, 1]])


@st.composite
def projects(draw):
    n = draw(st.integers(1, 8))
    numbers = st.floats(-1e3, 1e3)
    means_nd = np.array(draw(st.lists(st.lists(numbers, min_size=2, max_size=2), min_size=n, max_size=n)))
    for row in draw(st.sets(st.integers(0, n - 1))):
        means_nd[row] = np.nan
    doubts = st.one_of(st.just(np.nan), st.floats(0, 1e3))
    doubts_n = np.array(draw(st.lists(doubts, min_size=n, max_size=n)))
    clicked_n = np.array(draw(st.lists(st.booleans(), min_size=n, max_size=n)))
    return clicked_n, means_nd, doubts_n


@given(projects(), st.booleans(), st.integers(0, 9))
def test_every_video_without_a_click_once_in_falling_usefulness(project, doubtful, limit):
    clicked_n, means_nd, doubts_n = project
    words = {"means_nd": means_nd, "doubts_n": doubts_n if doubtful else None}
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
    clicked_n, means_nd, doubts_n = project
    means_nd = np.round(means_nd)  # differences that rounding cannot turn around
    one = propose(clicked_n, means_nd=means_nd, doubts_n=doubts_n)
    other = propose(clicked_n, means_nd=means_nd * scale + shift, doubts_n=doubts_n)
    np.testing.assert_allclose(
        sorted(x.usefulness for x in one), sorted(x.usefulness for x in other), atol=1e-3
    )
