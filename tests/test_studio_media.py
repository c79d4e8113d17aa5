"""What the studio shows of a video: ranges byte for byte, true seconds in copies, thumbnails, times."""

from __future__ import annotations

import os
import random
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hrpro.core.errors import DataError
from hrpro.studio import media, proxies, ranges, thumbnails
from hrpro.studio.frame_times import frame_times
from hrpro.studio.paths import Listing
from hrpro.studio.playable import look
from hrpro.studio.proxies import Proxies
from hrpro.studio.ranges import parse_range
from hrpro.studio.thumbnails import Shelf, grid_index, grid_step, thumbnail
from hrpro.studio.transcode import transcode
from hrpro.video.reader import Reader
from rendered_videos import even_times, read_stamp, render
from studio_raw import Site, read_answer, serving, wait_for

MILLISECOND = Fraction(1, 1000)


def uneven_times(seconds: float, seed: int = 1) -> list[Fraction]:
    """Times of a screen recording: bursts, and pictures that stay for more than a second."""
    draw, times, now = random.Random(seed), list[Fraction](), Fraction(0)
    while now < seconds:
        times.append(now)
        now += draw.choice([10, 17, 33, 40, 100, 700, 1300]) * MILLISECOND
    return times


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("project")
    render(folder / "even.mp4", even_times(25, 6), codec="libx264", bframes=2)
    render(folder / "uneven.mp4", uneven_times(6), codec="libx264", tick=MILLISECOND, bframes=0)
    render(folder / "old.avi", even_times(Fraction(30000, 1001), 3), fps=Fraction(30000, 1001))
    render(folder / "late.mkv", uneven_times(5, 2), tick=MILLISECOND, start=2.5)
    (folder / "broken.mp4").write_bytes(b"no video at all" * 99)
    with (folder / "huge.mp4").open("wb") as file:  # sparse: it takes no room
        file.truncate(512 * 2**20)
    return folder


@pytest.fixture(scope="module")
def site(folder: Path) -> Iterator[Site]:
    with serving(folder) as site:
        yield site


# --- ranges ---------------------------------------------------------------------------------------------


def test_the_whole_file_comes_as_it_is(site: Site, folder: Path) -> None:
    content = (folder / "even.mp4").read_bytes()
    answer = site.get("/media?id=even")
    assert (answer.status, answer.body) == (200, content)
    assert answer.headers["content-type"] == "video/mp4"
    assert answer.headers["accept-ranges"] == "bytes"
    assert answer.headers["content-disposition"].startswith("inline;")
    head = site.get("/media?id=even", method="HEAD")
    assert (head.status, head.headers["content-length"]) == (200, str(len(content)))
    assert head.headers["etag"] == answer.headers["etag"]


def test_every_kind_of_range(site: Site, folder: Path) -> None:
    content = (folder / "even.mp4").read_bytes()
    size = len(content)
    good = {
        "bytes=0-0": (0, 1),
        "bytes=0-": (0, size),
        "bytes=10-19": (10, 20),
        f"bytes={size - 1}-": (size - 1, size),
        f"bytes=5-{size * 9}": (5, size),
        "bytes=-7": (size - 7, size),
        f"bytes=-{size * 9}": (0, size),
        "BYTES = 3-4": (3, 5),
        f"bytes=7-{'9' * 18}": (7, size),
    }
    for header, (first, end) in good.items():
        answer = site.get("/media?id=even", f"Range: {header}")
        assert answer.status == 206, header
        assert answer.body == content[first:end], header
        assert answer.headers["content-range"] == f"bytes {first}-{end - 1}/{size}"
    for header in (f"bytes={size}-", f"bytes={size}-{size + 9}", "bytes=-0", f"bytes={'9' * 18}-"):
        answer = site.get("/media?id=even", f"Range: {header}")
        assert (answer.status, answer.body) == (416, b""), header
        assert answer.headers["content-range"] == f"bytes */{size}"
    ignored = [
        "bytes=",
        "bytes=-",
        "bytes=5-4",
        "bytes=--5",
        "bytes=a-b",
        "lines=0-5",
        "bytes 0-5",
        "bytes=0x0-1",
    ]
    ignored += [
        "bytes=0-1,3-4",
        "bytes=0-,0-,0-",
        "bytes=1-2,",
        f"bytes={'9' * 400}-",
        "bytes=\xb2-",
        "bytes=+1-2",
    ]
    ignored += ["bytes=" + ",".join("0-" for _ in range(900))]  # Apache's killer
    for header in ignored:
        answer = site.get("/media?id=even", f"Range: {header}")
        assert (answer.status, answer.body) == (200, content), header


