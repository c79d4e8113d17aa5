"""Stage 3 of hrpro-next: taught by reliable proposals, weighed by what it never saw, kept with the model."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from hrpro.boundaries.offset import Offset
from hrpro.config import Config
from hrpro.core.errors import RunError
from hrpro.dense.weigh import WEIGHTS
from hrpro.localizer import HRPro
from hrpro.proposals.scores import SnippetScores
from hrpro.snippet.stage import SnippetStage
from hrpro.third import mixed, pseudo_actions
from test_peer_full import TINY
from tiny_sets import by_hand, columns, tiny_config, usual

DENSE = replace(TINY, judge=True)


def third_config(**dense: Any) -> Config:
    dense = {"longish": 0.0, **dense}
    snippet = {"exemplar_weight": 0.3}
    config = tiny_config(method="hrpro-next", stages=3, snippet=snippet, dense=replace(DENSE, **dense))
    return replace(config, instance=replace(config.instance, regression_weight=0.0, source="raw"))


def eight(folder: Path):
    """Enough recordings for two to be kept apart."""
    return by_hand(folder, {f"r{i}": (34, [(6, "jump"), (15 + i, "run"), (28, "jump")]) for i in range(8)})


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory):
    training_set = eight(tmp_path_factory.mktemp("third"))
    rows: list[dict[str, float]] = []
    model = HRPro(third_config()).fit(training_set, on_row=rows.append)
    return training_set, model, rows


def test_every_click_teaches_an_action_that_holds_it(tmp_path):
    training_set = by_hand(
        tmp_path,
        {
            "a": (40, [(6, "jump"), (7, "jump"), (20, "run"), (39, "jump")]),
            "b": (25, []),
            "c": (1, [(0, "run")]),
        },
    )
    stage = SnippetStage.fit(training_set, tiny_config().snippet)
    each = pseudo_actions(stage, training_set, tiny_config(), Offset(-0.25, 0.5))
    assert [len(own.labels_m) > 0 for own in each] == [True, False, True]
    for recording, own in zip(training_set.recordings, each, strict=True):
        length = recording.features.shape[0]
        assert ((own.segments_m2 >= 0) & (own.segments_m2 <= length)).all()
        assert (np.diff(own.segments_m2) > 0).all()
        rows = np.column_stack([own.segments_m2, own.labels_m])
        assert len(np.unique(rows, axis=0)) == len(rows), "an action is taught once"
        for click in training_set.clicks[recording.id]:
            label = training_set.classes.index(click.label)
            (time,) = recording.timeline.index(np.array([click.time]), length) + 0.5
            spans = own.segments_m2[own.labels_m == label]
            assert ((spans[:, 0] <= time) & (time <= spans[:, 1])).any()


def test_the_judge_never_saw_what_it_judges(trained):
    training_set, model, rows = trained
    assert model.judge is not None
    assert [item.id for item in model.judge.unseen.recordings] == ["r3", "r7"]
    assert model.dense is not None
    assert model.dense.position_weight in WEIGHTS
    assert [row["third"] for row in rows if "third" in row] == [0] * 4 + [1] * 8
    assert not any("half" in row for row in rows), "the judge tells the threshold"
    kept = training_set.subset([f"r{i}" for i in range(8) if i not in (3, 7)])
    seed = model.judge.dense.config.seed
    assert seed != model.dense.config.seed
    assert model.judge.dense.dimension == kept.dimension
    # Features of what is kept apart: whoever learns from them has another mean.
    mean = np.concatenate([item.features.read_float32() for item in kept.recordings]).mean(0)
    for network in (model.judge.dense.networks[0], model.judge.snippet.members[0].network):
        assert_allclose(network.mean.numpy(), mean, atol=1e-5)


def test_what_it_finds_joins_the_others_by_its_weight(trained, tmp_path):
    training_set, model, _ = trained
    features_td = training_set.recordings[0].features.read_float32()
    model.save(tmp_path / "model")
    of_weight = {}
    for weight in (0.0, 1.0, 4.0):
        other = HRPro.load(tmp_path / "model")
        assert other.dense is not None
        other.dense.position_weight = weight
        of_weight[weight] = other.predict(features_td)
        if weight:
            best = other.dense.said(features_td).found.oic.max() * weight
            assert of_weight[weight].scores.max() >= best - 1e-9
    assert len(of_weight[0.0]) < len(of_weight[1.0])
    assert of_weight[4.0].scores.max() > of_weight[0.0].scores.max()


def test_snippets_alone_are_said_as_with_positions(trained):
    training_set, model, _ = trained
    features_td = training_set.recordings[0].features.read_float32()
    whole, part = (model.dense.said(features_td, positions=positions) for positions in (True, False))
    assert len(whole.found)
    assert not len(part.found)
    assert part.snippet_tc.tobytes() == whole.snippet_tc.tobytes()
    assert part.embedded_td.tobytes() == whole.embedded_td.tobytes()


def test_p_is_mixed(trained):
    training_set, model, _ = trained
    features_td = training_set.recordings[0].features.read_float32()
    scores: SnippetScores = model.snippet.scores(features_td)
    said = model.dense.said(features_td)
    both = mixed(scores, said, 0.3)
    assert_allclose(both.activation_tc, 0.7 * scores.activation_tc + 0.3 * said.snippet_tc, atol=1e-6)
    assert_array_equal(both.class_tc, scores.class_tc)
    assert mixed(scores, said, 0.0) is scores


def test_a_model_is_kept_with_its_third_stage(trained, tmp_path):
    training_set, model, _ = trained
    features_td = training_set.recordings[1].features.read_float32()
    model.save(tmp_path / "model")
    again = HRPro.load(tmp_path / "model")
    assert again.config is not None
    assert again.config.stages == 3
    assert again.dense is not None
    assert again.dense.position_weight == model.dense.position_weight
    assert again.min_score == model.min_score
    assert columns(again.predict(features_td)) == columns(model.predict(features_td))
    alone = again.stage_one()
    assert alone.dense is None
    alone.save(tmp_path / "alone")
    assert not (tmp_path / "alone" / "dense.safetensors").exists()
    assert columns(HRPro.load(tmp_path / "alone").predict(features_td)) == columns(alone.predict(features_td))
    weights = tmp_path / "model" / "dense.safetensors"
    weights.write_bytes(weights.read_bytes()[:-9] + b"\x00" * 9)
    with pytest.raises(RunError, match=r"dense\.safetensors does not match"):
        HRPro.load(tmp_path / "model")


@pytest.mark.parametrize(
    ("made", "dense", "weight"),
    [(usual, {}, 0), (eight, {"longish": 35.0}, 0), (usual, {"judge": False, "position_weight": 0.25}, 0.25)],
)
def test_where_nobody_can_judge(made, dense, weight, tmp_path):
    """Too few recordings, actions too short, and not asked for."""
    training_set = made(tmp_path)
    rows: list[dict[str, float]] = []
    model = HRPro(third_config(**dense)).fit(training_set, on_row=rows.append)
    assert model.judge is None
    assert model.dense is not None
    assert model.dense.position_weight == weight
    assert {row["half"] for row in rows if "half" in row} == {1, 2}, "as without a third stage"
    assert len(model.predict(training_set.recordings[0].features.read_float32()))


class Killed(Exception):
    pass


@pytest.mark.parametrize("third", [0, 1])
def test_a_killed_training_goes_on_to_the_same_bits(third, trained, tmp_path):
    training_set, model, _ = trained

    def kill(row):
        if row.get("third") == third and row["step"] == 3:
            raise Killed

    config = third_config(checkpoint_every=0.0)
    with pytest.raises(Killed):
        HRPro(config).fit(training_set, run_dir=tmp_path / "run", on_row=kill)
    again = HRPro(config).fit(training_set, run_dir=tmp_path / "run", resume=True)
    assert again.dense is not None
    expected = model.dense.state_dict()
    for name, tensor in again.dense.state_dict().items():
        assert tensor.equal(expected[name]), name
    assert again.min_score == model.min_score
    assert {path.name for path in (tmp_path / "run" / "logs").glob("*.csv")} >= {"dense.csv", "instance.csv"}
    assert (tmp_path / "run" / "judge" / "logs" / "dense.csv").is_file()
