"""Completeness by likeness: what it tells apart, how it is told, and that it comes back from a file."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from hrpro.core.errors import ConfigError
from hrpro.instance.exemplars import AXES, NAMES, ProposalExemplars, _described, _sums
from hrpro.instance.stage import InstanceStage
from test_instance_stage import CLASSES, DIMENSION, candidates, fit, many, task_of, usual
from tiny_sets import INSTANCE

ALONE = replace(INSTANCE, exemplar_weight=0.5).without_network()


def taught(scenes, config=ALONE):
    found = InstanceStage.fit(CLASSES, scenes, config).exemplars
    assert found is not None
    return found


def test_alone_it_tells_complete_from_cut_and_right_from_wrong_on_new_recordings():
    stage = InstanceStage.fit(CLASSES, many(12, seed=1), replace(ALONE, positives=16, jittered=16))
    assert stage.network is None
    new = many(4, seed=2)
    for pool, features in zip(new.pools, new.rows, strict=True):
        spans, labels = pool.prototypes_m2, pool.prototype_classes
        start, length = spans[:, 0], np.diff(spans)[:, 0]
        cut = np.stack([start, start + 0.3 * length], 1)
        long = np.clip(spans + np.stack([-length, length], 1), 0, len(features))
        whole = stage.refine(features, candidates(spans, labels)).likeness
        for worse in (
            candidates(cut, labels),
            candidates(long, labels),
            candidates(spans, 1 - labels),
        ):
            assert (whole > stage.refine(features, worse).likeness + 0.1).all()
        assert ((whole >= 0) & (whole <= 1)).all()


def test_refined_candidates_are_told_anew():
    stage, _ = fit(usual())
    features, given = usual().rows[0], candidates([[5, 12], [20, 44], [0, 50]], [0, 1, 1])
    found = stage.refine(features, given)
    assert (np.abs(found.segments - given.segments) > 1e-3).any()
    again = stage.refine(features, candidates(found.segments, given.labels)).likeness
    np.testing.assert_allclose(found.refined_likeness, again, atol=1e-5)
    assert (np.abs(found.refined_likeness - found.likeness) > 1e-6).any()


def test_it_is_the_same_beside_a_network_and_alone():
    stage, _ = fit(usual())
    given = candidates([[5, 12], [20, 44]], [0, 1])
    found = stage.without_network().refine(usual().rows[0], given)
    np.testing.assert_array_equal(found.likeness, stage.refine(usual().rows[0], given).likeness)
    assert (found.completeness == 0).all()
    np.testing.assert_array_equal(found.segments, given.segments)


def test_without_weight_there_is_none():
    stage, _ = fit(usual(), replace(INSTANCE, exemplar_weight=0.0))
    assert stage.exemplars is None
    assert (stage.refine(usual().rows[0], candidates([[5, 12]], [0])).likeness == 0).all()


def test_so_many_are_remembered_at_most_and_all_teach():
    held = {number: taught(usual(), replace(ALONE, exemplars=number)) for number in (1, 20, 5000)}
    counts = {number: len(found.tensors["proposals"]) for number, found in held.items()}
    assert counts[1] == 1
    assert counts[20] == 20
    assert 20 < counts[5000] < 5000
    means = [found.tensors["offset"] for found in held.values()]
    assert all(torch.equal(mean, means[0]) for mean in means), "rows are the same, however few are kept"


def test_wide_features_are_told_along_so_many_axes():
    rng, scenes = np.random.default_rng(0), usual()
    turn = rng.normal(size=(DIMENSION, AXES + 40)).astype(np.float32)
    scenes.rows = [
        rows @ turn + rng.normal(size=(len(rows), AXES + 40)).astype(np.float32) for rows in scenes.rows
    ]
    found = taught(scenes)
    assert found.tensors["proposals"].shape[1] == 3 * AXES


def test_the_mean_of_the_features_makes_no_difference():
    given, moved = candidates([[5, 12], [0, 20], [40, 50]], [0, 1, 1]), usual()
    moved.rows = [rows + 7 for rows in moved.rows]
    found = [
        InstanceStage.fit(CLASSES, scenes, ALONE).refine(scenes.rows[0], given) for scenes in (usual(), moved)
    ]
    np.testing.assert_allclose(found[0].likeness, found[1].likeness, atol=1e-3)


def test_the_same_seed_gives_the_same_bits():
    first, second = (taught(usual()).tensors for _ in range(2))
    assert all(torch.equal(first[name], second[name]) for name in NAMES)


def test_it_comes_back_from_its_tensors_and_others_are_refused():
    stage, _ = fit(usual())
    state = stage.state_dict()
    again = InstanceStage(CLASSES, DIMENSION, INSTANCE)
    again.load_state_dict(state)
    given = candidates([[5, 12]], [0])
    np.testing.assert_array_equal(
        again.refine(usual().rows[0], given).likeness, stage.refine(usual().rows[0], given).likeness
    )
    for name in NAMES:
        key = f"exemplars.{name}"
        for wrong in ({**state, key: torch.zeros(3, 3, 3)}, {k: v for k, v in state.items() if k != key}):
            with pytest.raises(RuntimeError, match="is missing or has a size mismatch"):
                InstanceStage(CLASSES, DIMENSION, INSTANCE).load_state_dict(wrong)
    for config, wrong in (
        (replace(INSTANCE, exemplar_weight=0.0), state),
        (INSTANCE, {k: v for k, v in state.items() if not k.startswith("exemplars.")}),
        (ALONE, state),
        (INSTANCE, stage.without_network().state_dict()),
    ):
        with pytest.raises(RuntimeError, match="missing or too many"):
            InstanceStage(CLASSES, DIMENSION, config).load_state_dict(wrong)


@pytest.mark.parametrize(
    "wrong", [{"exemplars": 0}, {"exemplar_weight": -0.1}, {"exemplar_weight": float("nan")}]
)
def test_settings_out_of_range_are_refused(wrong):
    with pytest.raises(ConfigError, match="must be"):
        replace(INSTANCE, **wrong)


def test_a_stage_of_neither_is_refused():
    with pytest.raises(ConfigError, match="both heads of stage 2 are off, and its exemplars"):
        replace(ALONE, exemplar_weight=0.0)


def test_a_proposal_is_told_by_means_inside_before_and_after():
    rng = np.random.default_rng(0)
    reduced = torch.from_numpy(rng.normal(size=(12, 4)).astype(np.float32))
    held = {"mean": torch.zeros(4), "axes": torch.eye(4)}
    fine = reduced.repeat_interleave(100, 0)  # a hundredth of a snippet each
    spans = torch.tensor([[2.0, 10.0], [3.25, 4.5], [0.0, 1.0], [0.5, 12.0]])
    told = _described(_sums(reduced, held), spans)
    for (start, end), found in zip(spans.tolist(), told, strict=True):
        border = max((end - start) / 4, 1.0)
        pieces = (start, end), (max(start - border, 0), start), (end, min(end + border, 12))
        means = [fine[round(100 * s) : round(100 * e)] for s, e in pieces]
        inside, before, after = (rows.mean(0) if len(rows) else torch.zeros(4) for rows in means)
        torch.testing.assert_close(found, torch.cat([inside, before / 2, after / 2]), atol=1e-5, rtol=0)


def test_one_class_without_a_prototype_is_never_likely():
    scenes = usual()
    config = replace(ALONE, negatives=1.0)
    assert task_of(scenes, INSTANCE).indices == [0, 1, 2]
    found = ProposalExemplars.fit(scenes, [0, 1, 2], np.zeros(DIMENSION, np.float32), 3, config)
    told = found.completeness(torch.from_numpy(scenes.rows[0]), torch.tensor([[5.0, 12], [30, 45]]))
    assert (told[:, 2] < 1e-3).all()
