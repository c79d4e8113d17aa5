"""Edits and their undo: what is refused, and that any way back leads to where one came from."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

pytest.importorskip("fastapi", reason="the extra [studio] is not installed")
pytest.importorskip("av", reason="the extra [video] is not installed")

from hrpro.core.annotations import Click
from hrpro.studio.answers import Refused
from hrpro.studio.naming import prediction_id
from hrpro.studio.runs_of import Run, class_ids
from hrpro.studio.store import Store
from studio_store import (
    add_class,
    add_click,
    add_segment,
    everything,
    judge,
    new_id,
    opened,
    refusal,
)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with opened(tmp_path) as store:
        store.apply("me", new_id(), [add_class(), add_click(), add_segment(), judge()])
        yield store


BAD_OPS: list[Any] = [
    *(None, "add_click", [], {}, {"op": None}, {"op": ["add_click"]}, {"op": "drop"}, {"op": "__class__"}),
    *(
        add_click("k9", time)
        for time in (-1e-9, 61.01, math.nan, math.inf, -math.inf, 10**400, True, "1", None)
    ),
    *(add_click(id, 1) for id in ("", "x" * 65, "a b", "a/b", "ä", "a\n", None, 7)),
    *(
        {**add_click("k9"), "video": video}
        for video in ("c", "", None, 3, ["a"], {"a": 1}, "a\x00", "\ud800")
    ),
    *({**add_click("k9"), "class": label} for label in ("nobody", "", None, 1)),
    {"op": "add_click", "id": "k9"},
    *(add_class("c9", name) for name in ("", " ", "x" * 101, "a\nb", "a\x00", "\u202e", "\ud800", 5, None)),
    *(add_class("c9", "n", key) for key in ("0", "10", "", "a", 1)),
    *(
        add_class("c9", "n", color=color)
        for color in ("red", "#fff", "#12345g", "#1234567", "", None, "#12345\n")
    ),
    *({"op": "move_click", "id": "k1", "version": v, "time": 1} for v in (None, "1", 1.0, True, -1, 2**60)),
    {"op": "move_click", "id": "k1", "version": 1},
    {"op": "move_click", "id": "k1", "version": 1, "time": 100},
    {"op": "relabel_click", "id": "k1", "version": 1, "class": "nobody"},
    *(add_segment("s9", *ends) for ends in ((2, 1), (1, 1), (-1, 1), (1, math.nan), (1, 62), (60.5, 61))),
    {**add_segment("s9"), "origin": "guessed"},
    {**add_segment("s9"), "prediction": "x" * 513},
    {"op": "edit_segment", "id": "s1", "version": 1, "end": 0.5},
    {"op": "edit_segment", "id": "s1", "version": 1, "start": 3},
    judge("p", verdict="maybe"),
    {**judge("p"), "video": "c"},
    {**judge("p"), "run": ""},
    *({"op": "merge_class", "id": "c1", "version": 1, "into": into} for into in ("c1", "nobody", None)),
    {"op": "move_video", "id": "a", "video": "b/ü c"},
    {"op": "move_video", "id": "gone", "video": "a"},
    {"op": "move_video", "id": "gone", "video": "c"},
]


@pytest.mark.parametrize("op", BAD_OPS, ids=[ascii(op)[:90] for op in BAD_OPS])
def test_what_cannot_be_right_is_refused_in_a_sentence(store: Store, op: Any) -> None:
    said = refusal(store, op)
    assert (said.status, said.error) == (422, "invalid")
    assert said.message.endswith(".")
    assert len(said.message) < 250


def test_a_request_holds_1_to_1000_operations_and_has_an_id(store: Store) -> None:
    many = [add_click(f"m{i}", i / 100) for i in range(1001)]
    assert refusal(store).status == 422
    assert refusal(store, *many).status == 422
    assert len(store.apply("me", new_id(), many[:1000]).changed) == 1000
    for client, request in (("", "r"), ("x" * 65, "r"), ("me", ""), ("me", "a b"), ("me", None)):
        with pytest.raises(Refused) as said:
            store.apply(client, request, [add_click("k9")])  # pyright: ignore[reportArgumentType]
        assert said.value.status == 422


@pytest.mark.parametrize(
    ("video", "time", "stored"),
    [("a", 0, 0.0), ("a", 60, 60.0), ("a", 60.9, 60.0), ("unknown length", 1e8, 1e8), ("b/ü c", 10.5, 10.0)],
)
def test_a_moment_just_behind_the_end_is_the_end(
    store: Store, video: str, time: float, stored: float
) -> None:
    """A player may hold a video for a little longer than its pictures last."""
    (change,) = store.apply("me", new_id(), [add_click("k2", time, video)]).changed
    assert change.value is not None
    assert change.value["time"] == stored
    assert math.copysign(1, change.value["time"]) == 1


def test_minus_zero_is_zero(store: Store) -> None:
    (change,) = store.apply("me", new_id(), [add_click("k2", -0.0)]).changed
    assert change.value is not None
    assert str(change.value["time"]) == "0.0"


@pytest.mark.parametrize("name", ["a", "x" * 100, "跳ぶ", "می‌خواهم", "👩‍🚀", "<b>&\"'", "a/b", "x"])
def test_any_readable_name_is_a_class(store: Store, name: str) -> None:
    (change,) = store.apply("me", new_id(), [add_class("c2", f" {name} ", color="#ABCDEF")]).changed
    assert change.value == {"id": "c2", "name": name, "color": "#abcdef", "key": None, "version": 1}


def test_names_and_keys_of_classes_are_their_own(store: Store) -> None:
    store.apply("me", new_id(), [add_class("c2", "caf\u00e9", "1"), add_class("c3", "run")])
    for op, owner in (
        (add_class("c9", "jump"), "c1"),
        (add_class("c9", "cafe\u0301"), "c2"),  # the same on the screen
        (add_class("c9", "new", "1"), "c2"),
        ({"op": "edit_class", "id": "c3", "version": 1, "name": "jump"}, "c1"),
        ({"op": "edit_class", "id": "c3", "version": 1, "key": "1"}, "c2"),
    ):
        said = refusal(store, op)
        assert (said.status, (said.current or {})["id"]) == (409, owner)
    store.apply(
        "me", new_id(), [{"op": "edit_class", "id": "c2", "version": 1, "name": "caf\u00e9", "key": None}]
    )
    store.apply("me", new_id(), [{"op": "edit_class", "id": "c3", "version": 1, "key": "1"}])


def test_a_class_in_use_stays(store: Store) -> None:
    removal = {"op": "delete_class", "id": "c1", "version": 1}
    assert "2 clicks or segments" in refusal(store, removal).message
    gone = [
        {"op": "delete_click", "id": "k1", "version": 1},
        {"op": "delete_segment", "id": "s1", "version": 1},
    ]
    store.apply("me", new_id(), [removal, *gone])
    assert refusal(store, add_click("k2")).status == 409, (
        "someone deleted it: that is no slip of the client's"
    )
    assert list(everything(store)) == [("verdict", "run/a/1")]


def test_verdicts_are_judged_anew_taken_back_and_judged_again(store: Store) -> None:
    store.apply("me", new_id(), [judge(verdict="rejected", version=1)])
    store.apply("me", new_id(), [{"op": "unjudge", "id": "run/a/1", "version": 2}])
    assert store.verdicts() == []
    store.apply("me", new_id(), [judge(verdict="corrected", version=0)])
    (verdict,) = store.verdicts("a")
    assert verdict == {"id": "run/a/1", "video": "a", "run": "run", "verdict": "corrected", "version": 4}


@pytest.mark.parametrize(
    ("ops", "label"),
    [
        ([add_click("k2")], "Add click"),
        ([add_click("k2"), add_click("k3")], "Add click (2)"),
        ([add_class("c2", "x"), add_click("k2", label="c2")], "Add class and more"),
        ([add_segment("s2"), judge("p2"), add_click("k2")], "Accept prediction"),
        ([judge("p2", "rejected"), judge("p3", "rejected")], "Reject prediction (2)"),
    ],
)
def test_undo_says_what_it_takes_back(store: Store, ops: list[Any], label: str) -> None:
    before = everything(store, versions=False)
    assert store.apply("me", new_id(), ops).label == label
    after = everything(store, versions=False)
    assert store.undo("me", new_id()).label == label
    assert everything(store, versions=False) == before
    assert store.redo("me", new_id()).label == label
    assert everything(store, versions=False) == after
    with pytest.raises(Refused) as nothing:
        store.redo("me", new_id())
    assert (nothing.value.status, nothing.value.error) == (404, "nothing")


def test_undo_is_each_clients_own_and_outlives_the_server(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        store.apply("me", new_id(), [add_class()])
        store.apply("you", new_id(), [add_click("yours")])
        store.apply("me", new_id(), [add_click("mine")])
    with opened(tmp_path) as store:
        store.undo("me", new_id())
        assert [click["id"] for click in store.clicks()] == ["yours"]
    with opened(tmp_path) as store:
        store.redo("me", new_id())
        store.undo("you", new_id())
        assert [click["id"] for click in store.clicks()] == ["mine"]


def test_undo_is_refused_where_another_changed_the_thing_and_goes_on_before_that(store: Store) -> None:
    store.apply("me", new_id(), [add_click("k2")])
    store.apply("me", new_id(), [{"op": "move_click", "id": "k1", "version": 1, "time": 7}])
    store.apply("you", new_id(), [{"op": "move_click", "id": "k1", "version": 2, "time": 8}])
    with pytest.raises(Refused) as said:
        store.undo("me", "u1")
    assert (said.value.status, said.value.error) == (409, "conflict")
    assert "Move click" in said.value.message
    assert said.value.current is not None
    assert said.value.current["value"]["time"] == 8
    with pytest.raises(Refused) as again:
        store.undo("me", "u1")
    assert again.value.as_dict() == said.value.as_dict()
    store.undo("me", "u2")
    assert {click["id"]: click["time"] for click in store.clicks()} == {"k1": 8}


def test_undo_is_refused_even_if_the_other_put_it_back_as_it_was(store: Store) -> None:
    store.apply("me", new_id(), [add_click("k2")])
    store.apply("you", new_id(), [{"op": "move_click", "id": "k2", "version": 1, "time": 8}])
    store.undo("you", new_id())
    with pytest.raises(Refused, match="Someone else changed this click since"):
        store.undo("me", new_id())


def test_undo_of_one_action_takes_back_no_later_one(store: Store) -> None:
    first = store.apply("me", new_id(), [add_click("k2")])
    second = store.apply("me", new_id(), [add_click("k3")])
    store.apply("you", new_id(), [add_click("k4")])
    with pytest.raises(Refused, match="Something else was done since") as said:
        store.undo("me", "u1", first.revision)
    assert (said.value.status, said.value.error) == (409, "later")
    with pytest.raises(Refused, match="Something else was done since"):
        store.undo("me", "u1", first.revision)  # the same request, once more
    assert store.undo("me", new_id(), second.revision).label == second.label
    assert store.undo("me", new_id(), first.revision).label == first.label  # it was not set aside
    assert {click["id"] for click in store.clicks()} == {"k1", "k4"}


def test_undo_leaves_no_click_without_its_class(store: Store) -> None:
    store.apply("me", new_id(), [add_class("c2", "run")])
    store.apply("you", new_id(), [add_click("k2", label="c2")])
    with pytest.raises(Refused, match="in use"):
        store.undo("me", new_id())
    store.apply("you", new_id(), [{"op": "delete_click", "id": "k2", "version": 1}])
    store.apply("me", new_id(), [{"op": "delete_class", "id": "c2", "version": 1}])
    with pytest.raises(Refused, match="has been deleted"):
        store.undo("you", new_id())


def test_a_new_edit_ends_what_could_be_redone(store: Store) -> None:
    store.apply("me", new_id(), [add_click("k2")])
    store.undo("me", new_id())
    store.apply("me", new_id(), [add_click("k3")])
    with pytest.raises(Refused, match="nothing to redo"):
        store.redo("me", new_id())


def test_classes_become_one_and_undo_parts_them(store: Store) -> None:
    store.apply("me", new_id(), [add_class("c2", "leap", key="2"), add_click("k2", 5, label="c2")])
    before = everything(store, versions=False)
    merge = {"op": "merge_class", "id": "c1", "version": 1, "into": "c2"}
    assert "Someone else" in refusal(store, {**merge, "version": 2}).message
    assert store.apply("me", new_id(), [merge]).label == "Merge classes"
    assert [(one["name"], one["key"]) for one in store.classes()] == [("leap", "2")]
    assert store.click_table() == {"a": (Click(1, "leap"), Click(5, "leap"))}
    assert [one["class"] for one in store.segments()] == ["c2"]
    run = Run("1", Path(), {"jump": "c1", "leap": "c2"}, None)
    assert class_ids(run, store.classes()) == {"jump": "c2", "leap": "c2"}, "what was learned as it is of it"
    store.apply("me", new_id(), [add_class("c3", "hop")])
    store.apply("me", new_id(), [{"op": "merge_class", "id": "c2", "version": 2, "into": "c3"}])
    assert class_ids(run, store.classes()) == {"jump": "c3", "leap": "c3"}
    for _ in range(3):
        store.undo("me", new_id())
    assert everything(store, versions=False) == before
    assert class_ids(run, store.classes()) == {"jump": "c1", "leap": "c2"}


def test_what_was_clicked_goes_with_a_renamed_video(tmp_path: Path) -> None:
    files: dict[str, float | None] = {"old": 60.0, "new": 60.0, "short": 10.0}
    store, found = Store(tmp_path / "studio.db", lambda: files), prediction_id("7", "old", 3)
    edits = [add_class(), add_click("k1", 50, "old"), {**add_segment("s1", 2, 4, "old"), "prediction": found}]
    store.apply("me", new_id(), [*edits, {**judge(found), "video": "old"}])
    before = everything(store, versions=False)
    move = {"op": "move_video", "id": "old", "video": "new"}
    assert "stay with it" in refusal(store, move).message
    del files["old"]
    assert "from 0 to 10 s" in refusal(store, {**move, "video": "short"}).message
    store.apply("me", new_id(), [move])
    assert store.click_table() == {"new": (Click(50, "jump"),)}
    assert [one["video"] for one in (*store.segments(), *store.verdicts())] == ["new", "new"]
    moved = prediction_id("7", "new", 3)  # as the same run predicts the same film under its new name
    assert (store.segments()[0]["prediction"], store.verdicts()[0]["id"]) == (moved, moved)
    with store.view() as view:
        assert view.counts("click") == {"new": 1}
    assert refusal(store, move).message == "There is nothing to move."
    store.undo("me", new_id())
    assert everything(store, versions=False) == before
    store.close()


@pytest.mark.parametrize("name", ["1.02.03\u202fPM", " a", "a ", "x\u00a0y", "x" * 700])
def test_whatever_a_renamed_video_was_called_its_clicks_go_with_it(tmp_path: Path, name: str) -> None:
    files: dict[str, float | None] = {name: 10.0, name.strip(): 10.0, "new": 10.0}
    store = Store(tmp_path / "studio.db", lambda: files)
    store.apply("me", new_id(), [add_class(), add_click("k1", 1, name)])
    files.clear()
    files["new"] = 10.0
    store.apply("me", new_id(), [{"op": "move_video", "id": name, "video": "new"}])
    assert store.click_table() == {"new": (Click(1, "jump"),)}
    store.close()


def test_what_others_do_with_a_merged_class_is_of_the_other(store: Store) -> None:
    store.apply("me", new_id(), [add_class("c2", "leap"), add_class("c3", "hop")])
    for id, into, version in (("c1", "c2", 1), ("c2", "c3", 2)):
        store.apply("me", new_id(), [{"op": "merge_class", "id": id, "version": version, "into": into}])
    store.apply("you", new_id(), [add_click("k2", 5), add_segment("s2", 4, 6)])
    assert store.click_table() == {"a": (Click(1, "hop"), Click(5, "hop"))}
    assert {one["class"] for one in store.segments()} == {"c3"}


def test_what_a_person_cannot_do_is_no_conflict_with_another(store: Store) -> None:
    for op in (
        {"op": "delete_class", "id": "c1", "version": 1},
        add_class("c2", "jump"),
        {"op": "edit_class", "id": "c2", "version": 1, "key": "1"},
    ):
        if op["op"] == "edit_class":
            store.apply("me", new_id(), [add_class("c4", "hop", "1"), add_class("c2", "leap")])
        said = refusal(store, op)
        assert (said.status, said.error) == (409, "taken")
        assert said.current is not None


IDS = st.integers(0, 3)
TIMES = st.floats(0, 60, allow_nan=False)
EDITS = st.one_of(
    st.builds(lambda i: ("add_class", i, {"name": f"n{i}", "color": "#000000", "key": str(i + 1)}), IDS),
    st.builds(lambda i, n: ("edit_class", i, {"name": f"n{n}", "key": None}), IDS, IDS),
    st.builds(lambda i: ("delete_class", i, {}), IDS),
    st.builds(lambda i, c: ("merge_class", i, {"into": f"c{c}"}), IDS, IDS),
    st.builds(lambda i, t, c: ("add_click", i, {"video": "a", "time": t, "class": f"c{c}"}), IDS, TIMES, IDS),
    st.builds(lambda i, t: ("move_click", i, {"time": t}), IDS, TIMES),
    st.builds(lambda i, c: ("relabel_click", i, {"class": f"c{c}"}), IDS, IDS),
    st.builds(lambda i: ("delete_click", i, {}), IDS),
    st.builds(
        lambda i, t, c: (
            "add_segment",
            i,
            {"video": "a", "start": t / 2, "end": t / 2 + 1, "class": f"c{c}", "origin": "drawn"},
        ),
        *(IDS, TIMES, IDS),
    ),
    st.builds(lambda i, t: ("edit_segment", i, {"end": t}), IDS, TIMES),
    st.builds(lambda i: ("delete_segment", i, {}), IDS),
    st.builds(
        lambda i, v: ("judge", i, {"video": "a", "run": "r", "verdict": v}),
        IDS,
        st.sampled_from(["accepted", "rejected", "corrected"]),
    ),
    st.builds(lambda i: ("unjudge", i, {}), IDS),
)
KINDS = {"click": "click", "class": "class", "segment": "segment", "judge": "verdict", "unjudge": "verdict"}


def written_out(edits: list[Any], seen: dict[tuple[str, str], Any], fresh: int) -> list[dict[str, Any]]:
    """Edits as a client writes them that knows of each thing what is in ``seen``."""
    ops = []
    for name, number, more in edits:
        kind = KINDS[name.split("_")[-1]]
        id = f"c{number}" if kind == "class" else f"{kind}{number}"
        if name in ("add_click", "add_segment"):
            id = f"{id}-{fresh}"
        elif kind in ("click", "segment"):
            there = sorted(other for one, other in seen if one == kind)
            id = there[number % len(there)] if there else id
        ops.append({"op": name, "id": id, "version": seen.get((kind, id), {}).get("version", 0), **more})
    return ops


def bare(thing: dict[str, Any]) -> dict[str, Any]:
    """All but what a merge of classes changes."""
    return {name: value for name, value in thing.items() if name not in ("version", "class", "was")}


def only(refused: Refused, *errors: str) -> None:
    """These refusals are part of the game, others a fault."""
    if refused.error not in errors:
        raise refused


def try_apply(store: Store, client: str, ops: list[dict[str, Any]]) -> bool:
    try:
        store.apply(client, new_id(), ops)
    except Refused as refused:
        only(refused, "conflict", "invalid", "taken")
        return False
    return True


def all_the_way(step: Any) -> int:
    for count in range(10_000):
        try:
            step("me", new_id())
        except Refused as refused:
            only(refused, "nothing")
            return count
    raise AssertionError("without end")


@settings(max_examples=25)
@given(st.lists(st.lists(EDITS, min_size=1, max_size=3), max_size=14), st.data())
def test_undo_of_all_leads_to_the_start_and_redo_of_all_to_the_end(
    edits: list[Any], data: st.DataObject
) -> None:
    with tempfile.TemporaryDirectory() as folder, opened(Path(folder)) as store:
        store.apply("other", new_id(), [add_class("c0", "n0", "1"), add_click("old", 1, label="c0")])
        start, depth = everything(store, versions=False), 0
        for number, batch in enumerate(edits):
            depth = (
                depth + 1 if try_apply(store, "me", written_out(batch, everything(store), number)) else depth
            )
            for step, sign in ((store.undo, -1), (store.redo, 1)):
                if data.draw(st.integers(0, 9)) == 0:
                    try:
                        step("me", new_id())
                        depth += sign
                    except Refused as refused:
                        only(refused, "nothing")
        end = everything(store, versions=False)
        assert all_the_way(store.undo) == depth
        assert everything(store, versions=False) == start
        redone = all_the_way(store.redo)
        assert redone >= depth
        for _ in range(redone - depth):
            store.undo("me", new_id())
        assert everything(store, versions=False) == end
        replay: dict[tuple[str, str], Any] = {}
        for change in store.changes(0, 10**6):
            assert (
                replay.get((change.kind, change.id), {"version": 0})["version"]
                < (change.value or {"version": 10**9})["version"]
            )
            replay[change.kind, change.id] = change.value or replay[change.kind, change.id] | {"gone": True}
        assert {k: v for k, v in replay.items() if "gone" not in v} == everything(store)


class TwoClients(RuleBasedStateMachine):
    """Two people, each acting on what they last saw: an edit goes through only on what is really there."""

    def __init__(self) -> None:
        super().__init__()
        self.stack = ExitStack()
        folder = self.stack.enter_context(tempfile.TemporaryDirectory())
        self.store = self.stack.enter_context(opened(Path(folder)))
        self.store.apply("setup", new_id(), [add_class(f"c{i}", f"n{i}") for i in range(4)])
        self.seen = {"me": everything(self.store), "you": everything(self.store)}
        self.now = everything(self.store)
        self.fresh, self.last_by = 0, dict[tuple[str, str], str]()

    def teardown(self) -> None:
        self.stack.close()

    @rule(client=st.sampled_from(["me", "you"]), edits=st.lists(EDITS, min_size=1, max_size=2))
    def edit(self, client: str, edits: list[Any]) -> None:
        seen, before = self.seen[client], self.now
        self.fresh += 1
        ops = written_out(edits, seen, self.fresh)
        done = try_apply(self.store, client, ops)
        self.now = everything(self.store)
        changed = {key for key in before.keys() | self.now.keys() if before.get(key) != self.now.get(key)}
        if not done:
            assert not changed, "a refused edit changed something"
        merges = any(op["op"] == "merge_class" for op in ops)
        for key in changed & before.keys():
            if merges and key in self.now and bare(before[key]) == bare(self.now[key]):
                continue  # what is of the class follows it, whatever else is said of it
            assert seen.get(key) == before[key], "overwrote what its author had never seen"
        self._by(client, changed)

    @rule(client=st.sampled_from(["me", "you"]), back=st.booleans())
    def step(self, client: str, back: bool) -> None:
        before = self.now
        try:
            (self.store.undo if back else self.store.redo)(client, new_id())
        except Refused as refused:
            only(refused, "nothing", "conflict", "taken")
        self.now = everything(self.store)
        changed = {key for key in before.keys() | self.now.keys() if before.get(key) != self.now.get(key)}
        for key in changed & self.last_by.keys():
            assert self.last_by[key] == client, "took back what another had changed since"
        self._by(client, changed)

    @precondition(lambda self: self.seen["me"] != self.now or self.seen["you"] != self.now)
    @rule(client=st.sampled_from(["me", "you"]))
    def look(self, client: str) -> None:
        self.seen[client] = everything(self.store)

    @invariant()
    def holds_together(self) -> None:
        for (kind, _), thing in self.now.items():
            assert kind not in ("click", "segment") or ("class", thing["class"]) in self.now
        names = [thing["name"] for (kind, _), thing in self.now.items() if kind == "class"]
        assert len(set(names)) == len(names)

    def _by(self, client: str, changed: set[tuple[str, str]]) -> None:
        self.last_by.update(dict.fromkeys(changed, client))


TestTwoClients = TwoClients.TestCase
TestTwoClients.settings = settings(max_examples=20, stateful_step_count=20)
