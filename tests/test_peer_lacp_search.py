"""LACP's search: brute force over every sequence that the seeds allow, and what its output must hold."""

import math
from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hrpro.peers.lacp.search import dense_sequences, optimal_sequence


def contrast(score, start, end, outer):
    """Inner less outer mean of [start, end), in plain words."""
    reach = math.ceil(outer * (end - start))
    around = [*score[max(start - reach, 0) : start], *score[end : end + reach]]
    return np.mean(score[start:end]) - (np.mean(around) if around else 0.0)


def completeness(action_score, start, first_is_action, outer):
    """Mean contrast of each instance's own score."""
    parts = []
    for n, (begin, end) in enumerate(zip(start, [*start[1:], len(action_score)], strict=True)):
        is_action = (n % 2 == 0) == first_is_action
        parts.append(contrast(action_score if is_action else 1 - action_score, begin, end, outer))
    return float(np.mean(parts))


def borders(action, background):
    """Whether the first instance is an action, and the places that each border may take."""
    kinds = [(t, bool(action[t])) for t in range(len(action)) if action[t] or background[t]]
    return kinds[0][1], [range(t + 1, u + 1) for (t, k), (u, other) in pairwise(kinds) if k != other]


@st.composite
def recordings(draw, longest=12, most=5):
    """P^ [T] of any roughness and some seeds, at least one of action."""
    length = draw(st.integers(1, longest))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    score = rng.random(length) ** draw(st.sampled_from([0.3, 1.0, 4.0]))
    if draw(st.booleans()):
        score = np.round(score)
    seeds = rng.permutation(length)[: rng.integers(1, most + 1)]
    action, background = np.zeros(length, bool), np.zeros(length, bool)
    action[seeds[0]] = True
    for t in seeds[1:]:
        (action if rng.random() < 0.5 else background)[t] = True
    return score, action, background


OUTER = st.sampled_from([0.1, 0.25, 0.5, 1.0])


@settings(deadline=None, max_examples=200)
@given(recordings(), OUTER)
def test_a_wide_budget_finds_what_brute_force_finds(recording, outer):
    score, action, background = recording
    first, places = borders(action, background)
    best = max(completeness(score, [0, *chosen], first, outer) for chosen in product(*places))
    found = optimal_sequence(score, action, background, outer=outer, budget=len(score))
    assert found.first_is_action == first
    assert found.completeness == pytest.approx(best, abs=1e-9)
    assert completeness(score, found.start.tolist(), first, outer) == pytest.approx(best, abs=1e-9)


@settings(deadline=None, max_examples=200)
@given(recordings(longest=60, most=12), OUTER, st.integers(1, 30))
def test_any_budget_gives_a_sequence_that_agrees_with_its_seeds(recording, outer, budget):
    score, action, background = recording
    first, places = borders(action, background)
    found = optimal_sequence(score, action, background, outer=outer, budget=budget)
    assert found.start[0] == 0
    assert all(t in place for t, place in zip(found.start[1:], places, strict=True))
    assert found.completeness == pytest.approx(completeness(score, found.start.tolist(), first, outer))
    exact = optimal_sequence(score, action, background, outer=outer, budget=len(score))
    assert found.completeness <= exact.completeness + 1e-9


@settings(deadline=None, max_examples=100)
@given(recordings(longest=40, most=8), recordings(longest=40, most=8), OUTER)
def test_dense_labels_and_weights_are_those_of_each_class(one, other, outer):
    length = min(len(one[0]), len(other[0]))
    score_tc = np.stack([one[0][:length], other[0][:length]], axis=1)
    action_tc = np.stack([one[1][:length], other[1][:length]], axis=1)
    background_t = (one[2][:length] | other[2][:length]) & ~action_tc.any(1)
    dense = dense_sequences(score_tc, action_tc, background_t, outer=outer, budget=5)
    for c in range(2):
        if not action_tc[:, c].any():
            assert not dense.label_tc[:, c].any()
            assert not dense.weight_tc[:, c].any()
            continue
        rest = background_t | (action_tc[:, 1 - c] & ~action_tc[:, c])
        found = optimal_sequence(score_tc[:, c], action_tc[:, c], rest, outer=outer, budget=5)
        labels = np.zeros(length, bool)
        for n, start in enumerate(found.start):
            labels[start:] = (n % 2 == 0) == found.first_is_action
        np.testing.assert_array_equal(dense.label_tc[:, c], labels)
        assert dense.label_tc[action_tc[:, c], c].all()
        assert not dense.label_tc[rest, c].any()
        weighed = dense.weight_tc[:, c] @ score_tc[:, c]
        assert weighed == pytest.approx(found.completeness, abs=1e-5)


def test_finds_the_edges_of_a_clean_action():
    score = np.array([0.1, 0.1, 0.1, 0.9, 0.9, 0.9, 0.9, 0.1, 0.1, 0.1])
    action, background = np.arange(10) == 5, np.isin(np.arange(10), (0, 9))
    found = optimal_sequence(score, action, background, outer=0.25, budget=25)
    assert found.start.tolist() == [0, 3, 7]
    assert not found.first_is_action
    assert found.completeness == pytest.approx(0.8)


def test_a_lone_click_without_background_is_the_whole_recording():
    found = optimal_sequence(
        np.array([0.2, 0.6]), np.array([True, False]), np.zeros(2, bool), outer=1, budget=1
    )
    assert found.start.tolist() == [0]
    assert found.first_is_action
    assert found.completeness == pytest.approx(0.4)


def test_a_budget_of_one_is_greedy_and_can_miss_the_best():
    rng = np.random.default_rng(1)
    action, background = np.zeros(40, bool), np.zeros(40, bool)
    action[[8, 24]], background[[0, 16, 39]] = True, True
    short = 0
    for _ in range(30):
        score = rng.random(40)
        greedy, wide = (
            optimal_sequence(score, action, background, outer=0.25, budget=k).completeness for k in (1, 40)
        )
        assert greedy <= wide + 1e-12
        short += greedy < wide - 1e-6
    assert short > 10


def test_a_wide_budget_finds_long_actions_in_a_long_recording_to_the_snippet():
    length, rng = 6000, np.random.default_rng(0)
    truth = np.zeros(length, bool)
    for start in (500, 2500, 5200):
        truth[start : start + 300] = True
    score = np.clip(truth * 0.8 + 0.1 + rng.normal(0, 0.02, length), 0, 1)
    action, background = np.zeros(length, bool), np.zeros(length, bool)
    action[[600, 2650, 5300]], background[[0, 1500, 4000, 5999]] = True, True
    found = optimal_sequence(score, action, background, outer=0.25, budget=1000)
    assert found.start.tolist() == [0, 500, 800, 2500, 2800, 5200, 5500]
