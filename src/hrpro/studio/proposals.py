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
from hrpro.studio.next_video import Proposal, propose
from hrpro.studio.predictions import read_predicted
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
    means = _means(project, ids)
    seconds_n = np.array([project.videos[id].duration or np.nan for id in ids], np.float64)
    doubts_n = np.array([_doubt(run, id, seconds) for id, seconds in zip(ids, seconds_n, strict=True)])
    found = propose(
        np.array([clicked.get(id, 0) > 0 for id in ids], bool),
        means_nd=means,
        doubts_n=doubts_n,
        seconds_n=seconds_n,
        limit=limit,
    )
    return [
        {"id": ids[one.video], "usefulness": round(one.usefulness, 3), "why": _why(one, doubts_n[one.video])}
        for one in found
    ]


def _why(one: Proposal, doubt: float) -> str:
    if one.novelty is None:
        return "no click yet; short ones first, as its features are not known yet"
    steps = (
        (0.99, "least like the clicked videos"),
        (0.6, "unlike the clicked videos"),
        (0.3, "somewhat new"),
    )
    words = [next((text for least, text in steps if one.novelty >= least), "much like the clicked videos")]
    if np.isfinite(doubt):
        words.append(f"some {doubt:.0f} doubtful actions a minute" if doubt >= 0.5 else "little in doubt")
    return "; ".join(words)


def _doubt(run: Run | None, id: str, seconds: float) -> float:
    """Uncertain actions a minute that a run expects; NaN where it has not looked."""
    found = None if run is None else read_predicted(run.folder, id)
    if found is None or not seconds > 0:
        return np.nan
    return found.doubtful / (seconds / 60)


def _means(project: Project, ids: list[str]) -> NDArray[np.float64] | None:
    """Mean features [n, D] of the kind that most videos have; NaN for those without; None: there are none."""
    kinds = [_of_dataset(project)] if project.dataset is not None else []
    for folder in sorted((project.own / FEATURES).glob("*/")):
        kinds.append({id: (folder / f"{id}{SUFFIX}", None) for id in ids})
    found = [
        {id: mean_d for id in ids if (mean_d := _mean_of(*kind.get(id, _NONE))) is not None} for kind in kinds
    ]
    means = max(found, key=len, default={})
    if not means:
        return None
    sizes = [len(mean_d) for mean_d in means.values()]
    width = max(set(sizes), key=sizes.count)
    blank_d = np.full(width, np.nan)
    return np.stack([means[id] if id in means and len(means[id]) == width else blank_d for id in ids])


_NONE: tuple[Path | None, str | None] = (None, None)


def _of_dataset(project: Project) -> dict[str, tuple[Path, str | None]]:
    assert project.dataset is not None
    key = project.dataset.layout.feature_key
    files = project.dataset.features.files.values()
    return {id: (paths[0], key) for folder in files for id, paths in folder.items()}


def _mean_of(path: Path | None, key: str | None) -> NDArray[np.float64] | None:
    if path is None:
        return None
    try:
        changed = path.stat().st_mtime_ns
    except OSError:
        return None
    return _mean(path, key, changed)


@lru_cache(maxsize=100_000)
def _mean(path: Path, key: str | None, changed: int) -> NDArray[np.float64] | None:
    """Of one file, read once; None if it cannot be read."""
    file = FeatureFile(path, key)
    try:
        length, dimension = file.shape
        total_d = np.zeros(dimension)
        for start in range(0, length, _BLOCK):
            total_d += file.read_float32(start, start + _BLOCK).sum(0, dtype=np.float64)
        return total_d / length
    except HRProError:
        return None
