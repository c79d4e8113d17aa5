"""Real video files for the tests: every picture carries its own time as a pattern of blocks.

The pattern is 4 rows of 6 blocks (22 bits of milliseconds, 2 of check sum), dark or bright, so it survives
lossy codecs, scaling and colour conversion; ``read_stamp`` fails on a picture where any block is in doubt.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

ROWS, COLUMNS = 4, 6


def stamp(milliseconds: int, width: int = 96, height: int = 64) -> NDArray[np.uint8]:
    """uint8 [height, width], brightness in limited range (16 to 235)."""
    code = np.frombuffer(_code(milliseconds).to_bytes(3, "big"), np.uint8)
    return (16 + 219 * np.unpackbits(code))[_cells(height, width)]


def read_stamp(frame_hwc: NDArray[np.uint8]) -> int:
    """Frame uint8 [height, width, 3] -> the milliseconds it carries; AssertionError where that is unclear."""
    levels = frame_hwc[_centres(*frame_hwc.shape[:2])].mean(1)
    assert np.all((levels < 85) | (levels > 170)), f"blocks in doubt: {levels.round()}"
    code = int.from_bytes(np.packbits(levels > 127).tobytes(), "big")
    assert code == _code(code >> 2), "wrong check sum"
    return code >> 2


def _code(milliseconds: int) -> int:
    return milliseconds << 2 | (milliseconds * 2654435761 >> 9) & 3


@cache
def _cells(height: int, width: int) -> NDArray[np.intp]:
    """Number of the block that each pixel belongs to."""
    return (np.arange(height) * ROWS // height)[:, None] * COLUMNS + np.arange(width) * COLUMNS // width


@cache
def _centres(height: int, width: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows and columns of the 24 blocks' middle pixels."""
    rows, columns = np.divmod(np.arange(ROWS * COLUMNS), COLUMNS)
    return (2 * rows + 1) * height // (2 * ROWS), (2 * columns + 1) * width // (2 * COLUMNS)


def even_times(fps: Fraction | float, seconds: Fraction | float) -> list[Fraction]:
    """Times, in s, of the pictures of a video of an even rate."""
    return [index / Fraction(fps) for index in range(round(Fraction(seconds) * Fraction(fps)))]


def render(
    path: Path,
    times: Sequence[Fraction],
    *,
    codec: str = "mpeg4",
    fps: Fraction | float = 25,
    tick: Fraction | None = None,
    start: float = 0,
    size: tuple[int, int] = (96, 64),
    pixels: str = "yuv420p",
    options: dict[str, str] | None = None,
    container_options: dict[str, str] | None = None,
    bframes: int | None = None,
    aspect: Fraction | None = None,
    tone: float = 0,
) -> Path:
    """Write a video whose picture ``i`` is on show from ``start + times[i]`` s on and carries ``times[i]``.

    tick: s, time base (None: 1 / fps). tone: s of sound beside the pictures, from time 0.
    """
    tick = tick or 1 / Fraction(fps)
    with av.open(str(path), "w", options=container_options or {}) as out:
        stream: Any = out.add_stream(codec, rate=Fraction(fps), options=options or {})
        stream.width, stream.height = size
        stream.pix_fmt = pixels
        stream.codec_context.time_base, stream.codec_context.gop_size = tick, 12
        stream.codec_context.thread_count = 1
        if aspect is not None:
            stream.codec_context.sample_aspect_ratio = aspect
        if bframes is not None:
            stream.codec_context.max_b_frames = bframes
        packets = _tone(out, tone) if tone else iter(())
        for time in times:
            picture = grey_picture(stamp(round(time * 1000), *size))
            if pixels != "yuv420p":
                picture = picture.reformat(format=pixels)
            picture.pts, picture.time_base = round((time + Fraction(start)) / tick), tick
            out.mux(stream.encode(picture))
        out.mux(stream.encode(None))
        for packet in packets:
            out.mux(packet)
    return path


def grey_picture(luma: NDArray[np.uint8]) -> av.VideoFrame:
    """yuv420p picture of brightness ``luma`` [height, width] (16 to 235), without colour."""
    height, width = luma.shape
    picture = av.VideoFrame(width, height, "yuv420p")
    for plane, value in zip(picture.planes, (luma, 128, 128), strict=True):
        rows = np.empty((plane.buffer_size // plane.line_size, plane.line_size), np.uint8)
        rows[: plane.height, : plane.width] = value
        plane.update(rows.tobytes())
    return picture


def _tone(out: Any, seconds: float) -> Iterator[Any]:
    """Add a sound stream to ``out``; its packets: a mono tone of 440 Hz."""
    rate = 16000
    stream = out.add_stream("mp2" if out.format.name == "mpegts" else "aac", rate=rate, layout="mono")

    def packets() -> Iterator[Any]:
        resampler = av.AudioResampler(
            format=stream.codec_context.format, layout="mono", rate=rate, frame_size=1152
        )
        for first in range(0, int(seconds * rate), 1152):
            wave = 8000 * np.sin(2 * np.pi * 440 / rate * np.arange(first, first + 1152))
            sound = av.AudioFrame.from_ndarray(wave.astype(np.int16)[None], format="s16", layout="mono")
            sound.sample_rate, sound.pts, sound.time_base = rate, first, Fraction(1, rate)
            for ready in resampler.resample(sound):
                yield from stream.encode(ready)
        yield from stream.encode(None)

    return packets()
