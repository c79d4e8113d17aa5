"""Stage 2 by itself, on pools and candidates that no stage 1 made: every switch and edge, what it learns."""

import random
from dataclasses import dataclass, field, replace

import numpy as np
import pytest
import torch

from hrpro.core.errors import DataError, NonFiniteError
from hrpro.data.batches import statistics
from hrpro.instance.examples import Pool, teaching
from hrpro.instance.stage import InstanceStage
from hrpro.instance.task import InstanceTask
from hrpro.proposals.generate import Proposals
from hrpro.proposals.rank import tiou
from hrpro.training.loop import train
from tiny_sets import INSTANCE

CLASSES = ("jump", "run")
DIMENSION = 6


@dataclass
class Scenes:
    """Recordings whose actions raise the dimension of their class; candidates are moved and stretched."""

    names: list[str] = field(default_factory=list)
    pools: list[Pool] = field(default_factory=list)
    rows: list[np.ndarray] = field(default_factory=list)

    def features(self, index):
        return self.rows[index]

    def add(self, length, actions, candidates=12, seed=0):
        """actions: rows of (start, end, class)."""
        rng = np.random.default_rng(seed)
        rows = 0.5 * rng.normal(size=(length, DIMENSION)).astype(np.float32)
        table = np.array(actions, np.float64).reshape(-1, 3)
        spans, labels = table[:, :2], table[:, 2].astype(np.int64)
        low = np.ones(length, np.bool_)
        for (start, end), label in zip(spans, labels, strict=True):
            rows[int(start) : int(end), label] += 3
            low[int(start) : int(end)] = False
        of = np.repeat(np.arange(len(spans)), candidates if len(spans) else 0)
        half = np.diff(spans)[of, 0] / 2 * np.exp(0.4 * rng.normal(size=len(of)))
        middle = spans[of].mean(1) + 0.2 * np.diff(spans)[of, 0] * rng.normal(size=len(of))
        moved = np.clip(np.stack([middle - half, middle + half], 1), 0, length)
        self.names.append(f"v{len(self.names)}")
        self.pools.append(
            Pool(spans, labels, np.concatenate([spans, moved]), np.concatenate([labels, labels[of]]), low)
        )
        self.rows.append(rows)
        return self


def usual():
    scenes = Scenes()
    scenes.add(50, [(5, 12, 0), (30, 45, 1)], seed=1)
    scenes.add(35, [(10, 20, 1)], seed=2)
    return scenes.add(41, [(3, 9, 0), (20, 26, 0)], seed=3)


def many(n, seed):
    scenes, rng = Scenes(), np.random.default_rng(seed)
    for i in range(n):
        start, length = rng.uniform(6, 14, 2), rng.uniform(5, 16, 2)
        label = rng.permutation(2)
        first = round(start[0]), round(start[0] + length[0])
        second = first[1] + round(start[1]), first[1] + round(start[1] + length[1])
        scenes.add(70, [(*first, label[0]), (*second, label[1])], seed=1000 * seed + i)
    return scenes


def candidates(segments, labels):
    n = len(labels)
    return Proposals(
        np.asarray(segments, np.float64).reshape(-1, 2),
        np.asarray(labels, np.int64),
        np.zeros(n),
        np.zeros(n),
        np.zeros(n, np.int64),
    )


def task_of(scenes, config):
    indices = teaching(scenes, config)
    network = InstanceStage(CLASSES, DIMENSION, config).network
    assert network is not None
    return InstanceTask(CLASSES, network, scenes, indices, statistics(map(scenes.features, indices)))


def weights_of(stage):
    return {name: tensor.numpy().tobytes() for name, tensor in stage.network.state_dict().items()}


def fit(scenes, config=INSTANCE):
    rows = []
    stage = InstanceStage.fit(CLASSES, scenes, config, on_row=rows.append)
    assert len(rows) == config.steps
    assert all(np.isfinite(list(row.values())).all() for row in rows)
    return stage, rows


