"""Stage 1 trains on whatever a set may hold, the same each time, and leaves the caller's chance alone."""

import random
from dataclasses import replace

import numpy as np
import pytest
import torch

from hrpro.core.errors import DataError, NonFiniteError
from hrpro.data.batches import Samples, pack
from hrpro.snippet.memory import updated_memory
from hrpro.snippet.stage import SnippetStage, SnippetTask
from hrpro.training.loop import train
from tiny_sets import SNIPPET, by_hand, usual

STILL = replace(SNIPPET, input_dropout=0, block_dropout=0, dropout=0, time_warp=0)


def weights_of(stage):
    return {name: tensor.numpy().tobytes() for name, tensor in stage.network.state_dict().items()}


def fit(training_set, config=SNIPPET, **options):
    """A trained stage; its losses were finite and its weights have moved."""
    rows = []
    stage = SnippetStage.fit(training_set, config, on_row=rows.append, **options)
    assert len(rows) == config.steps
    assert all(np.isfinite(list(row.values())).all() for row in rows)
    before, after = weights_of(SnippetStage(stage.classes, stage.dimension, config)), weights_of(stage)
    unmoved = {name for name in after if after[name] == before[name]}
    assert unmoved <= {"mean", "deviation"}
    for tensor in stage.network.state_dict().values():
        assert torch.isfinite(tensor).all()
    assert not stage.network.training
    return stage, rows


EDGES = {
    "a recording without clicks": {"a": (30, [(4, "jump"), (20, "run")]), "b": (22, [])},
    "a class without clicks": {"a": (30, [(4, "jump")]), "b": (22, [(9, "jump")])},
    "one snippet with a click, one without": {"a": (1, [(0, "run")]), "b": (1, []), "c": (9, [(3, "jump")])},
    "nothing but one snippet": {"a": (1, [(0, "run")])},
    "several clicks in one snippet": {"a": (20, [(7, "jump")] * 3), "b": (20, [(0, "run"), (0, "run")])},
    "clicks of two classes in one snippet": {"a": (20, [(7, "jump"), (7, "run")]), "b": (9, [(3, "run")])},
    "a click in every snippet": {"a": (6, [(t, "jump") for t in range(6)]), "b": (5, [(2, "run")])},
    "a single recording": {"a": (30, [(4, "jump"), (20, "run")])},
    "one long and one short": {"a": (400, [(40, "jump"), (300, "run")]), "b": (2, [(1, "run")])},
}


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
        assert np.isfinite(scores.embedded_td).all()


@pytest.mark.parametrize(
    "changes",
    [
        {"heads": 1},
        {"blocks": 0},
        {"hidden": 0},
        {"feedforward": 5},
        {"contrast_weight": 0.0},
        {"contrast_form": "paper"},
        {"contrast_form": "reference"},
        {"attention_weight": 0.0},
        {"instance_balance": 0.0},
        {"time_warp": 0.0},
        {"time_warp": 3.0},
        {"momentum": 0.0},
        {"ema": 0.0},
        {"precision": "bf16"},
        {"batch_size": 1},
        {"batch_size": 100},
        {"accumulate": 3},
        {"clip": 0.0},
    ],
    ids=str,
)
def test_trains_with(changes, tmp_path):
    _, rows = fit(usual(tmp_path), replace(SNIPPET, **changes))
    assert ("contrast" in rows[0]) == (changes.get("contrast_weight", 1) > 0)
    assert ("attention" in rows[0]) == (changes.get("attention_weight", 1) > 0)


def test_the_total_is_eq_8(tmp_path):
    config = replace(SNIPPET, contrast_weight=0.3, attention_weight=0.7, steps=3)
    for row in fit(usual(tmp_path), config)[1]:
        parts = row["action"] + row["background"] + 0.7 * row["attention"] + 0.3 * row["contrast"]
        assert row["total"] == pytest.approx(parts, rel=1e-5)


def test_learns_what_is_there_to_learn(tmp_path):
    """Snippets of new recordings: their class, and whether anything is on."""
    rng = np.random.default_rng(0)

    def some(n):
        places = [np.array([6, 20, 34]) + rng.integers(0, 4, 3) for _ in range(n)]
        return {
            f"v{i}": (45, list(zip(map(int, at), rng.permutation(["jump", "run", "jump"]), strict=True)))
            for i, at in enumerate(places)
        }

    config = replace(SNIPPET, steps=80, batch_size=6, hidden=16)
    stage, rows = fit(by_hand(tmp_path / "train", some(10)), config)
    assert rows[-1]["total"] < 0.6 * rows[0]["total"]
    inside, outside, right, wrong = ([] for _ in range(4))
    samples = Samples(by_hand(tmp_path / "new", some(4), seed=5))
    for sample in map(samples.__getitem__, range(4)):
        scores = stage.scores(sample.features_td)
        on = np.abs(np.arange(45)[:, None] - sample.snippets).min(1)
        inside.append(scores.attention_t[on <= 2].mean())
        outside.append(scores.attention_t[on >= 5].mean())
        right.extend(scores.activation_tc[sample.snippets, sample.classes])
        wrong.extend(scores.activation_tc[sample.snippets, 1 - sample.classes])
    assert np.mean(inside) > np.mean(outside) + 0.15
    assert np.mean(np.array(right) > np.array(wrong)) > 0.8


