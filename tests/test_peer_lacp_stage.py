"""LACP trains on whatever a set may hold, and to the same bits each time, killed or not."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from hrpro.core.errors import ConfigError, DataError, NonFiniteError
from hrpro.data.batches import Samples
from hrpro.peers.lacp.config import LACPConfig
from hrpro.peers.lacp.stage import LACPStage, LACPTask
from hrpro.training.loop import train
from test_snippet_stage import EDGES
from tiny_sets import by_hand, usual

LACP = LACPConfig(
    steps=6, batch_size=3, lr=1e-2, hidden=8, search_every=2, log_every=1, accelerator="cpu", dropout=0.2
)
STILL = replace(LACP, input_dropout=0, dropout=0, time_warp=0)


def bits(stage):
    return {name: tensor.numpy().tobytes() for name, tensor in stage.state_dict().items()}


def task_of(training_set, config):
    return LACPTask(LACPStage(training_set.classes, training_set.dimension, config), Samples(training_set))


def fit(training_set, config=LACP, **options):
    """A trained stage; its losses were finite and its weights have moved."""
    rows = []
    stage = LACPStage.fit(training_set, config, on_row=rows.append, **options)
    assert len(rows) == config.steps
    assert all(np.isfinite(list(row.values())).all() for row in rows)
    before, after = bits(LACPStage(stage.classes, stage.dimension, config)), bits(stage)
    assert {name for name in after if after[name] == before[name]} <= {"mean", "deviation"}
    assert not stage.network.training
    return stage, rows


@pytest.mark.parametrize("edge", EDGES)
def test_trains_on(edge, tmp_path):
    training_set = by_hand(tmp_path, EDGES[edge])
    stage, _ = fit(training_set)
    for recording in training_set.recordings:
        features = recording.features.read_float32()
        scores = stage.scores(features)
        assert scores.class_tc.shape == scores.activation_tc.shape == (len(features), 2)
        assert scores.attention_t.shape == (len(features),)
        assert scores.embedded_td.shape == (len(features), stage.width)
        for part in (scores.class_tc, scores.activation_tc, scores.attention_t, scores.embedded_td):
            assert part.dtype == np.float32
            assert np.isfinite(part).all()
        assert scores.proposals is None


@pytest.mark.parametrize(
    "changes",
    [
        {"hidden": 0},
        {"kernel": 5},
        {"top": 1},
        {"budget": 1},
        {"outer": 2.0},
        {"search_every": 1},
        {"video_weight": 0.0, "action_weight": 0.0},
        {"time_warp": 2.0},
        {"ema": 0.0},
        {"precision": "bf16"},
        {"batch_size": 1},
        {"accumulate": 3},
    ],
    ids=str,
)
def test_trains_with(changes, tmp_path):
    fit(usual(tmp_path), replace(LACP, **changes))


def test_the_sequence_s_losses_begin_with_the_first_search(tmp_path):
    _, rows = fit(usual(tmp_path), replace(LACP, search_every=3))
    assert [row["score"] > 0 for row in rows] == [False] * 3 + [True] * 3
    assert rows[-1]["feature"] > 0
    for row in rows:
        parts = row["video"] + 0.5 * row["action"] + row["background"] + row["score"] + row["feature"]
        assert row["total"] == pytest.approx(parts, rel=1e-5)


def test_sequences_are_those_of_the_last_search_until_the_next(tmp_path):
    """They follow from the recording and the weights then, not from what was learned since."""
    task = task_of(usual(tmp_path), replace(STILL, search_every=3))
    batch = task.batch(0, np.array([0, 2]), np.random.default_rng(0))
    found = []
    for _ in range(6):
        task.after_step([batch], lambda tensor: tensor)
        found.append([sequence.weight_tc.tobytes() for sequence in task.sequences(batch)])
        with torch.no_grad():
            for parameter in task.learning.network.parameters():
                parameter.add_(
                    torch.randn(parameter.shape, generator=torch.Generator().manual_seed(len(found)))
                )
    assert found[2] == found[3] == found[4] != found[5]


def test_sequences_hold_every_click_and_no_click_of_another_class(tmp_path):
    task = task_of(usual(tmp_path), STILL)
    batch = task.batch(0, np.array([0, 1, 2]), np.random.default_rng(0))
    for found, (snippets, classes) in zip(task.sequences(batch), batch["clicks"], strict=True):
        assert found.label_tc[snippets, classes].all()
        assert not found.label_tc[snippets, 1 - classes].any()


def test_learns_what_is_there_to_learn(tmp_path):
    rng = np.random.default_rng(0)

    def some(n):
        places = [np.array([6, 20, 34]) + rng.integers(0, 4, 3) for _ in range(n)]
        return {
            f"v{i}": (45, list(zip(map(int, at), rng.permutation(["jump", "run", "jump"]), strict=True)))
            for i, at in enumerate(places)
        }

    config = replace(LACP, steps=80, batch_size=6, hidden=16, search_every=10)
    stage, _ = fit(by_hand(tmp_path / "train", some(10)), config)
    inside, outside, right, wrong = ([] for _ in range(4))
    samples = Samples(by_hand(tmp_path / "new", some(4), seed=5))
    for sample in map(samples.__getitem__, range(4)):
        scores = stage.scores(sample.features_td)
        on = np.abs(np.arange(45)[:, None] - sample.snippets).min(1)
        inside.append(scores.attention_t[on <= 2].mean())
        outside.append(scores.attention_t[on >= 5].mean())
        right.extend(scores.activation_tc[sample.snippets, sample.classes])
        wrong.extend(scores.activation_tc[sample.snippets, 1 - sample.classes])
    assert np.mean(inside) > np.mean(outside) + 0.3
    assert np.mean(np.array(right) > np.array(wrong)) > 0.8


def test_a_killed_run_goes_on_to_the_same_bits(tmp_path):
    """Stopped between two searches, at a checkpoint of every step; the next process resumes."""
    training_set, config = usual(tmp_path), replace(LACP, search_every=3, checkpoint_every=0.0, ema=0.9)
    whole = bits(LACPStage.fit(training_set, config))

    class Stopped(Exception):
        pass

    def stop(row):
        if row["step"] == 5:
            raise Stopped

    with pytest.raises(Stopped):
        LACPStage.fit(training_set, config, run_dir=tmp_path / "run", on_row=stop)
    assert bits(LACPStage.fit(training_set, config, run_dir=tmp_path / "run", resume=True)) == whole


def test_same_seed_same_bits_other_seed_other_weights(tmp_path):
    training_set = usual(tmp_path)
    first = bits(LACPStage.fit(training_set, LACP))
    before = torch.get_rng_state()
    assert bits(LACPStage.fit(training_set, LACP)) == first
    assert torch.equal(torch.get_rng_state(), before)
    other = bits(LACPStage.fit(training_set, replace(LACP, seed=1)))
    assert {name for name in first if first[name] == other[name]} == {"mean", "deviation"}


def test_cutting_a_step_into_micro_steps_changes_nothing_but_rounding(tmp_path):
    training_set = usual(tmp_path)
    whole, cut = (LACPStage.fit(training_set, replace(STILL, accumulate=n)).state_dict() for n in (1, 3))
    for name in whole:
        torch.testing.assert_close(cut[name], whole[name], rtol=1e-3, atol=1e-5, msg=name)


def test_a_recording_s_scores_and_sequences_do_not_depend_on_its_batch(tmp_path):
    task = task_of(usual(tmp_path), STILL)
    together = task.batch(0, np.array([2, 0, 1]), np.random.default_rng(0))
    output = task.learning.network.eval()(together["features"], together["lengths"])
    sequences, start = task.sequences(together), 0
    for index, sequence in zip([2, 0, 1], sequences, strict=True):
        alone = task.batch(0, np.array([index]), np.random.default_rng(0))
        own = task.learning.network(alone["features"], alone["lengths"])
        for part, whole in zip(own, output, strict=True):
            torch.testing.assert_close(part, whole[start : start + len(part)])
        np.testing.assert_array_equal(task.sequences(alone)[0].label_tc, sequence.label_tc)
        start += alone["lengths"][0]


def test_the_weights_kept_are_the_network_s_mean_alone(tmp_path):
    training_set, config = usual(tmp_path), replace(LACP, ema=0.9)
    with torch.random.fork_rng():
        weights = train(task_of(training_set, config), config, name="lacp", progress=False)
    found = LACPStage.fit(training_set, config).state_dict()
    assert all(torch.equal(found[name], weights.ema[f"network.{name}"]) for name in found)
    other = LACPStage(training_set.classes, 6, replace(config, seed=9))
    other.load_state_dict(found)
    features = np.load(tmp_path / "a.npy")
    expected = LACPStage.fit(training_set, config).scores(features).activation_tc
    np.testing.assert_array_equal(other.scores(features).activation_tc, expected)
    with pytest.raises(RuntimeError):
        LACPStage(("jump",), 6, config).load_state_dict(found)


def test_scores_are_p_and_one_minus_q(tmp_path):
    stage, _ = fit(usual(tmp_path))
    features = np.load(tmp_path / "a.npy")
    scores = stage.scores(np.asfortranarray(features.astype(np.float64)))
    with torch.no_grad():
        output = stage.network(torch.from_numpy(features), [40])
    np.testing.assert_array_equal(scores.class_tc, output.class_tc.numpy())
    np.testing.assert_array_equal(scores.attention_t, 1 - output.background_t.numpy())
    np.testing.assert_allclose(scores.activation_tc, scores.class_tc * scores.attention_t[:, None], rtol=1e-6)


@pytest.mark.parametrize("shape", [(5,), (5, 7), (0, 6), (1, 5, 6)])
def test_scores_refuse_other_shapes(shape):
    with pytest.raises(DataError, match=r"must be \[T, 6\]"):
        LACPStage(("jump", "run"), 6, LACP).scores(np.zeros(shape, np.float32))


def test_bad_sets_are_refused_in_one_line(tmp_path):
    with pytest.raises(DataError, match="not a single click"):
        LACPStage.fit(by_hand(tmp_path, {"a": (9, []), "b": (4, [])}), LACP)
    training_set = usual(tmp_path)
    task = task_of(training_set, LACP)
    with torch.no_grad():
        task.samples.features(1)[:] = np.nan  # in the cache, after the file was found sound
    with pytest.raises(NonFiniteError, match=r"^b: "):
        train(task, LACP, progress=False)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("hidden", -1),
        ("kernel", 2),
        ("input_dropout", 1.0),
        ("dropout", -0.1),
        ("action_threshold", 1.1),
        ("background_threshold", -0.1),
        ("focal_gamma", -1.0),
        ("top", 0),
        ("outer", 0.0),
        ("budget", 0),
        ("search_every", 0),
        ("score_weight", float("nan")),
        ("feature_weight", float("inf")),
        ("temperature", 0.0),
        ("time_warp", -1.0),
    ],
)
def test_settings_out_of_range_are_refused(name, value):
    with pytest.raises(ConfigError) as caught:
        LACPConfig(**{name: value})
    assert name in str(caught.value)
