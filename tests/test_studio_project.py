"""What is opened: a folder, a data set, a run; and what is told of anything else."""

from __future__ import annotations

import json
import os
import shutil
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("fastapi", reason="the extra [studio] is not installed")
pytest.importorskip("av", reason="the extra [video] is not installed")

from data_folders import field_layout
from hrpro.core.errors import ConfigError, DataError
from hrpro.studio import playable as module
from hrpro.studio.launch import Progress
from hrpro.studio.project import OWN, open_project
from hrpro.studio.recordings import recorded
from hrpro.studio.runs_of import latest, looked
from hrpro.studio.state import Studio
from hrpro.video.sources import find_videos
from studio_store import add_class, add_click, make_videos


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make_videos(tmp_path / "videos")


def test_what_is_no_folder_is_told(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigError, match=r"there is no such folder.*name the folder that your videos are in"
    ):
        open_project(tmp_path / "nothing")
    (tmp_path / "file.mp4").write_bytes(b"")
    with pytest.raises(ConfigError, match="is a file, not a folder"):
        open_project(tmp_path / "file.mp4")


def test_two_videos_of_one_id_are_told(folder: Path) -> None:
    shutil.copy(folder / "one.mp4", folder / "one.mkv")
    with pytest.raises(DataError, match="would both be called 'one'"):
        open_project(folder)


def test_a_file_is_looked_into_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[Path] = []

    def look(path: Path):
        looked.append(path)
        return original(path)

    original = module.look
    monkeypatch.setattr(module, "look", look)
    first = open_project(folder)
    assert sorted(path.name for path in looked) == ["one.mp4", "three.mp4", "two.mp4"]
    looked.clear()
    assert open_project(folder).videos == first.videos
    first.rescan()
    assert looked == []
    shutil.copy(folder / "one.mp4", folder / "four.mp4")
    (folder / "two.mp4").write_bytes(b"")
    first.rescan()
    assert sorted(path.name for path in looked) == ["four.mp4", "two.mp4"]
    assert first.videos["two"].problem
    (folder / OWN / "playable.json").write_text("{broken")
    assert open_project(folder).videos == first.videos


