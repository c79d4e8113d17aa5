"""Boundaries told by the features: changes found where they were planted, and candidates moved."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from hrpro.boundaries.change import edge_costs
from hrpro.boundaries.config import BoundaryConfig
from hrpro.boundaries.offset import Offset, Placed, find_offset, neighbours
from hrpro.config import Config
from hrpro.core.errors import ConfigError
from hrpro.localizer import HRPro
from hrpro.proposals.generate import Proposals
from hrpro.snippet.stage import SnippetStage
from hrpro.views import boundary_offset
from tiny_sets import tiny_config, usual

GRID = np.arange(-8, 9) / 8


def shown(boundaries: NDArray[np.float64], length: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Features [T, 5] of stretches between the boundaries, each of a mean of its own, by covered parts."""
    edges = np.concatenate([[0.0], boundaries, [float(length)]])
    cell = np.arange(length)[:, None]
    covered = np.clip(np.minimum(edges[1:], cell + 1) - np.maximum(edges[:-1], cell), 0, None)
    return covered @ rng.normal(0, 3, (len(edges) - 1, 5)) + rng.normal(0, 0.1, (length, 5))


@given(st.integers(0, 10**6), st.floats(-0.9, 0.9))
def test_a_change_costs_least_where_it_is(seed: int, off: float) -> None:
    rng = np.random.default_rng(seed)
    features = shown(np.array([10.0 + off]), 20, rng)
    for inner, outer in ((15.0, 5.0), (5.0, 15.0)):  # the action after the boundary, and before it
        costs = edge_costs(features, 10.0, inner, outer, GRID)
        assert costs is not None
        assert abs(GRID[costs.argmin()] - off) <= 0.125


def test_where_there_is_too_little_nothing_is_said() -> None:
    features = np.random.default_rng(0).normal(size=(20, 5))
    assert edge_costs(features, 10.0, 11.0, 8.0, GRID) is None  # three snippets
    assert edge_costs(features, 10.0, 10.4, 5.0, GRID) is None  # nothing inside where it is moved inwards
    assert edge_costs(features, 0.5, 10.0, -5.0, GRID) is None  # nothing before
    same = np.ones((20, 5))
    costs = edge_costs(same, 10.0, 15.0, 5.0, GRID)
    assert costs is not None
    assert np.isfinite(costs).all()


@pytest.mark.parametrize(("start", "end"), [(-0.5, 0.5), (0.25, -0.25), (0.0, 0.75)])
def test_an_offset_that_all_share_is_found(start: float, end: float) -> None:
    rng, recordings = np.random.default_rng(1), []
    for _ in range(20):
        true = np.array([[6.3, 11.8], [20.6, 29.1]]) + rng.uniform(-0.5, 0.5, (2, 2))
        features = shown(true.ravel(), 40, rng)
        recordings.append(Placed(features, true - [start, end], np.array([[0, 24.5], [8.5, 40]])))
    found = find_offset(recordings, 1.0)
    assert (found.start, found.end) == pytest.approx((start, end), abs=0.13)
    assert find_offset(recordings, 0.0) == Offset()
    assert find_offset([], 1.0) == Offset()


@pytest.mark.parametrize("long", [0.5, -0.5])
def test_an_offset_counts_as_far_as_short_and_long_actions_agree(long: float) -> None:
    rng, recordings = np.random.default_rng(3), []
    for n, off in ((4, 0.5), (4, 0.5), (12, long)):
        for _ in range(20):
            true = 20 + np.array([[0.0, n]]) + rng.uniform(-0.4, 0.4, (1, 2))
            features = shown(true.ravel(), 60, rng)
            recordings.append(Placed(features, true - off, np.array([[0.0, 60.0]])))
    for found, most in ((find_offset(recordings[:40], 1.0), 0.5), (find_offset(recordings, 1.0), long)):
        if most > 0:
            assert (found.start, found.end) == pytest.approx((most, most), abs=0.13)
        else:  # two thirds against one: a third of whichever is the best of all, or nothing
            assert max(abs(found.start), abs(found.end)) < 0.25


@pytest.mark.parametrize(("contrast", "moved"), [(3.0, True), (0.02, False)])
def test_an_offset_that_features_hardly_tell_is_none(contrast: float, moved: bool) -> None:
    rng, recordings = np.random.default_rng(2), []
    for _ in range(60):
        true = np.array([[6.3, 11.8], [20.6, 29.1]]) + rng.uniform(-0.5, 0.5, (2, 2))
        still, difference = rng.normal(size=(40, 64)), rng.normal(size=64)
        cells = np.arange(40)[:, None]
        covered = (np.minimum(true[:, 1], cells + 1) - np.maximum(true[:, 0], cells)).clip(0, 1).sum(1)
        features = still + contrast * covered[:, None] * difference
        recordings.append(Placed(features, true - [0.5, -0.5], np.array([[0, 24.5], [8.5, 40]])))
    found = find_offset(recordings, 1.0)
    assert (found != Offset()) == moved


