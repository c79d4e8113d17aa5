"""Real files of many kinds through ``frames`` and ``probe``: time, size, orientation, colour, threads."""

from __future__ import annotations

import re
import struct
import threading
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("av", reason="the extra [video] is not installed")
import av

from hrpro.core.errors import ConfigError
from hrpro.video.decode import frames, probe
from hrpro.video.origin import choose
from hrpro.video.store import About
from rendered_videos import even_times, grey_picture, read_stamp, render, stamp

SHARED = Path(__file__).resolve().parents[1].parent / "shared"
NTSC, FILM = Fraction(30000, 1001), Fraction(24000, 1001)
B = {"bframes": 2}
KINDS = [
    ("mp4", "libx264", 25, {}),
    ("mp4", "libx264", NTSC, {"bframes": 3}),
    ("mkv", "libx264", 60, {}),
    ("ts", "libx264", 50, {}),
    ("h264", "libx264", 25, {}),
    ("mp4", "libx265", FILM, {"options": {"x265-params": "log-level=none"}}),
    ("mp4", "mpeg4", 15, B),
    ("avi", "mpeg4", 25, B),
    ("avi", "mpeg4", 30, {}),
    ("webm", "libvpx", 30, {}),
    ("webm", "libvpx-vp9", 24, {"options": {"deadline": "realtime", "cpu-used": "8"}}),
    ("mpg", "mpeg2video", 25, B),
    ("ts", "mpeg2video", NTSC, B),
    ("mov", "mjpeg", 10, {"pixels": "yuvj420p"}),
    ("mkv", "ffv1", 100, {"pixels": "yuv422p10le"}),
    ("flv", "flv", 30, {}),
    ("gif", "gif", 10, {"pixels": "gray"}),
]


def check_time(
    video: Path, times: list[Fraction], end: float, *, rate: float = 25, rounded_ms: float = 0.5
) -> int:
    """Every frame carries the time of the picture a player shows in its middle; returns their number."""
    shown_ms = [read_stamp(frame) for frame in frames(video, rate=rate)]
    times_ms = np.array([float(t) for t in times] + [end]) * 1000
    assert abs(len(shown_ms) - end * rate) <= 0.51
    for index, own in enumerate(shown_ms):
        middle = (index + 0.5) * 1000 / rate
        picture = int(np.abs(times_ms[:-1] - own).argmin())
        assert abs(times_ms[picture] - own) <= 0.5
        assert times_ms[picture] - rounded_ms <= middle, f"frame {index} shows a picture of the future"
        assert times_ms[picture + 1] + 1 + rounded_ms > middle, f"frame {index} shows a picture of the past"
    return len(shown_ms)


@pytest.mark.parametrize(
    ("kind", "codec", "fps", "more"),
    KINDS,
    ids=[f"{codec}-{float(fps):.5g}.{kind}" for kind, codec, fps, _ in KINDS],
)
def test_every_kind_of_file_shows_the_right_picture_at_the_right_time(
    tmp_path, kind, codec, fps, more
) -> None:
    if codec not in av.codecs_available:
        pytest.skip(f"this FFmpeg has no {codec}")
    times = even_times(fps, 3)
    video = render(tmp_path / f"a.{kind}", times, codec=codec, fps=fps, **more)
    end = float(len(times) / Fraction(fps))
    check_time(video, times, end)
    source = frames(video, rate=fps)  # at the video's own rate: each picture once
    own_ms = [read_stamp(frame) for frame in source]
    assert own_ms == [round(1000 * t) for t in times]
    assert (source.remarks, source.truncated) == ([], False)
    info = probe(video)
    assert (info.width, info.height, info.rotation) == (96, 64, 0)
    assert info.fps == pytest.approx(float(fps), rel=1e-3)
    if kind not in {"h264", "mpg"}:
        assert info.duration == pytest.approx(end, abs=0.01)


@pytest.mark.parametrize("kind", ["mp4", "mkv"])
@pytest.mark.parametrize("rate", [5, 25, 30, 47.3])
def test_variable_frame_rate(tmp_path: Path, kind: str, rate: float) -> None:
    random = np.random.default_rng(3)
    gaps = random.choice([2, 7, 33, 40, 41, 90, 700, 2500], 100)
    times = [Fraction(int(t), 1000) for t in np.concatenate([[0], np.cumsum(gaps)])]
    video = render(tmp_path / f"v.{kind}", times, codec="libx264", tick=Fraction(1, 1000), bframes=2)
    source = frames(video, rate=rate)
    last = sum(1 for _ in source) / rate - float(times[-1])
    assert 0 <= last <= 0.5  # how long the last picture stays is the muxer's guess
    check_time(video, times, float(times[-1]) + last, rate=rate)


