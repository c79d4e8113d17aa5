"""Clicks that are not believed: few, the least likely ones, never a recording's last; and what follows."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from commands import run
from hrpro.core.annotations import Click
from hrpro.data.training_set import TrainingSet
from hrpro.proposals.scores import SnippetScores
from hrpro.snippet.belief import MOST, doubted, without
from hrpro.snippet.ensemble import SnippetEnsemble
from hrpro.snippet.stage import SnippetStage
from tiny_sets import SNIPPET, STRIDE, by_hand

pytest_plugins = ["command_fixtures"]
LENGTH = 120
EVERY = [(t, label) for t, label in zip(range(5, LENGTH, 10), ["jump", "run"] * 6, strict=True)]


class Told:
    """P as told: [LENGTH, 2], of every recording."""

    def __init__(self, activation_tc: np.ndarray) -> None:
        self.activation_tc = activation_tc.astype(np.float32)

    def scores(self, features_td: np.ndarray) -> SnippetScores:
        shown_tc = self.activation_tc[: len(features_td)]
        return SnippetScores(shown_tc, shown_tc.max(1), shown_tc, shown_tc)


def at(snippet: int, label: str) -> Click:
    return Click((snippet + 0.5) * STRIDE, label)


def believing(value: float = 0.8, **doubts: float) -> Told:
    """P ``value`` at all clicks, and another at those named, as t25=0.1."""
    activation_tc = np.zeros((LENGTH, 2))
    for t, label in EVERY:
        activation_tc[t, ["jump", "run"].index(label)] = doubts.get(f"t{t}", value)
    return Told(activation_tc)


@pytest.fixture
def training_set(tmp_path: Path) -> TrainingSet:
    return by_hand(tmp_path, dict.fromkeys("ab", (LENGTH, EVERY)))


def test_a_click_is_doubted_below_its_share_of_its_class_s_median(training_set: TrainingSet) -> None:
    assert doubted(believing(t25=0.47), training_set, 0.6) == {"a": (at(25, "jump"),), "b": (at(25, "jump"),)}
    assert doubted(believing(t25=0.49), training_set, 0.6) == {}
    assert doubted(believing(0.4, t25=0.25), training_set, 0.6) == {}  # a network that is unsure of all
    assert doubted(believing(0.4, t25=0.23), training_set, 0.6).keys() == {"a", "b"}
    assert doubted(believing(t25=0.0), training_set, 0) == {}


def test_a_click_that_was_learned_by_heart_alone_is_doubted(training_set: TrainingSet) -> None:
    seen = believing()
    for t, label in EVERY:
        if t != 25:
            seen.activation_tc[[t - 1, t + 1], ["jump", "run"].index(label)] = 0.7
    assert doubted(seen, training_set, 0.5) == {"a": (at(25, "jump"),), "b": (at(25, "jump"),)}


def test_a_recording_of_one_snippet_has_no_neighbours(tmp_path: Path) -> None:
    short = by_hand(
        tmp_path, {"a": (1, [(0, "jump")]), **dict.fromkeys("bcdefghijk", (LENGTH, [(5, "jump")]))}
    )
    seen = believing()
    seen.activation_tc[0] = 0.9
    assert doubted(seen, short, 0.5) == {}


def test_no_more_than_a_tenth_and_of_those_the_lowest(training_set: TrainingSet) -> None:
    low = believing(t5=0.3, t25=0.1, t45=0.2)
    found = doubted(low, training_set, 0.6)
    assert sum(map(len, found.values())) == int(MOST * 24) == 2
    assert found == {"a": (at(25, "jump"),), "b": (at(25, "jump"),)}


def test_a_recording_keeps_a_click(tmp_path: Path) -> None:
    clicks = {"a": EVERY, "b": [(5, "jump")], "c": EVERY}
    several = by_hand(tmp_path, {id: (LENGTH, each) for id, each in clicks.items()})
    assert doubted(believing(t5=0.1), several, 0.6) == {"a": (at(5, "jump"),)}  # c's has no room in the tenth
    two = by_hand(tmp_path, {"a": (LENGTH, EVERY), "b": (LENGTH, [(5, "jump")])})
    assert doubted(believing(t5=0.1), two.subset(["b"]), 0.6) == {}
    assert "b" not in doubted(believing(t5=0.1), two, 0.6)


def test_a_class_that_is_hardly_learned_keeps_its_clicks(training_set: TrainingSet) -> None:
    rare = {f"t{t}": 0.2 for t, label in EVERY if label == "run"}
    assert doubted(believing(**rare), training_set, 0.6) == {}
    one = at(15, "run")
    assert doubted(believing(**{**rare, "t15": 0.1}), training_set, 0.6) == {"a": (one,), "b": (one,)}


def test_a_set_without_them_is_as_if_they_had_not_been_clicked(training_set: TrainingSet) -> None:
    less = without(training_set, {"a": (at(25, "jump"), at(35, "run"))})
    assert less.clicks["b"] == training_set.clicks["b"]
    assert len(less.clicks["a"]) == len(EVERY) - 2
    assert less.recordings == training_set.recordings
    assert without(training_set, {}).clicks == training_set.clicks


def test_all_members_are_learned_without_a_click_that_all_others_contradict(tmp_path: Path) -> None:
    """Real training: in one of six recordings a "run" stands where all features say "jump"."""
    training_set = by_hand(tmp_path, dict.fromkeys("abcdef", (LENGTH, EVERY)))
    wrong = Click(26.2 * STRIDE, "run")
    moved = tuple(wrong if click == at(25, "jump") else click for click in training_set.clicks["c"])
    astray = replace(training_set, clicks={**training_set.clicks, "c": moved})
    config = replace(SNIPPET, members=2, steps=80, hidden=16, exemplar_weight=0)
    told = set()
    taught = SnippetEnsemble.fit(
        astray, config, on_row=lambda row: told.add((row["member"], row.get("anew", False)))
    )
    assert taught.doubted == {"c": (wrong,)}
    for name, member in zip(("snippet-1-anew", "snippet-2"), taught.members, strict=True):
        alone = SnippetStage.fit(without(astray, taught.doubted), member.config, name=name)
        for part, tensor in alone.network.state_dict().items():
            np.testing.assert_array_equal(member.network.state_dict()[part], tensor)
    believed = SnippetEnsemble.fit(astray, replace(config, belief=0))
    assert believed.doubted == {}
    assert len(believed.members) == 2
    assert told == {(0, False), (0, True), (1, False)}
    assert SnippetEnsemble.fit(astray, replace(config, members=1)).doubted == {}


def test_train_tells_which_they_are(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = data / "clicks.csv"
    kept = table.read_text()
    rows = kept.splitlines()
    labels = sorted({row.rsplit(",", 1)[1] for row in rows[1:]})
    head, _, label = rows[1].rpartition(",")
    astray = f"{head},{next(one for one in labels if one != label)}"
    try:
        table.write_text("\n".join([rows[0], astray, *rows[2:], ""]))
        words = ("--snippet.steps=100", "--snippet.members=2", "--stages=1")
        assert run("train", "--data", data, "--run", tmp_path / "run", *words, "--snippet.belief=0.9") == 0
        said = capsys.readouterr().out
        found = (tmp_path / "run/doubted_clicks.csv").read_text().splitlines()
        assert found[0] == "video_id,timestamp,label"
        assert astray.split(",", maxsplit=1)[0] in {row.split(",")[0] for row in found[1:]}
        assert f"{len(found) - 1} clicks were not believed, and may be astray: {tmp_path / 'run'}" in said
        assert all(row in table.read_text() for row in found[1:])
    finally:
        table.write_text(kept)
