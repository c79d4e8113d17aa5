"""Where people click: a habit is told from all clicks together, and they are moved one way, or not at all."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hrpro.core.annotations import Click
from hrpro.data.training_set import TrainingSet
from hrpro.proposals.scores import SnippetScores
from hrpro.snippet.ensemble import SnippetEnsemble
from hrpro.snippet.habit import recentred
from hrpro.snippet.stage import SnippetStage
from tiny_sets import SNIPPET, STRIDE, by_hand

LENGTH, HALF = 160, 4
MIDDLES = range(10, 150, 20)  # of actions, in snippets: each from HALF before to HALF behind
LABELS = ["jump", "run"] * 4


class Sure:
    """P and A are 0.9 in every action and next to nothing outside."""

    def scores(self, features_td: np.ndarray) -> SnippetScores:
        activation_tc = np.full((len(features_td), 2), 0.01, np.float32)
        for middle, label in zip(MIDDLES, LABELS, strict=False):
            activation_tc[middle - HALF : middle + HALF, ["jump", "run"].index(label)] = 0.9
        return SnippetScores(activation_tc, activation_tc.max(1), activation_tc, activation_tc)


def clicked(folder: Path, *off: float, recordings: int = 5) -> TrainingSet:
    """Each action is clicked so many snippets from its middle, in turn."""
    made = by_hand(folder, dict.fromkeys("abcdefgh"[:recordings], (LENGTH, [(5, "jump")])))
    every = tuple(
        Click((middle + off[i % len(off)]) * STRIDE, label)
        for i, (middle, label) in enumerate(zip(MIDDLES, LABELS, strict=False))
    )
    return replace(made, clicks=dict.fromkeys(made.clicks, every))


def offsets(training_set: TrainingSet) -> list[float]:
    """How many snippets from the middle of its action each click lies, rounded."""
    return [
        round(float(click.time / STRIDE - middle), 3)
        for each in training_set.clicks.values()
        for click, middle in zip(each, MIDDLES, strict=True)
    ]


@pytest.mark.parametrize("way", [-1, 1])
def test_clicks_of_an_early_or_a_late_habit_are_moved_to_the_middle_and_none_the_other_way(
    tmp_path: Path, way: int
) -> None:
    training_set = clicked(tmp_path, 2.5 * way, 3.0 * way, 2.0 * way, -0.5 * way)
    moved = recentred(Sure(), training_set)
    assert moved is not None
    assert offsets(moved) == [0, 0, 0, -0.5 * way, 0, 0, 0] * 5
    assert [c.label for c in moved.clicks["a"]] == [c.label for c in training_set.clicks["a"]]
    assert moved.recordings == training_set.recordings


@pytest.mark.parametrize("off", [(-2.5, 2.5), (-3.0, 3.0, 0.0), (-0.3,), (0.2, 0.0)])
def test_clicks_about_the_middle_are_left_where_they_are(tmp_path: Path, off: tuple[float, ...]) -> None:
    assert recentred(Sure(), clicked(tmp_path, *off)) is None


def test_a_few_clicks_tell_no_habit(tmp_path: Path) -> None:
    assert recentred(Sure(), clicked(tmp_path / "four", -3.0, recordings=4)) is None  # 28 clicks
    assert recentred(Sure(), clicked(tmp_path / "five", -3.0, recordings=5)) is not None  # 35
    unsure = clicked(tmp_path / "unsure", 3.0, -3.0, -3.0, 3.0, -3.0, -3.0, -1.0)
    assert np.mean(offsets(unsure)) / (2 * HALF) < -0.05  # early in the mean, but it may be chance
    assert recentred(Sure(), unsure) is None


def test_what_has_no_click_and_a_click_without_a_proposal_stay_as_they_are(
    tmp_path: Path,
) -> None:
    training_set = clicked(tmp_path, -3.0, recordings=6)
    outside = (*training_set.clicks["b"], Click(158.5 * STRIDE, "run"))
    moved = recentred(Sure(), replace(training_set, clicks={**training_set.clicks, "a": (), "b": outside}))
    assert moved is not None
    assert moved.clicks["a"] == ()
    assert moved.clicks["b"][-1] == outside[-1]
    assert moved.clicks["b"][:-1] == moved.clicks["c"]


@pytest.mark.parametrize("members", [1, 2])
def test_members_are_learned_from_the_moved_clicks(tmp_path: Path, members: int) -> None:
    """Real training, of clicks at the first snippet of every action of seven."""
    actions = [(t, label) for t, label in zip(range(8, LENGTH, 16), ["jump", "run"] * 5, strict=True)]
    middles = by_hand(tmp_path, dict.fromkeys("abcdef", (LENGTH, actions)))
    early = {
        id: tuple(replace(click, time=click.time - 3 * STRIDE) for click in each)
        for id, each in middles.clicks.items()
    }
    training_set = replace(middles, clicks=early)
    config = replace(SNIPPET, members=members, steps=80, hidden=16, exemplar_weight=0, belief=0.0, habit=True)
    told = set()
    taught = SnippetEnsemble.fit(
        training_set, config, on_row=lambda row: told.add((row["member"], row.get("anew", False)))
    )
    assert told == {(0, False), (0, True), (1, False)} if members == 2 else {(0, False), (0, True)}
    first = SnippetEnsemble.fit(training_set, replace(config, habit=False))
    alone = SnippetEnsemble.__new__(SnippetEnsemble)
    alone.config, alone.exemplars, alone.members = config, None, first.members[:1]
    moved = recentred(alone, training_set)
    assert moved is not None
    late = [b.time - a.time for id in early for a, b in zip(early[id], moved.clicks[id], strict=True)]
    assert 1 * STRIDE < np.mean(late) < 4 * STRIDE
    names = ["snippet-anew"] if members == 1 else ["snippet-1-anew", "snippet-2"]
    for name, member in zip(names, taught.members, strict=True):
        expected = SnippetStage.fit(moved, member.config, name=name)
        for part, tensor in expected.network.state_dict().items():
            np.testing.assert_array_equal(member.network.state_dict()[part], tensor)
    for member, other in zip(first.members, taught.members, strict=True):
        assert any(
            not np.array_equal(tensor, other.network.state_dict()[part])
            for part, tensor in member.network.state_dict().items()
        )
