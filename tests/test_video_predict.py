"""From videos and clicks to detections beside the videos: ``train --videos`` and ``predict --video``."""

from __future__ import annotations

import csv
import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("av", reason="the extra [video] is not installed")
pytest.importorskip("cv2", reason="the extra [video] is not installed")

from broken_videos import BROKEN, DAMAGED, WHOLE, broken_folder
from commands import SMALL, run
from hrpro.core.errors import ConfigError, RunError
from hrpro.data.formats.activitynet import read_detections
from hrpro.localizer import HRPro
from hrpro.predictions import predict_videos
from hrpro.video.decode import frames, probe
from hrpro.video.extract import extract
from hrpro.video.origin import Origin, _built
from hrpro.video.store import read_about, write_features
from rendered_videos import even_times, render

pytest_plugins = ["command_fixtures"]
REAL = Path(__file__).resolve().parents[1].parent / "shared/data/real_untrimmed"
FILES = (".csv", ".json", ".srt", ".vtt")


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("videos") / "videos"
    for name, fps, seconds in (
        ("a.mp4", 25, 12),
        ("day/a.mkv", 30, 9),
        ("day/b.mp4", 12, 10),
        ("c.mp4", 25, 5),
    ):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        render(folder / name, even_times(fps, seconds), fps=fps)
    return folder


@pytest.fixture(scope="module")
def clicks(videos: Path) -> Path:
    path = videos.parent / "clicks.csv"
    path.write_text(
        "video,seconds,class\na.mp4,3.2,wave\na,8,jump\nday/a,4,jump\nday/a.mkv,7.5,wave\nb,5,wave\n"
    )
    return path


@pytest.fixture(scope="module")
def trained(videos: Path, clicks: Path) -> Path:
    folder = videos.parent / "run"
    assert run("train", "--videos", videos, "--clicks", clicks, "--run", folder, *SMALL) == 0
    return folder


@pytest.fixture(scope="module")
def found(videos: Path, trained: Path) -> Path:
    """All that it detects, however unsure it is."""
    out = videos.parent / "found"
    words = ("--out", out, "--min-score=-9", "--device", "cpu", "--quiet")
    assert run("predict", "--run", trained, "--video", videos, *words) == 0
    return out


