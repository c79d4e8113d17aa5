"""What a person sees while videos are worked through: each file, all of them, the time left, and a table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.table import Table

from hrpro.video.jobs import Outcome
from hrpro.video.urls import Remote


class Board:
    """Bars on a terminal, a line for each finished video elsewhere.

    ``sizes``: how much work each video is, in any unit; the time left over all follows from them.
    """

    def __init__(self, ids: Sequence[str], sizes: Sequence[int], unit: str, console: Console) -> None:
        self.ids, self.sizes, self.unit, self.console = ids, list(sizes), unit, console
        columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
        self.bars = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
        self.whole = self.bars.add_task("", total=sum(sizes))
        self.tasks: dict[int, TaskID] = {}
        self.parts: dict[int, float] = {}
        self.ended = 0
        self._show_whole()

    def part(self, number: int, part: float | None) -> None:
        """A job has come so far: 0 to 1, or None where that is not known."""
        if number not in self.tasks:
            self.tasks[number] = self.bars.add_task(escape(self.ids[number]), total=None)
        if part is not None:
            self.parts[number] = min(part, 1.0)
            self.bars.update(self.tasks[number], total=1.0, completed=part)
            self._show_whole()

    def end(self, number: int, outcome: Outcome) -> None:
        """A job is done."""
        self.ended += 1
        if (task := self.tasks.pop(number, None)) is not None:
            self.bars.remove_task(task)
        self.parts[number] = 1.0
        if outcome.state == "kept":  # took no time, so it says nothing of the time left
            self.sizes[number] = 0
        self._show_whole()
        if not self.console.is_terminal:
            what = outcome.reason or f"{outcome.count} {self.unit}{', as before' * (outcome.state == 'kept')}"
            self.console.print(
                f"[{self.ended}/{len(self.ids)}] {outcome.id}: {what}", markup=False, soft_wrap=True
            )

    def _show_whole(self) -> None:
        done = sum(part * self.sizes[number] for number, part in self.parts.items())
        self.bars.update(
            self.whole,
            completed=done,
            total=sum(self.sizes),
            description=f"{self.ended} of {len(self.ids)} videos",
        )


@contextmanager
def board(ids: Sequence[str], sizes: Sequence[int], unit: str, *, quiet: bool = False) -> Iterator[Board]:
    """A board for videos, on standard error."""
    shown = Board(ids, sizes, unit, Console(stderr=True, quiet=quiet, highlight=False))
    with shown.bars:
        yield shown


def size_of(video: Path | Remote) -> int:
    """Bytes of a video; 0 where there is none."""
    if isinstance(video, Remote):
        return video.size
    return video.stat().st_size if video.is_file() else 0


def report(outcomes: Sequence[Outcome], unit: str, console: Console) -> bool:
    """Print which videos failed and why, which had something wrong with them, and what was made; all well?"""
    view = Table(box=box.SIMPLE_HEAD)
    view.add_column("video", overflow="fold")
    view.add_column("")
    view.add_column("why", overflow="fold")
    for entry in sorted(outcomes, key=lambda entry: (entry.state != "failed", entry.id)):
        if entry.state == "failed" or entry.remarks:
            state = "[red]failed" if entry.state == "failed" else "[yellow]note"
            view.add_row(escape(entry.id), state, escape(entry.reason or "; ".join(entry.remarks)))
    if view.row_count:
        console.print(view)
    made = [entry for entry in outcomes if entry.state != "failed"]
    kept = sum(entry.state == "kept" for entry in made)
    said = f"{len(made)} of {len(outcomes)} videos{f' ({kept} as before)' if kept else ''}"
    minutes = sum(entry.seconds for entry in made) / 60
    total = sum(entry.count for entry in made)
    console.print(f"{said}, {minutes:.1f} minutes: {total} {unit}", highlight=False, soft_wrap=True)
    return len(made) == len(outcomes)
