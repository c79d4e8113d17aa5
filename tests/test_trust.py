"""Stage 2 is judged on recordings that its judges had not seen, and left out where it adds nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from hrpro.calibration import choose_min_score
from hrpro.config import Config
from hrpro.core.annotations import Segment
from hrpro.core.errors import NonFiniteError
from hrpro.halves import Halves
from hrpro.instance.config import Fusion
from hrpro.localizer import HRPro
from hrpro.metrics.detection import mean_average_precision
from hrpro.trust import WEIGHTS, best_weight, half_instance, told, weigh
from hrpro.views import StageOneViews
from tiny_sets import by_hand, tiny_config

SEVERAL = {f"v{i}": (36, [(5 + i % 4, "jump"), (16 + i % 3, "run"), (28 - i % 3, "jump")]) for i in range(6)}


def judged_config(**changes: dict[str, object]) -> Config:
    config = tiny_config(snippet={"steps": 40, **changes.get("snippet", {})})
    return replace(config, instance=replace(config.instance, steps=24, completeness_weight="judged"))


def test_the_least_weight_that_is_as_good_as_the_best() -> None:
    assert best_weight({0: 0.60, 0.1: 0.62, 0.2: 0.64, 0.35: 0.641, 1.0: 0.5}) == 0.2
    assert best_weight({0: 0.60, 0.1: 0.609, 0.2: 0.608}) == 0, "too little"
    assert best_weight({0: 0.60, 0.1: 0.612, 0.2: 0.613, 1.0: 0.601}) == 0.1
    assert best_weight({0: 0.60, 0.1: 0.612, 0.2: 0.605, 1.0: 0.57}) == 0, "gained by luck"
    assert best_weight({0: 0.60, 0.1: 0.5, 1.0: 0.4}) == 0
    assert best_weight({}) == 0
    assert best_weight({0: 0.60, 0.5: 0.606, 1.0: 0.605}) == 0
    assert best_weight({0: 0.60, 0.5: 0.606, 1.0: 0.605}, "product") == 0.5
    assert best_weight({0: 0.60, 0.5: 0.604, 1.0: 0.603}, "product") == 0
    assert best_weight({0: 0.60, 0.5: 0.606, 1.0: 0.59}, "product") == 0


def test_what_was_found_is_told() -> None:
    assert "counts 0.1" in told({0: 0.6, 0.1: 0.65})
    assert "from 0.600 to 0.650" in told({0: 0.6, 0.1: 0.65})
    assert "left out" in told({0: 0.6, 0.1: 0.55})
    assert "counts 0.5" in told({0: 0.6, 0.5: 0.607}, "product")
    assert told({}) == ""


@pytest.mark.parametrize(("enough", "each", "fusion"), [(1000, 1, "sum"), (4, 2, "sum"), (4, 2, "product")])
def test_it_is_judged_by_reliable_proposals_of_recordings_not_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, enough: int, each: int, fusion: Fusion
) -> None:
    monkeypatch.setattr("hrpro.trust.ENOUGH", enough)
    training_set = by_hand(tmp_path / "data", SEVERAL)
    config = judged_config()
    config = replace(config, instance=replace(config.instance, fusion=fusion))
    model = HRPro(config).fit(training_set)
    assert set(model.weighed) == {0, *WEIGHTS[fusion]}
    assert model.snippet is not None

    whole = StageOneViews(model.snippet, training_set, config)
    reliable = {
        name: [
            Segment(s, e, model.classes[c])
            for (s, e), c in zip(p.prototypes_m2, p.prototype_classes, strict=True)
        ]
        for name, p in zip(whole.names, whole.pools, strict=True)
    }
    for weight in (0.0, WEIGHTS[fusion][-1]):
        found = {}
        for half in Halves(training_set, config.snippet).each:
            own = replace(half_instance(config.instance, half.seed), completeness_weight=weight)
            own = own if weight else own.without_network()
            alone = HRPro.upon(half.network, half.taught, replace(config, instance=own))
            for item in half.others.recordings[::each]:
                features = item.features.read_float32()
                found[item.id] = alone.detect(features, half.network.scores(features))
        expected = mean_average_precision({id: reliable[id] for id in found}, found, "0.1:0.7").average()
        assert model.weighed[weight] == pytest.approx(expected, abs=1e-12)


def test_left_out_its_exemplars_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hrpro.trust._LEAST", {"sum": 2.0})
    training_set = by_hand(tmp_path / "data", SEVERAL)
    config = judged_config()
    model = HRPro(config).fit(training_set)
    assert best_weight(model.weighed) == 0
    assert model.instance is not None
    assert model.instance.network is None
    alone = HRPro(replace(config, instance=config.instance.without_network())).fit(training_set)
    features = training_set.recordings[0].features.read_float32()
    found = model.predict(features)
    assert np.array_equal(found.scores, alone.predict(features).scores)
    assert not np.array_equal(found.scores, model.stage_one().predict(features).scores)
    model.save(tmp_path / "model")
    again = HRPro.load(tmp_path / "model")
    assert again.config == model.config
    assert np.array_equal(again.predict(features).scores, found.scores)


def test_left_out_it_is_stage_one_to_the_last_bit(tmp_path: Path) -> None:
    """A stage 2 that has learned next to nothing gains next to nothing."""
    training_set = by_hand(tmp_path / "data", SEVERAL)
    config = judged_config()
    nothing: dict[str, Any] = {"steps": 1, "lr": 1e-12, "regression_weight": 0.0, "exemplar_weight": 0.0}
    config = replace(config, instance=replace(config.instance, **nothing))
    model = HRPro(config).fit(training_set)
    assert best_weight(model.weighed) == 0
    assert model.instance is None
    assert model.config is not None
    assert model.config.stages == 1
    alone = HRPro(replace(config, stages=1)).fit(training_set)
    features = training_set.recordings[0].features.read_float32()
    assert np.array_equal(model.predict(features).scores, alone.predict(features).scores)
    model.save(tmp_path / "model")
    again = HRPro.load(tmp_path / "model")
    assert again.weighed == model.weighed
    assert np.array_equal(again.predict(features).segments, model.predict(features).segments)


def test_a_weight_that_is_given_is_kept_and_nothing_is_judged(tmp_path: Path) -> None:
    training_set = by_hand(tmp_path / "data", SEVERAL)
    config = judged_config()
    config = replace(config, instance=replace(config.instance, completeness_weight=0.7))
    model = HRPro(config).fit(training_set, run_dir=tmp_path / "run")
    assert model.config == config
    assert model.weighed == {}
    assert not (tmp_path / "run/half-1/logs/instance.csv").exists()


def test_judging_changes_no_weight_of_a_network(tmp_path: Path) -> None:
    training_set = by_hand(tmp_path / "data", SEVERAL)
    config = judged_config()
    given = replace(config, instance=replace(config.instance, completeness_weight=0.25))
    state = torch.get_rng_state()
    judged, plain = (HRPro(one).fit(training_set) for one in (config, given))
    assert torch.equal(torch.get_rng_state(), state)
    assert judged.snippet is not None
    assert plain.snippet is not None
    expected = plain.snippet.state_dict()
    assert all(torch.equal(tensor, expected[name]) for name, tensor in judged.snippet.state_dict().items())
    if judged.instance is not None:
        assert plain.instance is not None
        second = plain.instance.state_dict()
        assert all(torch.equal(tensor, second[name]) for name, tensor in judged.instance.state_dict().items())


def test_one_recording_cannot_be_judged_and_has_no_network(tmp_path: Path) -> None:
    training_set = by_hand(tmp_path / "data", {"a": (40, [(6, "jump"), (20, "run")])})
    model = HRPro(judged_config()).fit(training_set)
    assert model.weighed == {}
    assert model.instance is not None
    assert model.instance.network is None


def test_scores_that_overflow_are_told_with_the_recording(tmp_path: Path) -> None:
    training_set = by_hand(tmp_path / "data", SEVERAL)
    config = judged_config()
    model = HRPro(replace(config, instance=replace(config.instance, completeness_weight=0.7))).fit(
        training_set
    )
    assert model.snippet is not None
    assert model.config is not None
    model.config = replace(model.config, instance=config.instance)
    pools = StageOneViews(model.snippet, training_set, config).pools
    halves = Halves(training_set, config.snippet)
    first = halves.each[0].others.recordings[0].features.path
    np.save(first, np.load(first) * np.float32(1e37))
    with pytest.raises(NonFiniteError, match="overflow") as told_of:
        weigh(model, [item.id for item in training_set.recordings], pools, halves)
    assert told_of.value.where == str(first)
    with pytest.raises(NonFiniteError, match="overflow") as told_of:
        choose_min_score(model, training_set, halves)
    assert told_of.value.where == str(first)
