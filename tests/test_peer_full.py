"""The fully supervised upper bound: trains on whatever a set may hold, equally each time, finds actions."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from hrpro.core.annotations import Segment
from hrpro.core.errors import ConfigError, DataError
from hrpro.data.supervised import SupervisedSet
from hrpro.peers.full.config import DenseConfig
from hrpro.peers.full.dense import each, network
from hrpro.peers.full.stage import FullStage, true_actions
from hrpro.peers.full.task import DenseTask
from hrpro.proposals.rank import tiou
from hrpro.proposals.suppress import soft_nms
from tiny_sets import STRIDE, by_hand

TINY = DenseConfig(
    steps=4,
    batch_size=3,
    hidden=8,
    heads=2,
    levels=3,
    window=5,
    members=1,
    judge=False,
    log_every=1,
    accelerator="cpu",
)
Rows = dict[str, tuple[int, list[tuple[float, float, str]]]]

USUAL: Rows = {
    "a": (40, [(3, 9, "jump"), (18, 23, "run"), (30, 37, "jump")]),
    "b": (25, [(9, 15, "run")]),
    "c": (31, [(0, 4, "jump"), (12, 18, "jump"), (21, 31, "run")]),
}


def made_of(folder: Path, rows: Rows, *, seed: int = 0, dimension: int = 6) -> SupervisedSet:
    """Recordings as {id: (snippets, [(start, end, label) in snippets])}; clicks in the middle.

    Within a segment of class c dimension c is raised.
    """
    inside = {
        id: (length, [(min(int((s + e) / 2), length - 1), c) for s, e, c in actions])
        for id, (length, actions) in rows.items()
    }
    training_set = by_hand(folder, inside, dimension=dimension)
    rng = np.random.default_rng(seed)
    for recording in training_set.recordings:
        length, actions = rows[recording.id]
        features_td = rng.normal(size=(length, dimension)).astype(np.float32)
        for start, end, label in actions:
            features_td[int(start) : int(np.ceil(end)), training_set.classes.index(label)] += 4
        np.save(recording.features.path, features_td)
    segments = {
        id: tuple(Segment(s * STRIDE, e * STRIDE, c) for s, e, c in actions)
        for id, (_, actions) in rows.items()
    }
    return SupervisedSet(training_set, segments)


def weights_of(stage: FullStage) -> dict[str, bytes]:
    return {name: tensor.numpy().tobytes() for name, tensor in stage.state_dict().items()}


EDGES: dict[str, Rows] = {
    "a recording without actions": {"a": (30, [(4, 8, "jump"), (20, 22, "run")]), "b": (22, [])},
    "a class without actions": {"a": (30, [(4, 8, "jump")]), "b": (22, [(9, 12, "jump")])},
    "one snippet with an action, one without": {
        "a": (1, [(0, 1, "run")]),
        "b": (1, []),
        "c": (9, [(3, 5, "jump")]),
    },
    "nothing but one snippet": {"a": (1, [(0, 1, "run")])},
    "several actions in one snippet": {"a": (20, [(7, 7.3, "jump"), (7.3, 7.6, "jump"), (7.6, 8, "run")])},
    "two classes at once": {
        "a": (20, [(5, 9, "jump"), (5, 9, "run")]),
        "b": (9, [(2, 6, "run"), (3, 8, "jump")]),
    },
    "an action all the time": {"a": (16, [(0, 16, "jump")]), "b": (5, [(0, 5, "run")])},
    "a single recording": {"a": (30, [(4, 8, "jump"), (20, 27, "run")])},
    "one long and one short": {"a": (600, [(40, 300, "jump"), (400, 402, "run")]), "b": (2, [(1, 2, "run")])},
    "an action beyond the end": {"a": (20, [(4, 8, "jump"), (15, 29, "run"), (25, 30, "run")]), "b": (9, [])},
    "an action of length zero": {"a": (20, [(4, 8, "jump"), (12, 12, "run")])},
}


@pytest.mark.parametrize("edge", EDGES)
def test_trains_on(edge, tmp_path):
    supervised = made_of(tmp_path, EDGES[edge])
    rows: list[dict[str, float]] = []
    stage = FullStage.fit(supervised, TINY, on_row=rows.append)
    assert len(rows) == TINY.steps
    assert all(np.isfinite(list(row.values())).all() for row in rows)
    for recording in supervised.training_set.recordings:
        features_td = recording.features.read_float32()
        scores = stage.scores(features_td)
        assert scores.class_tc.shape == scores.activation_tc.shape == (len(features_td), 2)
        np.testing.assert_array_equal(scores.attention_t, scores.class_tc.max(1))
        assert scores.embedded_td.shape == (len(features_td), stage.width)
        found = scores.proposals
        assert found is not None
        assert (np.abs(found.oic) <= 1).all()
        assert ((found.segments >= 0) & (found.segments <= len(features_td))).all()


@pytest.mark.parametrize(
    "changes",
    [
        {"blocks": 0},
        {"levels": 1},
        {"levels": 9},
        {"upsample": 1},
        {"upsample": 3},
        {"window": 1},
        {"heads": 1},
        {"time_warp": 0.0},
        {"time_warp": 3.0},
        {"crop": 0},
        {"crop": 1},
        {"crop": 7},
        {"precision": "bf16"},
        {"batch_size": 100},
        {"accumulate": 3},
        {"members": 2},
    ],
    ids=str,
)
def test_trains_with(changes, tmp_path):
    rows: list[dict[str, float]] = []
    config = replace(TINY, **changes)
    stage = FullStage.fit(made_of(tmp_path, USUAL), config, on_row=rows.append)
    assert [row["member"] for row in rows] == [m for m in range(config.members) for _ in range(config.steps)]
    for row in rows:
        assert row["total"] == pytest.approx(row["class"] + row["distance"] + row["snippet"], rel=1e-4)
    before = weights_of(FullStage(stage.classes, stage.dimension, config))
    moved = {name for name, bits in weights_of(stage).items() if bits != before.get(name)}
    assert any("classify" in name for name in moved)
    assert any("regress" in name for name in moved)
    assert not any(made.training for made in stage.dense.networks)


def test_finds_the_actions_of_new_recordings(tmp_path):
    rng = np.random.default_rng(0)

    def some(n: int) -> Rows:
        made = {}
        for i in range(n):
            edges = np.cumsum(rng.integers(2, 9, 7))
            labels = rng.permutation(["jump", "run", "jump"])
            made[f"v{i}"] = (
                int(edges[-1]),
                [(int(edges[2 * k]), int(edges[2 * k + 1]), str(labels[k])) for k in range(3)],
            )
        return made

    # Six dimensions, of which two tell the classes: to drop one is to drop the label.
    gentle = {"input_dropout": 0.0, "dropout": 0.1, "lr": 5e-3, "ema": 0.9}
    config = replace(TINY, steps=80, batch_size=8, hidden=32, **gentle)
    stage = FullStage.fit(made_of(tmp_path / "train", some(12)), config)
    new = made_of(tmp_path / "new", some(6), seed=7)
    hits = 0
    for recording in new.training_set.recordings:
        found = stage.scores(recording.features.read_float32()).proposals
        assert found is not None
        kept, _ = soft_nms(found.segments, found.oic, found.labels, limit=3)
        for true in new.segments[recording.id]:
            span = np.array([[true.start, true.end]]) / STRIDE
            fits = tiou(found.segments[kept], span)[:, 0] > 0.6
            hits += any(fits & (found.labels[kept] == stage.classes.index(true.label)))
    assert hits >= 14, f"{hits} of 18"


def test_a_recording_alone_and_in_a_batch_gets_the_same():
    config = replace(TINY, upsample=2)
    made = network(3, 6, config)
    rng = np.random.default_rng(0)
    lengths = [1, 17, 40, 6]
    features = [torch.from_numpy(rng.normal(size=(n, 6)).astype(np.float32)) for n in lengths]
    with torch.inference_mode():
        together = made(torch.cat(features), lengths)
        alone = [made(part, [n]) for part, n in zip(features, lengths, strict=True)]
    for name, whole in together._asdict().items():
        parts = torch.cat([getattr(one, name) for one in alone])
        torch.testing.assert_close(whole, parts, rtol=1e-4, atol=1e-5, msg=name)


def test_attention_reaches_no_further_than_its_window():
    """With one level and no convolution's help beyond its own two steps: what is far changes nothing."""
    config = replace(TINY, levels=1, blocks=1, window=5, upsample=1)
    made = network(2, 6, config)
    one_td = torch.randn(40, 6, generator=torch.Generator().manual_seed(0))
    two_td = one_td.clone()
    two_td[30] += 5
    with torch.inference_mode():
        changed = (made(one_td, [40]).snippet_tc - made(two_td, [40]).snippet_tc).abs().sum(1) > 1e-6
    assert changed.nonzero()[:, 0].tolist() == list(range(30 - 3, 30 + 4))  # embedding 1, window 2


