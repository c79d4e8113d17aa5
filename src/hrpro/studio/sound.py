"""The sound of a copy: AAC in stereo, from the first picture to the last one, in step with them.

What was heard at a picture is heard at it in the copy. Where the file has no sound for a while there is
silence; sound before the first picture or after the last one is left out, and so is what cannot be decoded:
a copy without sound is better than none.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from hrpro.core.errors import DataError
from hrpro.video.container import FAULTS, open_container

CODEC, FORMAT, LAYOUT, RATE = "aac", "fltp", "stereo", 48_000
FRAME = 1024  # samples that AAC takes at a time
SLIP = RATE // 20  # samples that a file's timestamps may be off without the sound being torn


class Sound:
    """Of the file ``source``, written to the open ``out`` beside its pictures.

    start: s, time of the first picture on the file's own clock. To be made before the first picture is
    written, since a file's head names its streams.
    """

    def __init__(self, source: Path, out: Any, start: float) -> None:
        self._out, self._heard = out, _heard(source, start)
        self._held_cn, self._written = np.zeros((2, 0), np.float32), 0
        first_cn = next(self._heard, None)
        self._stream: Any = None
        if first_cn is not None:
            self._stream = out.add_stream(CODEC, rate=RATE, layout=LAYOUT)
            self._held_cn = first_cn

    def write_until(self, second: float, last: bool = False) -> None:
        """All sound before ``second`` of the copy that is not written yet; ``last``: and nothing after it."""
        if self._stream is None:
            return
        end = round(second * RATE)
        while self._written < end:
            while self._held_cn.shape[1] < FRAME and (more_cn := next(self._heard, None)) is not None:
                self._held_cn = np.concatenate([self._held_cn, more_cn], axis=1)
            count = min(FRAME, self._held_cn.shape[1], end - self._written if last else FRAME)
            if not count:
                break
            self._encode(self._held_cn[:, :count])
            self._held_cn = self._held_cn[:, count:]
        if last:
            self._out.mux(self._stream.encode(None))

    def _encode(self, samples_cn: NDArray[np.float32]) -> None:
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples_cn), format=FORMAT, layout=LAYOUT)
        frame.sample_rate, frame.pts, frame.time_base = RATE, self._written, Fraction(1, RATE)
        self._written += samples_cn.shape[1]
        self._out.mux(self._stream.encode(frame))


def _heard(source: Path, start: float) -> Iterator[NDArray[np.float32]]:
    """Samples [2, n] one after the other without a gap, from the first picture on."""
    place = 0
    for begin, samples_cn in _decoded(source, start):
        if begin > place + SLIP or (place == 0 and begin > 0):
            for first in range(place, begin, RATE):  # a second at a time: a gap may be of hours
                yield np.zeros((2, min(RATE, begin - first)), np.float32)
            place = begin
        late = place - begin if place == 0 or place > begin + SLIP else 0
        rest_cn = samples_cn[:, late:]
        if rest_cn.shape[1]:
            place += rest_cn.shape[1]
            yield rest_cn


def _decoded(source: Path, start: float) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """(sample of the copy that is the first of these, samples [2, n])."""
    try:
        container = open_container(source)
    except DataError:
        return
    with container:
        if not container.streams.audio:
            return
        stream = container.streams.best("audio") or container.streams.audio[0]
        resampler = av.AudioResampler(format=FORMAT, layout=LAYOUT, rate=RATE)
        with suppress(*FAULTS, IndexError):
            for packet in container.demux(stream):
                try:
                    frames = packet.decode()
                except FAULTS:
                    continue
                for frame in frames:
                    if frame.pts is None or frame.time_base is None:
                        continue
                    begin = round((float(frame.pts * frame.time_base) - start) * RATE)
                    for piece in resampler.resample(frame):
                        samples_cn = np.asarray(piece.to_ndarray(), np.float32)
                        yield begin, samples_cn
                        begin += samples_cn.shape[1]
