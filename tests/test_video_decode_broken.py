"""Files that are cut off, damaged, or no video at all: what can be shown is, the rest is one clear line."""

from __future__ import annotations

import threading
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("av", reason="the extra [video] is not installed")
import av

from hrpro.core.errors import DataError
from hrpro.video.container import open_container
from hrpro.video.decode import FrameSource, frames, probe
from rendered_videos import even_times, read_stamp, render

CLUSTERS = {"container_options": {"cluster_time_limit": "1000"}}  # where a reader can begin anew
FASTSTART = {"container_options": {"movflags": "faststart"}}
FRAGMENTED = {"container_options": {"movflags": "frag_keyframe+empty_moov"}}
CUT = {
    "index-first.mp4": ("libx264", FASTSTART, True),
    "fragments.mp4": ("libx264", FRAGMENTED, False),
    "a.mkv": ("libx264", CLUSTERS, True),
    "a.webm": ("libvpx", CLUSTERS, True),
    "a.flv": ("flv", {}, True),
    "a.avi": ("mpeg4", {}, False),  # FFmpeg reckons the length anew from the size
    "a.ts": ("libx264", {}, False),
    "a.mpg": ("mpeg2video", {}, False),
}


def shown(source: FrameSource) -> list[int | None]:
    """The milliseconds each frame carries; None: a picture too damaged to be read."""
    times: list[int | None] = []
    for frame in source:
        try:
            times.append(read_stamp(frame))
        except AssertionError:
            times.append(None)
    return times


@pytest.mark.parametrize("name", CUT)
@pytest.mark.parametrize("part", [0.7, 0.35])
def test_a_file_that_is_cut_off_gives_what_is_there(tmp_path: Path, name: str, part: float) -> None:
    """On time to the last picture; and told wherever the container says how long it should have been."""
    codec, more, promises = CUT[name]
    whole = render(tmp_path / f"whole-{name}", even_times(25, 12), codec=codec, size=(192, 128), **more)
    data = whole.read_bytes()
    cut = tmp_path / name
    cut.write_bytes(data[: int(len(data) * part)])
    source = frames(cut)
    times = shown(source)
    assert 12 * 25 * part * 0.2 < len(times) < 12 * 25 * min(part * 1.5, 0.99)
    good = times[:-8]  # among the last, B pictures wait for one that is gone
    assert good == [40 * index for index in range(len(good))]
    if promises:
        assert source.truncated
        assert any(f"pictures end at {len(times) / 25:.2f} s of" in remark for remark in source.remarks)
    assert frames(whole).info.duration == pytest.approx(12, abs=0.6) or name in {"fragments.mp4", "a.mpg"}


# In fragments.mp4 the damaged header of one fragment hides where the next begins.
@pytest.mark.parametrize("name", sorted(CUT.keys() - {"fragments.mp4"}))
def test_damage_in_the_middle_costs_its_own_seconds_only(tmp_path: Path, name: str) -> None:
    codec, more, _ = CUT[name]
    whole = render(tmp_path / f"whole-{name}", even_times(25, 12), codec=codec, size=(192, 128), **more)
    data = bytearray(whole.read_bytes())
    start, length = int(len(data) * 0.6), int(len(data) * 0.04)
    data[start : start + length] = np.random.default_rng(1).bytes(length)
    damaged = tmp_path / name
    damaged.write_bytes(data)
    times = shown(frames(damaged))
    wrong = [index for index, time in enumerate(times) if time != 40 * index]
    if name == "a.avi":  # has no timestamps: what is lost shifts the rest, and the end tells
        assert 12 * 25 * 0.85 < len(times) <= 300
        return
    assert len(times) == 300
    assert 0 < len(wrong) < 75
    assert wrong[-1] - wrong[0] < 75, "one hole, and all after it on time again"