def test_a_held_picture_is_repeated_without_a_copy(tmp_path: Path) -> None:
    video = render(
        tmp_path / "still.mp4", [Fraction(0), Fraction(600), Fraction(601)], tick=Fraction(1, 1000)
    )
    pictures = list(frames(video, rate=10))
    assert {read_stamp(picture) for picture in (pictures[0], pictures[5999])} == {0}
    assert read_stamp(pictures[6000]) == 600_000
    assert len({id(picture) for picture in pictures}) <= 3


def test_one_picture_is_one_frame_at_least(tmp_path: Path) -> None:
    video = render(tmp_path / "one.mp4", [Fraction(0)])
    for rate in (0.01, 1, 25):
        assert [read_stamp(frame) for frame in frames(video, rate=rate)] == [0]


@pytest.mark.parametrize(("kind", "codec"), [("mp4", "libx264"), ("mkv", "mpeg4"), ("ts", "libx264")])
def test_the_clock_starts_at_the_first_picture_not_at_the_files_zero(
    tmp_path: Path, kind: str, codec: str
) -> None:
    times = even_times(25, 2)
    video = render(tmp_path / f"late.{kind}", times, codec=codec, start=7.2, tick=Fraction(1, 1000), tone=9.5)
    assert check_time(video, times, 2.0) == 50
    assert probe(video).start == pytest.approx(7.2, abs=0.09)
    source = frames(video)
    assert sum(1 for _ in source) == 50
    (late,) = source.remarks  # and none of the longer sound, which is no missing picture
    assert re.fullmatch(
        r"the pictures begin 7\.\d\d s after the sound; times count from the first picture", late
    )
    assert not source.truncated
    assert not About(choose("classic"), "late", "", 2.0, (late,)).broken
    assert About(choose("classic"), "late", "", 2.0, (late, "3 packets could not be decoded")).broken


def test_odd_sizes_and_anamorphic_pictures(tmp_path: Path) -> None:
    for size in [(97, 65), (33, 127), (250, 35)]:
        video = render(tmp_path / "odd.mkv", even_times(25, 0.4), codec="ffv1", size=size)
        assert (probe(video).width, probe(video).height) == size
        for index, frame in enumerate(frames(video)):
            assert frame.shape == (size[1], size[0], 3)
            expected = (stamp(40 * index, *size).astype(float) - 16) * 255 / 219
            assert np.abs(frame - expected[:, :, None]).max() <= 2  # to the last row and column
    wide = render(tmp_path / "wide.mp4", even_times(25, 0.4), codec="libx264", aspect=Fraction(4, 3))
    assert next(iter(frames(wide))).shape == (64, 128, 3)
    assert next(iter(frames(wide, size=32))).shape == (32, 64, 3)


@pytest.mark.parametrize(
    ("size", "shape"),
    [(32, (32, 48)), (128, (128, 192)), (33, (33, 50)), ((60, 80), (80, 60)), (1, (1, 2)), (None, (64, 96))],
)
def test_sizes(tmp_path: Path, size: int | tuple[int, int] | None, shape: tuple[int, int]) -> None:
    video = render(tmp_path / "a.mp4", even_times(25, 0.4))
    source = frames(video, size=size)
    assert (source.height, source.width) == shape
    for frame in source:
        assert frame.shape == (*shape, 3)
        assert frame.dtype == np.uint8
        assert frame.flags.c_contiguous
        if min(shape) >= 32:
            read_stamp(frame)


@pytest.mark.parametrize("bad", [0, -3, (0, 5), (5, -1), (1, 2, 3)])
def test_impossible_sizes_are_refused(tmp_path: Path, bad) -> None:
    video = render(tmp_path / "a.mp4", even_times(25, 0.4))
    with pytest.raises(ConfigError, match="frame size"):
        frames(video, size=bad)


@pytest.mark.parametrize("bad", [0, -25, 1e-9, float("nan"), float("inf"), 1001])
def test_impossible_rates_are_refused(tmp_path: Path, bad: float) -> None:
    with pytest.raises(ConfigError, match="frame rate"):
        frames(tmp_path / "never opened.mp4", rate=bad)