def test_same_seed_same_bits_other_seed_other_weights(tmp_path):
    training_set = usual(tmp_path)
    first = weights_of(SnippetStage.fit(training_set, SNIPPET))
    torch.manual_seed(99)
    assert weights_of(SnippetStage.fit(training_set, SNIPPET)) == first
    other = weights_of(SnippetStage.fit(training_set, replace(SNIPPET, seed=1)))
    assert {name for name in first if first[name] == other[name]} == {"mean", "deviation"}


def test_the_caller_s_chance_is_left_alone(tmp_path):
    training_set = usual(tmp_path)
    before = torch.get_rng_state(), np.random.get_state(legacy=False), random.getstate()
    stage = SnippetStage.fit(training_set, SNIPPET)
    stage.scores(np.zeros((5, 6), np.float32))
    assert torch.equal(torch.get_rng_state(), before[0])
    np.testing.assert_equal(np.random.get_state(legacy=False), before[1])
    assert random.getstate() == before[2]


def test_the_mean_weights_are_kept_with_the_last_memory(tmp_path):
    training_set, config = usual(tmp_path), replace(SNIPPET, ema=0.9)
    task = SnippetTask(SnippetStage(training_set.classes, 6, config), Samples(training_set))
    with torch.random.fork_rng():
        weights = train(task, config, name="snippet", progress=False)
    found = SnippetStage.fit(training_set, config).network.state_dict()
    assert all(torch.equal(found[name], tensor) for name, tensor in weights.ema.items())
    assert torch.equal(found["memory"], weights.last["memory"])
    assert not torch.equal(found["classifier.weight"], weights.last["classifier.weight"])


def test_cutting_a_step_into_micro_steps_changes_nothing_but_rounding(tmp_path):
    training_set = usual(tmp_path)
    whole = SnippetStage.fit(training_set, replace(STILL, steps=2)).network.state_dict()
    cut = SnippetStage.fit(training_set, replace(STILL, steps=2, accumulate=3)).network.state_dict()
    for name in whole:
        if not name.endswith("key.bias"):  # no score depends on it: its gradient is nothing but rounding
            torch.testing.assert_close(cut[name], whole[name], rtol=1e-3, atol=1e-5, msg=name)


def test_the_memory_begins_with_eq_2_and_moves_with_eq_3(tmp_path):
    """Against loops over what the untrained network embeds, recording by recording."""
    training_set = usual(tmp_path)
    samples = Samples(training_set)
    stage = SnippetStage(training_set.classes, 6, STILL)
    task = SnippetTask(stage, samples)
    first = stage.network.memory.clone()
    assert torch.isfinite(first).all()
    with torch.no_grad():
        stage.network.memory.zero_()  # as it was when eq. 2 was computed
        embedded = [stage.network(*pack([samples.features(i)])).embedded_td for i in range(3)]
        stage.network.memory.copy_(first)
    for c in range(2):
        clicked = [e[t] for i, e in enumerate(embedded) for t, k in clicks_of(samples[i]) if k == c]
        torch.testing.assert_close(first[c], torch.stack(clicked).mean(0))

    batch = task.batch(0, np.array([2, 0]), np.random.default_rng(0))
    task.losses(stage.network, batch)
    with torch.no_grad():
        output = stage.network(batch["features"], batch["lengths"])
    action, _ = task.pseudo_labels(output, batch)
    rows = [[output.embedded_td[t] for t in range(31 + 40) if action[t, c]] for c in (0, 1)]
    sums = torch.stack([torch.stack(r).sum(0) for r in rows])
    counts = torch.tensor([float(len(r)) for r in rows])
    task.after_step([batch], lambda tensor: tensor)
    expected = updated_memory(first, sums, counts, STILL.momentum)
    torch.testing.assert_close(stage.network.memory, expected)
    assert not torch.equal(expected, first)


def clicks_of(sample):
    return set(zip(sample.snippets.tolist(), sample.classes.tolist(), strict=True))