@pytest.mark.parametrize(
    "changes",
    [
        {"class_aware": False},
        {"score_loss": "smooth_l1"},
        {"score_weight": 0.0},
        {"regression_weight": 0.0},
        {"regression_tiou": 0.0},
        {"negatives": 0.0},
        {"jittered": 0},
        {"positives": 0},
        {"extension": 0.0},
        {"precision": "bf16"},
        {"batch_size": 1},
        {"batch_size": 50},
        {"accumulate": 3},
        {"ema": 0.0},
    ],
    ids=str,
)
def test_trains_with(changes):
    config = replace(INSTANCE, **changes)
    stage, rows = fit(usual(), config)
    assert ("score" in rows[0]) == (config.score_weight > 0)
    assert ("regression" in rows[0]) == (config.regression_weight > 0)
    fresh = weights_of(InstanceStage(CLASSES, DIMENSION, config))
    moved = {name for name, value in weights_of(stage).items() if value != fresh[name]}
    assert set(fresh) - moved <= {"mean", "deviation"}
    refined = stage.refine(usual().rows[0], candidates([[5, 12], [20, 44], [0, 50]], [0, 1, 1]))
    assert (refined.completeness > 0).all() == (config.score_weight > 0)
    assert ((refined.segments >= 0) & (refined.segments <= 50)).all()
    assert (refined.segments == [[5, 12], [20, 44], [0, 50]]).all() == (config.regression_weight == 0)


def test_the_total_is_eq_14():
    for row in fit(usual(), replace(INSTANCE, score_weight=0.3, regression_weight=2.0))[1]:
        assert row["total"] == pytest.approx(0.3 * row["score"] + 2 * row["regression"], rel=1e-5)


EDGES = {
    "a recording without prototypes": usual().add(20, []),
    "nor low attention": usual().add(20, []),
    "one recording": Scenes().add(30, [(4, 9, 1)]),
    "one snippet": usual().add(1, [(0, 1, 0)]),
    "an action all over": Scenes().add(12, [(0, 12, 0)]),
    "prototypes alone": Scenes().add(30, [(4, 9, 1)], candidates=0),
}
EDGES["nor low attention"].pools[-1].low_t[:] = False


@pytest.mark.parametrize("edge", EDGES)
@pytest.mark.parametrize("negatives", [0.0, 1.0])
def test_trains_on(edge, negatives):
    scenes = EDGES[edge]
    config = replace(INSTANCE, negatives=negatives, batch_size=8)
    stage, _ = fit(scenes, config)
    left_out = len(scenes.names) - len(task_of(scenes, config).recordings)
    idle = edge == "nor low attention" or (edge == "a recording without prototypes" and not negatives)
    assert left_out == idle, "what has nothing to teach is left out"
    for index, rows in enumerate(scenes.rows):
        refined = stage.refine(
            rows, candidates(scenes.pools[index].candidates_n2, scenes.pools[index].candidate_classes)
        )
        assert np.isfinite(refined.segments).all()


def test_a_set_without_any_prototype_is_refused():
    with pytest.raises(DataError, match="no proposal that holds a click"):
        InstanceStage.fit(CLASSES, Scenes().add(20, []).add(9, []), INSTANCE)


def test_learns_completeness_and_boundaries():
    """On new recordings: refined candidates fit better, complete ones of the right class score highest."""
    config = replace(
        INSTANCE,
        steps=150,
        batch_size=8,
        hidden=16,
        positives=16,
        jittered=16,
        dropout=0.1,
        input_dropout=0.1,
    )
    stage, rows = fit(many(12, seed=1), config)
    assert rows[-1]["total"] < 0.8 * rows[0]["total"]
    columns = [], [], []
    new = many(4, seed=2)
    for pool, features in zip(new.pools, new.rows, strict=True):
        found = stage.refine(features, candidates(pool.candidates_n2[2:], pool.candidate_classes[2:]))
        same = pool.prototype_classes[None] == pool.candidate_classes[2:, None]
        old, new_ = (
            np.where(same, tiou(s, pool.prototypes_m2), 0).max(1)
            for s in (pool.candidates_n2[2:], found.segments)
        )
        for column, values in zip(columns, (old, new_, found.completeness), strict=True):
            column.append(values)
        wrong = stage.refine(features, candidates(pool.prototypes_m2, 1 - pool.prototype_classes))
        right = stage.refine(features, candidates(pool.prototypes_m2, pool.prototype_classes))
        assert (right.completeness > wrong.completeness).all()
    before, after, completeness = map(np.concatenate, columns)
    assert after.mean() > before.mean() + 0.03
    assert np.corrcoef(completeness, before)[0, 1] > 0.35


