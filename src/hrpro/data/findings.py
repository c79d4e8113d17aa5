"""What an inspection found, and how it reads on a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from rich.console import Console
from rich.table import Table
from rich.text import Text

from hrpro.core.errors import HRProError
from hrpro.core.timeline import Timeline
from hrpro.data.formats.jsonplace import Where

Severity = Literal["error", "warning"]


@dataclass(frozen=True)
class Problem:
    """One fault. An error stops training or prediction or spoils them; a warning wants a look."""

    severity: Severity
    where: str | None
    what: str
    mend: str | None = None

    def __str__(self) -> str:
        return str(HRProError(self.what, where=self.where, mend=self.mend))


@dataclass(frozen=True)
class SplitSummary:
    """Figures of one split; features are summed up over the files that can be read.

    lengths: fewest and most snippets; dimensions, dtypes: all that occur; clicks: number for every class.
    """

    name: str
    recordings: int
    with_features: int
    hours: float
    lengths: tuple[int, int] | None
    dimensions: tuple[int, ...]
    dtypes: tuple[str, ...]
    clicks: Mapping[str, int]


@dataclass
class Report:
    """The summary of a dataset folder and every problem in it, in the order of inspection."""

    path: Path
    points: Path | None = None
    timeline: Timeline | None = None
    classes: tuple[str, ...] = ()
    splits: list[SplitSummary] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    @property
    def errors(self) -> list[Problem]:
        return [problem for problem in self.problems if problem.severity == "error"]

    @property
    def warnings(self) -> list[Problem]:
        return [problem for problem in self.problems if problem.severity == "warning"]

    def add(self, error: HRProError, severity: Severity = "error") -> None:
        """Take a fault as a problem."""
        self.problems.append(Problem(severity, error.where, error.what, error.mend))

    def find(self, severity: Severity, what: str, where: Where | None, mend: str | None = None) -> None:
        """Note a problem."""
        self.problems.append(Problem(severity, None if where is None else str(where), what, mend))


def render(report: Report, console: Console) -> None:
    """Print the tables of splits and classes, then every problem on a line of its own."""
    console.print(Text(f"{report.path}", style="bold"), soft_wrap=True)
    if report.timeline is not None:
        console.print(Text(_grid(report.timeline)), soft_wrap=True)
    if report.points is not None:
        console.print(Text(f"clicks: {report.points}"), soft_wrap=True)
    if report.splits:
        console.print(_split_table(report.splits))
    if report.classes and any(split.clicks for split in report.splits):
        console.print(_class_table(report))
    for problem in report.problems:
        style = "bold red" if problem.severity == "error" else "yellow"
        console.print(Text.assemble((f"{problem.severity}: ", style), str(problem)), soft_wrap=True)
    counts = f"{_count(len(report.errors), 'error')}, {_count(len(report.warnings), 'warning')}"
    console.print(Text(counts if report.problems else "no problems found", style="bold"))


def _grid(timeline: Timeline) -> str:
    offset = f", offset {timeline.offset:g} s" if timeline.offset else ""
    rate = f"{timeline.rate:.5g} snippets a second"
    return f"{rate}: stride {timeline.stride:g} s, window {timeline.window:g} s{offset}"


def _split_table(splits: list[SplitSummary]) -> Table:
    table = Table("split", title="Recordings", title_justify="left")
    for column in ("recordings", "with features", "hours", "clicks", "snippets", "dimensions", "type"):
        table.add_column(column, justify="right")
    for split in splits:
        table.add_row(
            Text(split.name),
            str(split.recordings),
            str(split.with_features),
            f"{split.hours:.2f}",
            str(sum(split.clicks.values())),
            "-" if split.lengths is None else "{} to {}".format(*split.lengths),
            ", ".join(map(str, split.dimensions)) or "-",
            ", ".join(split.dtypes) or "-",
        )
    return table


def _class_table(report: Report) -> Table:
    splits = [split for split in report.splits if split.clicks]
    table = Table("class", title="Clicks", title_justify="left")
    for split in splits:
        table.add_column(Text(split.name), justify="right")
    for label in report.classes:
        table.add_row(Text(label), *(str(split.clicks.get(label, 0)) for split in splits))
    return table


def _count(number: int, name: str) -> str:
    return f"{number} {name}{'' if number == 1 else 's'}"
