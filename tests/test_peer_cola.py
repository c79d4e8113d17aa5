"""CoLA sees which classes a recording shows and never when, and trains on whatever a set may hold."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import peer_checks as checks
from hrpro.core.annotations import Click
from hrpro.core.errors import DataError
from hrpro.data.batches import pack
from hrpro.peers.cola.bags import Bags
from hrpro.peers.cola.config import ColaConfig
from hrpro.peers.cola.stage import ColaStage, ColaTask
from tiny_sets import STRIDE, by_hand, usual

TINY = ColaConfig(**checks.QUICK)
STILL = replace(TINY, input_dropout=0, dropout=0, time_warp=0)


def task_of(training_set, config=TINY):
    return ColaTask(ColaStage(training_set.classes, 6, config), Bags(training_set))


@pytest.fixture(scope="module")
def known(tmp_path_factory):
    """A training set of three recordings, and the bits that are learned from it."""
    training_set = usual(tmp_path_factory.mktemp("known"))
    weights = checks.weights_of(ColaStage.fit(training_set, TINY))
    return training_set, weights, task_of(training_set).fingerprint


@settings(max_examples=12)
@given(st.data())
def test_no_click_s_moment_order_or_number_changes_a_bit(known, data):
    training_set, expected, fingerprint = known
    moved = {}
    for recording in training_set.recordings:
        length = recording.features.shape[0]
        labels = [click.label for click in training_set.clicks[recording.id]]
        labels += data.draw(st.lists(st.sampled_from(labels), max_size=3))
        moment = st.floats(0, length * STRIDE, exclude_max=True)
        labels = data.draw(st.permutations(labels))
        moved[recording.id] = tuple(Click(data.draw(moment), label) for label in labels)
    other = replace(training_set, clicks=moved)
    assert task_of(other).fingerprint == fingerprint
    assert checks.weights_of(ColaStage.fit(other, TINY)) == expected


def test_a_class_more_or_less_changes_all(known):
    training_set, expected, fingerprint = known
    clicks = {**training_set.clicks, "b": (*training_set.clicks["b"], Click(1.0, "jump"))}
    other = replace(training_set, clicks=clicks)
    assert task_of(other).fingerprint != fingerprint
    found = checks.weights_of(ColaStage.fit(other, TINY))
    assert {name for name in found if found[name] == expected[name]} == {"mean", "deviation"}


def test_what_it_holds_has_no_moments(tmp_path):
    bags = Bags(usual(tmp_path))
    assert bags.present_bc.tolist() == [[True, True], [False, True], [True, True]]
    for index in range(3):
        sample = bags.sample(index)
        assert len(sample.snippets) == len(sample.classes) == 0
    assert not any(bags._samples.training_set.clicks.values())


def test_a_strange_class_is_refused(tmp_path):
    training_set = replace(usual(tmp_path), classes=("jump",))
    with pytest.raises(DataError, match=r"^a: a click's class 'run' is none"):
        Bags(training_set)


@pytest.mark.parametrize("edge", checks.EDGES)
def test_trains_on(edge, tmp_path):
    checks.trains_on(ColaStage, TINY, edge, tmp_path)


@pytest.mark.parametrize(
    "changes",
    [
        {"contrast_weight": 0.0},
        {"near": 0},
        {"far": 40},
        {"easy": 1},
        {"easy": 1000},
        {"kernel": 1},
        {"time_warp": 3.0},
        {"precision": "bf16"},
        {"accumulate": 3},
    ],
    ids=str,
)
def test_trains_with(changes, tmp_path):
    _, rows = checks.fit(ColaStage, usual(tmp_path), replace(TINY, **changes))
    assert ("contrast" in rows[0]) == (changes.get("contrast_weight", 1) > 0)


def test_the_total_is_the_weighted_sum(tmp_path):
    config = replace(TINY, contrast_weight=0.3)
    for row in checks.fit(ColaStage, usual(tmp_path), config)[1]:
        assert row["contrast"] > 0
        assert row["total"] == pytest.approx(row["video"] + 0.3 * row["contrast"], rel=1e-5)


def test_seed_decides_all(tmp_path):
    checks.seed_decides_all(ColaStage, TINY, tmp_path)


def test_resumes_to_the_same_bits(tmp_path):
    checks.resumes_to_the_same_bits(ColaStage, TINY, tmp_path)


def test_finds_what_sets_recordings_with_a_class_apart(tmp_path):
    """Where an action is, learned from which recordings have it: a third of them show one class, not both."""
    config = replace(TINY, steps=80, batch_size=12, hidden=16)
    stage, rows = checks.fit(ColaStage, checks.learnable(tmp_path / "train", 12, seed=0), config)
    assert rows[-1]["video"] < 0.6 * rows[0]["video"]
    fresh = checks.learnable(tmp_path / "new", 6, seed=5)
    inside, outside, right = [], [], []
    for recording in fresh.recordings:
        scores = stage.scores(recording.features.read_float32())
        for click in fresh.clicks[recording.id]:
            t, c = int(click.time / STRIDE), fresh.classes.index(click.label)
            inside.append(scores.activation_tc[t - 1 : t + 2, c].mean())
            right.append(scores.activation_tc[t].argmax() == c)
        moments = np.array([click.time / STRIDE for click in fresh.clicks[recording.id]])
        far = np.abs(np.arange(45)[:, None] - moments).min(1) >= 5
        outside.append(scores.activation_tc[far].mean())
    assert np.mean(inside) > np.mean(outside) + 0.2
    assert np.mean(right) > 0.8


def test_neighbours_in_a_batch_change_nothing(tmp_path):
    made = {"a": (40, [(6, "jump"), (20, "run")]), "b": (25, [(12, "run")]), "c": (1, []), "d": (9, [])}
    checks.neighbours_change_nothing(task_of(by_hand(tmp_path, made), STILL), [0, 1, 2, 3])


def test_scores_do_not_depend_on_what_they_are_computed_with(tmp_path):
    stage, _ = checks.fit(ColaStage, usual(tmp_path), TINY)
    features = [np.load(tmp_path / f"{id}.npy") for id in "ab"]
    alone = np.concatenate([stage.scores(features_td).class_tc for features_td in features])
    with torch.no_grad():
        together = stage.network(*pack(features)).logits_tc.sigmoid().numpy()
    np.testing.assert_allclose(alone, together, rtol=1e-4, atol=1e-6)


def test_a_long_recording():
    checks.check_scores(ColaStage(("jump", "run"), 6, TINY), np.zeros((6000, 6), np.float32))


def test_a_model_comes_back(tmp_path):
    checks.a_model_comes_back(ColaStage, TINY, replace(TINY, hidden=12), tmp_path)


def test_refuses(tmp_path):
    checks.refuses(ColaStage, TINY, tmp_path)
