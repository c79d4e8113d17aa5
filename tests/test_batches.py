"""From a training set to arrays: packing, replay, statistics, and the samples of real files."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hrpro.core.annotations import Click
from hrpro.core.errors import DataError, NonFiniteError
from hrpro.data.batches import Sample, Samples, pack, replay, statistics, varies
from hrpro.data.training_set import TrainingSet
from tiny_sets import STRIDE, by_hand, usual


@given(st.lists(st.integers(1, 9), min_size=1, max_size=5))
def test_pack(lengths):
    features = [np.full((n, 3), i + 1, np.float32) for i, n in enumerate(lengths)]
    batch, found = pack(features)
    assert found == lengths
    assert batch.shape == (sum(lengths), 3)
    assert batch.dtype == torch.float32
    assert batch.is_contiguous()
    for row, part in enumerate(batch.split(found)):
        assert (part == row + 1).all()


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("times", [1, 2])
def test_pack_copies_and_takes_arrays_that_must_not_be_written_to(times):
    features = np.ones((4, 2), np.float32)
    features.setflags(write=False)
    pack([features] * times)[0].zero_()
    assert (features == 1).all()


def sample(length, clicks=(), seed=0):
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(length, 3)).astype(np.float32)
    return Sample(features, np.array(clicks, np.int64), np.zeros(len(clicks), np.int64))


@settings(deadline=None)
@given(st.integers(1, 40), st.floats(0.05, 20), st.data())
def test_replay_keeps_clicks_at_their_part_of_the_recording(length, factor, data):
    clicks = data.draw(st.lists(st.integers(0, length - 1), max_size=4))
    before = sample(length, clicks)
    after = replay(before, factor)
    stretched = len(after.features_td)
    assert stretched == max(round(length * factor), 1)
    assert after.features_td.dtype == np.float32
    assert after.snippets.shape == before.snippets.shape
    for t, moved in zip(clicks, after.snippets, strict=True):
        assert 0 <= moved < stretched
        assert moved <= (t + 0.5) * stretched / length < moved + 1 + 1e-9
    # Interpolation stays between the values there are.
    assert (after.features_td <= before.features_td.max(0) + 1e-6).all()
    assert (after.features_td >= before.features_td.min(0) - 1e-6).all()


def test_replay_interpolates_between_the_middles_of_cells():
    ramp = Sample(np.arange(8, dtype=np.float32)[:, None] + 0.5, np.zeros(0, np.int64), np.zeros(0, np.int64))
    assert replay(ramp, 1.0).features_td[:, 0].tolist() == ramp.features_td[:, 0].tolist()
    assert replay(ramp, 2.0).features_td[1:-1, 0].tolist() == pytest.approx(
        np.arange(0.75, 7.5, 0.5).tolist()
    )
    assert replay(ramp, 0.5).features_td[:, 0].tolist() == [1, 3, 5, 7]


def test_replay_of_one_snippet():
    before = sample(1, [0, 0])
    for factor in (0.3, 1.0, 3.0):
        after = replay(before, factor)
        np.testing.assert_array_equal(after.features_td, np.repeat(before.features_td, round(factor) or 1, 0))
        assert (after.snippets < len(after.features_td)).all()


@settings(deadline=None)
@given(st.lists(st.integers(1, 30), min_size=1, max_size=4), st.sampled_from([0.0, 1e4, -1e6]))
def test_statistics_equal_numpy_s_over_all_snippets(lengths, offset):
    rng = np.random.default_rng(len(lengths))
    arrays = [(rng.normal(size=(n, 4)) + offset).astype(np.float32) for n in lengths]
    known = statistics(iter(arrays))
    whole = np.concatenate(arrays).astype(np.float64)
    np.testing.assert_allclose(known.mean, whole.mean(0), rtol=1e-6, atol=1e-6)
    expected = whole.std(0)
    expected[~varies(whole.mean(0), expected)] = 1
    np.testing.assert_allclose(known.deviation, expected, rtol=1e-4)


def test_a_dimension_that_never_changes_is_not_blown_up():
    features = np.random.default_rng(0).normal(size=(50, 3)).astype(np.float32)
    features[:, 1] = 0.1
    assert statistics([features]).deviation[1] == 1
    assert statistics([features[:1]]).deviation.tolist() == [1, 1, 1]
    assert statistics([features * 1e-12]).deviation[0] == pytest.approx(
        features[:, 0].std() * 1e-12, rel=1e-4
    )


def test_a_dimension_of_a_far_larger_scale_does_not_silence_the_others():
    features = np.random.default_rng(0).normal(size=(50, 3)).astype(np.float32)
    features[:, 2] *= 1e9  # the power of a band, beside accelerations
    known = statistics([features])
    np.testing.assert_allclose(known.deviation, features.astype(np.float64).std(0), rtol=1e-4)


def test_a_dimension_that_is_next_to_nothing_beside_the_others_is_not_blown_up():
    """What it holds on other recordings would be a million times what the network has seen."""
    features = np.random.default_rng(0).normal(size=(50, 4)).astype(np.float32)
    features[:, 1] *= 1e-8
    assert statistics([features]).deviation[1] == 1


def test_the_checksum_tells_values_and_order_but_not_how_rows_are_dealt_out():
    a, b = np.random.default_rng(0).normal(size=(2, 5, 3)).astype(np.float32)
    known = statistics([a, b]).checksum
    assert statistics([np.concatenate([a, b])]).checksum == known
    assert statistics([b, a]).checksum != known
    changed = b.copy()
    changed[4, 2] = np.nextafter(changed[4, 2], np.float32(9))
    assert statistics([a, changed]).checksum != known


def test_samples_put_clicks_on_the_grid(tmp_path):
    samples = Samples(usual(tmp_path))
    assert len(samples) == 3
    first = samples[0]
    np.testing.assert_array_equal(first.features_td, np.load(tmp_path / "a.npy"))
    assert (first.snippets.tolist(), first.classes.tolist()) == ([6, 20, 33], [0, 1, 0])
    late = replace(usual(tmp_path), clicks={**usual(tmp_path).clicks, "b": (Click(25 * STRIDE, "run"),)})
    assert Samples(late)[1].snippets.tolist() == [24], "a click on the cut-off last snippet"


@pytest.mark.parametrize("kept", [True, False])
def test_features_are_read_once_if_they_fit_and_each_time_if_not(tmp_path, kept):
    training_set = usual(tmp_path)
    samples = Samples(training_set, cache_bytes=(40 + 25 + 31) * 6 * 4 - (0 if kept else 1))
    assert samples.features(1).shape == (25, 6)
    np.save(tmp_path / "b.npy", np.zeros((25, 6), np.float32))
    assert samples.features(1).any() == kept


def test_a_set_without_recordings_is_refused():
    with pytest.raises(DataError, match="no recording"):
        Samples(TrainingSet(("jump",), (), {}))


def test_bad_recordings_are_named(tmp_path):
    training_set = by_hand(tmp_path, {"a": (9, [(3, "jump")]), "b": (9, [])})
    np.save(tmp_path / "b.npy", np.zeros((9, 5), np.float32))
    with pytest.raises(DataError, match=r"b\.npy: features have 5 dimensions, the first recording's 6"):
        Samples(training_set).features(1)
    bad = np.zeros((9, 6), np.float32)
    bad[4, 2] = np.nan
    np.save(tmp_path / "b.npy", bad)
    with pytest.raises(NonFiniteError, match=r"b\.npy: snippet 4, dimension 2"):
        Samples(training_set).features(1)
    strange = replace(training_set, clicks={"a": (Click(1.0, "swim"),), "b": ()})
    with pytest.raises(DataError, match=r"^a: a click's class 'swim'"):
        Samples(strange)