def test_a_batch_holds_the_recordings_and_their_clicks(tmp_path):
    samples = Samples(usual(tmp_path))
    task = SnippetTask(SnippetStage(("jump", "run"), 6, STILL), samples)
    batch = task.batch(7, np.array([1, 0, 1]), np.random.default_rng(0))
    assert batch["lengths"] == [25, 40, 25]
    assert batch["recording"].tolist() == [0] * 25 + [1] * 40 + [2] * 25
    for part, index in zip(batch["features"].split(batch["lengths"]), [1, 0, 1], strict=True):
        np.testing.assert_array_equal(part.numpy(), samples.features(index))
    assert [s.tolist() for s, _ in batch["clicks"]] == [[12], [6, 20, 33], [12]]
    warped = SnippetTask(SnippetStage(("jump", "run"), 6, SNIPPET), samples)
    twice = [warped.batch(7, np.array([0, 1]), np.random.default_rng(3))["features"] for _ in range(2)]
    assert torch.equal(*twice)
    lengths = warped.batch(7, np.array([0] * 8), np.random.default_rng(3))["lengths"]
    assert len(set(lengths)) > 3
    assert all(40 * np.exp(-0.5) - 1 < n < 40 * np.exp(0.5) + 1 for n in lengths)


def test_pseudo_labels_follow_the_thresholds(tmp_path):
    samples = Samples(usual(tmp_path))

    def labels(low, high):
        config = replace(STILL, action_threshold=low, background_threshold=high)
        task = SnippetTask(SnippetStage(("jump", "run"), 6, config), samples)
        batch = task.batch(0, np.array([0, 1]), np.random.default_rng(0))
        output = task.network(batch["features"], batch["lengths"])
        action, background = task.pseudo_labels(output, batch)
        assert not (action.any(-1) & background).any()
        return action, background

    action, _ = labels(0.0, 1.0)
    assert action.nonzero().tolist() == [[6, 0], [20, 1], [33, 0], [40 + 12, 1]]
    action, background = labels(1.0, 1.0)
    assert (action.any(-1) ^ background).all(), "from the clicks up to one snippet of background a gap"
    action, background = labels(0.0, 0.0)
    assert background.tolist() == [t not in (6, 20, 33, 40 + 12) for t in range(40 + 25)]


def test_the_fingerprint_tells_features_and_clicks(tmp_path):
    def fingerprint(training_set):
        return SnippetTask(SnippetStage(("jump", "run"), 6, SNIPPET), Samples(training_set)).fingerprint

    made = {"a": (20, [(6, "jump")]), "b": (15, [(3, "run")])}
    known = fingerprint(by_hand(tmp_path / "0", made))
    assert fingerprint(by_hand(tmp_path / "1", made)) == known
    assert fingerprint(by_hand(tmp_path / "2", made, seed=1)) != known
    training_set = by_hand(tmp_path / "3", made)
    for clicks in ({"a": training_set.clicks["b"]}, {"b": training_set.clicks["a"]}):
        assert fingerprint(replace(training_set, clicks={**training_set.clicks, **clicks})) != known


def test_bad_sets_are_refused_in_one_line(tmp_path):
    with pytest.raises(DataError, match="not a single click"):
        SnippetStage.fit(by_hand(tmp_path, {"a": (9, []), "b": (4, [])}), SNIPPET)
    training_set = usual(tmp_path)
    bad = np.load(tmp_path / "b.npy")
    bad[3, 1] = np.nan
    np.save(tmp_path / "b.npy", bad)
    with pytest.raises(NonFiniteError, match=r"b\.npy: snippet 3, dimension 1") as caught:
        SnippetStage.fit(training_set, SNIPPET)
    assert "\n" not in str(caught.value)


def test_what_blows_up_while_training_is_named(tmp_path):
    training_set = usual(tmp_path)
    stage = SnippetStage(training_set.classes, 6, replace(SNIPPET, steps=1))
    task = SnippetTask(stage, Samples(training_set))
    with torch.no_grad():
        task.samples.features(1)[:] = 1e38  # in the cache, after the file was found sound
    with pytest.raises(NonFiniteError, match=r"^b: "):
        train(task, stage.config, progress=False)


@pytest.mark.parametrize("shape", [(5,), (5, 7), (0, 6), (1, 5, 6)])
def test_scores_refuse_other_shapes(shape):
    with pytest.raises(DataError, match=r"must be \[T, 6\]"):
        SnippetStage(("jump", "run"), 6, SNIPPET).scores(np.zeros(shape, np.float32))


def test_scores_are_those_of_the_network(tmp_path):
    stage, _ = fit(usual(tmp_path))
    features = np.load(tmp_path / "a.npy")
    scores = stage.scores(features)
    with torch.no_grad():
        output = stage.network(torch.from_numpy(features), [40])
    np.testing.assert_array_equal(scores.class_tc, output.class_tc.numpy())
    np.testing.assert_array_equal(scores.activation_tc, output.activation_tc.numpy())
    np.testing.assert_array_equal(scores.embedded_td, output.embedded_td.numpy())
    again = stage.scores(np.asfortranarray(features.astype(np.float64)))
    np.testing.assert_array_equal(again.class_tc, scores.class_tc)
