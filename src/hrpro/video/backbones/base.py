"""What every backbone is: a stated recipe that turns frames at a fixed rate into one vector a snippet.

Snippet ``t`` is computed from frames [t * stride, t * stride + window) and nothing else. A last snippet with
at least half its window present is kept, the missing frames repeating the last one; one frame makes one
snippet.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from hrpro.core.errors import ConfigError, DataError
from hrpro.core.timeline import Timeline

Frame = NDArray[np.uint8]


@dataclass(frozen=True)
class BackboneSpec:
    """All that features depend on; stored beside them, and compared before a model may read them.

    dimension: D > 0. rate: frames a second. window and stride: frames. preprocessing: plain JSON values that
    say what is done to the frames, complete enough to tell two recipes apart. weights: sha256 of the weight
    file, or None where there are none. Raises ConfigError for a value out of range.
    """

    name: str
    version: str
    dimension: int
    rate: float
    window: int
    stride: int
    preprocessing: Mapping[str, Any] = field(default_factory=dict, hash=False)
    weights: str | None = None

    def __post_init__(self) -> None:
        for name in ("dimension", "window", "stride"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise ConfigError(f"{name} must be a whole number above 0, not {value!r}", where=self.name)
        if not (math.isfinite(self.rate) and self.rate > 0):
            raise ConfigError(f"rate must be a positive number, not {self.rate!r}", where=self.name)

    @property
    def timeline(self) -> Timeline:
        """The snippet grid in seconds: each cell lies in the middle of the window it was computed from."""
        offset = (self.window - self.stride) / (2 * self.rate)
        return Timeline(self.stride / self.rate, self.window / self.rate, offset)

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON values; ``from_dict`` gives an equal spec back."""
        return asdict(self)

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any], where: str | None = None) -> BackboneSpec:
        """The spec that ``as_dict`` stored. DataError: a key is missing, unknown or ill-typed."""
        kinds: dict[str, type | tuple[type, ...]] = {
            "name": str,
            "version": str,
            "dimension": int,
            "rate": (int, float),
            "window": int,
            "stride": int,
            "preprocessing": Mapping,
            "weights": (str, type(None)),
        }
        mend = "extract these features again"
        if odd := sorted(set(stored) ^ set(kinds)):
            raise DataError(
                f"a backbone's description lacks or does not know: {', '.join(odd)}", where=where, mend=mend
            )
        for name, kind in kinds.items():
            if not isinstance(stored[name], kind):
                raise DataError(f"a backbone's {name} cannot be {stored[name]!r}", where=where, mend=mend)
        try:
            return cls(**{**stored, "preprocessing": dict(stored["preprocessing"])})
        except ConfigError as error:
            raise DataError(error.what, where=where, mend=mend) from error

    def difference(self, other: BackboneSpec) -> list[str]:
        """What differs, a line each as "key: mine, not theirs"; empty for equal specs."""
        lines = []
        for entry in fields(self):
            mine, theirs = getattr(self, entry.name), getattr(other, entry.name)
            if entry.name != "preprocessing":
                if mine != theirs:
                    lines.append(f"{entry.name}: {mine}, not {theirs}")
                continue
            for key in dict.fromkeys([*mine, *theirs]):
                if key not in mine or key not in theirs or mine[key] != theirs[key]:
                    lines.append(f"{key}: {mine.get(key, 'unsaid')}, not {theirs.get(key, 'unsaid')}")
        return lines


class Backbone(Protocol):
    """A recipe that can be run. A vector depends on its own window only, not on chunks, threads or place.

    One that chooses something by what is installed may say what in ``settled``: options that ask for the same
    again, which are kept with the features.
    """

    @property
    def spec(self) -> BackboneSpec:
        """What it is; every vector has ``spec.dimension`` values."""
        ...

    @property
    def frame_size(self) -> int | tuple[int, int] | None:
        """What ``decode.frames(size=)`` shall give: the shorter side, (width, height), or None (as it is)."""
        ...

    def stream(self, frames: Iterable[Frame]) -> Iterator[NDArray[np.float32]]:
        """Frames at ``spec.rate``, uint8 RGB [H, W, 3] -> a vector float32 [D] a snippet.

        A vector comes as soon as its frames are there; no frames, no vectors. Memory does not grow with the
        number of frames.
        """
        ...


def windows(frames: Iterable[Frame], window: int, stride: int) -> Iterator[list[Frame]]:
    """Each snippet's frames, ``window`` of them, in order; holds no more than a window of frames.

    Raises DataError for a frame that is not uint8 [H, W, 3] or differs in size from the first.
    """
    assert window > 0
    assert stride > 0
    held: deque[Frame] = deque()
    start = 0  # number of the next snippet's first frame
    shape = None
    for number, frame in enumerate(frames):
        check_frame(frame, shape, number)
        shape = frame.shape
        if number >= start:
            held.append(frame)
        if len(held) == window:
            yield list(held)
            start += stride
            for _ in range(min(stride, window)):
                held.popleft()
    while held and (start == 0 or 2 * len(held) >= window):
        yield [*held, *[held[-1]] * (window - len(held))]
        start += stride
        for _ in range(min(stride, len(held))):
            held.popleft()


def count(frames: int, window: int, stride: int) -> int:
    """How many snippets ``windows`` makes of so many frames."""
    return 0 if frames == 0 else max(1, (frames - (window + 1) // 2) // stride + 1)


def check_frame(frame: Frame, shape: tuple[int, ...] | None = None, index: int = 0) -> None:
    """DataError unless ``frame`` is uint8 [H, W, 3] with H, W > 0, and of ``shape`` if that is given."""
    fits = frame.ndim == 3 and frame.shape[2] == 3 and frame.size > 0 and frame.dtype == np.uint8
    if not fits or (shape is not None and frame.shape != shape):
        wanted = "uint8 [height, width, 3]" if shape is None else f"uint8 {list(shape)}, as the first"
        raise DataError(f"frame {index} is {frame.dtype} {list(frame.shape)}, not {wanted}")
