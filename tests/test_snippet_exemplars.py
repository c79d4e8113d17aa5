"""Exemplars: kernel ridge regression of stage 1's scores, whole or through some of the snippets."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from hrpro.localizer import HRPro
from hrpro.snippet.ensemble import SnippetEnsemble
from hrpro.snippet.exemplars import GAMMA, RIDGE, Exemplars, clicked_activation
from tiny_sets import SNIPPET, by_hand, tiny_config, usual

ONES, NOTHING = torch.ones(6), torch.zeros(6)


def learned(training_set, activation, **changes) -> Exemplars:
    given = {"mean": NOTHING, "deviation": ONES, "number": 1000, "seed": 0, **changes}
    return Exemplars.fit(training_set, clicked_activation(training_set, activation), **given)


def all_features(training_set) -> np.ndarray:
    return np.concatenate([item.features.read_float32() for item in training_set.recordings])


def wave(features_td: np.ndarray) -> np.ndarray:
    """A target that no straight line follows."""
    return (0.5 + 0.5 * np.sin(2 * features_td[:, :2])).astype(np.float32)


def clicked_everywhere(folder, recordings: int = 4, length: int = 30):
    both = [(3, "jump"), (20, "run")]
    return by_hand(folder, {f"r{i}": (length, both) for i in range(recordings)})


def test_it_is_kernel_ridge_regression_where_all_snippets_are_exemplars(tmp_path):
    training_set = clicked_everywhere(tmp_path)
    found = learned(training_set, wave)
    x = all_features(training_set).astype(np.float64)
    squares = ((x[:, None] - x) ** 2).sum(2)
    kernel = np.exp(-GAMMA * squares / np.median(squares))
    target = wave(x)
    alpha = np.linalg.solve(kernel + RIDGE * np.eye(len(x)), target - target.mean(0))
    new = np.random.default_rng(5).normal(size=(7, 6))
    near = np.exp(-GAMMA * ((new[:, None] - x) ** 2).sum(2) / np.median(squares))
    expected = np.clip(near @ alpha + target.mean(0), 0, 1)
    np.testing.assert_allclose(found.activation(new.astype(np.float32)), expected, atol=0.02)


def test_some_exemplars_come_close_to_all(tmp_path):
    training_set = clicked_everywhere(tmp_path, recordings=10, length=60)
    new = np.random.default_rng(5).normal(size=(50, 6)).astype(np.float32)
    whole = learned(training_set, wave).activation(new)
    errors = [
        np.abs(learned(training_set, wave, number=number).activation(new) - whole).mean()
        for number in (5, 60, 300)
    ]
    assert errors[0] > errors[1] > errors[2]
    assert learned(training_set, wave, number=60).tensors["snippets"].shape == (60, 6)


def test_a_class_without_a_click_in_a_recording_is_not_learned_from_it(tmp_path):
    training_set = by_hand(tmp_path, {"a": (40, [(5, "jump")]), "b": (40, [(9, "jump"), (30, "run")])})
    unseen, seen = (item.features.read_float32() for item in training_set.recordings)
    found = learned(training_set, lambda features_td: np.ones((len(features_td), 2), np.float32))
    assert found.activation(unseen)[:, 0].min() > 0.9
    assert found.activation(unseen)[:, 1].mean() < found.activation(seen)[:, 1].mean() - 0.2


def test_a_result_does_not_depend_on_what_it_is_scored_with(tmp_path):
    found = learned(clicked_everywhere(tmp_path), wave)
    new = np.random.default_rng(5).normal(size=(50, 6)).astype(np.float32)
    whole = found.activation(new)
    np.testing.assert_allclose(
        np.concatenate([found.activation(new[i : i + 1]) for i in range(50)]), whole, atol=1e-5
    )
    assert whole.dtype == np.float32
    assert 0 <= whole.min() <= whole.max() <= 1


def test_a_long_recording_is_taken_in_parts_to_the_same_result(tmp_path, monkeypatch):
    training_set = clicked_everywhere(tmp_path)
    new = np.random.default_rng(5).normal(size=(50, 6)).astype(np.float32)
    whole = learned(training_set, wave).activation(new)
    monkeypatch.setattr("hrpro.core.kernel_ridge.ROWS", 7)
    np.testing.assert_allclose(learned(training_set, wave).activation(new), whole, atol=1e-3)


def test_equal_snippets_and_a_single_one_are_no_hindrance(tmp_path):
    training_set = by_hand(tmp_path, {"a": (1, [(0, "jump")]), "b": (1, [(0, "run")])})
    for item in training_set.recordings:
        np.save(item.features.path, np.ones((1, 6), np.float32))
    found = learned(training_set, wave).activation(np.ones((3, 6), np.float32))
    assert np.isfinite(found).all()


def test_the_ensemble_mixes_them_in_by_weight(tmp_path):
    training_set = usual(tmp_path)
    features = np.random.default_rng(1).normal(size=(25, 6)).astype(np.float32)
    fitted = {
        weight: SnippetEnsemble.fit(training_set, replace(SNIPPET, exemplar_weight=weight))
        for weight in (0.0, 0.25, 1.0)
    }
    alone, mixed, only = (fitted[weight].scores(features) for weight in fitted)
    assert fitted[0.0].exemplars is None
    np.testing.assert_allclose(
        mixed.activation_tc, 0.75 * alone.activation_tc + 0.25 * only.activation_tc, atol=1e-6
    )
    np.testing.assert_array_equal(mixed.attention_t, alone.attention_t)
    assert np.abs(only.activation_tc - alone.activation_tc).max() > 1e-3


def test_they_are_kept_with_the_model_and_missed_where_they_lack(tmp_path):
    model = HRPro(tiny_config(snippet={"exemplars": 10})).fit(usual(tmp_path / "data"))
    model.save(tmp_path / "model")
    again = HRPro.load(tmp_path / "model")
    features = np.random.default_rng(1).normal(size=(25, 6)).astype(np.float32)
    one, two = model.predict(features), again.predict(features)
    np.testing.assert_array_equal(one.segments, two.segments)
    np.testing.assert_array_equal(one.scores, two.scores)
    assert again.snippet is not None
    assert model.snippet is not None
    weights = model.snippet.state_dict()
    del weights["exemplars.alpha"]
    with pytest.raises(RuntimeError, match=r"exemplars\.alpha"):
        again.snippet.load_state_dict(weights)
