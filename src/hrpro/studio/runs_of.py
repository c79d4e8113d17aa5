"""The runs of a project: those trained here, and the one that its folder is, if it is one."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from hrpro.core.errors import DataError
from hrpro.data.clicks import ClickRow, read_clicks
from hrpro.data.whole import write_text
from hrpro.model_folder import DOUBTED, is_trained
from hrpro.studio.project import Project
from hrpro.studio.recordings import described, learned
from hrpro.studio.spec import OPENED, RUNS, run_folder, trained_folder

ABOUT = "run.json"
MOST_DOUBTED = 100
"""Clicks that are told of a run; more nobody looks at."""
_LOOKED = "looked"  # empty; there once the run has looked through all it was to look through


@dataclass(frozen=True)
class Run:
    """folder: where its results lie. classes: {label: id of the class it was at training}. finished: s of the
    epoch, None if it is not."""

    id: str
    folder: Path
    classes: Mapping[str, str]
    finished: float | None


def runs(project: Project) -> list[Run]:
    """Oldest first."""
    found = []
    if is_trained(project.root):
        found.append(run_of(project, OPENED))
    folder = project.own / RUNS
    numbers = [int(path.name) for path in folder.glob("[0-9]*") if path.name.isdecimal()]
    found += [run_of(project, str(number)) for number in sorted(numbers)]
    return [run for run in found if run is not None]


def run_of(project: Project, id: str) -> Run | None:
    """None: there is no such run."""
    if id != OPENED and not (id.isascii() and id.isdecimal()):
        return None
    folder = run_folder(project.own, id)
    if not folder.is_dir() and id != OPENED:
        return None
    model = described(trained_folder(project.root, project.own, id))
    try:
        changed = model.stat().st_mtime_ns
    except OSError:
        return None if id == OPENED else Run(id, folder, _classes(folder), None)
    known = _classes(folder)
    return Run(id, folder, {label: known.get(label, "") for label in _labels(model, changed)}, changed / 1e9)


def latest(project: Project) -> Run | None:
    """The run whose predictions are shown: the last one that has looked through the videos.

    One that failed at that, or is still at it, does not hide what an older one found.
    """
    finished = [run for run in runs(project) if run.finished]
    return max(finished, key=lambda run: (_has_looked(run), run.finished or 0), default=None)


def looked(folder: Path) -> None:
    """Note that the run in this folder has looked through the videos. RunError: it cannot be written."""
    write_text(folder / _LOOKED, "")


def _has_looked(run: Run) -> bool:
    return (run.folder / _LOOKED).is_file()


def new_run(project: Project, classes: Sequence[Mapping[str, Any]]) -> str:
    """Make the folder of a new run, which remembers the ids of its classes, so that they may be renamed."""
    folder = project.own / RUNS
    folder.mkdir(parents=True, exist_ok=True)
    number = max((int(p.name) for p in folder.glob("[0-9]*") if p.name.isdecimal()), default=0) + 1
    while True:
        try:
            (folder / str(number)).mkdir()
            break
        except FileExistsError:
            number += 1
    about = {"classes": {item["name"]: item["id"] for item in classes}}
    write_text(folder / str(number) / ABOUT, json.dumps(about))
    return str(number)


def class_ids(run: Run, classes: Sequence[Mapping[str, Any]]) -> dict[str, str | None]:
    """Id of the class that each label of the run is today; None where it has been deleted."""
    there = {old: item["id"] for item in classes for old in (*item.get("was", ()), item["id"])}
    named = {item["name"]: item["id"] for item in classes}
    return {label: there.get(id) or named.get(label) for label, id in run.classes.items()}


def names_of(run: Run, classes: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """What the class of each label of the run is called today; those that have been deleted are left out."""
    names = {item["id"]: item["name"] for item in classes}
    return {label: names[id] for label, id in class_ids(run, classes).items() if id is not None}


def doubted_by(run: Run, project: Project) -> list[dict[str, Any]]:
    """The clicks that a training found hard to believe: video, time in s, label; [] where it names none."""
    path = trained_folder(project.root, project.own, run.id) / DOUBTED
    try:
        rows = _table(path, path.stat().st_mtime_ns)
    except (OSError, DataError):
        return []
    return [{"video": row.video, "time": row.time, "label": row.label} for row in rows[:MOST_DOUBTED]]


@lru_cache(maxsize=256)
def _table(path: Path, changed: int) -> list[ClickRow]:
    return read_clicks(path, lambda _: None, [].append)


def _classes(folder: Path) -> dict[str, str]:
    try:
        return dict(json.loads((folder / ABOUT).read_text(encoding="utf-8"))["classes"])
    except (OSError, ValueError, KeyError, TypeError):
        return {}


@lru_cache(maxsize=256)
def _labels(model: Path, changed: int) -> tuple[str, ...]:
    return learned(model)