@given(
    size=st.integers(0, 300),
    first=st.none() | st.integers(0, 400),
    last=st.none() | st.integers(0, 400),
)
def test_a_range_is_what_a_slice_is(size: int, first: int | None, last: int | None) -> None:
    whole = bytes(index % 251 for index in range(size))
    text = [str(number) if number is not None else "" for number in (first, last)]
    found = parse_range(f"bytes={text[0]}-{text[1]}", size)
    if first is None:
        expected = None if last is None else whole[max(size - last, 0) :]
    elif last is not None and last < first:
        expected = None
    else:
        expected = whole[first : None if last is None else last + 1]
    assert (None if found is None else whole[found[0] : found[0] + found[1]]) == expected


def test_if_range_and_if_none_match(site: Site, folder: Path) -> None:
    answer = site.get("/media?id=even", "Range: bytes=2-5")
    etag, modified = answer.headers["etag"], answer.headers["last-modified"]
    content = (folder / "even.mp4").read_bytes()
    for value in (etag, modified):
        assert site.get("/media?id=even", "Range: bytes=2-5", f"If-Range: {value}").body == content[2:6]
    for value in ('"other"', f"W/{etag}", "Thu, 01 Jan 1970 00:00:00 GMT", "nonsense"):
        assert site.get("/media?id=even", "Range: bytes=2-5", f"If-Range: {value}").status == 200
    for value in (etag, f'"a", W/{etag}', "*"):
        assert site.get("/media?id=even", f"If-None-Match: {value}").status == 304
    assert site.get("/media?id=even", 'If-None-Match: "other"').status == 200


def test_many_ranges_on_one_connection(site: Site, folder: Path) -> None:
    content = (folder / "even.mp4").read_bytes()
    with site.connect() as wire:
        for first in range(0, len(content), 3001):
            lines = f"GET /media?id=even HTTP/1.1\r\nHost: {site.host}\r\n"
            wire.sendall(f"{lines}Range: bytes={first}-{first + 3000}\r\n\r\n".encode())
            assert read_answer(wire).body == content[first : first + 3001]


def ask_for_huge(site: Site) -> Any:
    wire = site.connect()
    wire.sendall(f"GET /media?id=huge HTTP/1.1\r\nHost: {site.host}\r\n\r\n".encode())
    assert wire.recv(4096)
    return wire