def names(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_the_clicked_videos_are_what_it_learns_from(videos: Path, trained: Path) -> None:
    features = [f"{id}.safetensors" for id in ("a", "day/a", "day/b")]
    assert names(trained / "features") == [*features, "manifest.jsonl"]
    about = read_about(trained / "features/day/a.safetensors")
    model = HRPro.load(trained)
    assert about is not None
    assert model.origin == about.origin
    assert model.timeline == about.timeline
    assert model.classes == ("jump", "wave")
    assert model.min_score == json.loads((trained / "model/model.json").read_text())["min_score"]
    model.save(trained.parent / "saved")
    again = HRPro.load(trained.parent / "saved")
    assert (again.origin, again.min_score) == (model.origin, model.min_score)


def test_resuming_it_keeps_features_and_model(videos: Path, clicks: Path, trained: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in (trained / "features").rglob("*.safetensors")}
    words = ("--videos", videos, "--clicks", clicks, "--run", trained, *SMALL)
    assert run("train", *words, "--resume") == 0
    assert before == {path: path.stat().st_mtime_ns for path in before}


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


def test_python_and_features_on_disk_give_the_same(
    videos: Path, trained: Path, found: Path, tmp_path: Path
) -> None:
    expected = read_detections(found / "day/a.json")["day/a"]
    direct = HRPro.load(trained).predict_video(videos / "day/a.mkv")
    assert [(d.label, d.score) for d in direct] == [(d.label, d.score) for d in expected]
    np.testing.assert_allclose(direct.segments, expected.segments, atol=1e-6)
    extract(videos / "day/a.mkv", tmp_path / "features/test")
    (tmp_path / "dataset.yaml").write_text("features: {fps: 25, stride: 16}\nclasses: [x]\n")
    out = tmp_path / "d.json"
    assert run("predict", "--run", trained, "--data", tmp_path, "--out", out, "--device", "cpu") == 0
    duration = read_about(trained / "features/day/a.safetensors").duration  # type: ignore[union-attr]
    stored = read_detections(out)["a"]
    np.testing.assert_allclose(np.clip(stored.segments, 0, duration), expected.segments, atol=1e-6)


def test_what_is_there_already_is_kept_until_something_changes(
    videos: Path, trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mine = tmp_path / "mine"
    shutil.copytree(videos / "day", mine)
    words = ("predict", "--run", trained, "--video", mine, "--out", mine, "--quiet", "--device", "cpu")

    def states(*more: str) -> dict[str, str]:
        assert run(*words, *more) == 0
        lines = (mine / "manifest.jsonl").read_text().splitlines()
        return {entry["id"]: entry["state"] for entry in map(json.loads, lines)}

    assert states() == {"a": "done", "b": "done"}
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
    shutil.copy(mine / "b.mp4", mine / "a.mkv")
    assert states("--min-score=99") == {"a": "done", "b": "kept"}
    (mine / "a.mkv").write_bytes(b"broken now")
    assert run(*words) == 3
    assert not [name for name in names(mine) if name.startswith("a.") and name != "a.mkv"]
    assert read_detections(mine / "detections.json").keys() == {"b"}
    capsys.readouterr()


def test_subtitles_of_others_are_not_overwritten(
    videos: Path, trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("c.srt", "c.json"):
        (tmp_path / name).write_text("theirs")
        assert (
            run("predict", "--run", trained, "--video", videos / "c.mp4", "--out", tmp_path, "--quiet") == 3
        )
        assert "is there already and was not written by hrpro predict" in " ".join(
            capsys.readouterr().out.split()
        )
        assert (tmp_path / name).read_text() == "theirs"
        (tmp_path / name).unlink()


def test_the_annotated_video_shows_what_was_found_when_it_is_there(
    videos: Path, trained: Path, tmp_path: Path
) -> None:
    words = (
        "predict",
        "--run",
        trained,
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
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, out = broken_folder(tmp_path / "videos"), tmp_path / "out"
    whole = {*DAMAGED, *WHOLE}
    words = ("--video", folder, "--out", out, "--quiet", "--render")
    assert run("predict", "--run", trained, *words) == 3
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


def test_features_of_another_kind_are_refused(videos: Path, trained: Path, said, tmp_path: Path) -> None:
    """On disk, in a model, and against a backbone that is no longer what it was."""
    root = tmp_path / "data"
    shutil.copytree(trained / "features", root / "features/train")
    shutil.copytree(trained / "features", root / "features/test")
    (root / "clicks.csv").write_text("a,3,wave\na,8,jump\n")
    (root / "dataset.yaml").write_text("features: {fps: 25, stride: 16}\n")
    older = root / "features/test/a.safetensors"
    about = read_about(older)
    assert about is not None
    spec = type(about.origin.spec)(**{**about.origin.spec.as_dict(), "version": "0", "weights": "ab"})
    for split in ("train", "test"):
        path = root / f"features/{split}/a.safetensors"
        features_td = np.ones((18, 512), np.float32)
        other = type(about)(Origin(spec, "classic"), "a.mp4", about.sha256, 11.5)
        write_features(path, features_td, lambda other=other: other)
    predict = ("predict", "--run", trained, "--data", root, "--out", tmp_path / "d.json")
    line = said(*predict)
    expected = (
        "the model learned from other features: version: 0, not 1; weights: ab, not None (extract these"
    )
    assert line.startswith(f"{older}: {expected}")
    train = ("train", "--data", root, "--run", tmp_path / "old", *SMALL)
    assert run(*train) == 0
    line = said("predict", "--run", tmp_path / "old", "--video", videos, "--out", tmp_path / "o")
    assert line.startswith(
        "backbone classic: the backbone here is another than the one the features were made"
    )
    assert "version: 1, not 0; weights: None, not ab" in line
    (root / "dataset.yaml").write_text("features: {fps: 30, stride: 16}\n")
    assert "is not how these features were made (write features: {stride: 0.64" in said(*predict)


def test_a_model_of_features_made_elsewhere_says_so(
    data: Path, trained: Path, videos: Path, said, tmp_path: Path
) -> None:
    run_dir = tmp_path / "r"
    assert run("train", "--data", data, "--run", run_dir, *SMALL) == 0
    model = HRPro.load(run_dir)
    assert model.origin is None
    line = said("predict", "--run", run_dir, "--video", videos, "--out", tmp_path / "o")
    assert line.startswith("the model learned from features that do not say how they were made")
    with pytest.raises(RunError, match="do not say how they were made"):
        model.predict_video(videos / "a.mp4")
    content = json.loads((run_dir / "model/model.json").read_text())
    del content["features"], content["min_score"]
    (run_dir / "model/model.json").write_text(json.dumps(content))
    assert HRPro.load(run_dir).min_score == 0, "models from before still load"


BACKBONE = """
import hashlib
import numpy as np
from pathlib import Path
from hrpro.core.errors import ConfigError
from hrpro.video.backbones.base import BackboneSpec, windows

class Shades:
    frame_size = (8, 8)
    def __init__(self, weights=None):
        if weights is None or not Path(weights).is_file():
            raise ConfigError("there are no weights here", where=weights)
        content = Path(weights).read_bytes()
        self.shades = np.frombuffer(content, np.float32)
        digest = hashlib.sha256(content).hexdigest()
        self.spec = BackboneSpec("shades", "1", self.shades.size, 10.0, 8, 4, {"of": ("grey",)}, digest)
    def stream(self, frames):
        for window in windows(frames, 8, 4):
            yield (np.mean(window) / 255 * self.shades).astype(np.float32)
"""


def test_weights_are_found_again_or_asked_for(
    videos: Path, clicks: Path, tmp_path: Path, said, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A backbone of another package, in worker processes too; and its weights move, or change."""
    packages = tmp_path / "packages"
    (packages / "shades-1.0.dist-info").mkdir(parents=True)
    (packages / "shades-1.0.dist-info/METADATA").write_text(
        "Metadata-Version: 2.1\nName: shades\nVersion: 1.0\n"
    )
    (packages / "shades-1.0.dist-info/entry_points.txt").write_text(
        "[hrpro.backbones]\nshades = shades:Shades\n"
    )
    (packages / "shades.py").write_text(BACKBONE)
    monkeypatch.syspath_prepend(str(packages))
    monkeypatch.chdir(tmp_path)
    Path("w.bin").write_bytes(np.linspace(0, 1, 6, dtype=np.float32).tobytes())
    words = ("--clicks", clicks, "--run", tmp_path / "r", "--backbone", "shades", "--weights", "w.bin")
    train = ("train", "--videos", videos, *words, "--features", tmp_path / "f", *SMALL)
    assert run(*train) == 0
    assert names(tmp_path / "f")[0] == "a.safetensors"
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    predict = ("predict", "--run", tmp_path / "r", "--video", videos / "c.mp4", "--out", tmp_path / "o")
    assert run(*predict, "--quiet") == 0
    (tmp_path / "w.bin").rename(tmp_path / "moved.bin")
    _built.cache_clear()  # as in another process
    line = said(*predict)
    assert f"{tmp_path}/w.bin: there are no weights here" in line
    assert "if they have moved, say where to: --weights PATH" in line
    assert run(*predict, "--weights", "../moved.bin", "--quiet") == 0
    (tmp_path / "moved.bin").write_bytes(np.ones(6, np.float32).tobytes())
    _built.cache_clear()
    line = said(*predict, "--weights", "../moved.bin")
    assert line.startswith(
        "backbone shades: the backbone here is another than the one the features were made"
    )
    assert "weights: " in line
    with pytest.raises(ConfigError, match="another than the one"):
        HRPro.load(tmp_path / "r").predict_video(videos / "c.mp4", weights=tmp_path / "moved.bin")


@pytest.mark.parametrize(
    ("table", "line"),
    [
        ("a.mp4,3,wave\nd.mp4,3,wave\n", "{t}:2: a click on an unknown video 'd.mp4' (did you mean"),
        ("a.mp4,3,wave\nunheard of,3,wave\n", "{t}:2: a click on an unknown video 'unheard of' (correct it"),
        ("a.mp4,13,wave\n", "{t}:1: the click at 13 s lies beyond the end of 'a.mp4', 12.64 s at the latest"),
        ("x/a.mkv,3,wave\n", "{t}:1: a click on an unknown video 'x/a.mkv'"),
        ("e.mp4,3,wave\n", "{t}:1: there are several videos 'e.mp4' (write its path below the folder)"),
        ("a.mp4,-3,wave\n", "{t}:1: the click's time must be a finite number from 0 on, not -3"),
        ("", "{t}: there is no click in this table"),
        (None, "{t}: the click table cannot be read: No such file or directory"),
    ],
)
def test_clicks_that_fit_no_video(
    videos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], table: str | None, line: str
) -> None:
    mine, path = tmp_path / "mine", tmp_path / "clicks.csv"
    for name in ("a.mp4", "day/a.mkv", "one/e.mp4", "two/e.mp4"):
        (mine / name).parent.mkdir(parents=True, exist_ok=True)
        (mine / name).symlink_to(videos / (name if name[0] != "o" and name[0] != "t" else "c.mp4"))
    if table is not None:
        path.write_text(table)
    words = ("--videos", mine, "--clicks", path, "--run", tmp_path / "r", *SMALL)
    code = run("train", *words)
    err = capsys.readouterr().err
    assert code == 2
    assert err.splitlines()[-1].startswith(f"hrpro: {line.format(t=path)}"), err


def test_clicks_in_frames_are_of_the_videos_own_rate(videos: Path) -> None:
    from hrpro.videos import clicked_videos

    path = videos.parent / "frames.csv"
    path.write_text("class,start_frame,stop_frame,video_id,point\nwave,1,99,day/a,60\nwave,1,99,day/b,60\n")
    assert [row.time for _, row in clicked_videos(videos, path).rows] == [2.0, 5.0]


def test_words_that_do_not_go_together(
    videos: Path, clicks: Path, trained: Path, data: Path, said, tmp_path: Path
) -> None:
    train = ("train", "--videos", videos, "--run", tmp_path / "r")
    predict = ("predict", "--run", trained, "--out", tmp_path / "o")
    assert said(*train) == "train needs --videos DIR, --clicks FILE and --run RUN"
    assert said(*train, "--clicks", clicks, "--data", data) == "--data: goes without --videos"
    assert "--points: goes with --data" in said(*train, "--clicks", clicks, "--points", "x.csv")
    assert "--backbone: goes with --videos" in said(
        "train", "--data", data, "--run", tmp_path, "--backbone", "i3d"
    )
    assert "--snippet.lr: must be float" in said(*train, "--clicks", clicks, "--snippet.lr", "x")
    assert said(*predict) == "predict needs --video VIDEO or --data DIR"
    assert "--render: goes with --video" in said(*predict, "--data", data, "--render")
    assert "--min-score: goes with --video" in said(*predict, "--data", data, "--min-score", "0.5")
    assert "--split: goes with --data" in said(*predict, "--video", videos, "--split", "test")
    assert "--min-score: " in said(*predict, "--video", videos, "--min-score", "nan")
    with pytest.raises(ConfigError, match="--min-score: must be a finite number, not inf"):
        predict_videos(trained, videos, tmp_path / "o", min_score=float("inf"))
    assert "no such video, folder or list" in said(*predict, "--video", tmp_path / "no")
    assert "there is no video file in this folder" in said(*predict, "--video", data)
    assert "there is no trained model here" in said("predict", "--run", data, *predict[3:], "--video", videos)
    assert f"{trained}: holds a trained model already" in said(
        *train[:3], "--clicks", clicks, "--run", trained
    )
    assert not (tmp_path / "r").exists()
    assert not (tmp_path / "o").exists()