def test_pages_that_ask_at_once_share_a_listing_begun_after_they_asked(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project, go, listings = open_project(folder), threading.Event(), list[int]()

    def list_files() -> Any:
        found = original()
        listings.append(len(found))
        assert go.wait(30)
        return found

    original = project._files
    monkeypatch.setattr(project, "_files", list_files)
    with ThreadPoolExecutor(9) as pool:
        first = pool.submit(project.rescan)
        while not listings:
            time.sleep(0.001)
        shutil.copy(folder / "one.mp4", folder / "four.mp4")  # too late for the first one
        others = [pool.submit(project.rescan) for _ in range(8)]
        time.sleep(0.2)
        go.set()
        for asked in (first, *others):
            asked.result(30)
    assert "four" in project.videos
    assert 2 <= len(listings) <= 3, "one for all that waited"


def test_how_many_files_have_been_looked_into_is_told(folder: Path) -> None:
    told: list[tuple[int, int]] = []
    open_project(folder, lambda done, total: told.append((done, total)))
    assert told == [(1, 3), (2, 3), (3, 3)]
    told.clear()
    open_project(folder, lambda done, total: told.append((done, total)))
    assert told == [], "nothing was new"


def test_a_wait_is_told_on_the_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 0.0
    monkeypatch.setattr("hrpro.studio.launch.time.monotonic", lambda: now)
    progress = Progress("looking")
    for done in range(1, 6):
        now = 0.9 * done
        progress(done, 5)
    assert capsys.readouterr().err == "hrpro: looking: 3 of 5\n"


def test_the_clicks_of_a_folder_that_becomes_a_data_set_come_in(folder: Path) -> None:
    studio = Studio.open(open_project(folder))
    studio.store.apply("me", "r1", [add_class(), add_click("k1", 5, "one")])
    studio.close()
    (folder / "split_train.txt").write_text("one\ntwo\n")
    labels = folder / "point_labels"
    labels.mkdir()
    (labels / "point_gaussian.csv").write_text("video_id,timestamp,label\none,oops,jump\n")
    studio = Studio.open(open_project(folder))
    assert studio.project.kind == "dataset"
    assert studio.project.remarks, "the table is broken"
    studio.close()
    (labels / "point_gaussian.csv").write_text(
        "video_id,timestamp,label\none,5.0,jump\none,7.5,jump\ntwo,3.0,run\n"
    )
    for _ in range(2):  # the second time, nothing more
        studio = Studio.open(open_project(folder))
        table = {id: [(c.time, c.label) for c in held] for id, held in studio.store.click_table().items()}
        assert table == {"one": [(5.0, "jump"), (7.5, "jump")], "two": [(3.0, "run")]}
        studio.close()


def test_a_run_that_failed_at_looking_hides_nothing(folder: Path) -> None:
    project = open_project(folder)
    assert latest(project) is None
    for number in (1, 2):
        model = project.own / "runs" / str(number) / "model" / "model.json"
        model.parent.mkdir(parents=True)
        model.write_text('{"classes": ["jump"]}')
        os.utime(model, (number, number))
    found = latest(project)
    assert found is not None
    assert found.id == "2", "neither has looked"
    for number, shown in ((1, "1"), (2, "2")):
        looked(project.own / "runs" / str(number))
        found = latest(project)
        assert found is not None
        assert found.id == shown


def test_the_corner_is_never_listed(folder: Path) -> None:
    (folder / OWN / "proxies").mkdir(parents=True)
    shutil.copy(folder / "one.mp4", folder / OWN / "proxies" / "one.mp4")
    assert [source.id for source in find_videos(folder)] == ["one", "three", "two"]
    assert list(open_project(folder).videos) == ["one", "three", "two"]


def test_a_folder_inside_the_corner_is_the_project_around_it(folder: Path) -> None:
    run = folder / OWN / "runs" / "1"
    (run / "checkpoints").mkdir(parents=True)
    assert open_project(run).root == folder.resolve()


def test_ids_of_a_manifest_that_lead_out_of_the_run_are_left_out(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "run/features").mkdir(parents=True)
    video = str(next(iter(folder.glob("*.mp4"))))
    ids = ["../../x", "/tmp/x", "a/../b", "", "a//b", "./a", "a\\..\\b", "a/b", "é c"]
    lines = [json.dumps({"id": id, "video": video}) for id in ids]
    (tmp_path / "run/features/manifest.jsonl").write_bytes("\n".join(lines).encode() + b'\n{"id": "\xff"}\n')
    assert list(recorded(tmp_path / "run")) == ["a/b", "é c"]


def test_a_run_shows_the_videos_that_it_was_trained_on(folder: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    (run / "model").mkdir(parents=True)
    (run / "model" / "model.json").write_text("{}")
    with pytest.raises(ConfigError, match=r"does not say where its videos are.*open the folder"):
        open_project(run)
    entries = [
        {"id": "one", "video": str(folder / "one.mp4"), "state": "done"},
        {"id": "gone", "video": str(folder / "gone.mp4"), "state": "done"},
        {"id": "url", "video": "s3://bucket/x.mp4", "state": "done"},
    ]
    (run / "features").mkdir()
    manifest = run / "features" / "manifest.jsonl"
    manifest.write_text("".join(json.dumps(entry) + "\n" for entry in entries) + "broken\n[]\n")
    (run / "model").rename(run / ".model.old")  # where a writer that is killed leaves it
    opened = open_project(run)
    assert (opened.kind, list(opened.videos), opened.inside) == ("run", ["one"], None)
    assert opened.files == {"one": folder / "one.mp4"}
    assert opened.durations() == {"one": 20.0}
    assert opened.first_clicks() == ((), {})
    (run / ".model.old" / "model.json").write_text('{"classes": ["jump", "run"]}')
    assert opened.first_clicks() == (("jump", "run"), {}), "so that its predictions can be accepted"


def test_a_truth_that_cannot_be_read_hides_nothing_else(tmp_path: Path) -> None:
    root = field_layout(tmp_path / "set")
    text = (root / "gt_full.json").read_text().replace("9.6", "99.6")
    (root / "gt_full.json").write_text(text)
    opened = open_project(root)
    assert opened.truth("a one") == ()
    assert any("the ground truth is not shown" in remark for remark in opened.remarks)
    assert opened.first_clicks()[0] == ("jump", "run")


def test_a_recording_without_anything_says_so(tmp_path: Path) -> None:
    root = field_layout(tmp_path / "set")
    (root / "features" / "train" / "b.npy").unlink()
    problem = open_project(root).videos["b"].problem
    assert problem == "There is neither a video of it here, nor features."
