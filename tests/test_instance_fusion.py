"""One score of OIC and completeness, and how much likeness weighs in it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from hrpro.core.errors import ConfigError
from hrpro.data.batches import statistics
from hrpro.instance.config import InstanceConfig
from hrpro.instance.examples import draw
from hrpro.instance.exemplars import ProposalExemplars
from hrpro.instance.fusion import fused
from hrpro.instance.stage import InstanceStage
from hrpro.instance.worth import LEAST, judged_weight
from hrpro.localizer import HRPro
from test_instance_stage import CLASSES, many
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


def test_likeness_weighs_what_it_tells_of_recordings_it_does_not_know() -> None:
    scenes = many(8, seed=1)
    indices, count = list(range(8)), len(CLASSES)
    mean = statistics(map(scenes.features, indices)).mean
    missed = spread = 0.0
    for known in (0, 1):
        exemplars = ProposalExemplars.fit(scenes, indices[known::2], mean, count, JUDGED)
        for index in indices[1 - known :: 2]:
            drawn = draw(scenes.pools[index], count, np.random.default_rng([JUDGED.seed, index]), JUDGED)
            segments_n2 = torch.from_numpy(drawn.segments_n2).float()
            told = exemplars.completeness(torch.tensor(scenes.features(index)), segments_n2).numpy()
            missed += ((drawn.completeness_nc - told) ** 2).sum()
            spread += ((drawn.completeness_nc - drawn.completeness_nc.mean()) ** 2).sum()
    explained = 1 - missed / spread
    assert explained > 0.5
    found = judged_weight(scenes, indices, mean, count, JUDGED)
    assert found == pytest.approx(explained / (1 - explained) / 2, rel=1e-4)
    assert found > LEAST


def test_where_it_tells_nothing_it_has_the_least_weight() -> None:
    scenes, rng = many(8, seed=1), np.random.default_rng(0)
    scenes.rows = [rng.normal(size=rows.shape).astype(np.float32) for rows in scenes.rows]
    stage = InstanceStage.fit(CLASSES, scenes, replace(JUDGED, steps=1))
    assert stage.config.exemplar_weight == LEAST


@pytest.mark.parametrize("indices", [[0], [0, 1]])
def test_where_half_has_nothing_to_teach_it_has_the_least_weight(indices: list[int]) -> None:
    scenes = many(2, seed=1)
    empty = scenes.pools[1]
    none = {"prototypes_m2": np.zeros((0, 2)), "prototype_classes": np.zeros(0, np.int64)}
    scenes.pools[1] = replace(empty, **none)
    mean = statistics(map(scenes.features, indices)).mean
    assert judged_weight(scenes, indices, mean, len(CLASSES), JUDGED) == LEAST


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
