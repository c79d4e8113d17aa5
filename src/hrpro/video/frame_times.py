"""When each picture of a file is shown, from its packets alone: for exact steps from picture to picture."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hrpro.video.container import FAULTS, best_stream, open_container

MOST = 500_000
"""Times that are told; a longer video of a changing rate is stepped by its mean rate."""
UNEVEN = 0.25  # of a picture's length; (n + 1/2) / fps then still lies within picture n


@dataclass(frozen=True)
class FrameTimes:
    """fps: mean rate (None: unknown). times: s from the first picture on; None where the rate is constant."""

    fps: float | None
    vfr: bool
    times: Sequence[float] | None

    def as_json(self) -> bytes:
        """The answer of GET /api/frames."""
        return json.dumps(
            {"fps": self.fps, "vfr": self.vfr, "times": self.times}, separators=(",", ":")
        ).encode()


def frame_times(path: Path) -> FrameTimes:
    """Read the file through without decoding. DataError as ``open_container``."""
    ticks = set[int]()
    with open_container(path) as container:
        stream = best_stream(container, path)
        tick = float(stream.time_base or 0)
        try:
            for packet in container.demux(stream):
                if packet.size and packet.pts is not None and not packet.is_discard:
                    ticks.add(packet.pts)
        except (*FAULTS, IndexError):
            pass  # what was read until then can be stepped through
    if len(ticks) < 2 or not tick:
        return FrameTimes(None, False, None)
    order = sorted(ticks)
    first = order[0]
    step = (order[-1] - first) / (len(order) - 1)
    fps = 1 / (step * tick)
    if all(abs(at - first - index * step) <= UNEVEN * step for index, at in enumerate(order)):
        return FrameTimes(fps, False, None)
    times = [round((at - first) * tick, 5) for at in order[:MOST]]
    return FrameTimes(fps, True, times if len(times) == len(order) else None)
