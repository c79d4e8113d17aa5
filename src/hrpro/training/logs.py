"""The log of a training: one row for every few steps, as CSV and for TensorBoard.

The rows live in the checkpoint; on resume the CSV file is written anew from them, so it never holds steps
that were lost, nor half a line.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from hrpro.core.errors import RunError

Row = dict[str, float]


class Logs:
    """Collects what each step measured; every ``every`` steps (and after the last) their mean becomes a row.

    A row is the steps done (``step``) and the mean of every value since the row before: learning rate, loss
    parts, gradient norm, seconds. folder: takes <name>.csv and tensorboard/<name>/; None writes no file.
    """

    def __init__(self, folder: Path | None, name: str, *, steps: int, every: int) -> None:
        self.folder, self.name, self.steps, self.every = folder, name, steps, every
        self.history: list[Row] = []
        self._pending: list[Row] = []
        self._columns: list[str] = []
        self._board: Any = None

    def state(self) -> dict[str, Any]:
        """What a checkpoint keeps of the log (JSON)."""
        return {"history": self.history, "pending": self._pending}

    def resume(self, state: Mapping[str, Any]) -> None:
        self.history, self._pending = list(state["history"]), list(state["pending"])

    def __enter__(self) -> Logs:
        if self.folder is not None:
            # Imported here: a second that only writing needs.
            from torch.utils.tensorboard import SummaryWriter

            try:
                self.folder.mkdir(parents=True, exist_ok=True)
                self._board = SummaryWriter(
                    str(self.folder / "tensorboard" / self.name), purge_step=self._last_step() + 1
                )
                self._rewrite()
            except OSError as error:
                raise self._unwritable(error) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._board is not None:
            self._board.close()

    def add(self, step: int, values: Row) -> Row | None:
        """Note the values of one step; ``step`` counts the steps done. Returns the row if one is complete."""
        self._pending.append(values)
        if step % self.every and step < self.steps:
            return None
        row: Row = {"step": step}
        for name in dict.fromkeys(name for values in self._pending for name in values):
            column = [values[name] for values in self._pending if name in values]
            row[name] = sum(column) / len(column)
        self._pending = []
        self.history.append(row)
        if self.folder is not None:
            try:
                self._write(row)
            except OSError as error:
                raise self._unwritable(error) from error
        return row

    def _write(self, row: Row) -> None:
        if set(row) <= set(self._columns):
            with self._csv().open("a", newline="", encoding="utf-8") as file:
                csv.DictWriter(file, self._columns).writerow(row)
        else:
            self._rewrite()
        for name, value in row.items():
            if name != "step":
                self._board.add_scalar(name, value, int(row["step"]))

    def _rewrite(self) -> None:
        self._columns = list(dict.fromkeys(name for row in self.history for name in row))
        partial = self._csv().with_suffix(".partial")
        with partial.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, self._columns)
            writer.writeheader()
            writer.writerows(self.history)
        os.replace(partial, self._csv())

    def _csv(self) -> Path:
        assert self.folder is not None
        return self.folder / f"{self.name}.csv"

    def _last_step(self) -> int:
        return int(self.history[-1]["step"]) if self.history else 0

    def _unwritable(self, error: OSError) -> RunError:
        what = f"the log cannot be written: {error}"
        return RunError(what, where=self.folder, mend="free space or mend the permissions, then resume")
