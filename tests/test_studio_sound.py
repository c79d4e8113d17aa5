"""Copies of videos with sound: what is heard at a picture is heard at it in the copy."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from hrpro.studio.playable import look
from hrpro.studio.transcode import transcode
from hrpro.video.reader import Reader
from rendered_videos import even_times, grey_picture, render, stamp

RATE, FPS = 16_000, 10
CELL = 0.05  # s


def film(path: Path, start: float, seconds: float, beeps: Sequence[tuple[float, float]], codec: str) -> Path:
    """Pictures from ``start`` on, and sound only where it beeps, by the file's own clock in s."""
    with av.open(str(path), "w") as out:
        pictures: Any = out.add_stream("mpeg4", rate=FPS)
        pictures.width, pictures.height, pictures.pix_fmt = 96, 64, "yuv420p"
        voice: Any = out.add_stream(codec, rate=RATE, layout="mono")
        for n in range(round(seconds * FPS)):
            picture = grey_picture(stamp(1000 * n // FPS))
            picture.pts, picture.time_base = round(start * FPS) + n, Fraction(1, FPS)
            out.mux(pictures.encode(picture))
        out.mux(pictures.encode(None))
        for begin, end in beeps:
            time_n = np.arange(round((end - begin) * RATE)) / RATE
            wave_n = (20000 * np.sin(2 * np.pi * 440 * time_n)).astype(np.int16)
            for first in range(0, len(wave_n), 1600):
                sound = av.AudioFrame.from_ndarray(wave_n[None, first : first + 1600], "s16", "mono")
                sound.sample_rate, sound.time_base = RATE, Fraction(1, RATE)
                sound.pts = round(begin * RATE) + first
                out.mux(voice.encode(sound))
        out.mux(voice.encode(None))
    return path


def loudness(path: Path) -> NDArray[np.bool_]:
    """Whether each cell of 0.05 s of a file sounds."""
    heard_n = np.zeros(0, np.float32)
    with av.open(str(path)) as container:
        resampler = av.AudioResampler(format="flt", layout="mono", rate=RATE)
        for frame in container.decode(audio=0):
            assert frame.pts is not None
            assert frame.time_base is not None
            begin = max(round(float(frame.pts * frame.time_base) * RATE), 0)
            for piece in resampler.resample(frame):
                samples_n = np.asarray(piece.to_ndarray(), np.float32)[0]
                heard_n = np.pad(heard_n, (0, max(begin + len(samples_n) - len(heard_n), 0)))
                heard_n[begin : begin + len(samples_n)] = samples_n
                begin += len(samples_n)
    cell = round(CELL * RATE)
    return np.abs(heard_n[: len(heard_n) // cell * cell].reshape(-1, cell)).mean(1) > 0.1


def copied(source: Path) -> Path:
    copy = source.with_name("copy.mp4")
    transcode(source, copy, lambda _: None)
    facts = look(copy)
    assert (facts.playable, facts.start) == ("yes", 0.0)
    return copy


@pytest.mark.parametrize(
    ("start", "beeps"),
    [
        (1.0, [(2.0, 2.5), (4.0, 4.5)]),  # late, and with a gap
        (1.0, [(0.2, 1.8), (4.5, 6.5)]),  # before the first picture, and after the last
        (0.0, [(0.0, 4.0)]),
    ],
    ids=["late", "beyond both ends", "all along"],
)
def test_the_sound_of_a_copy_is_in_step(
    tmp_path: Path, start: float, beeps: list[tuple[float, float]]
) -> None:
    seconds = 4.0
    copy = copied(film(tmp_path / "a.mkv", start, seconds, beeps, "pcm_s16le"))
    found = loudness(copy)
    middles = (np.arange(len(found)) + 0.5) * CELL
    wanted = np.array([any(a <= t + start < b for a, b in beeps) for t in middles])
    edges = [edge - start for beep in beeps for edge in beep]
    clear = np.array([all(abs(t - edge) > CELL for edge in edges) for t in middles])
    np.testing.assert_array_equal(found[clear], wanted[clear])
    assert found.any()
    reader = Reader(copy)
    assert len(list(reader.pictures())) == seconds * FPS
    assert float(reader.end() * reader.tick) == pytest.approx(seconds, abs=0.001)
    with av.open(str(copy)) as container:
        assert container.duration is not None
        assert container.duration / av.time_base == pytest.approx(seconds, abs=0.06)


def test_a_silent_video_has_a_silent_copy(tmp_path: Path) -> None:
    copy = copied(render(tmp_path / "a.avi", even_times(25, 2)))
    with av.open(str(copy)) as container:
        assert not container.streams.audio


def test_sound_that_cannot_be_decoded_costs_no_picture(tmp_path: Path) -> None:
    source = film(tmp_path / "a.mkv", 0, 3, [(0.0, 3.0)], "aac")
    content = bytearray(source.read_bytes())
    with av.open(str(source)) as container:
        places = [(p.pos, p.size) for p in container.demux(audio=0) if p.size and p.pos is not None]
    for place, size in places[3:]:
        content[place + 8 : place + size] = bytes(size - 8)
    source.write_bytes(content)
    assert len(list(Reader(copied(source)).pictures())) == 3 * FPS
