"""What a person sees while it trains: a bar on a terminal, else a plain line every few seconds."""

from __future__ import annotations

import time
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn


class Display:
    """Shows steps done, loss parts, recordings a second and the time left, on standard error.

    done: steps that lay behind when this process began. visible False shows nothing.
    """

    def __init__(self, name: str, *, steps: int, done: int, visible: bool, seconds: float = 5.0) -> None:
        self.name, self.steps, self.done, self.seconds = name, steps, done, seconds
        self._console = Console(stderr=True) if visible else None
        self._began = self._shown = time.monotonic()
        self._recordings = 0
        self._bar: Progress | None = None
        self._task = TaskID(0)
        if self._console is not None and self._console.is_terminal:
            columns = (TextColumn("{task.description}"), BarColumn(20), MofNCompleteColumn())
            text = TextColumn("{task.fields[text]}", style="dim")
            self._bar = Progress(*columns, text, console=self._console)
            self._task = self._bar.add_task(name, total=steps, completed=done, text="")

    def __enter__(self) -> Display:
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def update(self, step: int, values: dict[str, float], recordings: int) -> None:
        """``step`` steps are done; the last, over ``recordings`` recordings, measured ``values``."""
        self._recordings += recordings
        now = time.monotonic()
        due = 0.2 if self._bar is not None else self.seconds
        if self._console is None or (now - self._shown < due and step < self.steps):
            return
        self._shown = now
        elapsed = max(now - self._began, 1e-9)
        left = elapsed / (step - self.done) * (self.steps - step)
        measured = "  ".join(f"{name} {value:.4g}" for name, value in values.items())
        text = f"{measured}  {self._recordings / elapsed:.1f} recordings/s  {clock(left)} left"
        if self._bar is not None:
            self._bar.update(self._task, completed=step, text=text)
        else:
            self._console.print(f"{self.name}  {step}/{self.steps}  {text}", soft_wrap=True, highlight=False)


def clock(seconds: float) -> str:
    """12 -> 0:12, 3725 -> 1:02:05."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
