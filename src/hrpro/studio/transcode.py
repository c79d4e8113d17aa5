"""A copy of a video that every browser plays and seeks at once: H.264 in .mp4, with the same seconds.

Each picture keeps its time (to 1/180000 s), counted from the first one on as everywhere here, so a click at
t seconds is the same moment in the copy, at a constant rate or not; so does its sound (``sound.py``).

It is made by a process of its own at the lowest priority, ``python -m hrpro.studio.transcode SOURCE TARGET``:
a file that crashes FFmpeg, or fills the cores, does not reach the server. It tells its progress as lines of
JSON.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

from hrpro.core.errors import ConfigError, HRProError
from hrpro.data.whole import appearing
from hrpro.studio.sound import Sound
from hrpro.video.reader import Reader

CODEC = "libx264"
TICKS = 90_000  # a second
KEY_EVERY = TICKS // 2
"""Ticks between pictures that can be shown without others before them: a step back decodes no more."""
LONG_SIDE, SHORT_SIDE = 1280, 720
BT709, LIMITED, INTRA = 1, 1, 1
SETTINGS = {"preset": "veryfast", "crf": "23", "bf": "0", "forced-idr": "1", "tune": "fastdecode"}
FASTER = {"movflags": "+faststart"}


def transcode(source: Path, target: Path, tell: Callable[[float], None]) -> None:
    """Write the copy, whole or not at all; ``tell`` is told which part (0 to 1) is done.

    Raises DataError if the source cannot be read, RunError if the copy cannot be written, ConfigError if
    this PyAV has no H.264.
    """
    try:
        av.Codec(CODEC, "w")
    except ValueError as error:
        raise ConfigError("this PyAV has no encoder for H.264") from error
    reader = Reader(source, threads=1)
    length = reader.info.duration or 0.0
    width, height = _size(reader.info.width, reader.info.height)
    draw = _Planes(width, height, reader.matrix)
    with appearing(target) as scratch, av.open(f"file:{scratch}", "w", format="mp4", options=FASTER) as out:
        rate = Fraction(min(max(reader.info.fps or 25, 1), 240)).limit_denominator(1001)
        stream: Any = out.add_stream(CODEC, rate=rate, options=SETTINGS)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        coder = stream.codec_context
        coder.time_base = stream.time_base = Fraction(1, TICKS)
        coder.gop_size, coder.thread_count = 10_000, max((os.cpu_count() or 2) - 1, 1)
        coder.colorspace = coder.color_primaries = coder.color_trc = BT709
        coder.color_range = LIMITED
        sound = Sound(source, out, reader.info.start)
        key, end, lengths = -KEY_EVERY, 0, dict[int, int]()
        for begin, end, picture in _spans(reader):
            frame = draw(picture)
            frame.pts, frame.time_base = begin, Fraction(1, TICKS)
            frame.pict_type = 0
            if begin - key >= KEY_EVERY:
                frame.pict_type, key = INTRA, begin
            lengths[begin] = end - begin
            _write(out, stream.encode(frame), lengths)
            sound.write_until(begin / TICKS)
            tell(min(begin / TICKS / max(length, begin / TICKS, 1e-9), 1.0))
        _write(out, stream.encode(None), lengths)
        sound.write_until(end / TICKS, last=True)


def _write(out: Any, packets: list[av.Packet], lengths: dict[int, int]) -> None:
    """Each with the length of its picture, which the encoder forgets; it counts for the last one."""
    for packet in packets:
        packet.duration = lengths.pop(packet.pts or 0)
        out.mux(packet)


def _spans(reader: Reader) -> Iterator[tuple[int, int, av.VideoFrame]]:
    """(first tick, tick after the last, picture) of each picture that is on show at all."""
    held: tuple[int, av.VideoFrame] | None = None
    for moment, picture in reader.pictures():
        begin = round(moment * reader.tick * TICKS)
        if held is not None and begin > held[0]:
            yield held[0], begin, held[1]
        held = begin, picture
    if held is not None:
        yield held[0], max(round(reader.end() * reader.tick * TICKS), held[0] + 1), held[1]


def _size(width: int, height: int) -> tuple[int, int]:
    """Even, and at most 1280 x 720 or 720 x 1280."""
    scale = min(1.0, LONG_SIDE / max(width, height), SHORT_SIDE / min(width, height))
    return max(2 * round(width * scale / 2), 2), max(2 * round(height * scale / 2), 2)


class _Planes:
    """Decoded picture -> yuv420p of the given size, turned as the display matrix says."""

    def __init__(self, width: int, height: int, matrix: tuple[int, int, int, int]) -> None:
        self.turn, self.width, self.height = Turn(matrix), width, height
        self.reformatter = VideoReformatter()

    def __call__(self, picture: av.VideoFrame) -> av.VideoFrame:
        width, height = self.turn.before(self.width, self.height)
        shown = self.reformatter.reformat(
            picture, width, height, "yuv420p", dst_colorspace=BT709, dst_color_range=LIMITED
        )
        if not self.turn:
            return shown
        packed, area = np.asarray(shown.to_ndarray(), np.uint8).ravel(), width * height
        planes = np.split(packed, [area, area + area // 4])
        shapes = [(height, width), (height // 2, width // 2), (height // 2, width // 2)]
        turned = [self.turn(plane.reshape(shape)) for plane, shape in zip(planes, shapes, strict=True)]
        whole = np.concatenate([plane.ravel() for plane in turned]).reshape(self.height * 3 // 2, self.width)
        return av.VideoFrame.from_ndarray(whole, format="yuv420p")


class Turn:
    """The quarter turns and mirrorings of a display matrix (a, b, c, d): x' = ax + cy, y' = bx + dy."""

    def __init__(self, matrix: tuple[int, int, int, int]) -> None:
        a, b, c, d = matrix
        self.swap = abs(b) + abs(c) > abs(a) + abs(d)
        self.flip_x, self.flip_y = (c < 0, b < 0) if self.swap else (a < 0, d < 0)

    def __bool__(self) -> bool:
        return self.swap or self.flip_x or self.flip_y

    def before(self, width: int, height: int) -> tuple[int, int]:
        """The size, before the turn, of what has this size after it."""
        return (height, width) if self.swap else (width, height)

    def __call__(self, picture_hw: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Picture [height, width, ...] as shown."""
        turned = picture_hw.swapaxes(0, 1) if self.swap else picture_hw
        return np.ascontiguousarray(turned[:: -1 if self.flip_y else 1, :: -1 if self.flip_x else 1])


def main(source: str, target: str) -> int:
    """The process; its exit status."""
    if hasattr(os, "nice"):
        os.nice(19)
    told = 0.0

    def tell(done: float) -> None:
        nonlocal told
        if time.monotonic() - told > 0.3:
            told = time.monotonic()
            # Nobody reads any more once the server has been killed: this then ends by BrokenPipeError.
            print(json.dumps({"done": round(done, 4)}), flush=True)

    try:
        transcode(Path(source), Path(target), tell)
    except BrokenPipeError:
        return 1
    except HRProError as error:
        print(json.dumps({"error": error.what}), flush=True)  # not its place: that is a path
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
