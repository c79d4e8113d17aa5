"""Video files as RGB pictures at an even rate, with a true clock: ``frames(path)`` and ``probe(path)``.

Frame ``k`` speaks for the seconds ``[k, k + 1) / rate`` after the video's first picture and shows what a
player shows in their middle, by presentation timestamps: at the video's own rate that is picture ``k``
itself, at any other one whose own middle is at most half its length away. See ``clock.py`` and ``reader.py``.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, TypeAlias

import av.error
import numpy as np
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

from hrpro.core.errors import ConfigError, DataError
from hrpro.video.ahead import Ahead
from hrpro.video.clock import evenly
from hrpro.video.reader import Reader, VideoInfo

__all__ = ["FrameSource", "VideoInfo", "frames", "probe"]

Frame: TypeAlias = NDArray[np.uint8]
Size: TypeAlias = int | tuple[int, int] | None

AHEAD_BYTES = 32 * 2**20
AHEAD_FRAMES = 64
# Older PyAV uses a file's colour matrix only if the other side names one too; RGB has none, so any will do.
OPTIONS: dict[str, Any] = {"dst_colorspace": 5}
if "threads" in (VideoReformatter.reformat.__doc__ or ""):
    OPTIONS["threads"] = 1  # the decoder keeps the cores busy already; older PyAV has no such choice


def probe(path: str | Path) -> VideoInfo:
    """What the file says about its video, without reading all of it. DataError: as ``frames``."""
    reader = Reader(path, threads=1)
    reader.container.close()
    return reader.info


def frames(path: str | Path, *, rate: float = 25.0, size: Size = None, threads: int = 0) -> FrameSource:
    """The pictures of a video file at an even rate, from its first picture to its end.

    rate: frames a second, 0.001 to 1000. size: None, as a player shows it; int, pixels of the shorter side;
    (width, height), exactly that. threads: of the decoder, 0: as many as there are cores.
    DataError: no such file, empty, not a video, no video stream, or not one picture can be decoded.
    """
    return FrameSource(path, rate=rate, size=size, threads=threads)


class FrameSource:
    """Iterable of uint8 RGB frames [height, width, 3], all of one shape; each pass reads the file anew.

    info: what the file says. height, width: of the frames, pixels. After a whole pass, remarks tells in words
    what was wrong with the file ([]: nothing) and truncated whether its end is missing. The file is decoded
    ahead in a thread of its own, by some 32 MiB at most; leaving the loop ends it. A picture shown for more
    than one frame is the same array each time: copy it before you write into it.
    """

    def __init__(self, path: str | Path, *, rate: float = 25.0, size: Size = None, threads: int = 0) -> None:
        if not (math.isfinite(rate) and 0.001 <= rate <= 1000):
            raise ConfigError(f"the frame rate must be between 0.001 and 1000 a second, not {rate!r}")
        self.path, self.rate, self._threads = Path(path), Fraction(rate).limit_denominator(1_000_000), threads
        self._reader: Reader | None = Reader(path, threads=threads)
        self.info: VideoInfo = self._reader.info
        self.width, self.height = _shape(size, self.info.width, self.info.height)
        self.remarks: list[str] = []
        self.truncated = False

    def __iter__(self) -> Iterator[Frame]:
        self.remarks, self.truncated = [], False
        reader, self._reader = self._reader or Reader(self.path, threads=self._threads), None
        room = min(max(AHEAD_BYTES // (self.width * self.height * 3), 4), AHEAD_FRAMES)
        lot = room // 4  # handed over together: waking a thread costs as much as a small picture
        with Ahead(self._lots(reader, lot), room=3, name=f"decode {self.path.name}") as ahead:
            for pictures in ahead:
                for frame, times in pictures:
                    for _ in range(times):
                        yield frame
        self.remarks, self.truncated = reader.remarks, reader.truncated

    def _lots(self, reader: Reader, lot: int) -> Generator[list[tuple[Frame, int]]]:
        """Runs in the thread."""
        draw, ready = _Draw(self.width, self.height, reader.matrix), list[tuple[Frame, int]]()
        pictures = reader.pictures()
        try:
            for picture, times in evenly(pictures, tick=reader.tick, rate=self.rate, end=reader.end):
                ready.append((draw(picture), times))
                if len(ready) == lot:
                    yield ready
                    ready = []
            if ready:
                yield ready
        except (av.error.FFmpegError, OSError) as error:
            raise DataError(f"decoding failed: {error}", where=self.path) from error
        finally:
            pictures.close()


class _Draw:
    """Decoded picture -> RGB array, scaled by swscale in one go and turned as the display matrix says."""

    def __init__(self, width: int, height: int, matrix: tuple[int, int, int, int]) -> None:
        a, b, c, d = matrix
        # x' = ax + cy, y' = bx + dy: b and c change the axes, a negative term runs its axis backwards.
        self.swap = abs(b) + abs(c) > abs(a) + abs(d)
        self.flip_x, self.flip_y = (c < 0, b < 0) if self.swap else (a < 0, d < 0)
        self.width, self.height = (height, width) if self.swap else (width, height)
        self.reformatter = VideoReformatter()  # keeps swscale's tables from picture to picture

    def __call__(self, picture: av.VideoFrame) -> Frame:
        shown = self.reformatter.reformat(picture, self.width, self.height, "rgb24", **OPTIONS)
        # PyAV gives a view of swscale's picture, whose rows may be padded.
        array = np.ascontiguousarray(shown.to_ndarray(), np.uint8)
        if not (self.swap or self.flip_x or self.flip_y):
            return array
        # Whole pixels of three bytes are moved, not single ones: several times faster.
        pixels = array.view("V3")[:, :, 0]
        pixels = (pixels.T if self.swap else pixels)[:: -1 if self.flip_y else 1, :: -1 if self.flip_x else 1]
        return np.ascontiguousarray(pixels)[:, :, None].view(np.uint8)


def _shape(size: Size, width: int, height: int) -> tuple[int, int]:
    """(width, height) of the frames for what was asked and what the video shows."""
    if size is None:
        return width, height
    if isinstance(size, int):
        if size < 1:
            raise ConfigError(f"the frame size must be at least 1 pixel, not {size!r}")
        short = min(width, height)
        return max(round(width * size / short), size), max(round(height * size / short), size)
    if len(size) != 2 or min(size) < 1:
        raise ConfigError(f"the frame size must be (width, height) in pixels, not {size!r}")
    return int(size[0]), int(size[1])
