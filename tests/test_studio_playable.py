"""What a browser plays, the true seconds of copies, the times of pictures."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from hrpro.studio.playable import look
from hrpro.studio.transcode import transcode
from hrpro.video.frame_times import frame_times
from hrpro.video.reader import Reader
from rendered_videos import even_times, read_stamp, render
from studio_media import MILLISECOND, turned, uneven_times
from studio_raw import Site

pytest_plugins = ["studio_media"]


@pytest.mark.parametrize(
    ("name", "made", "playable"),
    [
        ("a.mp4", {"codec": "libx264"}, "yes"),
        ("a.mov", {"codec": "libx264", "bframes": 2}, "yes"),
        ("a.mp4", {"codec": "libx264", "tone": 1.0}, "yes"),  # AAC
        ("a.webm", {"codec": "libvpx-vp9", "tick": MILLISECOND}, "yes"),
        ("a.webm", {"codec": "libvpx", "tick": MILLISECOND}, "yes"),
        ("a.mkv", {"codec": "libx264", "tick": MILLISECOND}, "proxy"),
        ("a.mp4", {"codec": "libx264", "pixels": "yuv420p10le"}, "proxy"),
        ("a.mp4", {"codec": "libx264", "pixels": "yuv422p"}, "proxy"),
        ("a.mp4", {"codec": "libx264", "pixels": "yuv444p"}, "proxy"),
        ("a.mp4", {"codec": "mpeg4"}, "proxy"),
        ("a.mp4", {"codec": "libx265", "options": {"x265-params": "log-level=none"}}, "proxy"),
        ("a.avi", {"codec": "mpeg4"}, "proxy"),
        ("a.ts", {"codec": "libx264", "tick": Fraction(1, 90000)}, "proxy"),
        ("a.mp4", {"codec": "libx264", "start": 1.0, "tone": 2.0}, "proxy"),  # pictures begin after the sound
    ],
)
def test_what_is_playable(tmp_path: Path, name: str, made: dict[str, Any], playable: str) -> None:
    facts = look(render(tmp_path / name, even_times(25, 1), **made))
    assert facts.playable == playable, facts
    assert (facts.why is None) == (playable == "yes")


def test_videos_tell_the_page_what_to_do(site: Site) -> None:
    videos = {video["id"]: video for video in site.get("/api/project").json["videos"]}
    assert {id: video["playable"] for id, video in videos.items()} == {
        **{"even": "yes", "uneven": "yes", "old": "proxy", "late": "proxy"},
        **{"broken": "no", "huge": "no"},
    }
    assert videos["broken"]["problem"].startswith("This file cannot be shown")
    assert site.get(videos["even"]["media"]).status == 200
    assert videos["old"]["media"] is None
    assert site.get(f"{videos['old']['thumbs']}&t=1&h=48").status == 200
    assert videos["broken"]["thumbs"] is None


@pytest.mark.parametrize(
    ("times", "made"),
    [
        (uneven_times(8), {"name": "a.mkv", "codec": "mpeg4", "tick": MILLISECOND, "start": 1.5}),
        (uneven_times(8, 3), {"name": "a.mp4", "codec": "libx264", "tick": Fraction(1, 90000), "bframes": 3}),
        (even_times(Fraction(30000, 1001), 3), {"name": "a.avi", "fps": Fraction(30000, 1001)}),
        (even_times(25, 3), {"name": "a.ts", "codec": "libx264", "tick": Fraction(1, 90000), "start": 4.0}),
        (even_times(50, 2), {"name": "a.mp4", "codec": "libx264", "fps": 50, "pixels": "yuv422p10le"}),
    ],
    ids=["screen recording", "uneven with B-frames", "avi 29.97", "transport stream", "10 bit"],
)
def test_the_seconds_of_a_copy_are_true(tmp_path: Path, times: list[Fraction], made: dict[str, Any]) -> None:
    source = render(tmp_path / made.pop("name"), times, **made)
    copy, told = tmp_path / "copy.mp4", list[float]()
    transcode(source, copy, told.append)
    assert told == sorted(told)
    assert 0.5 < told[-1] <= 1
    facts = look(copy)
    assert (facts.playable, facts.type, facts.start) == ("yes", "video/mp4", 0.0)
    reader = Reader(copy)
    shown = [(float(tick * reader.tick), read_stamp(_rgb(picture))) for tick, picture in reader.pictures()]
    assert [stamp for _, stamp in shown] == [round(time * 1000) for time in times]
    # What the copy says is when the source shows it, to a tick of the source.
    assert max(abs(at - float(time)) for (at, _), time in zip(shown, times, strict=True)) < 0.0011
    end, before = float(reader.end() * reader.tick), Reader(source)
    for _ in before.pictures():
        pass
    assert abs(end - float(before.end() * before.tick)) < 0.02
    content = copy.read_bytes()
    assert content.index(b"moov") < content.index(b"mdat")  # the player need not read to its end first
    assert _reach(copy) < 0.5


def test_every_half_second_can_be_shown_at_once(tmp_path: Path) -> None:
    source = render(
        tmp_path / "a.mp4", even_times(25, 8), codec="libx264", options={"sc_threshold": "0", "g": "250"}
    )
    transcode(source, tmp_path / "copy.mp4", lambda _: None)
    assert _reach(source) > 5
    assert 0.4 < _reach(tmp_path / "copy.mp4") < 0.5


def _reach(path: Path) -> float:
    """s that a picture begins after the one before it that can be decoded alone, at most."""
    most, key = 0.0, 0.0
    with av.open(str(path)) as container:
        for packet in container.demux(video=0):
            if packet.size and packet.pts is not None and packet.time_base is not None:
                at = float(packet.pts * packet.time_base)
                key = at if packet.is_keyframe else key
                most = max(most, at - key)
    return most


def _rgb(picture: Any) -> Any:
    return picture.to_ndarray(format="rgb24")


def test_a_turned_video_is_copied_upright_and_a_large_one_smaller(tmp_path: Path) -> None:
    plain = render(tmp_path / "plain.mp4", even_times(25, 0.2), codec="libx264", size=(1920, 1200))
    transcode(turned(plain, tmp_path / "turned.mp4"), tmp_path / "copy.mp4", lambda _: None)
    facts = look(tmp_path / "copy.mp4")
    assert (facts.width, facts.height, facts.playable) == (720, 1152, "yes")
    pictures = list(Reader(tmp_path / "copy.mp4").pictures())
    stamps = [read_stamp(np.rot90(_rgb(picture), 1)) for _, picture in pictures]
    assert stamps == [0, 40, 80, 120, 160]
    facts = look(tmp_path / "turned.mp4")
    assert (facts.width, facts.height, facts.playable) == (1200, 1920, "yes"), "browsers turn it themselves"


def test_an_uneven_video_tells_each_pictures_time(site: Site) -> None:
    found = site.get("/api/frames?id=uneven").json
    assert found["vfr"]
    assert found["times"] == pytest.approx([float(time) for time in uneven_times(6)], abs=1e-4)
    assert site.get("/api/frames?id=uneven").json == found  # from the disk


@pytest.mark.parametrize(
    ("name", "fps", "made"),
    [
        ("a.mp4", Fraction(25), {"codec": "libx264", "bframes": 3}),
        ("a.webm", Fraction(30000, 1001), {"codec": "libvpx", "tick": MILLISECOND}),  # rounded to ms
        ("a.mkv", Fraction(120), {"codec": "mpeg4", "tick": MILLISECOND}),
        ("a.ts", Fraction(50), {"codec": "libx264", "tick": Fraction(1, 90000), "start": 3}),
    ],
)
def test_an_even_video_needs_its_rate_only(
    tmp_path: Path, name: str, fps: Fraction, made: dict[str, Any]
) -> None:
    found = frame_times(render(tmp_path / name, even_times(fps, 3), fps=fps, **made))
    assert (found.vfr, found.times) == (False, None)
    assert found.fps == pytest.approx(float(fps), rel=1e-3)


def test_one_missing_picture_makes_a_rate_uneven(tmp_path: Path) -> None:
    times = even_times(25, 3)
    del times[40]
    found = frame_times(render(tmp_path / "a.mp4", times, codec="libx264", tick=Fraction(1, 25)))
    assert found.vfr
    assert found.times == pytest.approx([float(time) for time in times])
