"""The one table of a comparison: a row a method, means and spreads over seeds; as text, CSV and JSON."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import mean, stdev
from typing import Any

from rich import box
from rich.table import Table

from hrpro.methods import METHODS, SEEN, Sight

SIGHTS: Mapping[Sight, str] = {**SEEN, "segments": "SEGMENTS"}
"""What a method sees of the training recordings, as the tables say it."""

_LEGEND = {
    "clicks": "clicks: one moment in each action",
    "classes": "classes only: which actions occur in a recording, not when",
    "segments": "SEGMENTS: the true starts and ends; a bound from above, not a rival",
}


@dataclass(frozen=True)
class Trial:
    """One method with one seed: mAP by tIoU (as text) and what it took; None: not known.

    Seconds and peak memory (MiB) of the training's process, over all its parts if it was interrupted;
    predict_seconds: of localizing all recordings that it is judged by.
    """

    method: str
    seed: int
    mAP: Mapping[str, float]
    predict_seconds: float
    train_seconds: float | None
    train_cpu_seconds: float | None
    peak_memory_mib: float | None

    @property
    def average(self) -> float:
        """Mean of the mAP over its tIoU."""
        return mean(self.mAP.values())

    def as_dict(self) -> dict[str, Any]:
        return {**asdict(self), "average_mAP": self.average}


def rows(trials: Sequence[Trial]) -> list[dict[str, Any]]:
    """A flat row for each method, in the trials' order, for CSV and JSON.

    ``_sd`` is the sample deviation over seeds, None of a single one. Times and memory are those of the
    trials where they are known, None if they are of none; the memory is the highest.
    """
    return [_row([trial for trial in trials if trial.method == name]) for name in _methods(trials)]


def _methods(trials: Sequence[Trial]) -> list[str]:
    return list(dict.fromkeys(trial.method for trial in trials))


def _row(trials: Sequence[Trial]) -> dict[str, Any]:
    first = trials[0]
    about = METHODS[first.method]
    row: dict[str, Any] = {
        "method": first.method,
        "title": about.title,
        "sees": SIGHTS[about.sees],
        "seeds": len(trials),
        **_spread("average_mAP", [trial.average for trial in trials]),
    }
    for tiou in first.mAP:
        row |= _spread(f"mAP@{tiou}", [trial.mAP[tiou] for trial in trials])
    for name in ("train_seconds", "train_cpu_seconds", "predict_seconds"):
        row |= _spread(name, [getattr(trial, name) for trial in trials])
    peaks = [trial.peak_memory_mib for trial in trials if trial.peak_memory_mib is not None]
    row["peak_memory_mib"] = max(peaks, default=None)
    row["seeds_of_unknown_cost"] = sum(trial.train_seconds is None for trial in trials)
    return row


def _spread(name: str, values: Sequence[float | None]) -> dict[str, float | None]:
    known = [value for value in values if value is not None]
    return {
        f"{name}_mean": mean(known) if known else None,
        f"{name}_sd": stdev(known) if len(known) > 1 else None,
    }


def as_csv(table: Sequence[Mapping[str, Any]]) -> str:
    """The rows under a header; what is not known is an empty cell."""
    sheet = io.StringIO()
    writer = csv.DictWriter(sheet, list(table[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(table)
    return sheet.getvalue()


def render(table: Sequence[Mapping[str, Any]], title: str) -> Table:
    """For a terminal of 80 columns: means, and the deviation over seeds below them."""
    tious = [key[4:-5] for key in table[0] if key.startswith("mAP@") and key.endswith("_mean")]
    seen = {row["sees"] for row in table}
    lines = [_LEGEND[sight] for sight, word in SIGHTS.items() if word in seen]
    if any(row["seeds_of_unknown_cost"] for row in table):
        lines.append("*: without trainings that were killed unseen, whose cost is not known")
    view = Table(
        title=title,
        caption="\n".join(lines),
        caption_justify="left",
        box=box.SIMPLE_HEAD,
        padding=0,
        pad_edge=False,
    )
    view.add_column("method\nsees", no_wrap=True)
    for name in ("mean\nmAP", *(f"at\n{tiou}" for tiou in tious), "train\ns", "found\nin s", "peak\nMiB"):
        view.add_column(name, justify="right", no_wrap=True)
    for row in table:
        figures = [_figure(row, name) for name in ("average_mAP", *(f"mAP@{tiou}" for tiou in tious))]
        mark = "*" if row["seeds_of_unknown_cost"] else ""
        view.add_row(
            f"[bold]{row['method']}[/bold]\n{row['sees']}",
            *figures,
            _cost(row, "train_seconds") + mark,
            _cost(row, "predict_seconds"),
            "?" if row["peak_memory_mib"] is None else f"{row['peak_memory_mib']:.0f}",
        )
    return view


def _figure(row: Mapping[str, Any], name: str) -> str:
    spread = row[f"{name}_sd"]
    below = "" if spread is None else f"\n±{f'{spread:.3f}'.removeprefix('0')}"
    return f"{row[f'{name}_mean']:.3f}{below}"


def _cost(row: Mapping[str, Any], name: str) -> str:
    seconds = row[f"{name}_mean"]
    return "?" if seconds is None else f"{seconds:.0f}" if seconds >= 100 else f"{seconds:.1f}"
