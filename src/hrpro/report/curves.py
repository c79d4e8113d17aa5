"""Training curves: the losses of each stage, gradient norm and learning rate, from the run's logs."""

from __future__ import annotations

import csv
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hrpro.report.collect import RunResult
from hrpro.report.figure import CYCLE, HALF, Figure, Section, Trace, axis, layout, rounded, text
from hrpro.report.markup import Markup, paragraph

Logs = Mapping[str, Sequence[Mapping[str, float]]]
_OTHER = ("step", "lr", "gradient_norm", "step_seconds")


def read_logs(folder: Path) -> dict[str, list[dict[str, float]]]:
    """Rows of each log by its name, the networks of stage 1 first; a log that cannot be read is left out."""
    logs: dict[str, list[dict[str, float]]] = {}
    for path in sorted(folder.glob("*.csv"), reverse=True):
        try:
            with path.open(encoding="utf-8", newline="") as file:
                rows = [{k: float(v) for k, v in row.items() if v} for row in csv.DictReader(file)]
            logs[path.stem] = [row for row in rows if "step" in row and all(map(np.isfinite, row.values()))]
        except (OSError, ValueError, TypeError, csv.Error) as error:
            warnings.warn(f"{path}: the log cannot be read: {error}", stacklevel=2)
    return logs


def curves(run: RunResult) -> Section | None:
    """None for a run that kept no logs. Networks of an ensemble share a colour, each has its own line."""
    if not any(run.logs.values()):
        return None
    figures: list[Figure] = []
    stages = _stages(run)
    for number, (stage, title) in enumerate(stages.items(), 1):
        logs = _of(run.logs, stage)
        names = list(dict.fromkeys(n for rows in logs.values() for row in rows for n in row))
        losses = [name for name in names if name not in _OTHER]
        if losses:
            about = f"Losses over the training steps of stage {number}."
            traces = [t for i, n in enumerate(losses) for t in _lines(logs, n, n, CYCLE[i % len(CYCLE)])]
            figures.append(_figure(f"losses-{stage}", title, about, "loss", traces))
    whole = (("gradient_norm", "Gradient norm", "log"), ("lr", "Learning rate", "linear"))
    for name, title, scale in whole:
        traces = [
            trace
            for i, stage in enumerate(stages)
            for trace in _lines(_of(run.logs, stage), name, f"stage {i + 1}", CYCLE[i])
        ]
        about = f"{title} over the training steps."
        figures.append(_figure(name.replace("_", "-"), title, about, title.lower(), traces, scale))
    return Section("training", "Training curves", [_how_long(run.logs, list(stages)), *figures])


def _stages(run: RunResult) -> dict[str, str]:
    """Titles of the stages, by how the names of their logs begin."""
    method = run.method
    first = "snippets" if method.section == "snippet" else method.title
    return {method.section: f"Stage 1: {first}", "instance": "Stage 2: instances"}


def _of(logs: Logs, stage: str) -> Logs:
    return {name: rows for name, rows in logs.items() if name.partition("-")[0] == stage}


def _lines(logs: Logs, column: str, name: str, colour: str) -> list[Trace]:
    lines: list[Trace] = []
    for rows in logs.values():
        known = [row for row in rows if column in row]
        if known:
            lines.append(
                {
                    "type": "scatter",
                    "mode": "lines" if len(known) > 1 else "markers",
                    "x": [int(row["step"]) for row in known],
                    "y": rounded([row[column] for row in known], 6),
                    "name": text(name.replace("_", " ")),
                    "legendgroup": name,
                    "showlegend": not lines,
                    "line": {"color": colour, "width": 2 if name == "total" or len(logs) == 1 else 1.2},
                    "marker": {"color": colour},
                }
            )
    return lines


def _figure(
    name: str, title: str, about: str, quantity: str, traces: list[Trace], scale: str = "linear"
) -> Figure:
    axes: dict[str, Any] = {"xaxis": axis("step"), "yaxis": axis(quantity, type=scale)}
    if scale == "log":
        axes["yaxis"] |= {"dtick": "D2", "exponentformat": "none"}
    return Figure(name, title, about, traces, layout(title, width=HALF, **axes))


def _how_long(logs: Logs, stages: Sequence[str]) -> Markup:
    """Steps and time of the training, as its logs add up."""
    words = []
    for i, stage in enumerate(stages):
        own = [rows for rows in _of(logs, stage).values() if rows]
        if own:
            steps = max(int(rows[-1]["step"]) for rows in own)
            seconds = sum(_seconds(rows) for rows in own)
            several = f" for each of {len(own)} networks" if len(own) > 1 else ""
            words.append(f"stage {i + 1}: {steps} steps{several}, {_duration(seconds)} in them")
    return paragraph(f"{'; '.join(words).capitalize()}.")


def _seconds(rows: Sequence[Mapping[str, float]]) -> float:
    """A row's ``step_seconds`` is the mean since the row before."""
    before, total = 0.0, 0.0
    for row in rows:
        total += (row["step"] - before) * row.get("step_seconds", 0.0)
        before = row["step"]
    return total


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