def test_long_recordings_need_no_square(tmp_path):
    stage = FullStage(("jump", "run"), 6, replace(TINY, upsample=2))
    features_td = np.random.default_rng(0).normal(size=(20_000, 6)).astype(np.float32)
    scores = stage.scores(features_td)  # 40,000 positions: a square of them would be 6 GB
    assert scores.proposals is not None
    assert scores.class_tc.shape == (20_000, 2)


def test_the_same_seed_gives_the_same_bits_and_leaves_chance_alone(tmp_path):
    supervised = made_of(tmp_path, USUAL)
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    random.seed(5)
    one = FullStage.fit(supervised, TINY)
    assert torch.equal(torch.rand(3), expected)
    two = FullStage.fit(supervised, TINY)
    other = FullStage.fit(supervised, replace(TINY, seed=1))
    assert weights_of(one) == weights_of(two)
    assert weights_of(one) != weights_of(other)


def test_a_killed_training_goes_on_bit_by_bit(tmp_path):
    supervised = made_of(tmp_path / "data", USUAL)
    config = replace(TINY, members=2, checkpoint_every=0)
    expected = weights_of(FullStage.fit(supervised, config))

    class Killed(Exception):
        pass

    def kill(row):
        if row["member"] == 1 and row["step"] == 3:
            raise Killed

    with pytest.raises(Killed):
        FullStage.fit(supervised, config, run_dir=tmp_path / "run", on_row=kill)
    again = FullStage.fit(supervised, config, run_dir=tmp_path / "run", resume=True)
    assert weights_of(again) == expected


