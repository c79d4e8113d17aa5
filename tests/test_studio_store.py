"""The project's database: all or nothing, once, on the disk, and never over somebody else's work."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

pytest.importorskip("fastapi", reason="the extra [studio] is not installed")
pytest.importorskip("av", reason="the extra [video] is not installed")

from hrpro.core.annotations import Click
from hrpro.core.errors import DataError
from hrpro.studio import schema
from hrpro.studio.answers import Refused
from hrpro.studio.changes import Change
from hrpro.studio.store import Store
from studio_store import add_class, add_click, add_segment, everything, judge, new_id, opened, refusal


def test_what_was_acknowledged_is_there_when_opened_again(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        done = store.apply("me", "r1", [add_class(), add_click(), add_segment(), judge()], "Ann")
        assert [change.revision for change in done.changed] == [1, 2, 3, 4]
        assert done.revision == store.revision() == 4
        before = everything(store)
    assert before["click", "k1"] == {
        **{"id": "k1", "video": "a", "time": 1.0, "class": "c1", "author": "Ann", "version": 1}
    }
    with opened(tmp_path) as store:
        assert everything(store) == before
        assert tuple(store.changes(0)) == done.changed
        assert tuple(store.changes(2, most=1)) == done.changed[2:3]
        assert store.changes(4) == []


def test_every_commit_goes_to_the_disk(tmp_path: Path) -> None:
    with opened(tmp_path) as store, closing(store.connect()) as other:
        for db in (store._db, other):
            assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
            assert db.execute("PRAGMA synchronous").fetchone() == (2,), "FULL"
        with store.view() as view, pytest.raises(sqlite3.OperationalError, match="readonly"):
            view._db.execute("DELETE FROM things")


def test_a_request_is_all_or_nothing(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        bad = [add_class(), add_click("k1"), add_click("k2", time=-1)]
        assert refusal(store, *bad).status == 422
        assert everything(store) == {}
        with pytest.raises(Refused, match="nothing to undo"):
            store.undo("me", new_id())


def test_a_repeated_request_is_answered_as_the_first_time(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        first = store.apply("me", "r1", [add_class(), add_click(), add_click("k2")])
        moved = store.apply("me", "r2", [{"op": "move_click", "id": "k1", "version": 1, "time": 3}])
        taken = refusal(store, add_click("k2"), request="r3")
        undone = store.undo("me", "r4")
    with opened(tmp_path) as store:
        now = everything(store)
        assert store.apply("me", "r1", [add_class("other", "other")]) == first
        assert store.apply("me", "r2", []) == moved
        assert store.undo("me", "r4") == undone
        with pytest.raises(Refused) as again:
            store.apply("me", "r3", [add_click("k3")])
        assert again.value.as_dict() == taken.as_dict()
        assert again.value.status == 409
        assert everything(store) == now
        other = store.apply("you", "r1", [add_class("c2", "run")])  # ids of requests are each client's own
        assert [change.id for change in other.changed] == ["c2"]


def test_a_stale_version_is_refused_with_the_thing_as_it_is(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        store.apply("me", new_id(), [add_class(), add_click(), add_segment(), judge()])
        store.apply("you", new_id(), [{"op": "move_click", "id": "k1", "version": 1, "time": 5}])
        stale = refusal(store, {"op": "move_click", "id": "k1", "version": 1, "time": 9})
        assert (stale.status, stale.error) == (409, "conflict")
        assert stale.current is not None
        assert stale.current["value"] == everything(store)["click", "k1"]
        assert (stale.current["client"], stale.current["revision"]) == ("you", 5)
        for op in (
            {"op": "delete_click", "id": "k1", "version": 1},
            {"op": "relabel_click", "id": "k1", "version": 3, "class": "c1"},
            {"op": "edit_class", "id": "c1", "version": 2, "name": "x"},
            {"op": "edit_segment", "id": "s1", "version": 0, "start": 1.5},
            judge(verdict="rejected"),
            judge(verdict="rejected", version=2),
            {"op": "unjudge", "id": "run/a/1", "version": 2},
        ):
            assert refusal(store, op).error == "conflict", op
        store.apply("you", new_id(), [{"op": "delete_click", "id": "k1", "version": 2}])
        gone = refusal(store, {"op": "move_click", "id": "k1", "version": 2, "time": 9})
        assert gone.current is not None
        assert gone.current["value"] is None
        assert gone.current["client"] == "you"


def test_a_conflict_shows_the_thing_as_it_is_and_not_as_the_refused_batch_made_it(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        store.apply("me", new_id(), [add_class(), add_click()])
        held = refusal(store, {"op": "delete_class", "id": "c1", "version": 1})
        assert held.current is not None
        assert held.current["value"] == everything(store)["class", "c1"]


def test_a_version_never_comes_back(tmp_path: Path) -> None:
    """Else an edit meant for a thing before its deletion could strike the one after it."""
    with opened(tmp_path) as store:
        store.apply("me", new_id(), [add_class(), add_click()])
        store.apply("me", new_id(), [{"op": "delete_click", "id": "k1", "version": 1}])
        assert refusal(store, add_click()).status == 409
        store.undo("me", new_id())
        assert everything(store)["click", "k1"]["version"] == 3
        assert refusal(store, {"op": "delete_click", "id": "k1", "version": 1}).status == 409


def test_the_server_gives_a_new_class_the_first_key_that_is_free(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        store.apply("me", new_id(), [add_class("taken", "taken", key="2")])
        store.apply("me", new_id(), [add_class(f"c{n}", f"n{n}", key="free") for n in range(5)])
        store.apply("you", new_id(), [add_class(f"d{n}", f"m{n}", key="free") for n in range(4)])
        keys = [one["key"] for one in store.classes()]
        assert keys == ["2", "1", "3", "4", "5", "6", "7", "8", "9", None]
        assert refusal(store, add_class("e", "e", key="9")).status == 409


def test_one_request_may_change_a_thing_twice_and_pass_through_what_could_not_stay(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        store.apply("me", new_id(), [add_click(), add_class(key="1"), add_class("c2", "run", key="2")])
        swap = [
            {"op": "edit_class", "id": "c1", "version": 1, "key": "2"},
            {"op": "edit_class", "id": "c2", "version": 1, "key": "1"},
            {"op": "move_click", "id": "k1", "version": 1, "time": 2},
            {"op": "move_click", "id": "k1", "version": 2, "time": 3},
        ]
        done = store.apply("me", new_id(), swap)
        assert [change.revision for change in done.changed] == [4, 5, 6, 7]
        now = everything(store)
        assert (now["class", "c1"]["key"], now["class", "c2"]["key"]) == ("2", "1")
        assert (now["click", "k1"]["time"], now["click", "k1"]["version"]) == (3.0, 3)
        store.undo("me", new_id())
        assert everything(store, versions=False)["click", "k1"]["time"] == 1.0


def test_threads_that_move_one_click_never_overwrite_one_another(tmp_path: Path) -> None:
    """Each adds one to the time that it saw: a lost update would leave the sum too small."""
    heard: list[Change] = []
    with opened(tmp_path, listen=heard.extend) as store:
        store.apply("me", new_id(), [add_class(), add_click(time=0)])
        rounds, conflicts = 12, list[str]()

        def work(number: int) -> None:
            for _ in range(rounds):
                while True:
                    (seen,) = store.clicks("a")
                    op = {
                        "op": "move_click",
                        "id": "k1",
                        "version": seen["version"],
                        "time": seen["time"] + 1,
                    }
                    try:
                        store.apply(f"client{number}", new_id(), [op])
                        break
                    except Refused as refused:
                        conflicts.append(refused.error)

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(work, range(4)))
        assert set(conflicts) <= {"conflict"}
        (click,) = store.clicks()
        assert (click["time"], click["version"]) == (4 * rounds, 4 * rounds + 1)
        assert [change.revision for change in heard] == list(range(1, 4 * rounds + 3)), "told in order"


def test_one_request_sent_by_many_threads_at_once_is_done_once(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        store.apply("me", new_id(), [add_class()])
        gate = threading.Barrier(8)

        def send(_: int):
            gate.wait()
            return store.apply("me", "same", [add_click()])

        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(send, range(8)))
        assert len(store.clicks()) == 1
        assert all(answer == answers[0] for answer in answers)


def test_what_is_seen_in_one_view_is_of_one_moment(tmp_path: Path) -> None:
    """A class and its click come and go in one request each: no view may hold the one without the other."""
    with opened(tmp_path) as store:
        ended = threading.Event()

        def write() -> None:
            for i in range(40):
                store.apply("me", new_id(), [add_class(f"c{i}", f"n{i}"), add_click(f"k{i}", label=f"c{i}")])
                removal = [("delete_click", f"k{i}"), ("delete_class", f"c{i}")]
                store.apply("me", new_id(), [{"op": op, "id": id, "version": 1} for op, id in removal])
            ended.set()

        writer = threading.Thread(target=write)
        writer.start()
        seen = set()
        while not ended.is_set():
            with store.view() as view:
                clicks, revision = view.clicks(), view.revision()
                classes, table = view.classes(), view.click_table()
            assert [c["class"] for c in clicks] == [c["id"] for c in classes]
            assert sum(map(len, table.values())) == len(clicks)
            assert bool(clicks) == (revision % 4 == 2)
            seen.add(len(clicks))
        writer.join()
        assert seen == {0, 1}


def test_the_click_table_is_what_training_is_given(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        clicks = [add_click("k1", 5), add_click("k2", 2, label="c2"), add_click("k3", 1, video="b/ü c")]
        store.apply("me", new_id(), [add_class(), add_class("c2", "run"), *clicks, add_segment()])
        expected = {"a": (Click(2.0, "run"), Click(5.0, "jump")), "b/ü c": (Click(1.0, "jump"),)}
        assert store.click_table() == expected
        with store.view() as view:
            assert view.counts("click") == {"a": 2, "b/ü c": 1}
            assert view.counts("segment") == {"a": 1}


def test_counts_are_those_of_what_is_there(tmp_path: Path) -> None:
    def right(store: Store) -> bool:
        with store.view() as view:
            things = (view.clicks(), view.segments(), view.verdicts())
            counts = (view.counts("click"), view.counts("segment"), view.counts("verdict"))
        held = [Counter(one["video"] for one in found) for found in things]
        return held == list(counts)

    with opened(tmp_path) as store:
        store.apply(
            "me",
            new_id(),
            [add_class(), add_click("k1"), add_click("k2", video="b/ü c"), add_segment(), judge()],
        )
        assert right(store)
        assert refusal(store, add_click("k3"), add_click("k4", time=-1)).status == 422
        store.apply("me", new_id(), [{"op": "move_click", "id": "k1", "version": 1, "time": 2.0}])
        store.apply("me", new_id(), [{"op": "delete_click", "id": "k1", "version": 2}])
        assert right(store)
        with store.view() as view:
            assert view.counts("click") == {"b/ü c": 1}
        store.undo("me", new_id())
        assert right(store)
        store.import_clicks([], {"a": [Click(3.5, "jump"), Click(4.5, "jump")]})
        assert right(store)
        path = store.path
    with closing(sqlite3.connect(path)) as db:  # as the first version left it
        db.execute("DROP TABLE counts")
        db.execute("PRAGMA user_version = 1")
    with opened(tmp_path) as store:
        assert right(store)
        with store.view() as view:
            assert view.counts("click") == {"a": 3, "b/ü c": 1}
            assert view.counts("segment") == view.counts("verdict") == {"a": 1}


def test_what_a_page_is_told_of_a_video_is_what_is_there(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        names = [add_class(), add_class("c2", 'q"\\ ü')]
        store.apply(
            "me",
            new_id(),
            [*names, add_click("k1", 1 / 3), add_click("k2", 1e-7, label="c2"), judge()],
            'A"\\n',
        )
        with store.view() as view:
            assert sorted(json.loads(view.listed("click", "a")), key=lambda c: c["time"]) == view.clicks("a")
            assert json.loads(view.listed("verdict", "a")) == view.verdicts("a")
            assert view.listed("click", "none") == "[]"


def test_clicks_of_a_data_set_come_in_once(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        assert not store.imported()
        store.import_clicks(["z", "run"], {"a": [Click(1.5, "run"), Click(0.5, "more")]})
        assert [(c["name"], c["key"]) for c in store.classes()] == [("z", "1"), ("run", "2"), ("more", "3")]
        assert len({c["color"] for c in store.classes()}) == 3
        assert store.click_table() == {"a": (Click(0.5, "more"), Click(1.5, "run"))}
        with pytest.raises(Refused):
            store.undo("import", new_id())
    with opened(tmp_path) as store:
        assert store.imported()


def test_what_a_project_has_already_does_not_come_twice(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        store.apply("me", new_id(), [add_class(name="Sa\u0308bel", key="1"), add_click(time=1.5)])
        store.import_clicks(["S\u00e4bel"], {})
        assert not store.imported(), "there were no clicks yet"
        clicks = [Click(1.4999, "S\u00e4bel"), Click(1.6, "S\u00e4bel"), Click(1.5, "run")]
        store.import_clicks(["S\u00e4bel"], {"a": clicks, "unknown length": [Click(1.5, "S\u00e4bel")]})
        assert [(c["name"], c["key"]) for c in store.classes()] == [("Sa\u0308bel", "1"), ("run", "2")]
        assert store.imported()
        table = {video: [(c.time, c.label) for c in held] for video, held in store.click_table().items()}
        assert sorted(table["a"]) == [(1.5, "Sa\u0308bel"), (1.5, "run"), (1.6, "Sa\u0308bel")]
        assert table["unknown length"] == [(1.5, "Sa\u0308bel")]


def test_tables_of_other_parts_live_beside(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        other = store.connect()
        other.execute("CREATE TABLE IF NOT EXISTS jobs (id TEXT)")
        other.execute("INSERT INTO jobs VALUES ('j')")
        store.apply("me", new_id(), [add_class()])
        assert other.execute("SELECT count(*) FROM things").fetchone() == (1,)
        other.close()


def test_a_database_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        path = store.path
    db = sqlite3.connect(path)
    db.execute(f"PRAGMA user_version = {schema.VERSION + 1}")
    db.close()
    with pytest.raises(DataError, match=r"a newer hrpro wrote this project.*pip install --upgrade"):
        Store(path, dict)
    db = sqlite3.connect(path)
    assert db.execute("PRAGMA user_version").fetchone() == (schema.VERSION + 1,)
    db.close()


def test_a_database_that_another_program_holds_is_not_called_damaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(tmp_path) as store:
        path = store.path
    whole = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda *words, **more: whole(*words, **{**more, "timeout": 0.1}))
    with closing(whole(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(DataError, match=r"another program is writing to .*try again when it has ended"):
            Store(path, dict)


@pytest.mark.parametrize("content", [b"not a database at all" * 99, b"SQLite format 3\0" + b"\xff" * 5000])
def test_what_is_no_database_is_told_in_one_line(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "studio.db"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"studio\.db: the project's database cannot be read"):
        Store(path, dict)
    assert path.read_bytes() == content


def test_a_damaged_database_is_told_before_anything_is_built_on_it(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        store.apply("me", new_id(), [add_class(), *(add_click(f"k{i}", i / 9) for i in range(500))])
        path = store.path
    content = bytearray(path.read_bytes())
    assert len(content) > 5 * 4096
    for page in range(2, len(content) // 4096, 2):
        content[page * 4096 : page * 4096 + 4096] = b"\x55" * 4096
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"damaged|cannot be read"):
        Store(path, dict)


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="cannot be opened"):
        Store(tmp_path / "file" / "studio.db", dict)


def test_a_closed_store_refuses_and_changes_nothing(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        store.apply("me", new_id(), [add_class()])
    with pytest.raises(Refused) as closing:
        store.apply("me", new_id(), [add_click()])
    assert closing.value.status == 503


def test_nothing_is_acknowledged_into_a_file_that_is_gone(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        store.apply("me", "r1", [add_class(), add_click()])
        (tmp_path / "corner").rename(tmp_path / "away")
        with pytest.raises(Refused, match="not in its place") as told:
            store.apply("me", "r2", [add_click("k2")])
        assert (told.value.status, (tmp_path / "corner").exists()) == (503, False)
        (tmp_path / "away").rename(tmp_path / "corner")
        store.apply("me", "r2", [add_click("k2")])
        assert len(store.clicks()) == 2


def test_reading_makes_no_database_where_there_was_one(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        (tmp_path / "corner" / "studio.db").rename(tmp_path / "away.db")
        with pytest.raises(sqlite3.OperationalError):
            store.clicks()
        assert not (tmp_path / "corner" / "studio.db").exists()
