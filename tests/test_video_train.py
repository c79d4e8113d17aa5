"""Training on videos and clicks: what is learned from, and one line on clicks and words that do not fit."""

from __future__ import annotations

import json
import shutil
from fractions import Fraction
from pathlib import Path

import pytest

pytest.importorskip("av", reason="the extra [video] is not installed")
pytest.importorskip("cv2", reason="the extra [video] is not installed")

from clicked_films import names
from commands import SMALL, run
from hrpro.core.errors import ConfigError
from hrpro.localizer import HRPro
from hrpro.predictions import predict_videos
from hrpro.video.jobs import Outcome
from hrpro.video.store import read_about
from hrpro.videos import clicked_videos
from rendered_videos import even_times, render

pytest_plugins = ["command_fixtures", "clicked_films"]


def test_the_clicked_videos_are_what_it_learns_from(videos: Path, taught: Path) -> None:
    features = [f"{id}.safetensors" for id in ("a", "day/a", "day/b")]
    assert names(taught / "features") == [*features, "manifest.jsonl"]
    about = read_about(taught / "features/day/a.safetensors")
    model = HRPro.load(taught)
    assert about is not None
    assert model.origin == about.origin
    assert model.timeline == about.timeline
    assert model.classes == ("jump", "wave")
    assert model.min_score == json.loads((taught / "model/model.json").read_text())["min_score"]
    model.save(taught.parent / "saved")
    again = HRPro.load(taught.parent / "saved")
    assert (again.origin, again.min_score) == (model.origin, model.min_score)


def test_resuming_it_keeps_features_and_model(videos: Path, clicks: Path, taught: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in (taught / "features").rglob("*.safetensors")}
    words = ("--videos", videos, "--clicks", clicks, "--run", taught, *SMALL)
    assert run("train", *words, "--resume") == 0
    assert before == {path: path.stat().st_mtime_ns for path in before}


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
    path = videos.parent / "frames.csv"
    path.write_text("class,start_frame,stop_frame,video_id,point\nwave,1,99,day/a,60\nwave,1,99,day/b,60\n")
    assert [row.time for _, row in clicked_videos(videos, path).rows] == [2.0, 5.0]


def test_clicks_in_frames_on_a_film_of_a_changing_rate_lie_on_their_pictures(tmp_path: Path) -> None:
    """Two seconds of 10 pictures a second, then four of 25."""
    times = [Fraction(k, 10) for k in range(20)] + [2 + Fraction(k, 25) for k in range(100)]
    render(tmp_path / "phone.mkv", times, codec="libx264")
    path = tmp_path / "frames.csv"
    path.write_text(
        "class,video_id,point\n" + "".join(f"wave,phone,{frame}\n" for frame in (0, 10, 20, 70, 144))
    )
    seconds = [row.time for _, row in clicked_videos(tmp_path, path).rows]
    assert seconds[:4] == pytest.approx([0, 1, 2, 4], abs=0.002)
    assert seconds[4] > 6, "behind the end stays behind it"


def test_a_broken_video_stops_no_other(
    videos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file that is no video beside a table in frames, and a click that lies behind a film's broken end."""
    mine, table = tmp_path / "mine", tmp_path / "clicks.csv"
    mine.mkdir()
    (mine / "a.mp4").symlink_to(videos / "a.mp4")
    (mine / "junk.mp4").write_bytes(b"no video")
    short = {"cluster_time_limit": "1000"}
    film = render(mine / "cut.mkv", even_times(25, 9), codec="libx264", container_options=short)
    film.write_bytes(film.read_bytes()[: film.stat().st_size // 2])
    shutil.copy(film, mine / "cut2.mkv")
    rows = [("a", 75), ("a", 200), ("junk", 60), ("cut", 25), ("cut", 212), ("cut2", 212)]
    table.write_text("class,video_id,point\n" + "".join(f"wave,{id},{frame}\n" for id, frame in rows))
    assert run("train", "--videos", mine, "--clicks", table, "--run", tmp_path / "r", *SMALL) == 3
    err = " ".join(capsys.readouterr().err.split())
    assert "skipped the click at 8.56 s, of which the broken file of 'cut' shows nothing" in err
    assert (tmp_path / "r/model/model.json").is_file()
    learned = clicked_videos(mine, table)
    outcomes = [Outcome(id, id, "done") for id in ("a", "cut", "cut2")]
    with pytest.warns(UserWarning, match="skipped"):
        taught = learned.training_set(tmp_path / "r/features", outcomes)
    # A film all of whose clicks lie behind its end is not taken for one in which nothing happens.
    assert {id: len(held) for id, held in taught.clicks.items()} == {"a": 2, "cut": 1}
    assert [item.id for item in taught.recordings] == ["a", "cut"]


def test_words_that_do_not_go_together(
    videos: Path, clicks: Path, taught: Path, data: Path, said, tmp_path: Path
) -> None:
    train = ("train", "--videos", videos, "--run", tmp_path / "r")
    predict = ("predict", "--run", taught, "--out", tmp_path / "o")
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
        predict_videos(taught, videos, tmp_path / "o", min_score=float("inf"))
    assert "no such video, folder or list" in said(*predict, "--video", tmp_path / "no")
    assert "there is no video file in this folder" in said(*predict, "--video", data)
    assert "there is no trained model here" in said("predict", "--run", data, *predict[3:], "--video", videos)
    assert f"{taught}: holds a trained model already" in said(*train[:3], "--clicks", clicks, "--run", taught)
    assert not (tmp_path / "r").exists()
    assert not (tmp_path / "o").exists()
