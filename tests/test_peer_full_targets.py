"""Which positions answer for which segment, and what is learned from them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hrpro.peers.full.config import DenseConfig
from hrpro.peers.full.decode import candidates
from hrpro.peers.full.losses import diou_loss, sigmoid_focal
from hrpro.peers.full.network import points
from hrpro.peers.full.targets import Actions, assign, shown
from hrpro.proposals.rank import tiou
from hrpro.snippet.losses import focal

CONFIG = DenseConfig(levels=4, upsample=2)


def actions(*rows: tuple[float, float, int]) -> Actions:
    table = np.array(rows, np.float64).reshape(-1, 3)
    return Actions(table[:, :2], table[:, 2].astype(np.int64))


def some_actions(length: int):
    row = st.tuples(st.floats(0, length), st.floats(0, length), st.integers(0, 2))
    return st.lists(row, max_size=6).map(
        lambda rows: actions(*((min(a, b), max(a, b), c) for a, b, c in rows)).within(0, length)
    )


@pytest.mark.parametrize("length", [1, 2, 7, 16, 33])
@pytest.mark.parametrize("upsample", [1, 2, 3])
def test_points_lie_in_the_middle_of_cells_that_tile_the_recording(length, upsample):
    place = points(length, replace(CONFIG, upsample=upsample))
    for level in range(CONFIG.levels):
        centre = place.centre_n[place.level_n == level]
        stride = 2**level / upsample
        np.testing.assert_allclose(centre, (np.arange(len(centre)) + 0.5) * stride)
        assert (len(centre) - 1) * stride < length <= len(centre) * stride + 1e-9


@settings(max_examples=60, deadline=None)
@given(st.data(), st.integers(1, 60))
def test_what_a_position_is_told_decodes_to_a_true_action(data, length):
    """Distances and classes of every positive position give back a segment and its class, exactly."""
    own = data.draw(some_actions(length))
    place = points(length, CONFIG)
    target = assign(place, own, 3, CONFIG)
    assert (target.class_nc.any(1) == target.positive_n).all()
    assert (target.distances_n2[~target.positive_n] == 0).all()
    signed = target.distances_n2 * place.stride_n[:, None] * (-1, 1)
    decoded = place.centre_n[:, None] + signed
    true = {(round(s, 3), round(e, 3), c) for (s, e), c in zip(*own, strict=True)}
    for n in np.flatnonzero(target.positive_n):
        for label in np.flatnonzero(target.class_nc[n]):
            gaps = [max(abs(decoded[n][0] - s), abs(decoded[n][1] - e)) for s, e, c in true if c == label]
            assert min(gaps) < 0.01


@settings(max_examples=60, deadline=None)
@given(st.floats(0, 1), st.floats(0.002, 40), st.integers(1, 40))
def test_no_action_is_too_short_or_too_long_to_be_learned(place, long, length):
    start = place * length
    own = actions((start, start + long, 1)).within(0, length)
    target = assign(points(length, CONFIG), own, 3, CONFIG)
    assert target.positive_n.any() == (len(own.labels_m) > 0)


def test_longer_actions_are_answered_for_higher_up():
    place = points(64, CONFIG)
    levels = []
    for half in (1.0, 3.0, 7.0, 30.0):
        target = assign(place, actions((32 - half, 32 + half, 0)), 1, CONFIG)
        levels.append(place.level_n[target.positive_n])
        assert (target.distances_n2[target.positive_n].max(1) <= CONFIG.reach).all() or half == 30
    assert [int(level.min()) for level in levels] == [0, 1, 2, 3]


def test_of_nested_actions_the_shorter_has_its_own_positions():
    target = assign(points(40, CONFIG), actions((2, 38, 0), (19, 21, 1)), 2, CONFIG)
    assert (target.class_nc.sum(1) <= 1).all()
    assert target.class_nc[:, 0].any()
    assert target.class_nc[:, 1].any()


def test_two_classes_over_one_span_share_their_positions():
    target = assign(points(20, CONFIG), actions((4, 9, 0), (4, 9, 1)), 2, CONFIG)
    assert (target.class_nc[target.positive_n] == 1).all()


def test_no_action_no_positive():
    target = assign(points(9, CONFIG), actions(), 2, CONFIG)
    assert not target.positive_n.any()
    assert not target.class_nc.any()
    assert not shown(9, actions(), 2).any()


def test_what_lies_in_a_stretch():
    own = actions((0, 4, 0), (3, 12, 1), (10, 11, 2), (5, 5, 1), (30, 40, 0)).within(4, 6)
    np.testing.assert_array_equal(own.segments_m2, [[0, 6]])
    np.testing.assert_array_equal(own.labels_m, [1])


def test_snippets_show_the_part_that_is_covered():
    of_both = actions((0.6, 3.25, 0), (2, 2.6, 1), (2.5, 2.9, 1), (4, 4.5, 0), (4.5, 5, 0))
    expected = np.array([[0.4, 0], [1, 0], [1, 1], [0.25, 0], [1, 0]])
    np.testing.assert_allclose(shown(5, of_both, 2), expected, rtol=1e-6)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 9), st.floats(0, 9)), min_size=1, max_size=1))
def test_what_snippets_show_of_one_action_adds_up_to_its_length(rows):
    first, last = sorted(rows[0])
    assert shown(9, actions((first, last, 0)), 1).sum() == pytest.approx(last - first, abs=1e-5)


spans = st.tuples(st.floats(0.01, 20), st.floats(0.01, 20), st.floats(-20, 20), st.floats(0.01, 20))


@settings(max_examples=100, deadline=None)
@given(spans)
def test_diou_is_that_of_the_segments(row):
    """Against tIoU of whole segments, and the squared distance of their middles in hulls."""
    left, right, true_left, true_length = row
    one = np.array([[-left, right]])
    two = np.array([[-true_left, -true_left + true_length]])
    hull = max(one[0, 1], two[0, 1]) - min(one[0, 0], two[0, 0])
    expected = 1 - tiou(one, two)[0, 0] + ((one.mean() - two.mean()) / hull) ** 2
    told = torch.tensor([[left, right]]), torch.tensor([[true_left, true_length - true_left]])
    assert diou_loss(*told).item() == pytest.approx(expected, abs=1e-4)


def test_diou_draws_apart_segments_together():
    distances = torch.tensor([[1.0, 1.0]], requires_grad=True)
    diou_loss(distances, torch.tensor([[-5.0, 8.0]])).backward()
    assert distances.grad is not None
    assert distances.grad[0, 1] < 0


def test_focal_is_that_of_probabilities():
    logits = torch.linspace(-8, 8, 41)
    for target in (torch.zeros(41), torch.ones(41)):
        weight = 0.25 if target[0] else 0.75
        expected = weight * focal(logits.sigmoid(), target, 2.0)
        torch.testing.assert_close(
            sigmoid_focal(logits, target, gamma=2.0, alpha=0.25), expected, rtol=1e-3, atol=1e-5
        )
    middle = sigmoid_focal(logits, torch.full((41,), 0.3), gamma=2.0, alpha=0.25)
    assert logits.sigmoid()[middle.argmin()].item() == pytest.approx(0.3, abs=0.1)
    assert torch.isfinite(
        sigmoid_focal(torch.tensor([500.0, -500.0]), torch.tensor([0.0, 1.0]), gamma=2.0, alpha=0.5)
    ).all()


def test_candidates_of_positions_that_say_the_truth():
    """Told what they should say, positions give the true actions, each with its class, and nothing else."""
    own = actions((1, 2, 0), (4, 17.5, 1), (20, 23, 2), (28, 60, 0))
    target = assign(points(64, CONFIG), own, 3, CONFIG)
    found = candidates(target.class_nc, target.distances_n2, 64, CONFIG)
    assert len(found) == target.positive_n.sum()
    overlap = tiou(found.segments, own.segments_m2)
    assert overlap.max(1).min() > 0.999
    np.testing.assert_array_equal(found.labels, own.labels_m[overlap.argmax(1)])
    assert set(overlap.argmax(1)) == {0, 1, 2, 3}


def test_candidates_are_the_best_within_the_recording_best_first():
    rng = np.random.default_rng(0)
    config = replace(CONFIG, candidates=3, min_score=0.2)
    n = len(points(10, config).centre_n)
    score_nc, distances_n2 = rng.random((n, 4), np.float32), 9 * rng.random((n, 2), np.float32)
    found = candidates(score_nc, distances_n2, 10, config)
    np.testing.assert_array_equal(found.oic.astype(np.float32), np.sort(score_nc.ravel())[::-1][:30])
    assert (found.segments[:, 0] >= 0).all()
    assert (found.segments[:, 1] <= 10).all()
    assert (found.segments[:, 1] > found.segments[:, 0]).all()
    assert len(candidates(score_nc * 0.1, distances_n2, 10, config)) == 0
    assert len(candidates(score_nc, distances_n2 * 0, 10, config)) == 0


def test_of_actions_in_one_place_each_keeps_a_position():
    """The nearest one to the second's middle is all that the first has."""
    own = actions((3.0, 4.2, 0), (3.1, 4.1, 1), (3.05, 4.15, 2), (3.1, 4.1, 0))
    target = assign(points(10, CONFIG), own, 3, CONFIG)
    held = {tuple(row) for row in target.class_nc[target.positive_n].tolist()}
    assert held >= {(1, 0, 0), (1, 1, 0), (0, 0, 1)}
