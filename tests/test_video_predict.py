"""From videos to detections beside the videos: ``predict --video``, on what ``train --videos`` learned."""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("av", reason="the extra [video] is not installed")
pytest.importorskip("cv2", reason="the extra [video] is not installed")

from broken_videos import BROKEN, DAMAGED, WHOLE, broken_folder
from clicked_films import names
from commands import SMALL, finish, run, start, wait_for
from hrpro.data.formats.activitynet import read_detections
from hrpro.localizer import HRPro
from hrpro.video.decode import frames, probe
from hrpro.video.extract import extract
from hrpro.video.store import read_about
from rendered_videos import even_times, render

pytest_plugins = ["command_fixtures", "clicked_films"]
REAL = Path(__file__).resolve().parents[1].parent / "shared/data/real_untrimmed"
FILES = (".csv", ".json", ".srt", ".vtt")


@pytest.fixture(scope="module")
def found(videos: Path, taught: Path) -> Path:
    """All that it detects, however unsure it is."""
    out = videos.parent / "found"
    words = ("--out", out, "--min-score=-9", "--device", "cpu", "--quiet")
    assert run("predict", "--run", taught, "--video", videos, *words) == 0
    return out


def test_its_files_agree_and_lie_within_the_video(videos: Path, found: Path) -> None:
    ids = ("a", "c", "day/a", "day/b")
    every = [f"{id}{suffix}" for id in ids for suffix in FILES]
    assert names(found) == sorted([*every, "detections.json", "manifest.jsonl"])
    together = read_detections(found / "detections.json")
    assert together.keys() == set(ids)
    for id in ids:
        alone = read_detections(found / f"{id}.json")
        assert alone.keys() == {id}
        assert list(alone[id]) == list(together[id])
        detections = list(alone[id])
        assert detections
        (path,) = (path for path in videos.rglob("*.m*") if path.with_suffix("") == videos / id)
        end = probe(path).duration
        assert end is not None
        assert all(0 <= d.start < d.end <= end + 0.1 for d in detections)
        with (found / f"{id}.csv").open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        assert {row["video"] for row in rows} == {id}
        told = sorted((round(d.start, 3), round(d.end, 3), d.label, d.score) for d in detections)
        values = [(float(r["start"]), float(r["end"]), r["label"], float(r["score"])) for r in rows]
        assert sorted(values) == told
        assert [value[0] for value in values] == sorted(value[0] for value in values)
        for suffix in (".srt", ".vtt"):
            assert (found / f"{id}{suffix}").read_text().count(" --> ") == len(rows)


def test_subtitles_keep_to_the_clock_of_players_where_sound_comes_first(taught: Path, tmp_path: Path) -> None:
    times = even_times(25, 8)
    video = render(tmp_path / "a.mp4", times, start=2.0, tick=Fraction(1, 1000), tone=10.0)
    assert probe(video).late == pytest.approx(2.0, abs=0.09)
    words = ("predict", "--run", taught, "--video", video, "--out", tmp_path / "out", "--quiet")

    def shifts() -> list[float]:
        rows = list(csv.DictReader((tmp_path / "out/a.csv").read_text().splitlines()))
        shown = re.findall(r"(\d+):(\d+):([\d.]+) --> ", (tmp_path / "out/a.vtt").read_text())
        at = [3600 * int(h) + 60 * int(m) + float(s) for h, m, s in shown]
        assert len(at) == len(rows) > 0
        return [moment - float(row["start"]) for moment, row in zip(at, rows, strict=True)]

    assert run(*words, "--min-score=-9") == 0
    assert shifts() == pytest.approx([probe(video).late] * len(shifts()), abs=0.002)
    before = len(shifts())
    scores = sorted(d.score for d in read_detections(tmp_path / "out/a.json")["a"])
    assert run(*words, f"--min-score={scores[len(scores) // 2]}") == 0  # written anew from .json
    assert len(shifts()) < before
    assert shifts() == pytest.approx([probe(video).late] * len(shifts()), abs=0.002)