def test_a_broken_head_keeps_its_time(tmp_path: Path) -> None:
    """Transport streams that begin in the middle of a group: the first picture stands in for those lost."""
    whole = render(tmp_path / "whole.ts", even_times(25, 12), codec="libx264", size=(192, 128))
    data, headless, heads = whole.read_bytes(), tmp_path / "headless.ts", []
    for part in range(30, 60, 3):
        headless.write_bytes(data[len(data) * part // 100 // 188 * 188 :])
        source = frames(headless)
        times = shown(source)
        missing = source.info.start - probe(whole).start
        assert len(times) / 25 + missing == pytest.approx(12, abs=0.06)
        assert times[-1] == 11_960
        heads += [remark for remark in source.remarks if remark.startswith("the first 0.")]
        first = next(time for time in times if time is not None)
        assert times.count(first) == 1 or heads, "a held first picture is told"
    assert heads


def test_random_damage_is_a_short_video_or_one_clear_line(tmp_path: Path) -> None:
    """Never another exception, a hang, or hours of one picture; most of it can still be shown."""
    random, results = np.random.default_rng(5), {"shown": 0, "refused": 0}
    for name, (codec, more, _) in CUT.items():
        whole = render(tmp_path / name, even_times(25, 2), codec=codec, **more).read_bytes()
        for attempt in range(25):
            data = np.frombuffer(whole, np.uint8).copy()
            where = random.integers(0, len(data) if attempt % 2 else 3000, random.choice([1, 3, 30]))
            data[where % len(data)] = random.integers(0, 256, len(where))
            damaged = tmp_path / f"damaged-{name}"
            damaged.write_bytes(data[: random.integers(len(data) // 2, len(data))].tobytes())
            try:
                count = sum(1 for _ in islice(frames(damaged, rate=1, size=16), 50_000))
            except DataError:
                results["refused"] += 1
            else:
                results["shown"] += 1
                assert 1 <= count < 50_000
    assert results["shown"] > 60


NO_VIDEO = {
    "empty.mp4": (b"", "the file is empty"),
    "text.mp4": (b"this is no video, it is a shopping list\n" * 100, "not a video"),
    "list.txt": (b"one.mp4\ntwo.mp4\n" * 50, "text file, not a video|not a video"),
    "table.csv": (b"video,seconds,label\na,1,b\n" * 50, "not a video|text file"),
    "noise.mkv": (np.random.default_rng(0).bytes(50_000), "not a video"),
    "zeros.avi": (bytes(100_000), "not a video"),
    "one-byte.webm": (b"\x1a", "cannot be opened|not a video"),
    "subtitles.srt": (b"1\n00:00:01,000 --> 00:00:02,000\nHello\n\n", "no video stream"),
    "page.mp4": (b"<!doctype html><html><body>404 not found</body></html>", "not a video"),
}


@pytest.mark.parametrize("name", NO_VIDEO)
def test_what_is_no_video_is_one_clear_line(tmp_path: Path, name: str) -> None:
    content, message = NO_VIDEO[name]
    path = tmp_path / name
    path.write_bytes(content)
    for call in (frames, probe):
        with pytest.raises(DataError, match=message) as caught:
            call(path)
        assert caught.value.where == str(path)
        assert "\n" not in str(caught.value)


def test_missing_files_and_folders(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file"):
        frames(tmp_path / "nowhere.mp4")
    with pytest.raises(DataError, match="no such file"):
        probe("http://localhost/video.mp4")
    with pytest.raises(DataError, match="is a folder"):
        probe(tmp_path)
    (tmp_path / "link.mp4").symlink_to(tmp_path / "gone.mp4")
    with pytest.raises(DataError, match="no such file"):
        probe(tmp_path / "link.mp4")


def test_an_index_that_was_never_written_is_said_so(tmp_path: Path) -> None:
    """A phone that ran out of battery: mp4 without its moov box."""
    whole = render(tmp_path / "whole.mp4", even_times(25, 4), codec="libx264")
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(whole.read_bytes()[:-2000])
    with pytest.raises(DataError, match="too damaged to open"):
        frames(cut)


def test_a_header_without_a_picture_is_an_error(tmp_path: Path) -> None:
    whole = render(tmp_path / "whole.mkv", even_times(25, 4), codec="libx264")
    data = whole.read_bytes()
    empty = tmp_path / "empty.mkv"
    empty.write_bytes(data[: data.index(b"\x1f\x43\xb6\x75")])  # up to the first cluster
    with pytest.raises(DataError, match=r"cannot be opened: End of file|it has none"):
        frames(empty)


def test_a_film_none_of_whose_packets_can_be_decoded(tmp_path: Path) -> None:
    whole = render(tmp_path / "whole.mp4", even_times(25, 4), codec="libx264")
    data = bytearray(whole.read_bytes())
    begin, end = data.index(b"mdat") + 4, data.index(b"moov") - 4
    data[begin:end] = b"\xff" * (end - begin)
    ruined = tmp_path / "ruined.mp4"
    ruined.write_bytes(data)
    with pytest.raises(DataError, match="no picture in the video stream: none of them could be decoded"):
        frames(ruined)


def sound_file(path: Path, *, cover: bool) -> Path:
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libmp3lame" if path.suffix == ".mp3" else "aac", rate=16000, layout="mono")
        for first in range(0, 16000, 1152):
            sound = av.AudioFrame.from_ndarray(np.zeros((1, 1152), np.float32), format="fltp", layout="mono")
            sound.sample_rate, sound.pts = 16000, first
            out.mux(stream.encode(sound))
        out.mux(stream.encode(None))
    if cover:  # an ID3 tag in front with an APIC frame
        from cv2 import imencode

        picture = b"\0image/png\0\3\0" + imencode(".png", np.zeros((64, 64, 3), np.uint8))[1].tobytes()
        frame = b"APIC" + len(picture).to_bytes(4, "big") + b"\0\0" + picture
        size = bytes(len(frame) >> shift & 127 for shift in (21, 14, 7, 0))
        sound = path.read_bytes()
        skip = 10 + sum(byte << shift for byte, shift in zip(sound[6:10], (21, 14, 7, 0), strict=True))
        path.write_bytes(b"ID3\3\0\0" + size + frame + sound[skip if sound.startswith(b"ID3") else 0 :])
    return path


def test_sound_only_and_an_albums_cover_are_no_video(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no video stream in it, only: audio"):
        probe(sound_file(tmp_path / "song.m4a", cover=False))
    covered = sound_file(tmp_path / "song.mp3", cover=True)
    with open_container(covered) as container:
        assert {stream.type for stream in container.streams} == {"audio", "video"}  # the cover is there
    with pytest.raises(DataError, match="no video stream"):
        probe(covered)


NAMES = ["10:30 cam.mp4", "http:x.mp4", "clip%03d.mp4", "Übung 影片.mp4", "-i.mp4", "a?b=1&c.mp4", "a\nb.mp4"]


@pytest.mark.parametrize("name", [*NAMES, "no suffix"])
def test_any_name_will_do(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = render(tmp_path / "whole.mp4", even_times(25, 0.4))
    whole.rename(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    for path in (tmp_path / name, Path(name), name):
        assert [read_stamp(frame) for frame in frames(path)] == [40 * index for index in range(10)]


def test_a_name_that_is_no_text(tmp_path: Path) -> None:
    whole = render(tmp_path / "whole.mp4", even_times(25, 0.4))
    strange = Path(str(tmp_path) + "/caf\udce9.mp4")  # Latin-1 bytes in a UTF-8 file system
    try:
        whole.rename(strange)
    except (OSError, UnicodeError):
        pytest.skip("this file system takes only names that are text")
    assert sum(1 for _ in frames(strange)) == 10


def test_a_playlist_cannot_reach_outside(tmp_path: Path) -> None:
    """A file that pretends to be a video must not make the reader fetch addresses."""
    connections: list[str] = []
    server = Listener(connections)
    trap = tmp_path / "film.mp4"
    trap.write_text(
        "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n"
        f"http://127.0.0.1:{server.port}/secret.ts\n#EXT-X-ENDLIST\n"
    )
    with pytest.raises(DataError):
        probe(trap)
    server.close()
    assert connections == []


class Listener:
    """Notes every connection made to a local port."""

    def __init__(self, connections: list[str]) -> None:
        import socket

        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.connections = connections
        self.thread = threading.Thread(target=self.listen, daemon=True)
        self.thread.start()

    def listen(self) -> None:
        try:
            while True:
                connection, address = self.socket.accept()
                self.connections.append(str(address))
                connection.close()
        except OSError:
            return

    def close(self) -> None:
        import socket

        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
        self.thread.join()