TURN = 1 << 16
ORIENTATIONS = {  # display matrix a, b, c, d; degrees clockwise, mirrored; what it does to the picture
    "as it is": ((TURN, 0, 0, TURN), (0, False), lambda p: p),
    "phone upright": ((0, TURN, -TURN, 0), (90, False), lambda p: np.rot90(p, -1)),
    "upside down": ((-TURN, 0, 0, -TURN), (180, False), lambda p: np.rot90(p, 2)),
    "phone head down": ((0, -TURN, TURN, 0), (270, False), lambda p: np.rot90(p, 1)),
    "mirrored": ((-TURN, 0, 0, TURN), (180, True), lambda p: p[:, ::-1]),
    "flipped": ((TURN, 0, 0, -TURN), (0, True), lambda p: p[::-1]),
    "transposed": ((0, TURN, TURN, 0), (90, True), lambda p: p.transpose(1, 0, 2)),
    "transverse": ((0, -TURN, -TURN, 0), (270, True), lambda p: np.rot90(p, 2).transpose(1, 0, 2)),
}


@pytest.mark.parametrize("name", ORIENTATIONS)
def test_the_display_matrix_is_applied(tmp_path: Path, name: str) -> None:
    (a, b, c, d), (rotation, mirrored), turn = ORIENTATIONS[name]
    plain = render(tmp_path / "plain.mp4", even_times(25, 0.4), size=(98, 62))
    data = bytearray(plain.read_bytes())
    at = (
        data.index(b"tkhd") + 4 + 40
    )  # version 0: the matrix follows 40 bytes of flags, times, id, layer, volume
    assert struct.unpack(">9i", data[at : at + 36]) == (TURN, 0, 0, 0, TURN, 0, 0, 0, 1 << 30)
    data[at : at + 36] = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
    turned = tmp_path / "turned.mp4"
    turned.write_bytes(data)
    info = probe(turned)
    expected = [turn(frame) for frame in frames(plain)]
    got = list(frames(turned))
    assert (info.rotation, info.mirrored) == (rotation, mirrored)
    assert (info.height, info.width, 3) == expected[0].shape == got[0].shape
    assert all(frame.flags.c_contiguous for frame in got)
    np.testing.assert_array_equal(got, expected)
    small, whole = next(iter(frames(turned, size=31))), next(iter(frames(plain, size=31)))
    np.testing.assert_array_equal(small, turn(whole))


