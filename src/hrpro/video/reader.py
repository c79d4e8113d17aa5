"""Open a video file and read its pictures in the order of presentation, whatever is wrong with the file.

A damaged packet is left out (the picture before it stays on show), damage that ends the reading ends the
video there; both are told in ``remarks``. Only a file that gives no picture at all is an error.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from math import atan2, degrees
from pathlib import Path
from typing import Any

import av
import av.error
import numpy as np

from hrpro.core.errors import DataError
from hrpro.video.clock import HOLD, Clock
from hrpro.video.container import FAULTS, REPLACE, best_stream, open_container, reason

NO_TIMESTAMPS, JOINTS_EXPECTED = 0x0080, 0x0200  # AVFMT_NOTIMESTAMPS, AVFMT_TS_DISCONT
USUAL_RATE = Fraction(25)
LATE = Fraction(1, 4)  # s by which pictures may begin after the sound without a word
LONGEST_LOSS = 60  # s; a first picture that comes later is no broken head but a damaged timestamp


@dataclass(frozen=True)
class VideoInfo:
    """What a file says about its video stream, and what its first picture shows.

    duration: s, as claimed by the file (None: it makes no claim). start: s, time of the first picture on
    the file's own clock. late: s by which it comes after the file's beginning, where sound comes first.
    width, height: pixels as shown, after rotation, with square pixels. fps: average pictures a second (None:
    unknown). frames: number of pictures, where the file counts them. rotation: degrees clockwise, a multiple
    of 90, already part of width and height. mirrored: shown mirrored.
    """

    duration: float | None
    start: float
    width: int
    height: int
    fps: float | None
    frames: int | None
    codec: str
    rotation: int = 0
    mirrored: bool = False
    late: float = 0.0


class Reader:
    """One pass over the pictures of a file's best video stream.

    info: VideoInfo. matrix: the four display-matrix terms (a, b, c, d). remarks and truncated are complete
    after the last picture. Raises DataError on opening if the file cannot be read or gives no picture.
    """

    def __init__(self, path: str | Path, *, threads: int = 0) -> None:
        self.path, self.remarks, self.truncated = Path(path), list[str](), False
        self.container = open_container(self.path)
        try:
            stream = self._stream = best_stream(self.container, self.path)
            stream.thread_type = "AUTO"
            stream.codec_context.thread_count = threads
            tick = Fraction(stream.time_base or 0)
            self.tick = tick if 0 < tick <= HOLD else 1 / USUAL_RATE  # a damaged header
            self._faults, self._stopped = 0, ""
            self._earliest: int | None = None
            self._tail = (0, 0)  # time and length of the last picture, by the packets
            self._decoded = self._decode()
            first = next(self._decoded, None)
            if first is None:
                why = self._stopped or ("none of them could be decoded" if self._faults else "it has none")
                raise DataError(f"no picture in the video stream: {why}", where=self.path, mend=REPLACE)
            self._first = first
            self._set_clock(first)
            self.info, self.matrix = self._describe(first)
        except BaseException:
            self.container.close()
            raise

    def pictures(self) -> Generator[tuple[int, av.VideoFrame]]:
        """(time in ticks from the video's start, never decreasing; picture). Closes the file at the end."""
        with self.container:
            yield self._clock.place(_timestamp(self._first)), self._first
            del self._first
            for picture in self._decoded:
                yield self._clock.place(_timestamp(picture)), picture
        self._remark()

    def end(self) -> int:
        """Time in ticks until which the last picture of ``pictures`` is on show."""
        return self._clock.end(*self._tail)

    def _decode(self) -> Iterator[av.VideoFrame]:
        started = False
        for packet in self._packets():
            timestamp = packet.pts if packet is not None else None
            if packet is not None and timestamp is not None and not packet.is_discard:
                if not started:
                    self._earliest = timestamp if self._earliest is None else min(self._earliest, timestamp)
                if timestamp >= self._tail[0] or not self._tail[1]:
                    self._tail = timestamp, packet.duration or 0
            try:
                for picture in self._stream.codec_context.decode(packet):
                    started = True
                    yield picture
            except av.error.EOFError:
                return
            except FAULTS:
                self._faults += 1

    def _packets(self) -> Iterator[av.Packet | None]:
        try:
            for packet in self.container.demux(self._stream):
                if packet.size:
                    yield packet
        except IndexError:
            pass  # so PyAV ends where a stream began in mid-file; all packets have been read by then
        except FAULTS as error:
            self._stopped = reason(error)
        yield None  # asks the decoder for the pictures it still holds

    def _set_clock(self, first: av.VideoFrame) -> None:
        seen, earliest = _timestamp(first), self._earliest
        seen = seen if seen is not None else earliest or 0
        # What could not be decoded before the first picture (a broken head) has its time on the clock too.
        known = earliest is not None and 0 <= (seen - earliest) * self.tick <= LONGEST_LOSS
        origin = earliest if known and earliest is not None else seen
        self._lost = (seen - origin) * self.tick
        self._start = origin * self.tick
        begin = self.container.start_time
        self._late = Fraction(0) if begin is None else self._start - Fraction(begin, av.time_base)
        self._promise = self._promised_length()
        rate = self._stream.average_rate or 0
        step = 1 / (rate if rate * HOLD > 1 else USUAL_RATE)
        flags = int(self.container.format.flags)
        joined = bool(flags & JOINTS_EXPECTED)
        promised = None if joined or self._promise is None else int(self._promise / self.tick)
        self._clock = Clock(
            origin,
            tick=self.tick,
            step=round(step / self.tick),
            reach=int((10 if joined or promised is not None else HOLD) / self.tick),
            promised=promised,
        )

    def _promised_length(self) -> Fraction | None:
        """s that the file claims its pictures last, from the first on; None: no claim about them alone."""
        container, stream = self.container, self._stream
        if int(container.format.flags) & NO_TIMESTAMPS:
            return None  # FFmpeg guesses from the bit rate
        if (
            "matroska" in container.format.name
        ):  # the stream's own field is filled with the whole file's length
            for name, value in stream.metadata.items():
                if name.split("-")[0] == "DURATION":  # 00:01:02.345000000, the end on the file's clock
                    with suppress(ValueError):
                        hours, minutes, seconds = value.split(":")
                        return int(hours) * 3600 + int(minutes) * 60 + Fraction(seconds) - self._start
        elif stream.duration:
            return stream.duration * self.tick
        if len(container.streams) == 1 and container.duration:
            return Fraction(container.duration, av.time_base) - max(self._start, 0)
        return None

    def _describe(self, first: av.VideoFrame) -> tuple[VideoInfo, tuple[int, int, int, int]]:
        a, b, c, d = matrix = _display_matrix(first)
        width, height = first.width, first.height
        aspect = self._stream.sample_aspect_ratio
        if aspect and Fraction(1, 4) <= aspect <= 4:  # beyond that it is damage, not a format
            width = max(round(width * aspect), 1)
        if abs(b) + abs(c) > abs(a) + abs(d):
            width, height = height, width
        duration, whole = self._promise, self.container.duration
        if duration is None and whole is not None:
            duration = Fraction(whole, av.time_base)
        rate = self._stream.average_rate
        info = VideoInfo(
            duration=None if duration is None else float(duration),
            start=float(self._start),
            width=width,
            height=height,
            fps=None if not rate else float(rate),
            frames=self._stream.frames or None,
            codec=self._stream.codec_context.codec.canonical_name,
            rotation=round(degrees(atan2(b, a)) / 90) * 90 % 360,
            mirrored=a * d - b * c < 0,
            late=max(float(self._late), 0.0),
        )
        return info, matrix

    def _remark(self) -> None:
        end, promised = self.end() * self.tick, self._promise
        if self._lost > Fraction(1, 100):
            self.remarks.append(f"the first {float(self._lost):.2f} s could not be decoded")
        if self._faults:
            self.remarks.append(f"{self._faults} packets could not be decoded")
        if self._late > LATE:
            what = f"the pictures begin {float(self._late):.2f} s after the sound"
            self.remarks.append(f"{what}; times count from the first picture")
        for joint in self._clock.joints[:1]:
            more = f" and {len(self._clock.joints) - 1} more times" if len(self._clock.joints) > 1 else ""
            time = float(joint * self.tick)
            self.remarks.append(f"timestamps begin anew at {time:.2f} s{more}; joined there")
        if self._stopped:
            self.remarks.append(f"reading stopped at {float(end):.2f} s: {self._stopped}")
        # Half a second or three pictures: containers round, and count the last pictures differently.
        slack = max(Fraction(1, 2), 3 * self._clock.step * self.tick)
        if promised is not None and promised - end > slack:
            self.remarks.append(f"pictures end at {float(end):.2f} s of {float(promised):.2f} s")
            self.truncated = True
        self.truncated |= bool(self._stopped)


def _timestamp(picture: av.VideoFrame) -> int | None:
    return picture.dts if picture.pts is None else picture.pts  # AVI has no other


def _display_matrix(picture: Any) -> tuple[int, int, int, int]:
    """Terms a, b, c, d of (x, y) -> (ax + cy, bx + dy); identity where there is none."""
    for data in picture.side_data:
        if getattr(data.type, "name", "") == "DISPLAYMATRIX":
            a, b, _, c, d = np.frombuffer(data, np.int32)[:5].tolist()
            return a, b, c, d
    return 1, 0, 0, 1