def test_without_candidates_nothing_comes_out():
    refined = fit(usual())[0].refine(usual().rows[0], candidates([], []))
    assert refined.completeness.shape == refined.refined_completeness.shape == (0,)
    assert refined.segments.shape == (0, 2)


def test_refined_segments_stay_within_and_failed_ones_are_taken_back():
    stage = InstanceStage(CLASSES, DIMENSION, INSTANCE)
    weights = stage.state_dict()
    given = candidates([[2, 10], [12, 20], [-4, 3], [18, 26], [30, 31], [5, 5]], [0, 1, 0, 1, 0, 0])
    features = np.zeros((20, DIMENSION), np.float32)
    for offsets, expected in (
        ((0.5, -0.5), [[0, 14], [8, 20], [0, 4.5], [17, 20], [20, 20], [5, 5]]),
        ((-0.5, 0.5), [[2, 10], [12, 20], [0, 3], [18, 20], [20, 20], [5, 5]]),  # nothing would be left
        ((-2.0, 2.0), [[2, 10], [12, 20], [0, 3], [18, 20], [20, 20], [5, 5]]),  # turned round
    ):
        for number, offset in enumerate(offsets):
            weights[f"regression.{number}.3.bias"].fill_(offset)
        assert stage.refine(features, given).segments.tolist() == expected


@pytest.mark.parametrize("class_aware", [True, False])
def test_completeness_is_read_at_the_proposal_s_own_class(class_aware):
    stage, _ = fit(usual(), replace(INSTANCE, class_aware=class_aware))
    found = stage.refine(usual().rows[0], candidates([[5, 12], [5, 12]], [0, 1])).completeness
    assert (found[0] == found[1]) == (not class_aware)


def test_refined_candidates_are_scored_anew():
    stage, _ = fit(usual())
    features, given = usual().rows[0], candidates([[5, 12], [20, 44], [0, 50]], [0, 1, 1])
    found = stage.refine(features, given)
    assert (np.abs(found.segments - given.segments) > 1e-3).any()
    again = stage.refine(features, candidates(found.segments, given.labels)).completeness
    np.testing.assert_allclose(found.refined_completeness, again, atol=1e-6)
    assert (np.abs(found.refined_completeness - found.completeness) > 1e-6).any()


@pytest.mark.parametrize("least", [0.0, 0.5, 1.0])
def test_boundaries_are_learned_from_what_overlaps_its_prototype_enough(least):
    task = task_of(usual(), replace(INSTANCE, regression_tiou=least, negatives=1.0))
    batch = task.batch(0, np.array([0, 1]), np.random.default_rng(0))
    assert (batch["own"] == 0).sum() > 10
    found = task.losses(task.module, batch)["regression"]  # untrained, it refines nothing
    means = []
    for r in (0, 1):
        own = batch["own"][batch["recording"] == r].numpy()
        learns = own[(own > 0) & (own >= least)]
        means.append(float(((1 - learns) ** 2 / 2).mean()) if len(learns) else 0.0)
    assert found.item() == pytest.approx(sum(means) / 2, abs=1e-5)


