"""The next most useful video of a project: its features, clicks and predictions put before ``next_video``."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hrpro.core.errors import HRProError
from hrpro.data.features import FeatureFile
from hrpro.studio.next_video import Proposal, describe, doubt, propose
from hrpro.studio.predictions import curves_path, read_curves, read_predicted
from hrpro.studio.project import Project
from hrpro.studio.runs_of import Run
from hrpro.studio.spec import FEATURES
from hrpro.video.store import SUFFIX

_BLOCK = 4096  # snippets read at a time


def next_videos(
    project: Project, clicked: Mapping[str, int], run: Run | None, limit: int
) -> list[dict[str, Any]]:
    """Ids of videos without a click, most useful first, each with its usefulness and why.

    Videos that cannot be used are left out. clicked: clicks by video.
    """
    ids = [id for id, video in project.videos.items() if video.problem is None]
    seconds_n = np.array([project.videos[id].duration or np.nan for id in ids], np.float64)
    clicked_n = np.array([clicked.get(id, 0) > 0 for id in ids], bool)
    doubts = [
        np.nan if run is None or known else _doubt(run, id) for id, known in zip(ids, clicked_n, strict=True)
    ]
    found = propose(
        clicked_n,
        places_nd=_places(project, ids),
        doubts_n=np.array(doubts, np.float64),
        seconds_n=seconds_n,
        limit=limit,
    )
    expected = [
        np.nan if run is None else _expected(run, ids[one.video], seconds_n[one.video]) for one in found
    ]
    return [
        {"id": ids[one.video], "usefulness": round(one.usefulness, 3), "why": _why(one, doubtful)}
        for one, doubtful in zip(found, expected, strict=True)
    ]


def _why(one: Proposal, doubtful: float) -> str:
    if one.novelty is None:
        return "no click yet; short ones first, as its features are not known yet"
    steps = (
        (0.99, "least like the clicked videos"),
        (0.6, "unlike the clicked videos"),
        (0.3, "somewhat new"),
    )
    words = [next((text for least, text in steps if one.novelty >= least), "much like the clicked videos")]
    if one.alike:
        words.append(f"{one.alike} more {'is' if one.alike == 1 else 'are'} like it")
    if np.isfinite(doubtful):
        told = f"some {doubtful:.0f} doubtful actions a minute"
        words.append(told if doubtful >= 0.5 else "little in doubt")
    return "; ".join(words)


def _expected(run: Run, id: str, seconds: float) -> float:
    """Uncertain actions a minute that a run expects; NaN where it has not looked."""
    found = read_predicted(run.folder, id)
    return found.doubtful / (seconds / 60) if found is not None and seconds > 0 else np.nan


def _doubt(run: Run, id: str) -> float:
    """``doubt`` of what a run saw in a video; NaN where it has not looked."""
    try:
        changed = curves_path(run.folder, id).stat().st_mtime_ns
    except OSError:
        return np.nan
    return _doubt_of(run.folder, id, changed)


@lru_cache(maxsize=100_000)
def _doubt_of(run: Path, id: str, changed: int) -> float:
    curves = read_curves(run, id)
    return np.nan if curves is None else doubt(curves.activation_tc)


def _places(project: Project, ids: list[str]) -> NDArray[np.float64] | None:
    """``describe`` [n, 2 D] of features of the kind that most videos have; NaN for those without; None: there
    are none."""
    kinds = [_of_dataset(project)] if project.dataset is not None else []
    for folder in sorted((project.own / FEATURES).glob("*/")):
        kinds.append({id: (folder / f"{id}{SUFFIX}", None) for id in ids})
    found = [
        {id: place_d for id in ids if (place_d := _place_of(*kind.get(id, _NONE))) is not None}
        for kind in kinds
    ]
    places = max(found, key=len, default={})
    if not places:
        return None
    sizes = [len(place_d) for place_d in places.values()]
    width = max(set(sizes), key=sizes.count)
    blank_d = np.full(width, np.nan)
    return np.stack([places[id] if id in places and len(places[id]) == width else blank_d for id in ids])


_NONE: tuple[Path | None, str | None] = (None, None)


def _of_dataset(project: Project) -> dict[str, tuple[Path, str | None]]:
    assert project.dataset is not None
    key = project.dataset.layout.feature_key
    files = project.dataset.features.files.values()
    return {id: (paths[0], key) for folder in files for id, paths in folder.items()}


def _place_of(path: Path | None, key: str | None) -> NDArray[np.float64] | None:
    if path is None:
        return None
    try:
        changed = path.stat().st_mtime_ns
    except OSError:
        return None
    return _place(path, key, changed)


@lru_cache(maxsize=100_000)
def _place(path: Path, key: str | None, changed: int) -> NDArray[np.float64] | None:
    """Of one file, read once; None if it cannot be read."""
    file = FeatureFile(path, key)
    try:
        length, _ = file.shape
        return describe(file.read_float32(start, start + _BLOCK) for start in range(0, length, _BLOCK))
    except HRProError:
        return None
