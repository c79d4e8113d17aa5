"""SF-Net trains on whatever a set may hold, the same each time, and finds what is there to find."""

from dataclasses import replace

import numpy as np
import pytest
import torch

import peer_checks as checks
from hrpro.data.batches import Samples, pack
from hrpro.peers.sfnet.config import SFNetConfig
from hrpro.peers.sfnet.stage import SFNetStage, SFNetTask
from tiny_sets import by_hand, usual

TINY = SFNetConfig(**checks.QUICK)
STILL = replace(TINY, input_dropout=0, dropout=0, time_warp=0)


@pytest.mark.parametrize("edge", checks.EDGES)
def test_trains_on(edge, tmp_path):
    checks.trains_on(SFNetStage, TINY, edge, tmp_path)


@pytest.mark.parametrize(
    "changes",
    [
        {"radius": 0},
        {"growth": 0.0},
        {"eta": 0.0},
        {"eta": 100.0},
        {"ratio": 0.0},
        {"video_weight": 0.0},
        {"kernel": 1},
        {"time_warp": 3.0},
        {"precision": "bf16"},
        {"accumulate": 3},
    ],
    ids=str,
)
def test_trains_with(changes, tmp_path):
    _, rows = checks.fit(SFNetStage, usual(tmp_path), replace(TINY, **changes))
    assert ("video" in rows[0]) == (changes.get("video_weight", 1) > 0)


def test_the_total_is_the_weighted_sum(tmp_path):
    config = replace(TINY, video_weight=0.3, actionness_weight=0.7)
    for row in checks.fit(SFNetStage, usual(tmp_path), config)[1]:
        parts = row["action"] + row["background"] + 0.7 * row["actionness"] + 0.3 * row["video"]
        assert row["total"] == pytest.approx(parts, rel=1e-5)


def test_seed_decides_all(tmp_path):
    checks.seed_decides_all(SFNetStage, TINY, tmp_path)


def test_resumes_to_the_same_bits_while_clicks_spread(tmp_path):
    """What is mined changes on the way, and none of it is on the disk: it follows from the weights."""
    config = replace(TINY, steps=8, radius=6, ratio=0.3)
    task = SFNetTask(SFNetStage(("jump", "run"), 6, config), Samples(usual(tmp_path / "see")))
    reach = [task.batch(step, np.array([0]), np.random.default_rng(0))["radius"] for step in range(8)]
    assert reach[0] == 0
    assert reach[-1] == 6
    checks.resumes_to_the_same_bits(SFNetStage, config, tmp_path)


def test_labels_spread_as_the_network_learns(tmp_path):
    """The clicks alone at first; in the end more snippets, nearly all of them of the click's action."""
    training_set = checks.learnable(tmp_path, 9, seed=0)
    config = replace(STILL, steps=60, batch_size=9, hidden=16, ratio=0.7)
    samples = Samples(training_set)
    stage = SFNetStage.fit(training_set, config)
    task = SFNetTask(stage, samples)
    truth, everything = [], np.arange(9)
    for sample in map(samples.__getitem__, range(9)):
        true_tc = np.zeros((45, 2), bool)
        for t, c in zip(sample.snippets, sample.classes, strict=True):
            true_tc[t - 3 : t + 4, c] = True
        truth.append(true_tc)
    true_tc = np.concatenate(truth)

    def mined(step):
        batch = task.batch(step, everything, np.random.default_rng(0))
        with torch.no_grad():
            output = stage.network(batch["features"], batch["lengths"])
        action_tc, background_t = task.pseudo_labels(output, batch)
        return action_tc.numpy(), background_t.numpy()

    assert mined(0)[0].sum() == 27
    action_tc, background_t = mined(59)
    assert action_tc.sum() > 60
    assert true_tc[action_tc].mean() > 0.9
    assert true_tc[background_t].any(1).mean() < 0.2 < true_tc.any(1).mean()


def test_finds_what_is_there_to_find(tmp_path):
    config = replace(TINY, steps=80, batch_size=9, hidden=16)
    stage, rows = checks.fit(SFNetStage, checks.learnable(tmp_path / "train", 9, seed=0), config)
    assert rows[-1]["total"] < 0.6 * rows[0]["total"]
    samples = Samples(checks.learnable(tmp_path / "new", 4, seed=5))
    inside, outside, right = [], [], []
    for sample in map(samples.__getitem__, range(4)):
        scores = stage.scores(sample.features_td)
        on = np.abs(np.arange(45)[:, None] - sample.snippets).min(1)
        inside.append(scores.attention_t[on <= 2].mean())
        outside.append(scores.attention_t[on >= 5].mean())
        right.extend(scores.activation_tc[sample.snippets].argmax(1) == sample.classes)
    assert np.mean(inside) > np.mean(outside) + 0.3
    assert np.mean(right) > 0.8


def test_neighbours_in_a_batch_change_nothing(tmp_path):
    made = {"a": (40, [(6, "jump"), (20, "run")]), "b": (25, [(12, "run")]), "c": (1, []), "d": (9, [])}
    task = SFNetTask(SFNetStage(("jump", "run"), 6, STILL), Samples(by_hand(tmp_path, made)))
    checks.neighbours_change_nothing(task, [0, 1, 2, 3])


def test_scores_fuse_class_and_actionness(tmp_path):
    stage, _ = checks.fit(SFNetStage, usual(tmp_path), TINY)
    features = [np.load(tmp_path / f"{id}.npy") for id in "ab"]
    alone = [stage.scores(features_td) for features_td in features]
    with torch.no_grad():
        output = stage.network(*pack(features))
    class_tc = output.logits_tc.softmax(-1)[:, :2].numpy()
    together = np.concatenate([scores.class_tc for scores in alone])
    np.testing.assert_allclose(together, class_tc, rtol=1e-4, atol=1e-6)
    for scores in alone:
        fused = np.sqrt(scores.class_tc * scores.attention_t[:, None])
        np.testing.assert_allclose(scores.activation_tc, fused, rtol=1e-6)
    again = stage.scores(np.asfortranarray(features[0].astype(np.float64)))
    np.testing.assert_array_equal(again.activation_tc, alone[0].activation_tc)


def test_a_long_recording():
    checks.check_scores(SFNetStage(("jump", "run"), 6, TINY), np.zeros((6000, 6), np.float32))


def test_a_model_comes_back(tmp_path):
    checks.a_model_comes_back(SFNetStage, TINY, replace(TINY, hidden=12), tmp_path)


def test_refuses(tmp_path):
    checks.refuses(SFNetStage, TINY, tmp_path)


def test_the_fingerprint_tells_features_and_clicks(tmp_path):
    def fingerprint(training_set):
        return SFNetTask(SFNetStage(("jump", "run"), 6, TINY), Samples(training_set)).fingerprint

    made = {"a": (20, [(6, "jump")]), "b": (15, [(3, "run")])}
    known = fingerprint(by_hand(tmp_path / "0", made))
    assert fingerprint(by_hand(tmp_path / "1", made)) == known
    assert fingerprint(by_hand(tmp_path / "2", made, seed=1)) != known
    training_set = by_hand(tmp_path / "3", made)
    clicks = {**training_set.clicks, "a": training_set.clicks["b"]}
    assert fingerprint(replace(training_set, clicks=clicks)) != known
