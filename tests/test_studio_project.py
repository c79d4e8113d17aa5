"""What is opened: a folder, a data set, a run; and what is told of anything else."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

pytest.importorskip("fastapi", reason="the extra [studio] is not installed")
pytest.importorskip("av", reason="the extra [video] is not installed")

from data_folders import field_layout
from hrpro.core.errors import ConfigError, DataError
from hrpro.studio import playable as module
from hrpro.studio.project import OWN, open_project
from hrpro.video.sources import find_videos
from studio_store import make_videos


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


def test_the_corner_is_never_listed(folder: Path) -> None:
    (folder / OWN / "proxies").mkdir(parents=True)
    shutil.copy(folder / "one.mp4", folder / OWN / "proxies" / "one.mp4")
    assert [source.id for source in find_videos(folder)] == ["one", "three", "two"]
    assert list(open_project(folder).videos) == ["one", "three", "two"]


def test_a_folder_inside_the_corner_is_the_project_around_it(folder: Path) -> None:
    run = folder / OWN / "runs" / "1"
    (run / "checkpoints").mkdir(parents=True)
    assert open_project(run).root == folder.resolve()


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
