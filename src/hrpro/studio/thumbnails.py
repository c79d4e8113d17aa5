"""Small pictures of a video along its timeline: on a grid of times, cached as JPEG, in bounded number.

The grid is the finest of STEPS with which the whole video has at most MOST pictures, so that zooming through
hours cannot ask for a picture of every second of them.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Generator
from contextlib import closing, suppress
from itertools import count
from pathlib import Path

import av
import cv2
import numpy as np

from hrpro.core.errors import DataError
from hrpro.studio.transcode import Turn
from hrpro.video.container import FAULTS, best_stream
from hrpro.video.decode import OPTIONS
from hrpro.video.reader import Reader

HEIGHTS = (48, 72, 96, 144)
STEPS = (0.5, 1, 2, 3, 5, 6, 10, 15, 20, 30, 60, 120, 300, 600, 1800)
MOST = 2000
NEAR = 0.25
"""Of a step: a picture that can be decoded alone and is no older than that is good enough."""
DECODED = 900
"""Pictures decoded at most to come from one that can be decoded alone to the one asked for."""
AHEAD = 1.0
"""s before the one asked for, from which on every picture is decoded: they are stored in another order."""
QUALITY = 75
CACHE = 256 * 2**20
START, END = b"\xff\xd8", b"\xff\xd9"


def grid_step(duration: float | None) -> float:
    """s between the pictures of a video of ``duration`` s."""
    return next((step for step in STEPS if (duration or 0.0) <= step * (MOST - 1)), float(STEPS[-1]))


def grid_index(seconds: float, duration: float | None) -> int:
    """Number of the grid's picture nearest to a time, the last one for any later time."""
    step = grid_step(duration)
    last = MOST - 1 if duration is None else min(int(duration / step), MOST - 1)
    return min(max(round(seconds / step), 0), last)


def thumbnail(path: Path, seconds: float, height: int, step: float) -> bytes:
    """JPEG of the picture on show ``seconds`` after the video's first one, ``height`` pixels high.

    It is up to NEAR * ``step`` s older where that saves decoding. DataError: the file shows nothing there.
    """
    reader = Reader(path, threads=1)
    with reader.container:
        picture = _picture(reader, seconds + reader.info.start, NEAR * step)
        if picture is None:
            raise DataError("no picture can be decoded there", where=path)
        turn = Turn(reader.matrix)
        shown = min(max(round(height * reader.info.width / reader.info.height), 1), 8 * height)
        wide, high = turn.before(shown, height)
        small = picture.reformat(wide, high, "bgr24", **OPTIONS).to_ndarray()
    good, jpeg = cv2.imencode(".jpg", turn(np.asarray(small, np.uint8)), [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    assert good
    return jpeg.tobytes()


def _picture(reader: Reader, seconds: float, near: float) -> av.VideoFrame | None:
    """The one on show at ``seconds`` of the file's clock, decoded from the nearest that stands alone."""
    stream = best_stream(reader.container, reader.path)
    target = seconds / float(reader.tick)
    early = target - near / float(reader.tick)
    found: av.VideoFrame | None = None
    with suppress(*FAULTS, IndexError):  # what was decoded before the damage will do
        reader.container.seek(int(target), stream=stream, backward=True)
        with closing(_pictures(reader, stream, target - AHEAD / float(reader.tick))) as pictures:
            for number, picture in enumerate(pictures):
                at = picture.dts if picture.pts is None else picture.pts
                if found is not None and at is not None and at > target:
                    break
                found = picture
                if at is None or (number == 0 and early <= at) or number >= DECODED:
                    break
    return found


def _pictures(reader: Reader, stream: av.VideoStream, early: float) -> Generator[av.VideoFrame]:
    """From where the file was sought to on; before ``early`` (ticks) only those that others are made of."""
    coder = stream.codec_context
    for packet in reader.container.demux(stream):
        coder.skip_frame = "NONREF" if packet.pts is not None and packet.pts < early else "DEFAULT"
        yield from packet.decode()


class Shelf:
    """The cache: files in ``folder``, at most ``limit`` bytes, the oldest go first. For any thread.

    Not flushed to the disk as other files are: that would hold up the database's commits, and a file that a
    power cut left short is known by its end.
    """

    def __init__(self, folder: Path, limit: int = CACHE) -> None:
        self._folder, self._limit = folder, limit
        self._lock = threading.Lock()
        self._held: int | None = None
        self._numbers = count()

    def get(self, name: str) -> bytes | None:
        """The picture, if it is there and whole."""
        try:
            found = (self._folder / name).read_bytes()
        except OSError:
            return None
        return found if found.startswith(START) and found.endswith(END) else None

    def put(self, name: str, jpeg: bytes) -> None:
        """Keep it; a disk that is full or cannot be written to keeps nothing, and that is all."""
        target = self._folder / name
        scratch = target.with_name(f"{target.name}.{os.getpid()}-{next(self._numbers)}.partial")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            scratch.write_bytes(jpeg)
            os.replace(scratch, target)
        except OSError:
            with suppress(OSError):
                scratch.unlink()
            return
        with self._lock:
            if self._held is not None:
                self._held += len(jpeg)
            if self._held is None or self._held > self._limit:
                self._held = self._clear()

    def _clear(self) -> int:
        """Bytes that are held once the oldest are gone; a fifth of the room is free again if it was full."""
        files = list[tuple[float, int, Path]]()
        for path in self._folder.rglob("*"):
            with suppress(OSError):
                found = path.lstat()
                if path.is_file():
                    files.append((found.st_mtime, found.st_size, path))
        held = sum(size for _, size, _ in files)
        if held <= self._limit:
            return held
        for _, size, path in sorted(files):
            if held <= 0.8 * self._limit:
                break
            with suppress(OSError):
                path.unlink()
                held -= size
        return held
