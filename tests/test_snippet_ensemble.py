"""Several stage-1 networks read as one: means of their scores, each with a seed and weights of its own."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from hrpro.halves import half_config
from hrpro.localizer import HRPro
from hrpro.proposals.scores import SnippetScores
from hrpro.snippet.ensemble import SnippetEnsemble
from hrpro.snippet.length import typical_length
from hrpro.snippet.stage import SnippetStage
from tiny_sets import SNIPPET, by_hand, tiny_config, usual

THREE = replace(SNIPPET, members=3, exemplar_weight=0)


@pytest.fixture(scope="module")
def ensemble(tmp_path_factory) -> SnippetEnsemble:
    return SnippetEnsemble.fit(usual(tmp_path_factory.mktemp("ensemble")), THREE)


@pytest.fixture(scope="module")
def features() -> np.ndarray:
    return np.random.default_rng(1).normal(size=(25, 6)).astype(np.float32)


def test_scores_are_the_means_of_the_members(ensemble, features):
    found = ensemble.scores(features)
    each = [member.scores(features) for member in ensemble.members]
    assert len({one.class_tc.tobytes() for one in each}) == 3
    np.testing.assert_allclose(found.class_tc, sum(one.class_tc for one in each) / 3, rtol=1e-6)
    np.testing.assert_allclose(found.attention_t, sum(one.attention_t for one in each) / 3, rtol=1e-6)
    products = [one.class_tc * one.attention_t[:, None] for one in each]
    np.testing.assert_allclose(found.activation_tc, sum(products) / 3, rtol=1e-6)
    np.testing.assert_array_equal(found.embedded_td, np.concatenate([one.embedded_td for one in each], 1))
    assert found.embedded_td.shape == (25, ensemble.width)


def test_each_member_is_the_stage_of_its_own_settings(ensemble, tmp_path, features):
    for number, member in enumerate(ensemble.members, start=1):
        alone = SnippetStage.fit(usual(tmp_path), member.config, name=f"snippet-{number}")
        np.testing.assert_array_equal(alone.scores(features).class_tc, member.scores(features).class_tc)


def test_no_two_ensembles_share_a_seed():
    seeds = [
        member.config.seed
        for seed in range(20)
        for member in SnippetEnsemble(("jump",), 6, replace(THREE, seed=seed)).members
    ]
    assert len(set(seeds)) == len(seeds) == 60


@pytest.mark.parametrize("source", ["raw", "both"])
def test_a_model_of_several_members_survives_saving(tmp_path, features, source):
    config = tiny_config(snippet={"members": 2}, instance={"source": source})
    rows: list[dict[str, float]] = []
    model = HRPro(config).fit(usual(tmp_path / "data"), run_dir=tmp_path / "run", on_row=rows.append)
    halves = [row["half"] for row in rows if "half" in row]
    steps = half_config(config.snippet, 0).steps
    assert halves == [1] * steps + [2] * steps
    assert len(rows) - len(halves) == 2 * config.snippet.steps + config.instance.steps
    model.save(tmp_path / "model")
    again = HRPro.load(tmp_path / "model")
    assert isinstance(again.snippet, SnippetEnsemble)
    assert len(again.snippet.members) == 2
    one, two = model.predict(features), again.predict(features)
    np.testing.assert_array_equal(one.segments, two.segments)
    np.testing.assert_array_equal(one.scores, two.scores)


@pytest.mark.parametrize(("reach", "kernels"), [(0, [3, 3, 1]), (3, [3, 3, 3])])
def test_later_members_see_a_snippet_by_itself_where_actions_are_short(tmp_path, features, reach, kernels):
    clicks = [(t, label) for t, label in zip(range(5, 85, 10), ["jump", "run"] * 4, strict=True)]
    short = by_hand(tmp_path, dict.fromkeys("abc", (90, clicks)), reach=reach)
    config = replace(THREE, narrow=True, steps=60, hidden=16, exemplar_weight=0.3)
    taught = SnippetEnsemble.fit(short, config)
    assert [member.config.kernel for member in taught.members] == kernels
    again = SnippetEnsemble(taught.classes, 6, config)
    again.load_state_dict(taught.state_dict())
    np.testing.assert_array_equal(again.scores(features).activation_tc, taught.scores(features).activation_tc)
    plain = SnippetEnsemble.fit(short, replace(config, narrow=False))
    assert [member.config.kernel for member in plain.members] == [3, 3, 3]


def test_the_typical_length_is_that_of_what_holds_the_clicks(tmp_path):
    training_set = by_hand(tmp_path, {"a": (30, [(5, "jump"), (20, "run")]), "b": (10, [])})

    class Told:
        def scores(self, features_td: np.ndarray) -> SnippetScores:
            shown_tc = np.zeros((len(features_td), 2), np.float32)
            if len(features_td) == 30:
                shown_tc[4:8, 0] = shown_tc[18:26, 1] = 1
                shown_tc[12:15, 0] = 1  # holds no click
            return SnippetScores(shown_tc, shown_tc.max(1), shown_tc, shown_tc)

    assert typical_length(Told(), training_set) == pytest.approx(6, abs=0.5)
    assert typical_length(Told(), training_set.subset(["b"])) == np.inf


def test_weights_of_another_number_of_members_are_refused(ensemble):
    two = SnippetEnsemble(ensemble.classes, 6, replace(THREE, members=2))
    with pytest.raises(RuntimeError, match="missing or too many"):
        two.load_state_dict(ensemble.state_dict())
    other = {name: torch.zeros(1) for name in two.state_dict()}
    with pytest.raises(RuntimeError, match="size mismatch"):
        two.load_state_dict(other)
