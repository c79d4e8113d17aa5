"""The one place where seconds become snippet coordinates and back.

Snippet ``t`` speaks for its cell ``[offset + t * stride, offset + (t + 1) * stride)`` of the recording, and
was computed from ``window`` seconds of it around the cell's middle (windows may overlap or leave gaps).
Coordinates are continuous: coordinate ``t`` is the start of cell ``t``, ``t + 1`` its end.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from numbers import Real

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hrpro.core.errors import DataError


@dataclass(frozen=True)
class Timeline:
    """Snippet grid of a recording; stride and window in seconds (> 0), offset in seconds (finite)."""

    stride: float
    window: float | None = None
    offset: float = 0.0

    def __post_init__(self) -> None:
        window = self.stride if self.window is None else self.window
        object.__setattr__(self, "window", window)
        for name, value in (("stride", self.stride), ("window", window)):
            if not (isinstance(value, Real) and math.isfinite(value) and value > 0):
                raise DataError(f"the snippet {name} must be a positive number of seconds, not {value!r}")
        if not (isinstance(self.offset, Real) and math.isfinite(self.offset)):
            raise DataError(f"the snippet offset must be a finite number of seconds, not {self.offset!r}")

    @classmethod
    def from_frames(cls, *, fps: float, stride: float = 16, window: float | None = None) -> Timeline:
        """Grid given in frames of a video of ``fps`` frames a second, as I3D features are published."""
        if not (math.isfinite(fps) and fps > 0):
            raise DataError(f"fps must be a positive number, not {fps!r}")
        return cls(stride=stride / fps, window=None if window is None else window / fps)

    @property
    def rate(self) -> float:
        """Snippets a second."""
        return 1.0 / self.stride

    def coarser(self, every: int) -> Timeline:
        """The grid on which ``every`` of its cells are one."""
        if every == 1:
            return self
        assert self.window is not None
        return Timeline(self.stride * every, self.window + self.stride * (every - 1), self.offset)

    def to_seconds(self, snippets: ArrayLike) -> NDArray[np.float64]:
        """Snippet coordinates, any shape -> seconds, same shape."""
        return self.offset + np.asarray(snippets, np.float64) * self.stride

    def to_snippets(self, seconds: ArrayLike) -> NDArray[np.float64]:
        """Seconds, any shape -> continuous snippet coordinates, same shape."""
        return (np.asarray(seconds, np.float64) - self.offset) / self.stride

    def index(self, seconds: ArrayLike, length: int) -> NDArray[np.int64]:
        """Seconds, any shape -> index in [0, length) of the snippet whose cell holds that moment.

        A moment outside the grid (a click on the last, cut-off snippet, say) takes the nearest snippet.
        """
        # A click written as frame/fps may land a rounding below its own cell's start.
        cells = np.floor(self.to_snippets(seconds) + 1e-6).astype(np.int64)
        return np.clip(cells, 0, length - 1)

    def length_for(self, duration: float) -> float:
        """Number of snippets (fractional) that ``duration`` seconds hold."""
        return float((duration - self.offset) / self.stride)

    def duration_of(self, length: int) -> float:
        """Seconds from 0 to the end of the last of ``length`` cells."""
        return float(self.offset + length * self.stride)
