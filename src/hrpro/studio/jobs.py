"""Jobs: one at a time, in a process of its own; what they are to do and how they stand is in the database.

    queued -> running -> done | failed | stopped;  running -> stopping -> stopped;  stopped, failed -> queued

A job runs for as long as its process holds the lock of the job's folder. The system lets the lock go with
the process, so no other process that got its number later can be taken for it: a number is only signalled
while the lock is held. The server hands the lock over before the process starts and needs no record of it:
killed at any moment, it finds the same facts again. Nothing but state changes is written to the database;
progress is read from the worker's own file.
"""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import threading
import time
import traceback
import uuid
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from hrpro.studio.answers import Refused, missing
from hrpro.studio.job_process import held, obituary, start, take
from hrpro.studio.progress_file import Told
from hrpro.studio.spec import JOBS

ACTIVE = ("queued", "running", "stopping")
_EVERY = 0.25  # s between looks at what runs
_TABLE = """CREATE TABLE IF NOT EXISTS jobs (
    number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT UNIQUE NOT NULL, kind TEXT NOT NULL, run TEXT,
    state TEXT NOT NULL, attempts INTEGER NOT NULL DEFAULT 0, created REAL NOT NULL, finished REAL,
    message TEXT NOT NULL DEFAULT '', error TEXT, options TEXT NOT NULL DEFAULT '{}')"""
_COLUMNS = "id, kind, run, state, attempts, created, finished, message, error, options"