def test_the_fingerprint_follows_segments_and_not_clicks(tmp_path):
    supervised = made_of(tmp_path, USUAL)
    plain = supervised.training_set

    def of(held: SupervisedSet):
        actions = [true_actions(held, index) for index in range(len(held.training_set.recordings))]
        return DenseTask(network(2, 6, TINY), held.training_set, actions, TINY).fingerprint

    moved = {**supervised.segments, "b": (Segment(4.5, 7.0, "run"),)}
    unclicked = replace(plain, clicks=dict.fromkeys(plain.clicks, ()))
    assert of(SupervisedSet(plain, moved)) != of(supervised)
    assert of(SupervisedSet(unclicked, supervised.segments)) == of(supervised)


def test_weights_survive(tmp_path):
    config = replace(TINY, members=2)
    stage = FullStage.fit(made_of(tmp_path, USUAL), config)
    again = FullStage(stage.classes, stage.dimension, replace(config, seed=9))
    again.load_state_dict(stage.state_dict())
    features_td = np.random.default_rng(1).normal(size=(25, 6)).astype(np.float32)
    one, two = stage.scores(features_td), again.to("cpu").scores(features_td)
    assert one.class_tc.tobytes() == two.class_tc.tobytes()
    assert one.proposals is not None
    assert two.proposals is not None
    assert one.proposals.segments.tobytes() == two.proposals.segments.tobytes()
    plain = {name: tensor for name, tensor in stage.state_dict().items() if "exemplars" not in name}
    with pytest.raises(RuntimeError, match=r"exemplars\.snippets"):
        again.load_state_dict(plain)
    with pytest.raises(RuntimeError, match="position_weight"):
        again.load_state_dict({**stage.state_dict(), "position_weight": torch.zeros(2)})
    with pytest.raises(RuntimeError, match=r"Missing key|Unexpected key"):
        FullStage(stage.classes, 6, replace(config, members=3)).load_state_dict(stage.state_dict())
    with pytest.raises(RuntimeError, match="size mismatch"):
        FullStage(stage.classes, 7, config).load_state_dict(stage.state_dict())


def test_members_are_read_as_their_mean(tmp_path):
    config = replace(TINY, members=2)
    stage = FullStage.fit(made_of(tmp_path, USUAL), config)
    features_td = np.random.default_rng(1).normal(size=(25, 6)).astype(np.float32)
    parts = []
    for own, made in zip(each(config), stage.dense.networks, strict=True):
        one = FullStage(stage.classes, 6, own)
        one.dense.networks, one.dense.exemplars = (made,), stage.dense.exemplars
        parts.append(one.scores(features_td))
    both = stage.scores(features_td)
    assert parts[0].class_tc.tobytes() != parts[1].class_tc.tobytes()
    np.testing.assert_allclose(both.class_tc, (parts[0].class_tc + parts[1].class_tc) / 2, rtol=1e-5)
    np.testing.assert_array_equal(both.embedded_td, np.concatenate([p.embedded_td for p in parts], 1))


def test_no_two_stages_share_a_seed():
    seeds = [own.seed for seed in range(20) for own in each(replace(TINY, members=3, seed=seed))]
    assert len(set(seeds)) == 60


def test_clicks_alone_are_refused(tmp_path):
    with pytest.raises(
        DataError, match=r"--method full learns from segments: the dataset has no gt_full\.json"
    ):
        FullStage.fit(made_of(tmp_path, USUAL).training_set, TINY)


@pytest.mark.parametrize("shape", [(5, 7), (0, 6), (5,)], ids=str)
def test_features_of_another_shape_are_refused(shape):
    with pytest.raises(DataError, match=r"must be \[T, 6\]"):
        FullStage(("jump",), 6, TINY).scores(np.zeros(shape, np.float32))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("members", 0),
        ("hidden", 0),
        ("upsample", 0),
        ("levels", 0),
        ("blocks", -1),
        ("crop", -1),
        ("window", 4),
        ("heads", 3),
        ("dropout", 1.0),
        ("input_dropout", -0.1),
        ("min_score", 1.0),
        ("focal_alpha", 1.0),
        ("focal_gamma", -1.0),
        ("reach", 0.0),
        ("radius", float("inf")),
        ("time_warp", float("nan")),
        ("candidates", 0),
        ("steps", 0),
    ],
)
def test_settings_out_of_range_are_named(field, value):
    with pytest.raises(ConfigError, match=field):
        DenseConfig(**{field: value})