def test_who_goes_away_ends_the_reading(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    reads, real, handles = list[int](), ranges._read, set[int]()

    def counted(handle: int, first: int, count: int) -> bytes:
        handles.add(handle)
        reads.append(count)
        return real(handle, first, count)

    monkeypatch.setattr(ranges, "_read", counted)
    wire = ask_for_huge(site)
    time.sleep(0.3)
    held = len(reads)
    assert max(reads) <= ranges.CHUNK
    assert sum(reads) < 64 * 2**20  # a client that does not take it is not read ahead for
    wire.close()
    wait_for(lambda: not any(_is_open(handle, "huge.mp4") for handle in handles))
    assert len(reads) <= held + 8


def _is_open(handle: int, name: str) -> bool:
    try:
        return os.readlink(f"/proc/self/fd/{handle}").endswith(name)
    except OSError:
        return False


def test_a_client_that_takes_nothing_is_let_go(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranges, "STALLED", 0.5)
    with ask_for_huge(site) as wire:
        time.sleep(1.5)
        assert _drain(wire) < 512 * 2**20


def test_a_file_that_gets_shorter_ends_the_connection(site: Site, folder: Path) -> None:
    try:
        with ask_for_huge(site) as wire:
            os.truncate(folder / "huge.mp4", 2**20)
            assert _drain(wire) < 512 * 2**20  # ended, and short of what was promised
        assert site.get("/media?id=huge").headers["content-length"] == str(2**20)
    finally:
        os.truncate(folder / "huge.mp4", 512 * 2**20)


def _drain(wire: Any) -> int:
    got = 0
    try:
        while piece := wire.recv(2**20):
            got += len(piece)
    except ConnectionResetError:
        pass
    return got


def test_a_file_that_goes_is_missing(site: Site, folder: Path) -> None:
    path = render(folder / "brief.mp4", even_times(25, 1), codec="libx264")
    site.get("/api/project")
    assert site.get("/media?id=brief").status == 200
    path.unlink()
    assert site.get("/media?id=brief").status == 404
    assert site.get("/thumb?id=brief&t=0&h=48").status == 404


# --- what a browser plays -------------------------------------------------------------------------------


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


def turned(path: Path, out: Path) -> Path:
    """The .mp4 as a phone held upright writes it: shown turned by 90 degrees clockwise."""
    data = bytearray(path.read_bytes())
    at = data.index(b"tkhd") + 44
    data[at : at + 36] = struct.pack(">9i", 0, 1 << 16, 0, -1 << 16, 0, 0, 0, 0, 1 << 30)
    out.write_bytes(data)
    return out


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


# --- copies ---------------------------------------------------------------------------------------------


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


@dataclass
class Desk:
    """A place for copies of ``files``."""

    tmp: Path
    files: dict[str, Path]
    inside: Path | None = None
    told: list[dict[str, Any]] = field(default_factory=list)

    def open(self) -> Proxies:
        (self.tmp / "copies").mkdir(exist_ok=True)
        return Proxies(
            self.tmp / "copies", Listing(self), lambda name, data: self.told.append({"event": name, **data})
        )

    def states(self, id: str) -> list[str]:
        return [event["state"] for event in self.told if event["id"] == id]


@pytest.fixture(scope="module")
def long_film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Some seconds of work."""
    return render(tmp_path_factory.mktemp("film") / "long.avi", even_times(25, 20), size=(480, 320))


def test_copies_are_made_one_at_a_time_and_told(tmp_path: Path, folder: Path) -> None:
    desk = Desk(
        tmp_path, {"old": folder / "old.avi", "late": folder / "late.mkv", "broken": folder / "broken.mp4"}
    )
    copies = desk.open()
    try:
        assert [copies.ask(id) for id in ("old", "late", "broken", "old")] == ["making"] * 4
        wait_for(
            lambda: [e["id"] for e in desk.told if e["state"] in ("yes", "no")] == ["old", "late", "broken"]
        )
        order = [event["id"] for event in desk.told]
        assert order == sorted(order, key=["old", "late", "broken"].index)  # none begins before another's end
        assert desk.states("old")[-1] == desk.states("late")[-1] == "yes"
        assert desk.states("broken")[-1] == "no"
        failed = desk.told[-1]["message"]
        assert failed.startswith("The copy could not be made: ")
        assert str(folder) not in failed
        assert copies.failure("broken") == failed
        assert copies.ask("old") == "yes"
        ready = copies.ready("old", folder / "old.avi")
        assert ready is not None
        assert sorted(p.suffix for p in (tmp_path / "copies").iterdir()) == [".mp4", ".mp4"]
        assert {event["event"] for event in desk.told} == {"proxy"}
    finally:
        copies.close()


def test_a_changed_video_gets_a_copy_of_its_own(tmp_path: Path) -> None:
    film = render(tmp_path / "a.avi", even_times(25, 1))
    desk = Desk(tmp_path, {"a": film})
    copies = desk.open()
    try:
        copies.ask("a")
        first = wait_for(lambda: not copies.making("a") and copies.ready("a", film))
        render(film, even_times(25, 2))
        assert copies.ready("a", film) is None
        copies.ask("a")
        second = wait_for(lambda: not copies.making("a") and copies.ready("a", film))
        assert second != first
        assert not first.exists()
    finally:
        copies.close()


def test_a_studio_that_ends_in_the_middle_begins_the_copy_anew(tmp_path: Path, long_film: Path) -> None:
    desk = Desk(tmp_path, {"a": long_film})
    copies = desk.open()
    copies.ask("a")
    wait_for(lambda: any(event["done"] > 0 for event in desk.told))
    copies.close()
    assert copies.ready("a", long_film) is None
    assert len(list((tmp_path / "copies").glob("*.wish"))) == 1
    (tmp_path / "copies" / "gone-1-2.wish").write_text('"gone"')  # of a video that is there no more
    (tmp_path / "copies" / "bad-1-2.wish").write_text("{")
    again = desk.open()
    try:
        assert again.making("a")
        wait_for(lambda: again.ready("a", long_film), 120)
        wait_for(lambda: not again.making("a"))
        assert [path.suffix for path in (tmp_path / "copies").iterdir()] == [".mp4"]
    finally:
        again.close()


def test_a_killed_worker_is_told_and_may_be_asked_again(tmp_path: Path, long_film: Path) -> None:
    desk = Desk(tmp_path, {"a": long_film})
    copies = desk.open()
    try:
        copies.ask("a")
        wait_for(lambda: any(event["done"] > 0 for event in desk.told))
        child = copies._child
        assert child is not None
        assert os.getpriority(os.PRIO_PROCESS, child.pid) == 19
        child.kill()
        wait_for(lambda: copies.failure("a") == proxies.FAILED)
        assert copies.ready("a", long_film) is None
        assert copies.ask("a") == "making"
    finally:
        copies.close()


def test_the_worker_ends_when_nobody_listens_any_more(tmp_path: Path, long_film: Path) -> None:
    command = [sys.executable, "-m", "hrpro.studio.transcode", str(long_film), str(tmp_path / "copy.mp4")]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert child.stdout is not None
    child.stdout.readline()
    child.stdout.close()  # as it is when the server has been killed
    assert child.wait(60) != 0
    assert list(tmp_path.iterdir()) == []


def test_a_copy_is_played_instead_of_the_file(site: Site, folder: Path) -> None:
    with site.connect() as wire:
        wire.sendall(f"GET /api/stream HTTP/1.1\r\nHost: {site.host}\r\n\r\n".encode())
        assert site.post("/api/proxy", {"id": "late"}).json == {"id": "late", "playable": "making"}
        told = b""
        while b'"state": "yes"' not in told and b'"state":"yes"' not in told:
            piece = wire.recv(65536)
            assert piece
            told += piece
        assert b"event: proxy" in told
    video = site.get("/api/video?id=late").json["video"]
    assert video["playable"] == "yes"
    answer = site.get(video["media"])
    assert answer.headers["content-type"] == "video/mp4"
    (copy,) = (folder / ".hrpro-studio" / "proxies").glob("*.mp4")
    assert answer.body == copy.read_bytes()
    times = site.get("/api/frames?id=late").json["times"]
    assert times == [float(time) for time in uneven_times(5, 2)]
    assert site.post("/api/proxy", {"id": "late"}).json["playable"] == "yes"
    assert site.post("/api/proxy", {"id": "broken"}).status == 422


# --- times of pictures ----------------------------------------------------------------------------------


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


# --- thumbnails -----------------------------------------------------------------------------------------


def read_jpeg(content: bytes) -> Any:
    picture = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    return np.ascontiguousarray(picture[..., ::-1])


@pytest.mark.parametrize("id", ["even", "uneven", "late"])
def test_a_thumbnail_shows_its_moment(site: Site, id: str) -> None:
    times = {"even": even_times(25, 6), "uneven": uneven_times(6), "late": uneven_times(5, 2)}[id]
    duration = site.get(f"/api/video?id={id}").json["video"]["duration"]
    for asked in (0.0, 0.6, 1.26, 3.0, 3.9, 99.0):
        answer = site.get(f"/thumb?id={id}&t={asked}&h=144")
        assert answer.headers["content-type"] == "image/jpeg"
        picture = read_jpeg(answer.body)
        assert picture.shape == (144, 216, 3)
        moment = min(round(asked * 2), int(duration * 2)) / 2  # the grid has steps of 0.5 s
        shown = read_stamp(picture) / 1000
        on_show = max(float(time) for time in times if time <= moment + MILLISECOND)
        assert shown == pytest.approx(on_show, abs=0.001) or moment - 0.125 <= shown <= moment, asked


@pytest.mark.parametrize("seconds", [0.0, 1.0, 7.3, 9.96])
def test_a_moment_far_from_any_whole_picture_is_decoded_to(tmp_path: Path, seconds: float) -> None:
    options = {"sc_threshold": "0", "g": "250", "keyint_min": "250"}
    film = render(tmp_path / "a.mp4", even_times(25, 10), codec="libx264", options=options, bframes=2)
    for step, worst in ((0.5, 0.0), (40.0, 10.0)):
        shown = read_stamp(read_jpeg(thumbnail(film, seconds, 96, step))) / 1000
        assert -0.001 <= seconds - shown < 0.04 + worst


def test_a_turned_video_has_upright_thumbnails(tmp_path: Path) -> None:
    plain = render(tmp_path / "plain.mp4", even_times(25, 1), codec="libx264")
    picture = read_jpeg(thumbnail(turned(plain, tmp_path / "turned.mp4"), 0.4, 144, 0.5))
    assert picture.shape == (144, 96, 3)
    assert read_stamp(np.rot90(picture, 1)) == 400


def test_three_hours_have_two_thousand_thumbnails_at_most() -> None:
    for duration in (None, 0.0, 1.0, 59.9, 3600.0, 3 * 3600.0, 9 * 3600.0, 1e6):
        indices = {grid_index(second, duration) for second in np.linspace(0, (duration or 0) + 99, 5000)}
        assert max(indices) < 2000
        assert min(indices) == 0
        if duration and duration <= 1e6:
            assert max(indices) * grid_step(duration) <= duration
    assert grid_step(3 * 3600.0) == 6


@pytest.mark.parametrize(
    "query", ["t=-1", "t=nan", "t=inf", "t=1e99", "t=x", "t=1&h=71", "t=1&h=144000", "t=1&h=+72"]
)
def test_other_times_and_heights_are_refused(site: Site, query: str) -> None:
    assert site.get(f"/thumb?id=even&{query}").status == 422


def test_what_cannot_be_shown_has_no_thumbnails(site: Site, tmp_path: Path) -> None:
    assert site.get("/thumb?id=broken&t=0&h=48").status == 404
    with pytest.raises(DataError):
        thumbnail(tmp_path / "none.mp4", 0.0, 48, 1.0)


def test_thumbnails_are_drawn_once_and_few_at_a_time(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    lock, drawn, now, most = threading.Lock(), list[tuple[float, int]](), 0, 0
    real = thumbnail

    def counted(path: Path, seconds: float, height: int, step: float) -> bytes:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
            drawn.append((seconds, height))
        time.sleep(0.05)
        try:
            return real(path, seconds, height, step)
        finally:
            with lock:
                now -= 1

    monkeypatch.setattr(media, "thumbnail", counted)
    wires = [site.connect() for _ in range(24)]
    for number, wire in enumerate(wires):
        target = f"/thumb?id=even&t={(number % 6) / 2 + 2}&h=72"
        wire.sendall(f"GET {target} HTTP/1.1\r\nHost: {site.host}\r\n\r\n".encode())
    wires.pop().close()  # whoever leaves takes it from nobody
    bodies = [read_answer(wire).body for wire in wires]
    for wire in wires:
        wire.close()
    assert len(set(bodies)) == 6
    assert len(drawn) == 6
    assert most <= media.DRAWING
    again = site.get("/thumb?id=even&t=2&h=72")
    assert again.body in bodies
    assert len(drawn) == 6
    assert site.get("/thumb?id=even&t=2&h=72", f"If-None-Match: {again.headers['etag']}").status == 304
    assert "max-age" in again.headers["cache-control"]


def test_the_cache_is_bounded_and_forgets_what_is_damaged(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path, limit=10_000)
    picture = thumbnails.START + b"x" * 496 + thumbnails.END
    for number in range(100):
        shelf.put(f"a/48/{number}.jpg", picture)
        if number == 0:
            os.utime(tmp_path / "a/48/0.jpg", (1, 1))
        held = sum(path.stat().st_size for path in tmp_path.rglob("*.jpg"))
        assert held <= 10_000
    assert shelf.get("a/48/99.jpg") == picture
    assert shelf.get("a/48/0.jpg") is None
    (tmp_path / "a/48/99.jpg").write_bytes(picture[:300])
    assert shelf.get("a/48/99.jpg") is None
    assert not list(tmp_path.rglob("*.partial"))


def test_a_cache_that_cannot_be_written_costs_nothing_but_time(tmp_path: Path) -> None:
    (tmp_path / "taken").write_bytes(b"")
    shelf = Shelf(tmp_path / "taken")
    shelf.put("a/48/0.jpg", thumbnails.START + thumbnails.END)
    assert shelf.get("a/48/0.jpg") is None


def test_thumbs_do_not_hold_up_the_rest(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even with all the waiting places taken, the page itself is answered."""
    gate = threading.Event()
    monkeypatch.setattr(media, "WAITING", 8)

    def stuck(*_: object) -> bytes:
        assert gate.wait(30)
        return thumbnails.START + thumbnails.END

    monkeypatch.setattr(media, "thumbnail", stuck)
    wires = [site.connect() for _ in range(60)]
    try:
        for number, wire in enumerate(wires):
            target = f"/thumb?id=uneven&t={number % 12 / 2}&h=96"
            wire.sendall(f"GET {target} HTTP/1.1\r\nHost: {site.host}\r\n\r\n".encode())
        assert site.get("/api/project").status == 200
        assert site.get("/media?id=even").status == 200
    finally:
        gate.set()
    statuses = {read_answer(wire).status for wire in wires}
    assert statuses == {200, 503}
    for wire in wires:
        wire.close()
