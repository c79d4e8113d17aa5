"""THUMOS14's ambiguous stretches: an option of evaluation, never of inference.

Detections that share time with one are taken out before they are judged: right or wrong, nobody can say.
The file holds a line ``video start end`` (seconds) for each stretch; blank lines are skipped.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from hrpro.core.annotations import Detections
from hrpro.core.errors import DataError

Stretches = Mapping[str, Sequence[tuple[float, float]]]


def read_ambiguous(path: str | Path) -> dict[str, list[tuple[float, float]]]:
    """Video -> its stretches (start, end) in seconds. Raises DataError with the line at fault."""
    try:
        lines = Path(path).read_text(encoding="utf-8-sig").splitlines()
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror}", where=path) from None
    except UnicodeDecodeError:
        raise DataError("not a text file", where=path) from None
    stretches: dict[str, list[tuple[float, float]]] = {}
    for number, line in enumerate(lines, 1):
        words = line.split()
        if not words:
            continue
        try:
            video, start, end = words[0], *map(float, words[1:])
        except ValueError:
            raise DataError(f"'{line.strip()}' is not 'video start end'", where=f"{path}:{number}") from None
        if not (math.isfinite(start) and math.isfinite(end) and start <= end):
            raise DataError(f"a stretch cannot run from {start:g} to {end:g} s", where=f"{path}:{number}")
        stretches.setdefault(video, []).append((start, end))
    return stretches


def without_ambiguous(
    detections: Mapping[str, Detections], stretches: Stretches
) -> tuple[dict[str, Detections], int]:
    """The detections that share no time with a stretch of their video (meeting end to end is none).

    Returns them, and how many were taken out.
    """
    clean = dict(detections)
    removed = 0
    for video in clean.keys() & stretches.keys():
        spans = np.array(stretches[video], np.float64).reshape(-1, 2)
        starts, ends = clean[video].segments[:, :1], clean[video].segments[:, 1:]
        touches = np.any(np.minimum(ends, spans[:, 1]) > np.maximum(starts, spans[:, 0]), axis=1)
        clean[video] = clean[video][~touches]
        removed += int(np.count_nonzero(touches))
    return clean, removed
