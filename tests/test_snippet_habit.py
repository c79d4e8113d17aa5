"""Where people click: a habit is told from all clicks together, and they are moved one way, or not at all."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from commands import run
from hrpro.config import Config
from hrpro.core.annotations import Click
from hrpro.data.synthetic import make_dataset
from hrpro.data.training_set import TrainingSet
from hrpro.halves import half_config
from hrpro.proposals.scores import SnippetScores
from hrpro.snippet.config import SnippetConfig
from hrpro.snippet.ensemble import SnippetEnsemble, scouting
from hrpro.snippet.habit import moved, recentred
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
def test_clicks_of_a_habit_are_moved_to_the_middle_and_none_the_other_way(tmp_path: Path, way: int) -> None:
    training_set = clicked(tmp_path, 2.5 * way, 3.0 * way, 2.0 * way, -0.5 * way)
    found = recentred(Sure(), training_set)
    assert found is not None
    assert offsets(found) == [0, 0, 0, -0.5 * way, 0, 0, 0] * 5
    assert [c.label for c in found.clicks["a"]] == [c.label for c in training_set.clicks["a"]]
    assert found.recordings == training_set.recordings
    assert moved(training_set, found) == 6 * 5
    assert moved(training_set, training_set) == 0


@pytest.mark.parametrize("off", [(-2.5, 2.5), (-3.0, 3.0, 0.0), (-0.3,), (0.2, 0.0)])
def test_clicks_about_the_middle_are_left_where_they_are(tmp_path: Path, off: tuple[float, ...]) -> None:
    assert recentred(Sure(), clicked(tmp_path, *off)) is None


def test_a_few_clicks_tell_no_habit(tmp_path: Path) -> None:
    assert recentred(Sure(), clicked(tmp_path / "four", -3.0, recordings=4)) is None  # 28 clicks
    assert recentred(Sure(), clicked(tmp_path / "five", -3.0, recordings=5)) is not None  # 35
    unsure = clicked(tmp_path / "unsure", 3.0, -3.0, -3.0, 3.0, -3.0, -3.0, -1.0)
    assert np.mean(offsets(unsure)) / (2 * HALF) < -0.05  # early in the mean, but it may be chance
    assert recentred(Sure(), unsure) is None


def test_what_has_no_click_and_a_click_without_a_proposal_stay_as_they_are(tmp_path: Path) -> None:
    training_set = clicked(tmp_path, -3.0, recordings=6)
    outside = (*training_set.clicks["b"], Click(158.5 * STRIDE, "run"))
    found = recentred(Sure(), replace(training_set, clicks={**training_set.clicks, "a": (), "b": outside}))
    assert found is not None
    assert found.clicks["a"] == ()
    assert found.clicks["b"][-1] == outside[-1]
    assert found.clicks["b"][:-1] == found.clicks["c"]


EARLY = replace(SNIPPET, steps=80, hidden=16, exemplar_weight=0, belief=0.0, habit=True)


@pytest.fixture
def early(tmp_path: Path) -> TrainingSet:
    """Actions of seven snippets, each clicked at its first."""
    actions = [(t, label) for t, label in zip(range(8, LENGTH, 16), ["jump", "run"] * 5, strict=True)]
    middles = by_hand(tmp_path, dict.fromkeys("abcdef", (LENGTH, actions)))
    clicks = {
        id: tuple(replace(click, time=click.time - 3 * STRIDE) for click in each)
        for id, each in middles.clicks.items()
    }
    return replace(middles, clicks=clicks)


def rows_of(training_set: TrainingSet, config: SnippetConfig) -> tuple[SnippetEnsemble, list[dict[str, Any]]]:
    """The taught stage 1, and of each network what its rows say beside the losses, in order."""
    told: list[dict[str, Any]] = []

    def on_row(row: dict[str, Any]) -> None:
        about = {name: row[name] for name in ("member", "anew", "scout") if name in row}
        if about not in told:
            told.append(about)

    return SnippetEnsemble.fit(training_set, config, on_row=on_row), told


def moved_by(first: SnippetStage, training_set: TrainingSet) -> TrainingSet:
    """What is learned from after ``first`` was asked: real training says it, about right."""
    found = recentred(first, training_set)
    assert found is not None
    of = training_set.clicks
    late = [b.time - a.time for id in of for a, b in zip(of[id], found.clicks[id], strict=True)]
    assert 1 * STRIDE < np.mean(late) < 4 * STRIDE
    return found


def assert_same(member: SnippetStage, expected: SnippetStage) -> None:
    for part, tensor in expected.network.state_dict().items():
        np.testing.assert_array_equal(member.network.state_dict()[part], tensor)


def test_several_members_learn_from_the_clicks_that_the_first_one_moved(early: TrainingSet) -> None:
    taught, told = rows_of(early, replace(EARLY, members=2))
    assert told == [{"member": 0}, {"member": 0, "anew": True}, {"member": 1}]
    first, second = (member.config for member in taught.members)
    found = moved_by(SnippetStage.fit(early, first, name="snippet-1"), early)
    assert taught.moved == moved(early, found) > 0
    assert_same(taught.members[0], SnippetStage.fit(found, first, name="snippet-1-anew"))
    assert_same(taught.members[1], SnippetStage.fit(found, second, name="snippet-2"))


def test_a_single_member_learns_from_the_clicks_that_a_shorter_one_moved(early: TrainingSet) -> None:
    taught, told = rows_of(early, replace(EARLY, members=1))
    assert told == [{"member": 0, "scout": True}, {"member": 0}]
    own = taught.members[0].config
    scout = SnippetStage.fit(early, replace(own, steps=80 // 3), name="snippet-scout")
    found = moved_by(scout, early)
    assert taught.moved == moved(early, found) > 0
    assert_same(taught.members[0], SnippetStage.fit(found, own))
    assert rows_of(early, replace(EARLY, members=1, habit=False))[1] == [{"member": 0}]


def test_where_there_is_no_habit_all_is_learned_as_without(tmp_path: Path) -> None:
    actions = [(t, label) for t, label in zip(range(8, LENGTH, 16), ["jump", "run"] * 5, strict=True)]
    middles = by_hand(tmp_path, dict.fromkeys("abcdef", (LENGTH, actions)))
    for members in (1, 2):
        taught, told = rows_of(middles, replace(EARLY, members=members))
        assert {"member": 0, "anew": True} not in told
        assert taught.moved == 0
        plain, _ = rows_of(middles, replace(EARLY, members=members, habit=False))
        for one, other in zip(taught.members, plain.members, strict=True):
            assert_same(one, other)


def test_the_next_method_alone_asks_for_habits() -> None:
    assert Config().with_method("hrpro-next").snippet.habit
    assert not Config().snippet.habit
    assert scouting(Config().with_method("hrpro-next").snippet) is None  # several members
    assert not half_config(EARLY, 0).habit


def test_train_tells_how_many_and_leaves_the_clicks_as_they_are(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = make_dataset(tmp_path / "data", train=12, test=1, classes=2, dim=8, minutes=1.0, rate=2.0)
    head, *rows = (data / "clicks.csv").read_text().splitlines()
    early = [f"{id},{max(float(time) - 1.5, 0)},{label}" for id, time, label in (r.split(",") for r in rows)]
    (data / "early.csv").write_text(before := "\n".join([head, *early, ""]))
    words = ("--snippet.members=1", "--snippet.steps=120", "--snippet.belief=0", "--stages=1")
    for habit, points in (("true", "early.csv"), ("false", "early.csv"), ("true", "clicks.csv")):
        where = tmp_path / f"{habit} {points}"
        asked = (*words, f"--snippet.habit={habit}", "--points", points)
        assert run("train", "--data", data, "--run", where, *asked) == 0
        said = capsys.readouterr().out
        assert ("you click early, or late, in actions" in said) == (habit == "true" and points == "early.csv")
    assert (data / "early.csv").read_text() == before
