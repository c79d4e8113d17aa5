"""Features on disk: one .safetensors file a video, which holds the array and all that is known of it.

Array and description are one file, so that they cannot disagree. Values are float32, as computed: some 3 KB
for a second of video, little beside the video itself, and nothing that float16 would round or overflow.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from math import isclose
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from hrpro.core.errors import DataError
from hrpro.core.timeline import Timeline
from hrpro.data.whole import appearing
from hrpro.video.origin import Origin
from hrpro.video.spool import Spool

SUFFIX = ".safetensors"
_ARRAY, _KEY = "features", "hrpro"


@dataclass(frozen=True)
class About:
    """What a feature file says of itself.

    video: the file's name. sha256: of its content. duration: s that its pictures cover. remarks: what was
    wrong with the file, in words.
    """

    origin: Origin
    video: str
    sha256: str
    duration: float
    remarks: tuple[str, ...] = ()

    @property
    def broken(self) -> bool:
        """Whether something was wrong with the pictures, not only with when they begin."""
        return any(not remark.startswith("the pictures begin") for remark in self.remarks)

    @property
    def timeline(self) -> Timeline:
        """The snippet grid of the features."""
        return self.origin.spec.timeline


def write_features(path: Path, vectors: Iterable[NDArray[np.float32]], about: Callable[[], About]) -> int:
    """Features, a vector [D] a snippet, and their description, whole or not at all; returns their number T.

    about: asked after the last vector. Memory holds no more than one vector of them. Raises RunError if they
    cannot be written, and what ``vectors`` raises.
    """
    with Spool(path) as spool:
        length = 0
        for vector in vectors:
            spool.add(np.asarray(vector, "<f4").tobytes())
            length += 1
        known = about()
        dimension = known.origin.spec.dimension
        assert spool.size == 4 * length * dimension > 0
        with appearing(path) as scratch, scratch.open("wb") as file:
            file.write(_header(length, dimension, known))
            spool.copy_to(file)
    return length


def _header(length: int, dimension: int, about: About) -> bytes:
    """What comes before the values, to the byte as safetensors writes it."""
    description = {
        **about.origin.as_dict(),
        "timeline": asdict(about.timeline),
        "video": about.video,
        "sha256": about.sha256,
        "duration": about.duration,
        "remarks": list(about.remarks),
    }
    ends = [0, 4 * length * dimension]
    array = {"dtype": "F32", "shape": [length, dimension], "data_offsets": ends}
    words = {"__metadata__": {_KEY: json.dumps(description)}, _ARRAY: array}
    text = json.dumps(words, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text


def read_about(path: Path) -> About | None:
    """The description in a feature file; None for one that was made elsewhere and has none.

    Raises DataError if there is no such file or it is damaged.
    """
    if path.suffix != SUFFIX:
        return None
    try:
        with safe_open(path, framework="numpy") as file:
            text = (file.metadata() or {}).get(_KEY)
    except FileNotFoundError as error:
        raise DataError("there is no such feature file", where=path) from error
    except (OSError, SafetensorError) as error:
        raise DataError(f"is no feature file, or damaged: {error}", where=path) from error
    if text is None:
        return None
    try:
        stored: dict[str, Any] = json.loads(text)
        facts = str(stored["video"]), str(stored["sha256"]), float(stored["duration"])
        return About(Origin.from_dict(stored, path), *facts, tuple(map(str, stored["remarks"])))
    except (ValueError, KeyError, TypeError) as error:
        raise DataError("its description cannot be read", where=path, mend="extract it again") from error


def common_origin(files: Iterable[tuple[Path, Timeline]]) -> Origin | None:
    """How these features, with the snippet grids they are taken to have, were made; None: nobody knows.

    DataError: some differ from the first in how they were made, or in grid from what they are taken for.
    """
    first: tuple[Path, Origin | None] | None = None
    for path, timeline in files:
        about = read_about(path)
        origin = None if about is None else about.origin
        if about is not None and not _same(about.timeline, timeline):
            grid = ", ".join(f"{name}: {value:g}" for name, value in asdict(about.timeline).items())
            raise DataError(
                f"a snippet every {timeline.stride:g} s is not how these features were made",
                where=path,
                mend=f"write features: {{{grid}}} in dataset.yaml",
            )
        first = first or (path, origin)
        if first[1] != origin:
            raise DataError(
                f"made otherwise than {first[0].name}: {_difference(origin, first[1])}",
                where=path,
                mend="extract both with the same backbone",
            )
    return None if first is None else first[1]


def _difference(mine: Origin | None, theirs: Origin | None) -> str:
    if mine is None or theirs is None:
        return f"{'this' if mine is None else 'that'} one does not say how"
    return mine.difference(theirs)


def _same(one: Timeline, other: Timeline) -> bool:
    pairs = zip(asdict(one).values(), asdict(other).values(), strict=True)
    return all(isclose(a, b, rel_tol=1e-4, abs_tol=1e-6) for a, b in pairs)


def sha256_of(path: Path) -> str:
    """Of a file's content, in hexadecimal, read a megabyte at a time. DataError if it cannot be read."""
    digest = hashlib.sha256()
    if path.exists() and not (path.is_file() or path.is_dir()):  # to open a pipe would wait for its writer
        raise DataError("is no file", where=path)
    try:
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    except FileNotFoundError as error:
        raise DataError("no such file", where=path) from error
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror}", where=path) from error
    return digest.hexdigest()
