"""The threshold of what is shown: from scores of recordings that the network scoring them had not seen."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from hrpro.calibration import choose_min_score
from hrpro.core.annotations import Click, Detections
from hrpro.data.training_set import TrainingSet
from hrpro.halves import Halves, half_config, halves, spread
from hrpro.instance.stage import InstanceStage
from hrpro.localizer import HRPro
from hrpro.proposals.threshold import best_threshold
from hrpro.snippet.ensemble import SnippetEnsemble
from hrpro.views import StageOneViews
from tiny_sets import by_hand, tiny_config

Judged = list[tuple[Detections, tuple[Click, ...]]]
JUMPS = {
    "a": (40, [(6, "jump"), (20, "run"), (33, "jump")]),
    "b": (25, [(12, "jump")]),
    "c": (31, [(4, "jump"), (15, "run")]),
    "d": (28, [(9, "jump"), (20, "jump")]),
    "e": (20, []),
}


def own_threshold(model: HRPro, training_set: TrainingSet) -> float:
    found = {r.id: model.predict(r.features.read_float32(), r.timeline) for r in training_set.recordings}
    return best_threshold((found[id], training_set.clicks[id]) for id in found)


def asked(alone: HRPro, others: TrainingSet, *, runs_too: bool) -> Judged:
    """What a half's model finds in the other's recordings, and their clicks; b and d teach no running."""
    judged: Judged = []
    for recording in others.recordings:
        found = alone.predict(recording.features.read_float32(), recording.timeline)
        clicks = others.clicks[recording.id]
        if not runs_too:
            found = found[found.labels == 0]
            clicks = tuple(click for click in clicks if click.label == "jump")
        judged.append((found, clicks))
    return judged


def test_halves_share_nothing_and_both_have_clicks(tmp_path: Path) -> None:
    dealt = halves(by_hand(tmp_path, JUMPS))
    assert dealt is not None
    assert [[r.id for r in half.recordings] for half in dealt] == [["a", "c", "e"], ["b", "d"]]
    dealt = halves(
        by_hand(tmp_path, {"x": (9, []), "y": (9, []), "a": (9, [(4, "run")]), "b": (9, [(4, "run")])})
    )
    assert dealt is not None
    assert all(any(half.clicks.values()) for half in dealt)


def test_of_many_recordings_some_are_asked(tmp_path: Path) -> None:
    training_set = by_hand(tmp_path, {f"v{i}": (12, [(3, "jump")]) for i in range(5)})
    for at_most, asked in ((9, "01234"), (5, "01234"), (4, "024"), (2, "03"), (1, "0")):
        assert [item.id for item in spread(training_set, at_most)] == [f"v{i}" for i in asked]


def test_the_threshold_asks_as_many_of_them_as_are_enough(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    training_set = by_hand(tmp_path, {f"v{i}": (12, [(3, "jump")]) for i in range(6)})
    config = tiny_config(stages=1, snippet={"steps": 4})
    model = HRPro(config).fit(training_set)
    asked: list[int] = []
    detect = model.detect
    monkeypatch.setattr(model, "detect", lambda x_td, scores: asked.append(len(x_td)) or detect(x_td, scores))
    for enough, times in ((100, 12), (2, 4)):  # its own, and those that the halves did not see
        monkeypatch.setattr("hrpro.calibration.ENOUGH", enough)
        choose_min_score(model, training_set, Halves(training_set, config.snippet))
        assert len(asked) == times
        asked.clear()


def test_halves_cost_a_quarter_of_stage_one_and_share_no_seed() -> None:
    for members, steps in ((4, 200), (2, 180), (1, 4000)):
        config = tiny_config(snippet={"members": members, "steps": steps}).snippet
        each = [half_config(config, half) for half in (0, 1)]
        assert sum(half.members * half.steps for half in each) == members * steps // 4
        drawn = [member.config.seed for member in SnippetEnsemble(("run",), 6, config).members]
        assert len({*drawn, *(half.seed for half in each)}) == members + 2


def test_it_is_the_mean_of_what_suits_seen_and_unseen_recordings(tmp_path: Path) -> None:
    training_set = by_hand(tmp_path / "data", JUMPS)
    config = tiny_config(stages=1, snippet={"members": 2, "steps": 24})
    model = HRPro(config).fit(training_set, run_dir=tmp_path / "run")
    dealt = halves(training_set)
    assert dealt is not None
    judged: Judged = []
    for half, (taught, others) in enumerate((dealt, dealt[::-1])):
        alone = HRPro(config)
        alone.snippet = SnippetEnsemble.fit(taught, half_config(config.snippet, half))
        judged += asked(alone, others, runs_too=half == 0)
    unseen, own = best_threshold(judged), own_threshold(model, training_set)
    assert 0 < unseen != own
    assert model.min_score == (own + unseen) / 2
    for name in ("half-1", "half-2"):
        with (tmp_path / f"run/{name}/logs/snippet.csv").open() as file:
            assert [int(row["step"]) for row in csv.DictReader(file)] == list(range(1, 7))


def test_stage_two_s_exemplars_have_not_seen_what_they_are_judged_on(tmp_path: Path) -> None:
    training_set = by_hand(tmp_path / "data", JUMPS)
    config = tiny_config(instance={"source": "raw", "exemplar_weight": 0.5}, snippet={"steps": 24})
    config = replace(config, instance=config.instance.without_network())
    model, judged = HRPro(config).fit(training_set), Judged()
    for number, half in enumerate(Halves(training_set, config.snippet).each):
        alone = HRPro.upon(half.network, half.taught, config)
        judged += asked(alone, half.others, runs_too=number == 0)
    unseen, own = best_threshold(judged), own_threshold(model, training_set)
    assert 0 < unseen != own
    assert model.min_score == (own + unseen) / 2


def test_weights_and_detections_are_those_of_the_two_stages_alone(tmp_path: Path) -> None:
    training_set = by_hand(tmp_path, JUMPS)
    config = tiny_config(snippet={"members": 2, "steps": 8})
    model = HRPro(config).fit(training_set)
    snippet = SnippetEnsemble.fit(training_set, config.snippet)
    instance = InstanceStage.fit(
        training_set.classes, StageOneViews(snippet, training_set, config), config.instance
    )
    assert model.snippet is not None
    assert model.instance is not None
    for found, expected in (
        (model.snippet.state_dict(), snippet.state_dict()),
        (model.instance.state_dict(), instance.state_dict()),
    ):
        assert all(torch.equal(found[name], expected[name]) for name in expected)


def test_one_recording_with_clicks_cannot_be_halved(tmp_path: Path) -> None:
    training_set = by_hand(tmp_path, {"a": (40, [(6, "jump"), (20, "run")]), "e": (20, [])})
    assert halves(training_set) is None
    model = HRPro(tiny_config()).fit(training_set)
    assert model.min_score == own_threshold(model, training_set)


def test_a_model_too_sure_of_its_own_recordings_shows_more_of_others(tmp_path: Path) -> None:
    """Features of noise: nothing carries over, and a threshold of its own recordings would show nothing."""
    rng = np.random.default_rng(0)
    several = {f"v{i}": (30, [(int(at), "run") for at in rng.choice(28, 2, replace=False)]) for i in range(8)}
    training_set = by_hand(tmp_path, several, classes=("run",), dimension=40)
    for recording in training_set.recordings:
        np.save(recording.features.path, rng.normal(size=(30, 40)).astype(np.float32))
    model = HRPro(tiny_config(snippet={"steps": 60, "input_dropout": 0.0, "dropout": 0.0})).fit(training_set)
    assert model.min_score < own_threshold(model, training_set)