def test_python_and_features_on_disk_give_the_same(
    videos: Path, taught: Path, found: Path, tmp_path: Path
) -> None:
    expected = read_detections(found / "day/a.json")["day/a"]
    direct = HRPro.load(taught).predict_video(videos / "day/a.mkv")
    assert [(d.label, d.score) for d in direct] == [(d.label, d.score) for d in expected]
    np.testing.assert_allclose(direct.segments, expected.segments, atol=1e-6)
    extract(videos / "day/a.mkv", tmp_path / "features/test")
    (tmp_path / "dataset.yaml").write_text("features: {fps: 25, stride: 16}\nclasses: [x]\n")
    out = tmp_path / "d.json"
    assert run("predict", "--run", taught, "--data", tmp_path, "--out", out, "--device", "cpu") == 0
    duration = read_about(taught / "features/day/a.safetensors").duration  # type: ignore[union-attr]
    stored = read_detections(out)["a"]
    np.testing.assert_allclose(np.clip(stored.segments, 0, duration), expected.segments, atol=1e-6)


def test_what_is_there_already_is_kept_until_something_changes(
    videos: Path, taught: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mine = tmp_path / "mine"
    shutil.copytree(videos / "day", mine)
    words = ("predict", "--run", taught, "--video", mine, "--out", mine, "--quiet", "--device", "cpu")

    def states(*more: str) -> dict[str, str]:
        assert run(*words, *more) == 0
        lines = (mine / "manifest.jsonl").read_text().splitlines()
        return {entry["id"]: entry["state"] for entry in map(json.loads, lines)}

    assert states() == {"a": "done", "b": "done"}
    capsys.readouterr()
    first = {name: (mine / name).read_bytes() for name in names(mine)}
    assert states() == {"a": "kept", "b": "kept"}
    (mine / "a.vtt").unlink()
    (mine / "b.json").write_text('{"results": {}}')
    assert states("--workers=1") == {"a": "done", "b": "done"}
    (mine / "a.json").unlink()  # as after a kill: it is written last
    assert states() == {"a": "done", "b": "kept"}
    (manifest,) = (name for name in first if name.startswith("manifest"))
    del first[manifest]
    assert {name: (mine / name).read_bytes() for name in first} == first
    assert states("--min-score=99") == {"a": "done", "b": "done"}
    assert (mine / "a.srt").read_text() == ""
    said = capsys.readouterr().err
    assert said.startswith(
        "hrpro: no action scores 99 or more, so .csv, .srt and .vtt show none: the best has "
    )
    assert said.count("\n") == 1
    shutil.copy(mine / "b.mp4", mine / "a.mkv")
    assert states("--min-score=99") == {"a": "done", "b": "kept"}
    (mine / "a.mkv").write_bytes(b"broken now")
    assert run(*words) == 3
    assert not [name for name in names(mine) if name.startswith("a.") and name != "a.mkv"]
    assert read_detections(mine / "detections.json").keys() == {"b"}
    capsys.readouterr()


def test_another_threshold_needs_no_second_look_at_the_videos(
    videos: Path, taught: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("predict", "--run", taught, "--video", videos / "day", "--quiet", "--device", "cpu")
    again, fresh = tmp_path / "again", tmp_path / "fresh"
    for score, out in (("99", again), ("0", fresh)):
        assert run(*words, "--out", out, f"--min-score={score}") == 0
    assert (again / "a.csv").read_bytes() != (fresh / "a.csv").read_bytes()

    def looked(*_: object) -> None:
        raise AssertionError("the video was decoded again")

    with monkeypatch.context() as patch:
        patch.setattr("hrpro.predictions.finish", looked)
        assert run(*words, "--out", again, "--min-score=0", "--workers=0") == 0
    written = [name for name in names(fresh) if not name.startswith("manifest")]
    assert all((again / name).read_bytes() == (fresh / name).read_bytes() for name in written)


def test_ctrl_c_leaves_whole_files_and_the_rest_is_done_later(
    videos: Path, taught: Path, found: Path, tmp_path: Path
) -> None:
    """The first video is done; the second, of two minutes, has begun."""
    mine, out = tmp_path / "mine", tmp_path / "out"
    mine.mkdir()
    shutil.copy(videos / "c.mp4", mine / "a.mp4")
    render(mine / "b.mp4", even_times(25, 120), size=(48, 32))
    words = ("predict", "--run", taught, "--video", mine, "--out", out, "--device", "cpu", "--min-score=-9")
    process = start(*words)
    wait_for(out, "a.json", process)
    process.send_signal(signal.SIGINT)
    code, _, err = finish(process)
    assert code == 130
    assert err.splitlines()[-1] == "hrpro: stopped; the same command does what is left"
    assert names(out) == ["a.csv", "a.json", "a.srt", "a.vtt", "manifest.jsonl"]
    assert (out / "a.srt").read_bytes() == (found / "c.srt").read_bytes()
    (mine / "b.mp4").unlink()
    code, _, err = finish(start(*words))
    assert code == 0
    assert err.startswith("[1/1] a: ")
    assert err.endswith(" actions, as before\n")


def test_a_process_that_dies_costs_its_own_video_alone(videos: Path, taught: Path, tmp_path: Path) -> None:
    """As when a decoder crashes: nothing is said of --workers, and whatever works on ``a`` is killed."""
    mine, out = tmp_path / "mine", tmp_path / "out"
    mine.mkdir()
    render(mine / "a.mp4", even_times(25, 240), size=(48, 32))
    shutil.copy(videos / "c.mp4", mine / "b.mp4")
    process = start("predict", "--run", taught, "--video", mine, "--out", out, "--device", "cpu")
    killed: set[int] = set()
    while len(killed) < 2:
        assert process.poll() is None, process.communicate()
        for pid in {*workers_of(process.pid)} - killed:
            os.kill(pid, signal.SIGKILL)
            killed.add(pid)
        time.sleep(0.05)
    code, _, err = finish(process)
    assert code == 3
    assert "its worker died twice, the last time by SIGKILL" in err
    assert read_detections(out / "detections.json").keys() == {"b"}


def workers_of(pid: int) -> list[int]:
    """Children that Python spawned to work, but for the one that keeps count of what they share."""
    found = []
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        with suppress(OSError):
            if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes():
                found.append(int(child))
    return found


def test_a_full_disk_ends_it(videos: Path, taught: Path, found: Path, tmp_path: Path) -> None:
    """The table and the subtitles still fit, the detections do not."""
    sizes = {suffix: (found / f"day/a{suffix}").stat().st_size for suffix in FILES}
    whole, limit = sizes.pop(".json"), max(sizes.values())
    assert whole > 1.2 * limit
    code = (
        "import resource, sys; from hrpro.cli import main\n"
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))\n"
        "sys.exit(main(sys.argv[1:]))\n"
    )
    words = ["predict", "--run", taught, "--video", videos / "day", "--out", tmp_path, "--min-score=-9"]
    words = [sys.executable, "-c", code, *map(str, words), "--device", "cpu", "--quiet"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr == f"hrpro: {tmp_path}/a.json: cannot be written: File too large\n"
    assert not (tmp_path / "b.csv").exists(), "the next would fare no better"


def test_subtitles_of_others_are_not_overwritten(
    videos: Path, taught: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("c.srt", "c.json"):
        (tmp_path / name).write_text("theirs")
        assert run("predict", "--run", taught, "--video", videos / "c.mp4", "--out", tmp_path, "--quiet") == 3
        assert "is there already and was not written by hrpro predict" in " ".join(
            capsys.readouterr().out.split()
        )
        assert (tmp_path / name).read_text() == "theirs"
        (tmp_path / name).unlink()


def test_all_detections_of_others_are_not_overwritten(
    videos: Path, taught: Path, said, tmp_path: Path
) -> None:
    theirs = tmp_path / "detections.json"
    for content in ('{"mine": 1}', "[]", "no JSON", '{"external_data": null}'):
        theirs.write_text(content)
        line = said("predict", "--run", taught, "--video", videos / "c.mp4", "--out", tmp_path)
        assert line.startswith(
            f"{theirs}: is there already and was not written by hrpro predict (name another"
        )
        assert theirs.read_text() == content
        assert names(tmp_path) == ["detections.json"]


def test_colons_in_names_are_no_addresses(
    videos: Path, taught: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copy(videos / "c.mp4", "12:30.mp4")
    words = ("--video", "./12:30.mp4", "--out", "o:2", "--render", "--device", "cpu", "--quiet")
    assert run("predict", "--run", taught, *words) == 0
    assert (tmp_path / "o:2" / "12:30.annotated.mp4").is_file()


def test_the_annotated_video_shows_what_was_found_when_it_is_there(
    videos: Path, taught: Path, tmp_path: Path
) -> None:
    words = (
        "predict",
        "--run",
        taught,
        "--video",
        videos / "day/b.mp4",
        "--out",
        tmp_path,
        "--min-score=-9",
    )
    assert run(*words, "--render", "--quiet") == 0
    info = probe(tmp_path / "b.annotated.mp4")
    assert (info.codec, info.fps) == ("h264", 12)
    assert info.duration == pytest.approx(10, abs=0.1)
    shown = list(frames(tmp_path / "b.annotated.mp4", rate=12))
    assert len(shown) == 120
    picture = probe(videos / "day/b.mp4")
    height = round(info.width * picture.height / picture.width)
    assert info.height > height + 10
    with (tmp_path / "b.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    labels = sorted({row["label"] for row in rows})
    row_height = (info.height - height) // len(labels)
    for label in labels:
        spans = [(float(r["start"]), float(r["end"])) for r in rows if r["label"] == label]
        middle = height + labels.index(label) * row_height + row_height // 2
        for second in np.arange(0.5, 10, 0.5):
            if min(abs(second - time) for span in spans for time in span) < 0.15:
                continue
            colour = shown[0][middle, int(second / 10 * info.width)].astype(int)
            inside = any(start < second < end for start, end in spans)
            assert (np.ptp(colour) > 60) == inside, (label, second, colour)
    for number in (30, 90):  # the moment's line goes along
        bar = shown[number][height + 2 :].mean((0, 2))
        assert abs(int(bar.argmax()) / info.width - number / 120) < 0.02
    assert os.listdir(tmp_path).count("b.annotated.mp4") == 1
    assert not list(tmp_path.glob(".*"))


def test_broken_files_are_told_by_every_command(
    taught: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, out = broken_folder(tmp_path / "videos"), tmp_path / "out"
    whole = {*DAMAGED, *WHOLE}
    words = ("--video", folder, "--out", out, "--quiet", "--render")
    assert run("predict", "--run", taught, *words) == 3
    assert read_detections(out / "detections.json").keys() == whole
    made = {f"{id}{suffix}" for id in whole for suffix in (*FILES, ".annotated.mp4")}
    assert set(names(out)) == {*made, "detections.json", "manifest.jsonl"}
    printed = capsys.readouterr().out
    for id in BROKEN:
        assert id in printed
    table = tmp_path / "clicks.csv"
    table.write_text("".join(f"{id},0.02,wave\n{id},0.01,jump\n" for id in sorted({*BROKEN, *whole})))
    words = ("train", "--videos", folder, "--clicks", table, "--run", tmp_path / "r", *SMALL)
    assert run(*words) == 3
    assert f"{len(whole)} of {len(BROKEN) + len(whole)} videos" in capsys.readouterr().out
    assert HRPro.load(tmp_path / "r").classes == ("jump", "wave")
    table.write_text("empty,0,wave\n")
    assert run(*words[: -len(SMALL) - 1], tmp_path / "none", *SMALL) == 2
    said = "not one of the videos with clicks could be read"
    assert capsys.readouterr().err == f"hrpro: {table}: {said}\n"


@pytest.mark.skipif(not REAL.is_dir(), reason="the real videos are not here")
def test_the_real_videos(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table, folder, out = tmp_path / "clicks.csv", tmp_path / "run", tmp_path / "out"
    table.write_text("highjump.mp4,12,HighJump\ntennis26,3,TennisSwing\ntennis26,6,TennisSwing\n")
    assert run("train", "--videos", REAL, "--clicks", table, "--run", folder, *SMALL) == 0
    predict = ("predict", "--run", folder, "--out", out, "--quiet", "--video")
    assert run(*predict, REAL) == 0
    assert "2 of 2 videos" in capsys.readouterr().out
    for id in ("highjump", "tennis26"):
        assert len(read_detections(out / f"{id}.json")[id])
    assert run(*predict, REAL / "tennis26.mp4", "--render") == 0
    assert abs((probe(out / "tennis26.annotated.mp4").frames or 0) - 339) <= 2
