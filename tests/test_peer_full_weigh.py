"""How much the positions' candidates weigh: chosen on recordings kept apart, where it is not given."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from hrpro.peers.full.stage import FullStage, true_actions
from hrpro.peers.full.targets import Actions
from hrpro.peers.full.weigh import WEIGHTS, best_weight, dealt, joined, judging
from hrpro.proposals.generate import Proposals
from hrpro.snippet.config import SnippetConfig
from test_peer_full import TINY, Rows, made_of

MANY: Rows = {f"r{i}": (30, [(4 + i, 9 + i, "jump"), (20, 24 + i % 3, "run")]) for i in range(9)}


def true_ones(supervised) -> list[Actions]:
    return [true_actions(supervised, index) for index in range(len(supervised.training_set.recordings))]


def proposals(segments, labels, score: float = 0.9) -> Proposals:
    scores = np.full(len(labels), score)
    return Proposals(
        np.asarray(segments, float), np.asarray(labels), scores, scores, np.zeros(len(labels), int)
    )


def test_a_quarter_is_kept_apart(tmp_path):
    supervised = made_of(tmp_path, MANY | {"still": (12, [])})
    actions = true_ones(supervised)
    parts = dealt(supervised.training_set, actions)
    assert parts is not None
    (taught, of_taught), (unseen, of_unseen) = parts
    assert [item.id for item in unseen.recordings] == ["r3", "r7"]
    assert {item.id for item in taught.recordings} == {*MANY, "still"} - {"r3", "r7"}
    by_id = {item.id: own for item, own in zip(supervised.training_set.recordings, actions, strict=True)}
    for part, own in ((taught, of_taught), (unseen, of_unseen)):
        assert [by_id[item.id] for item in part.recordings] == own


@pytest.mark.parametrize("with_actions", [0, 1, 3])
def test_too_few_to_keep_any_apart(with_actions, tmp_path):
    rows = {id: row if i < with_actions else (12, []) for i, (id, row) in enumerate(MANY.items())}
    supervised = made_of(tmp_path, rows)
    assert dealt(supervised.training_set, true_ones(supervised)) is None


@pytest.mark.parametrize("positions_know", [True, False])
def test_the_better_source_weighs_more(positions_know, tmp_path):
    """One source says what is true, the other finds as many actions where there are none."""
    supervised = made_of(tmp_path, MANY)
    actions = true_ones(supervised)
    each = []
    for own in actions:
        right, wrong = (proposals(spans, own.labels_m) for spans in (own.segments_m2, [[0, 2], [27, 29]]))
        each.append((right, wrong) if positions_know else (wrong, right))
    weight = best_weight(each, (supervised.training_set, actions))
    assert weight in WEIGHTS[1:] if positions_know else weight == 0


def test_of_two_as_good_the_others_alone(tmp_path):
    supervised = made_of(tmp_path, MANY)
    actions = true_ones(supervised)
    same = [proposals(own.segments_m2, own.labels_m, 0.5) for own in actions]
    assert best_weight(list(zip(same, same, strict=True)), (supervised.training_set, actions)) == 0


def test_joined_weighs_the_positions():
    one, two = proposals([[0, 2]], [0], 0.8), proposals([[3, 5], [6, 7]], [1, 0], 0.4)
    both = joined(one, two, 0.5)
    np.testing.assert_allclose(both.oic, [0.4, 0.4, 0.4])
    np.testing.assert_array_equal(both.segments, [[3, 5], [6, 7], [0, 2]])
    assert joined(one, two, 0.0) is two


def test_a_judge_has_a_seed_of_its_own():
    for config in (SnippetConfig(members=3), replace(TINY, members=2)):
        own = [judging(replace(config, seed=seed)) for seed in range(20)]
        assert {one.members for one in own} == {1}
        assert len({one.seed for one in own} | set(range(20))) == 40


def test_the_weight_is_chosen_once_and_kept(tmp_path):
    supervised = made_of(tmp_path, MANY)
    config = replace(TINY, judge=True, members=2)
    stage = FullStage.fit(supervised, config)
    weight = stage.dense.position_weight
    assert weight in WEIGHTS
    given = FullStage.fit(supervised, replace(config, judge=False, position_weight=weight))
    features_td = supervised.training_set.recordings[0].features.read_float32()
    again = FullStage(stage.classes, stage.dimension, config)
    again.load_state_dict(stage.state_dict())
    expected = stage.scores(features_td).proposals
    assert expected is not None
    for other in (given, again):
        found = other.scores(features_td).proposals
        assert found is not None
        assert found.oic.tobytes() == expected.oic.tobytes()


def test_exemplars_of_true_segments_speak_with_the_networks(tmp_path):
    supervised = made_of(tmp_path, MANY)
    features_td = supervised.training_set.recordings[0].features.read_float32()
    mixed, alone = (
        FullStage.fit(supervised, replace(TINY, exemplar_weight=weight)).dense for weight in (0.3, 0.0)
    )
    assert alone.exemplars is None
    assert mixed.exemplars is not None
    alike_tc = mixed.exemplars.activation(features_td)
    expected = 0.7 * alone.said(features_td).snippet_tc + 0.3 * alike_tc
    np.testing.assert_allclose(mixed.said(features_td).snippet_tc, expected, atol=1e-6)
    assert alike_tc[4:9, 0].mean() > alike_tc[10:19, 0].mean() + 0.3
