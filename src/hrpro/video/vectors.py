"""A video to its feature vectors, as they are computed: whoever wants all of them at once says so."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hrpro.core.errors import ConfigError, NonFiniteError
from hrpro.core.timeline import Timeline
from hrpro.video.jobs import Tell
from hrpro.video.origin import Origin, choose, rebuild

_TELL_EVERY = 0.2  # s


@dataclass(frozen=True, eq=False)
class FeatureSequence:
    """The features of a video: a row [D] of ``features_td`` for each snippet of ``timeline``, in order.

    duration: s that the pictures cover, from the first one on; remarks: what was wrong with the file.
    """

    features_td: NDArray[np.float32]
    timeline: Timeline
    duration: float
    remarks: tuple[str, ...] = ()


@dataclass
class FeatureStream:
    """The features of a video, a vector [D] at a time, once; so memory does not grow with its length.

    duration and remarks, as of ``FeatureSequence``, are known after the last vector; late: as of
    ``VideoInfo``.
    """

    vectors: Iterable[NDArray[np.float32]]
    timeline: Timeline
    duration: float = 0.0
    remarks: tuple[str, ...] = ()
    late: float = 0.0

    def whole(self) -> FeatureSequence:
        """All of them, in memory: some 12 MB an hour of video for 512 dimensions."""
        held, dimension = bytearray(), 0  # grows in place, where a list would have to be copied in the end
        for vector in self.vectors:
            held += vector.tobytes()
            dimension = len(vector)
        features_td = np.frombuffer(held, np.float32).reshape(-1, dimension)
        return FeatureSequence(features_td, self.timeline, self.duration, self.remarks)


@contextmanager
def feature_stream(
    path: str | Path,
    origin: Origin,
    *,
    weights: str | Path | None = None,
    threads: int = 0,
    tell: Tell | None = None,
) -> Iterator[FeatureStream]:
    """The features of a video, computed as they are read; leaving the block ends the decoder.

    weights: where they lie now, if not where they were. Raises DataError for a file that is no video,
    ConfigError if the backbone cannot be had, or is another one now; reading raises NonFiniteError for a
    vector with NaN or infinite values, ConfigError for one that is not as the backbone says.
    """
    network = rebuild(origin, weights)
    pictures = decoder()(path, rate=origin.spec.rate, size=network.frame_size, threads=threads)
    whole = pictures.info.duration
    count = 0

    def counted() -> Generator[NDArray[np.uint8], None, None]:
        nonlocal count
        told = 0.0
        for frame in pictures:
            count += 1
            if tell is not None and time.monotonic() - told > _TELL_EVERY:
                told = time.monotonic()
                tell(count / (whole * origin.spec.rate) if whole else None)
            yield frame

    def checked(frames: Iterable[NDArray[np.uint8]]) -> Iterator[NDArray[np.float32]]:
        vector = None
        for given in network.stream(frames):
            vector = np.asarray(given, np.float32)
            if vector.shape != (origin.spec.dimension,):
                raise ConfigError(
                    f"gives {list(vector.shape)} a snippet, not [{origin.spec.dimension}] as it says",
                    where=f"backbone {origin.backbone}",
                )
            check_finite(vector, path)
            yield vector
        if vector is None:
            raise ConfigError("gives not one vector for a video", where=f"backbone {origin.backbone}")
        made.duration, made.remarks = count / origin.spec.rate, tuple(pictures.remarks)

    with closing(counted()) as frames:
        made = FeatureStream(checked(frames), origin.spec.timeline, late=pictures.info.late)
        yield made


def video_features(
    path: str | Path,
    backbone: str | Origin = "classic",
    *,
    weights: str | Path | None = None,
    **options: Any,
) -> FeatureSequence:
    """The features of a video, in memory.

    backbone: a name of ``hrpro extract --backbone``, with its ``weights`` and ``options``, or an origin that
    features tell. Raises as ``feature_stream``, and its reading.
    """
    origin = choose(backbone, weights, options) if isinstance(backbone, str) else backbone
    with feature_stream(path, origin, weights=weights) as made:
        return made.whole()


def check_finite(features: NDArray[np.float32], path: str | Path) -> None:
    """NonFiniteError for a video of whose features some are NaN or infinite."""
    if not np.isfinite(features).all():
        raise NonFiniteError("the backbone gave NaN or infinite values", where=path)


def decoder() -> Callable[..., Any]:
    """``decode.frames``. ConfigError if what it needs is not installed."""
    try:
        from hrpro.video.decode import frames
    except ImportError as error:
        mend = "pip install 'hrpro[video]'"
        raise ConfigError(f"video files cannot be read: {error}", mend=mend) from error
    return frames