@given(
    st.lists(st.tuples(st.floats(0, 30), st.floats(0.1, 30)), max_size=8),
    st.floats(-2, 2),
    st.floats(-2, 2),
)
def test_candidates_are_moved_within_the_recording(
    spans: list[tuple[float, float]], start: float, end: float
) -> None:
    length = 60
    segments = np.array([(a, a + b) for a, b in spans]).reshape(-1, 2)
    n = len(segments)
    made = Proposals(segments, np.zeros(n, np.int64), np.ones(n), np.zeros(n), np.zeros(n, np.int64))
    moved = Offset(start, end).moved(made, length)
    np.testing.assert_array_equal(moved.oic, made.oic)
    assert ((moved.segments >= 0) & (moved.segments <= length)).all()
    before, after = np.diff(segments, axis=1), np.diff(moved.segments, axis=1)
    assert (after >= before / 2 - 1e-9).all()
    at_begin = segments[:, 0] == 0
    assert (moved.segments[at_begin, 0] == 0).all()
    free = (segments[:, 0] > 2) & (before[:, 0] > 8)
    np.testing.assert_allclose(moved.segments[free, 0] - segments[free, 0], start, atol=1e-9)


def test_neighbours_are_the_clicks_next_in_time() -> None:
    times = np.array([7.5, 2.5, 7.5, 9.5])
    np.testing.assert_array_equal(neighbours(times, 12), [[2.5, 9.5], [0, 7.5], [2.5, 9.5], [7.5, 12]])
    assert neighbours(np.zeros(0), 12).shape == (0, 2)


@pytest.mark.parametrize("wrong", [{"reach": -1.0}, {"reach": float("nan")}, {"dimensions": 0}])
def test_settings_out_of_range_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match="must be"):
        BoundaryConfig(**wrong)  # pyright: ignore[reportArgumentType]


def test_hrpro_next_moves_its_candidates_and_keeps_the_offset(tmp_path: Path) -> None:
    training_set = usual(tmp_path / "data")
    config = tiny_config()
    plain = HRPro(config).fit(training_set)
    moved = HRPro(replace(config, method="hrpro-next")).fit(training_set)
    assert plain.offset == Offset()
    assert plain.snippet is not None
    assert moved.snippet is not None
    for name, tensor in plain.snippet.state_dict().items():
        assert tensor.equal(moved.snippet.state_dict()[name]), "stage 1 is HR-Pro's"
    assert moved.offset == boundary_offset(moved.snippet, training_set, moved.config or Config())
    assert moved.stage_one().offset == moved.offset
    moved.save(tmp_path / "model")
    again = HRPro.load(tmp_path / "model")
    assert again.offset == moved.offset
    assert again.config is not None
    assert again.config.as_dict() == (moved.config or Config()).as_dict()
    features = training_set.recordings[0].features.read_float32()
    one, other = moved.predict(features), again.predict(features)
    np.testing.assert_array_equal(one.segments, other.segments)
    scores = moved.snippet.scores(features)
    moved.offset = Offset()
    raw = moved.candidates(scores).segments
    moved.offset = Offset(-0.5, 0.5)
    wider = moved.candidates(scores).segments
    assert (wider[:, 0] <= raw[:, 0]).all()
    assert (wider[:, 1] >= raw[:, 1]).all()
    assert (wider != raw).any()


@pytest.mark.parametrize(("span", "expected"), [(1, Offset(0.5, -0.25)), (8, Offset())])
def test_where_features_change_slowly_nothing_is_moved(
    span: int, expected: Offset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A snippet beside a boundary is then no mixture of two sides, which is what an offset is found by."""
    monkeypatch.setattr("hrpro.views.find_offset", lambda *_: Offset(0.5, -0.25))
    training_set, rng = usual(tmp_path), np.random.default_rng(0)
    for item in training_set.recordings:
        length = item.features.shape[0]
        noise = rng.normal(size=(length + span - 1, 6)).astype(np.float32)
        np.save(item.features.path, np.mean([noise[i : length + i] for i in range(span)], axis=0))
    config = tiny_config()
    stage = SnippetStage(training_set.classes, 6, config.snippet)
    assert boundary_offset(stage, training_set, config) == expected