class Jobs:
    """All jobs of a project. own: the studio's corner; db: a connection to its database, to be ours; listen:
    told every change of a job (its JSON). ``close`` ends the supervision, not the worker."""

    def __init__(self, own: Path, db: sqlite3.Connection, listen: Callable[[dict[str, Any]], None]) -> None:
        self._own, self._db, self._listen = own, db, listen
        self._lock, self._wake, self._closed = threading.RLock(), threading.Event(), False
        self._told: dict[str, Told] = {}
        self._signalled: dict[str, int] = {}
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._db.execute(_TABLE)
        self._thread = threading.Thread(target=self._supervise, name="jobs", daemon=True)
        self._thread.start()

    def folder(self, id: str) -> Path:
        """Where a job's files lie."""
        return self._own / JOBS / id

    def add(
        self, kind: str, run: str, options: Mapping[str, Any], prepare: Callable[[Path], None]
    ) -> dict[str, Any]:
        """A new job at the end of the queue; ``prepare`` writes its files, before it is known to anyone."""
        if os.name == "nt":
            message = "Training from the page needs Linux or macOS; hrpro train does it here."
            raise Refused(501, "system", message)
        id = uuid.uuid4().hex
        prepare(self.folder(id))
        with self._lock:
            self._db.execute(
                "INSERT INTO jobs (id, kind, run, state, created, options) VALUES (?, ?, ?, 'queued', ?, ?)",
                (id, kind, run, round(time.time(), 3), json.dumps(dict(options))),
            )
            job = self.get(id)
        self._listen(job)
        self._wake.set()
        return job

    def all(self) -> list[dict[str, Any]]:
        """Newest first."""
        with self._lock:
            return [self._view(row) for row in self._rows("ORDER BY number DESC")]

    def get(self, id: str) -> dict[str, Any]:
        """Refused: there is no such job."""
        with self._lock:
            return self._view(self._row(id))

    def log(self, id: str) -> list[dict[str, Any]]:
        """Rows of the training's log so far. Refused: there is no such job."""
        with self._lock:
            self._row(id)
            told = self._heard(id)
            told.read()
            return told.rows

    def stop(self, id: str) -> dict[str, Any]:
        """Ask a job to stop; one that waits is stopped at once, one that has ended stays as it is."""
        with self._lock:
            row = self._row(id)
            if row["state"] == "queued":
                self._set(id, "stopped", message="Stopped before it began.")
            elif row["state"] == "running":
                self._set(id, "stopping")
            job = self.get(id)
        self._wake.set()
        return job

    def resume(self, id: str) -> dict[str, Any]:
        """Queue a job again that was stopped or has failed; it goes on where it was."""
        with self._lock:
            row = self._row(id)
            if row["state"] == "done":
                raise Refused(409, "conflict", "This job is done.")
            if row["state"] == "stopping":
                raise Refused(409, "conflict", "This job is still stopping; try again in a moment.")
            if row["state"] in ("stopped", "failed"):
                self._set(id, "queued")
            job = self.get(id)
        self._wake.set()
        return job

    def close(self) -> None:
        """End the supervision; a worker that runs goes on, and is found again by the next server."""
        self._closed = True
        self._wake.set()
        self._thread.join(10)
        with self._lock:
            if self._rows("WHERE state IN ('running', 'stopping')"):
                print("the job that runs goes on without the server; open the studio again to see or stop it")
            self._db.close()

    def _supervise(self) -> None:
        said = ""
        while not self._closed:
            self._wake.wait(_EVERY)
            self._wake.clear()
            if self._closed:
                return
            try:
                with self._lock:
                    self._look()
                said = ""
            except Exception as error:  # such as a full disk: the next look tries again
                if said != (said := repr(error)):
                    traceback.print_exc()

    def _look(self) -> None:
        busy = self._rows("WHERE state IN ('running', 'stopping')")
        for row in busy:
            self._attend(row)
        if not busy and (waiting := self._rows("WHERE state = 'queued' ORDER BY number LIMIT 1")):
            self._start(waiting[0])

    def _attend(self, row: dict[str, Any]) -> None:
        id, told = row["id"], self._heard(row["id"])
        alive = held(self.folder(id))
        new = told.read()  # after the look at the lock: whoever has let it go has said all
        if alive:
            asked = row["state"] == "stopping" and told.attempt == row["attempts"]
            # A second one would end a step of training in its middle.
            if asked and told.pid is not None and self._signalled.get(id) != row["attempts"]:
                self._signalled[id] = row["attempts"]
                with suppress(OSError):
                    os.kill(told.pid, signal.SIGINT)
            if new:
                self._listen(self.get(id))
            return
        process = self._processes.pop(id, None)
        code = None if process is None else process.wait()
        if told.attempt != row["attempts"] and code is None:
            self._set(id, "stopped" if row["state"] == "stopping" else "queued")  # we died before it began
        elif told.attempt == row["attempts"] and told.end is not None:
            self._set(id, told.end["end"], message=told.end["message"], error=told.end["error"])
        else:
            self._set(id, "failed", error=obituary(self.folder(id), code))

    def _start(self, row: dict[str, Any]) -> None:
        id, folder, attempt = row["id"], self.folder(row["id"]), row["attempts"] + 1
        try:
            lock = take(folder)
        except OSError as error:
            self._set(id, "failed", error=f"the job's folder cannot be used: {error.strerror}")
            return
        if lock is None:  # its last process has been told to stop and has not quite ended
            return
        try:
            self._db.execute("UPDATE jobs SET attempts = ? WHERE id = ?", (attempt, id))
            self._set(id, "running", quiet=True)
            self._processes[id] = start(folder, attempt, lock)
        except OSError as error:
            self._set(id, "failed", error=f"the worker cannot be started: {error.strerror}")
            return
        finally:
            os.close(lock)
        self._listen(self.get(id))

    def _set(
        self, id: str, state: str, *, message: str = "", error: str | None = None, quiet: bool = False
    ) -> None:
        ended = None if state in ACTIVE else round(time.time(), 3)
        self._db.execute(
            "UPDATE jobs SET state = ?, finished = ?, message = ?, error = ? WHERE id = ?",
            (state, ended, message, error, id),
        )
        if not quiet:
            self._listen(self.get(id))

    def _rows(self, where: str, *values: Any) -> list[dict[str, Any]]:
        found = self._db.execute(f"SELECT {_COLUMNS} FROM jobs {where}", values).fetchall()
        return [dict(zip(_COLUMNS.split(", "), row, strict=True)) for row in found]

    def _row(self, id: str) -> dict[str, Any]:
        rows = self._rows("WHERE id = ?", id)
        if not rows:
            raise missing("There is no such job.")
        return rows[0]

    def _heard(self, id: str) -> Told:
        if id not in self._told:
            self._told[id] = Told(self.folder(id))
            self._told[id].read()
        return self._told[id]

    def _view(self, row: dict[str, Any]) -> dict[str, Any]:
        """A job as the page knows it."""
        progress = self._heard(row["id"]).progress
        job = {key: row[key] for key in ("id", "kind", "state", "run", "created", "finished", "error")}
        job |= {key: progress.get(key) for key in ("stage", "done", "total", "seconds_left")}
        job["done"], job["total"] = job["done"] or 0, job["total"] or 0
        active = row["state"] in ACTIVE
        job["seconds_left"] = job["seconds_left"] if row["state"] == "running" else None
        # Loading the libraries takes seconds, which would look like nothing going on.
        running = progress.get("message", "") if progress else "Starting."
        job["message"] = (running if row["state"] != "queued" else "") if active else row["message"]
        return {**job, "options": json.loads(row["options"])}