def test_many_candidates_are_read_in_pieces(monkeypatch):
    stage, _ = fit(usual())
    start = np.random.default_rng(0).uniform(0, 40, 50)
    given = candidates(np.stack([start, start + 8], 1), np.arange(50) % 2)
    whole = stage.refine(usual().rows[0], given)
    monkeypatch.setattr("hrpro.instance.stage._AT_ONCE", 7)
    pieces = stage.refine(usual().rows[0], given)
    for name in ("completeness", "segments", "refined_completeness", "likeness", "refined_likeness"):
        np.testing.assert_allclose(getattr(pieces, name), getattr(whole, name), atol=1e-5)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("dtype", [np.float16, np.float64])
def test_features_of_any_float_type_and_layout(dtype):
    stage, _ = fit(usual())
    rows, given = usual().rows[0].astype(dtype), candidates([[5, 12]], [0])
    expected = stage.refine(rows.astype(np.float32), given)
    rows = np.asfortranarray(rows)
    rows.setflags(write=False)
    np.testing.assert_array_equal(stage.refine(rows, given).segments, expected.segments)


@pytest.mark.parametrize("shape", [(5,), (5, 7), (0, 6)])
def test_features_of_another_shape_are_refused(shape):
    with pytest.raises(DataError, match=r"must be \[T, 6\]"):
        InstanceStage(CLASSES, DIMENSION, INSTANCE).refine(
            np.zeros(shape, np.float32), candidates([[0, 1]], [0])
        )


def test_same_seed_same_bits_other_seed_other_weights():
    first = weights_of(InstanceStage.fit(CLASSES, usual(), INSTANCE))
    torch.manual_seed(99)
    assert weights_of(InstanceStage.fit(CLASSES, usual(), INSTANCE)) == first
    other = weights_of(InstanceStage.fit(CLASSES, usual(), replace(INSTANCE, seed=1)))
    assert {name for name in first if first[name] == other[name]} == {"mean", "deviation"}


def test_the_caller_s_chance_is_left_alone():
    before = torch.get_rng_state(), np.random.get_state(legacy=False), random.getstate()
    fit(usual())
    assert torch.equal(torch.get_rng_state(), before[0])
    np.testing.assert_equal(np.random.get_state(legacy=False), before[1])
    assert random.getstate() == before[2]


def test_the_fingerprint_tells_everything_it_learns_from():
    def fingerprint(change):
        scenes = usual()
        change(scenes)
        return task_of(scenes, INSTANCE).fingerprint

    known = fingerprint(lambda scenes: None)
    assert fingerprint(lambda scenes: None) == known
    for name in ("prototypes_m2", "prototype_classes", "candidates_n2", "candidate_classes", "low_t"):

        def change(scenes, name=name):
            array = getattr(scenes.pools[1], name)
            array[0] = ~array[0] if array.dtype == np.bool_ else 1 - array[0]

        assert fingerprint(change) != known, name
    assert fingerprint(lambda scenes: scenes.rows[2].__setitem__((0, 0), 9)) != known


def test_a_batch_holds_each_recording_s_own_proposals():
    scenes = usual()
    task = task_of(scenes, INSTANCE)
    batch = task.batch(0, np.array([2, 0, 2]), np.random.default_rng(0))
    np.testing.assert_array_equal(
        batch["features"].numpy(), np.concatenate([scenes.rows[i] for i in (2, 0, 2)])
    )
    spans, of = batch["spans"], batch["recording"]
    assert sorted(set(of.tolist())) == [0, 1, 2]
    assert batch["recordings"] == 3
    assert (spans.first_n == torch.tensor([0, 41, 91])[of]).all()
    assert (spans.length_n == torch.tensor([41, 50, 41])[of]).all()
    assert (spans.segments_n2[:, 1] <= spans.length_n).all()
    for n, place in enumerate((2, 0, 2)):
        own = batch["reliable"][(of == n) & (batch["own"] > 0)].numpy()
        assert len(own)
        assert (tiou(own, scenes.pools[place].prototypes_m2).max(1) > 1 - 1e-6).all()


def test_what_blows_up_while_training_is_named():
    scenes = usual()
    task = task_of(scenes, INSTANCE)
    scenes.rows[1][:] = np.nan
    with pytest.raises(NonFiniteError, match=r"^v1: the loss part"):
        train(task, INSTANCE, progress=False)
