"""One score of OIC and completeness, and how much likeness weighs in it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hrpro.core.errors import ConfigError
from hrpro.instance.config import InstanceConfig
from hrpro.instance.examples import draw
from hrpro.instance.fusion import fused
from hrpro.instance.stage import InstanceStage
from hrpro.instance.worth import LEAST, Part, weight_of
from hrpro.localizer import HRPro
from test_instance_stage import CLASSES, candidates, many
from tiny_sets import INSTANCE, tiny_config, usual

PRODUCT: dict[str, Any] = {"fusion": "product", "exemplar_weight": "judged"}
JUDGED = replace(INSTANCE, **PRODUCT, positives=16, jittered=16)
SHARES = st.floats(0, 3)


def one(*parts: float, **how: Any) -> float:
    """Of an OIC, a likeness and a completeness."""
    return float(fused(*(np.array([part]) for part in parts), **how)[0])


def test_a_sum_is_the_papers() -> None:
    assert one(0.4, 0.5, 0.8, like=0.2, weight=1.0, fusion="sum") == pytest.approx(0.4 + 0.1 + 0.8)
    assert one(-0.3, 0.0, 0.0, like=0.2, weight=1.0, fusion="sum") == -0.3


def test_a_product_is_the_weighted_geometric_mean() -> None:
    assert one(0.4, 0.9, 0.0, like=1.0, weight=0.0, fusion="product") == pytest.approx(0.6)
    assert one(0.64, 1.0, 0.125, like=0.0, weight=0.5, fusion="product") == pytest.approx(
        (0.64 * 0.125**0.5) ** (1 / 1.5)
    )


@given(st.floats(-1, 1), st.floats(0, 1), st.floats(0, 1), SHARES, SHARES)
def test_a_product_lies_between_its_parts(
    oic: float, like: float, told: float, by_like: float, by_told: float
) -> None:
    found = one(oic, like, told, like=by_like, weight=by_told, fusion="product")
    parts = [oic, *([like] if by_like else []), *([told] if by_told else [])]
    assert max(min(parts), 1e-3) - 1e-9 <= found <= max(*parts, oic, 1e-3) + 1e-9
    higher = one(oic, 1.0, 1.0, like=by_like, weight=by_told, fusion="product")
    assert higher >= found - 1e-12


def test_they_weigh_what_they_tell_of_recordings_they_do_not_know() -> None:
    scenes = many(8, seed=1)
    config = replace(JUDGED, completeness_weight="judged", steps=40)
    parts = {"likeness": [0.0, 0.0], "network": [0.0, 0.0]}
    short = replace(config, steps=10, completeness_weight=LEAST, exemplar_weight=LEAST)
    for known in (0, 1):
        taught = Part(scenes, range(known, 8, 2))
        half = InstanceStage.fit(CLASSES, taught, short)
        assert half.exemplars is not None
        assert half.network is not None
        for index in range(1 - known, 8, 2):
            drawn = draw(scenes.pools[index], 2, np.random.default_rng([config.seed, index]), config)
            true_nc, features = drawn.completeness_nc, scenes.features(index)
            for label in (0, 1):
                given = candidates(drawn.segments_n2, np.full(len(true_nc), label))
                found = half.refine(features, given)
                mean = true_nc.mean()
                for name, told in (("likeness", found.likeness), ("network", found.completeness)):
                    parts[name][0] += float(((true_nc[:, label] - told) ** 2).sum())
                    parts[name][1] += float(((true_nc[:, label] - mean) ** 2).sum())
    expected = {name: 1 - missed / spread for name, (missed, spread) in parts.items()}
    assert expected["likeness"] > 0.5
    stage = InstanceStage.fit(CLASSES, scenes, config)
    likeness = expected["likeness"]
    assert stage.config.exemplar_weight == pytest.approx(likeness / (1 - likeness) / 2, rel=1e-3)
    assert (stage.network is None) == (expected["network"] < likeness)


@pytest.mark.parametrize("known", [{"likeness": 0.5, "network": 0.6}, {"likeness": 0.6, "network": 0.5}])
def test_a_network_that_tells_less_than_likeness_is_left_out(
    monkeypatch: pytest.MonkeyPatch, known: dict[str, float]
) -> None:
    monkeypatch.setattr("hrpro.instance.stage.explained", lambda *_: known)
    config = replace(JUDGED, completeness_weight="judged")
    stage = InstanceStage.fit(CLASSES, many(4, seed=1), config)
    assert stage.exemplars is not None
    assert stage.config.like == weight_of(known["likeness"])
    if known["network"] > known["likeness"]:
        assert stage.network is not None
        assert stage.config.weight == weight_of(0.6) == pytest.approx(0.75)
    else:
        assert stage.network is None
        assert not stage.config.has_network


def test_given_weights_are_kept() -> None:
    given = replace(JUDGED, completeness_weight=0.7, exemplar_weight=0.3)
    assert InstanceStage.fit(CLASSES, many(4, seed=1), given).config == given
    alone = replace(JUDGED, completeness_weight="judged", exemplar_weight=0.0)
    stage = InstanceStage.fit(CLASSES, many(4, seed=1), alone)
    assert stage.network is not None
    assert stage.config.weight >= LEAST


def test_where_it_tells_nothing_it_has_the_least_weight() -> None:
    scenes, rng = many(8, seed=1), np.random.default_rng(0)
    scenes.rows = [rng.normal(size=rows.shape).astype(np.float32) for rows in scenes.rows]
    stage = InstanceStage.fit(CLASSES, scenes, replace(JUDGED, steps=1))
    assert stage.config.exemplar_weight == LEAST


@pytest.mark.parametrize("count", [1, 2])
def test_where_half_has_nothing_to_teach_it_has_the_least_weight(count: int) -> None:
    scenes = many(count, seed=1)
    if count == 2:
        none = {"prototypes_m2": np.zeros((0, 2)), "prototype_classes": np.zeros(0, np.int64)}
        scenes.pools[1] = replace(scenes.pools[1], **none)
    stage = InstanceStage.fit(CLASSES, scenes, replace(JUDGED, completeness_weight="judged"))
    assert stage.config.exemplar_weight == LEAST
    assert stage.network is None


def test_a_model_ranks_by_the_product_and_keeps_the_weight_it_found(tmp_path: Path) -> None:
    config = tiny_config(instance={**PRODUCT, "source": "raw", "regression_weight": 0.0})
    config = replace(config, suppress=replace(config.suppress, sigma=1e9))  # no suppression
    model = HRPro(config).fit(usual(tmp_path / "data"))
    assert model.config is not None
    assert model.snippet is not None
    assert model.instance is not None
    own = model.config.instance
    assert own == replace(config.instance, exemplar_weight=own.exemplar_weight)
    assert isinstance(own.exemplar_weight, float)
    assert own.exemplar_weight >= LEAST

    features = usual(tmp_path / "again").recordings[0].features.read_float32()
    proposals = model.candidates(model.snippet.scores(features))
    refined = model.instance.refine(features, proposals)
    parts = np.maximum([proposals.oic, refined.likeness, refined.completeness], 1e-3)
    expected = np.average(np.log(parts), axis=0, weights=[1, own.exemplar_weight, 0.25])
    found = model.predict(features)
    np.testing.assert_allclose(np.sort(found.scores), np.sort(np.exp(expected)), rtol=1e-5)
    assert found.scores.max() <= 1

    model.save(tmp_path / "model")
    again = HRPro.load(tmp_path / "model")
    assert again.config == model.config
    np.testing.assert_array_equal(again.predict(features).scores, found.scores)


def test_what_is_added_to_a_score_at_most() -> None:
    assert InstanceConfig(completeness_weight=0.5, exemplar_weight=0.2).highest == pytest.approx(0.7)
    assert replace(JUDGED, completeness_weight="judged").highest == 0


def test_settings_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"exemplar_weight: is judged for a product alone \(.*product\)"):
        InstanceConfig(exemplar_weight="judged")
    with pytest.raises(ConfigError, match="fusion: must be one of sum, product, not 'mean'"):
        InstanceConfig(fusion="mean")  # pyright: ignore[reportArgumentType]
