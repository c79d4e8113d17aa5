"""What a worker says, as lines of JSON at the end of one file: a server that starts later reads it all again.

    {"at": s, "pid": p, "attempt": n}                                   a process began
    {"at": s, "stage": "extract", "done": 1.5, "total": 8, "seconds_left": 12.0, "message": "..."}
    {"at": s, "row": {"stage": "snippet", "step": 10, "loss": 0.4, ...}}
    {"at": s, "end": "done" | "stopped" | "failed", "message": "...", "error": null | "..."}

A line is written with one call, so that a kill leaves at most the last one cut short, which is passed over.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

FILE, _RESERVE = "progress.jsonl", "reserve"
_EVERY = 0.3  # s between lines on one stage


class Teller:
    """The worker's side."""

    def __init__(self, folder: Path, attempt: int) -> None:
        self._path, self._reserve = folder / FILE, folder / _RESERVE
        self._stage, self._total, self._message = "", 0.0, ""
        self._began = self._told = 0.0
        self._from: float | None = None
        with suppress(OSError):  # room for the last words, should the disk fill up
            self._reserve.write_bytes(bytes(1 << 16))
        # What a killed process left half a line of must not swallow the next one.
        self._write({"pid": os.getpid(), "attempt": attempt}, b"\n")

    def stage(self, name: str, total: float, message: str = "") -> None:
        """A stage begins, of ``total`` things to do."""
        self._stage, self._total, self._message = name, total, message
        self._began, self._told, self._from = time.monotonic(), 0.0, None
        self.at(0)
        self._from = None

    def at(self, done: float, message: str | None = None) -> None:
        """So many are done; the first call of a stage says from where this process counts."""
        now = time.monotonic()
        if message is not None and message != self._message:
            self._message, self._told = message, 0.0
        if self._from is None:
            self._from, self._began = done, now
        if now - self._told < _EVERY and done < self._total:
            return
        self._told = now
        speed = (done - self._from) / max(now - self._began, 1e-9)
        left = round((self._total - done) / speed, 1) if speed > 0 else None
        said = {"stage": self._stage, "done": round(done, 3), "total": self._total, "seconds_left": left}
        self._write({**said, "message": self._message})

    def row(self, row: Mapping[str, Any]) -> None:
        """A row of the training's log."""
        self._write({"row": dict(row)})

    def end(self, state: str, message: str, error: str | None = None) -> None:
        """The last line."""
        with suppress(OSError):
            self._reserve.unlink(missing_ok=True)
        self._write({"end": state, "message": message, "error": error})

    def _write(self, said: Mapping[str, Any], before: bytes = b"") -> None:
        line = json.dumps({"at": round(time.time(), 3), **said}).encode() + b"\n"
        with suppress(OSError):  # a full disk ends the work where its results are written, not here
            handle = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
            try:
                os.write(handle, before + line)
            finally:
                os.close(handle)


class Told:
    """The server's side: all that was said so far; ``read`` takes in what is new."""

    def __init__(self, folder: Path) -> None:
        self._path, self._offset, self._rest = folder / FILE, 0, b""
        self.pid: int | None = None
        self.attempt = 0
        self.progress: dict[str, Any] = {}
        self.end: dict[str, Any] | None = None
        self._rows: dict[tuple[str, int, int], dict[str, Any]] = {}

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The log; of a step done again after a kill, what was measured last."""
        return list(self._rows.values())

    def read(self) -> bool:
        """Whether there was anything new."""
        try:
            with self._path.open("rb") as file:
                file.seek(self._offset)
                content = file.read()
        except OSError:
            return False
        self._offset += len(content)
        *lines, self._rest = (self._rest + content).split(b"\n")
        new = False
        for line in lines:
            try:
                said = json.loads(line)
            except ValueError:
                continue
            if isinstance(said, dict):
                self._take(said)
                new = True
        return new

    def _take(self, said: dict[str, Any]) -> None:
        if "pid" in said:
            self.pid, self.attempt, self.end = said["pid"], said["attempt"], None
        elif "end" in said:
            self.end = said
        elif "row" in said:
            row = said["row"]
            self._rows[row["stage"], int(row.get("member", 0)), int(row["step"])] = row
        elif "stage" in said:
            self.progress = {k: said[k] for k in ("stage", "done", "total", "seconds_left", "message")}