@pytest.mark.parametrize(
    ("colours", "pixels"), [("bt709", "yuv444p"), ("smpte170m", "yuv420p"), (None, "yuvj420p")]
)
def test_colours_are_red_green_and_blue(tmp_path: Path, colours: str | None, pixels: str) -> None:
    """In the matrix and range the file names; the corners of RGB come back within a few levels."""
    matrices = {"bt709": (0.2126, 0.7152, 0.0722), "smpte170m": (0.299, 0.587, 0.114)}
    wanted = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255), (200, 100, 50)]
    code = {"bt709": 1, "smpte170m": 6, None: 2}[colours]
    full = pixels.startswith("yuvj")
    path = tmp_path / "colours.mkv"
    with av.open(str(path), "w") as out:
        stream = out.add_stream("mjpeg" if full else "libx264", rate=25, options={} if full else {"qp": "0"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, pixels
        stream.codec_context.colorspace = code
        for index, rgb in enumerate(wanted):
            kr, kg, kb = matrices[colours or "smpte170m"]
            y = float(np.dot((kr, kg, kb), rgb))
            cb, cr = (rgb[2] - y) / (2 * (1 - kb)), (rgb[0] - y) / (2 * (1 - kr))
            y, cb, cr = (y, cb, cr) if full else (16 + y * 219 / 255, cb * 224 / 255, cr * 224 / 255)
            picture = av.VideoFrame(64, 48, pixels)
            picture.colorspace = code
            for plane, value in zip(picture.planes, (y, 128 + cb, 128 + cr), strict=True):
                plane.update(bytes([min(max(round(value), 0), 255)]) * plane.buffer_size)
            picture.pts, picture.time_base = index, Fraction(1, 25)
            out.mux(stream.encode(picture))
        out.mux(stream.encode(None))
    got = [frame.mean((0, 1)) for frame in frames(path)]
    assert np.abs(np.array(got) - wanted).max() < 6


def test_a_video_that_changes_its_size_keeps_one_shape(tmp_path: Path) -> None:
    """Two transport streams joined end to end, as recorders leave them."""
    first = render(tmp_path / "a.ts", even_times(25, 2), codec="libx264")
    second = render(tmp_path / "b.ts", even_times(25, 2), codec="libx264", size=(192, 128))
    joined = tmp_path / "joined.ts"
    joined.write_bytes(first.read_bytes() + second.read_bytes())
    source = frames(joined)
    got = [(frame.shape, read_stamp(frame)) for frame in source]
    assert got == [((64, 96, 3), 40 * (index % 50)) for index in range(100)]
    assert source.remarks == ["timestamps begin anew at 2.00 s; joined there"]
    assert not source.truncated


def test_leaving_early_ends_the_thread_and_a_second_pass_starts_anew(tmp_path: Path) -> None:
    video = render(tmp_path / "a.mp4", even_times(25, 40))
    source = frames(video)
    for index, frame in enumerate(source):
        assert read_stamp(frame) == 40 * index
        if index == 5:
            break
    assert decoders() == 0  # the loop was the only one to hold the pass
    passing: Any = iter(source)
    assert [read_stamp(next(passing)) for _ in range(3)] == [0, 40, 80]
    assert decoders() == 1
    passing.close()
    assert decoders() == 0
    assert sum(1 for _ in source) == sum(1 for _ in source) == 1000
    with pytest.raises(ZeroDivisionError):
        consume_and_fail(source)
    assert decoders() == 0


def consume_and_fail(source) -> None:
    for frame in source:
        frame[0, 0, 0] = 1 // 0


def decoders() -> int:
    return sum(thread.name.startswith("decode a.mp4") for thread in threading.enumerate())


def test_threads_and_text_paths_change_nothing(tmp_path: Path) -> None:
    video = render(tmp_path / "a.mp4", even_times(25, 2), codec="libx264", bframes=2)
    one, many = (np.array(list(frames(str(video), threads=threads))) for threads in (1, 0))
    np.testing.assert_array_equal(one, many)


@pytest.mark.parametrize("name", ["highjump", "tennis26"])
def test_real_untrimmed_videos(name: str) -> None:
    video = SHARED / "data" / "real_untrimmed" / f"{name}.mp4"
    if not video.exists():
        pytest.skip(f"{video} is not here")
    check_against_all_pictures(video)


def test_ucf_untrimmed_videos() -> None:
    videos = sorted((SHARED / "data" / "ucf_untrimmed" / "videos").rglob("*.mp4"))[::20]
    if not videos:
        pytest.skip(f"{SHARED}/data/ucf_untrimmed is not here")
    for video in videos:
        check_against_all_pictures(video)


def check_against_all_pictures(video: Path) -> None:
    """Frames against every picture and timestamp read by a plain loop."""
    with av.open(str(video)) as container:
        stream = container.streams.video[0]
        duration = float(stream.duration * stream.time_base)
        plain = [
            (picture.time, picture.reformat(32, 24, "rgb24").to_ndarray())
            for picture in container.decode(stream)
        ]
    times = np.array([time for time, _ in plain]) - plain[0][0]
    source = frames(video, size=(32, 24))
    got = list(source)
    assert abs(len(got) - duration * 25) <= 1.5  # tennis26 gives its last picture no length
    assert (source.remarks, source.truncated) == ([], False)
    assert source.info.duration == pytest.approx(duration)
    moments = (np.arange(len(got)) + 0.5) / 25 - 1e-3
    expected = np.searchsorted(times, moments + 1e-9, "right") - 1
    np.testing.assert_array_equal(got, [plain[index][1] for index in expected])


def test_the_pattern_itself_can_fail() -> None:
    """The reader of times refuses grey, noise and blends, so a passing test above means something."""
    grey_picture(stamp(5))
    for frame in (np.full((64, 96, 3), 128), np.stack([stamp(5), stamp(77777), stamp(5)], 2)):
        with pytest.raises(AssertionError):
            read_stamp(frame.astype(np.uint8))
    random = np.random.default_rng(0)
    for milliseconds in random.integers(0, 2**22, 200).tolist():
        assert read_stamp(np.repeat(stamp(milliseconds, 48, 32)[:, :, None], 3, 2)) == milliseconds
