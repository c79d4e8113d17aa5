"""Copies that every browser plays, made one at a time in the background; a wish for one outlives a kill.

A wish is a small file beside the copies; it goes when the copy is there or cannot be made. The copy appears
whole (``transcode.py``), so whatever ends the work in its middle, the next start begins it anew.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from hrpro.core.errors import RunError
from hrpro.data.whole import write_text
from hrpro.studio.answers import Refused, missing
from hrpro.studio.paths import Listing
from hrpro.studio.playable import key

COPY, WISH = ".mp4", ".wish"
FAILED = "The copy could not be made: the program that makes it ended by itself."
Publish = Callable[[str, dict[str, Any]], None]


class Proxies:
    """The copies in ``folder``. publish: told ("proxy", {id, state, done, message}) of each step.

    state: "making" with done from 0 to 1, then "yes", or "no" with a message.
    """

    def __init__(self, folder: Path, listing: Listing, publish: Publish) -> None:
        self._folder, self._listing, self._publish = folder, listing, publish
        self._changed = threading.Condition()
        self._queue: list[str] = []
        self._failed: dict[str, str] = {}
        self._thread: threading.Thread | None = None
        self._child: subprocess.Popen[str] | None = None
        self._closed = False
        self._wishes_of_before()

    def ready(self, id: str, path: Path) -> Path | None:
        """The copy of this version of the file, if there is one."""
        copy = self._folder / (key(id, path) + COPY)
        return copy if copy.is_file() and not copy.is_symlink() else None

    def making(self, id: str) -> bool:
        """Whether it is being made, or waits for that."""
        with self._changed:
            return id in self._queue

    def failure(self, id: str) -> str | None:
        """Why the last try came to nothing."""
        return self._failed.get(id)

    def ask(self, id: str) -> str:
        """Have a copy made. "yes": it is there; "making". Refused: no such video, or the disk is full."""
        path = self._listing.path(id)
        if self.ready(id, path):
            return "yes"
        with self._changed:
            if self._closed:
                raise Refused(503, "closing", "The studio is being closed.")
            if id not in self._queue:
                try:
                    write_text(self._wish(id, path), json.dumps(id))
                except RunError:
                    raise Refused(507, "disk", "The project's folder cannot be written to.") from None
                self._failed.pop(id, None)
                self._add(id)
        return "making"

    def close(self) -> None:
        """Stop; what is unfinished is begun anew by the next studio of this project."""
        with self._changed:
            self._closed = True
            if self._child is not None:
                self._child.kill()
            self._changed.notify_all()
            thread = self._thread
        if thread is not None:
            thread.join(10)

    def _wishes_of_before(self) -> None:
        for wish in sorted(self._folder.glob(f"*{WISH}")):
            try:
                id = str(json.loads(wish.read_text("utf-8")))
                valid = self._wish(id, self._listing.path(id)) == wish
            except (OSError, ValueError, Refused):
                id, valid = "", False
            with self._changed:
                if valid and id not in self._queue:
                    self._add(id)
                elif not valid:  # the video has changed or gone since
                    wish.unlink(missing_ok=True)

    def _add(self, id: str) -> None:
        self._queue.append(id)
        self._changed.notify_all()
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="copies", daemon=True)
            self._thread.start()

    def _wish(self, id: str, path: Path) -> Path:
        try:
            return self._folder / (key(id, path) + WISH)
        except OSError:
            raise missing("The file of this video cannot be read any more.") from None

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._closed or self._queue)
                if self._closed:
                    return
                id = self._queue[0]
            message = self._make(id)
            with self._changed:
                if self._closed:
                    return
                self._queue.pop(0)
                if message is not None:
                    self._failed[id] = message
            self._tell(id, "yes" if message is None else "no", 1.0 if message is None else 0.0, message)

    def _make(self, id: str) -> str | None:
        """Why it came to nothing; None: it is there."""
        self._tell(id, "making", 0.0)
        try:
            path = self._listing.path(id)
            wish = self._wish(id, path)
        except Refused as refused:
            return refused.message
        try:
            message = self._run(id, path, wish.with_suffix(COPY))
        except OSError:
            message = FAILED
        if not self._closed:
            wish.unlink(missing_ok=True)
            if message is None:
                self._forget_older(wish.with_suffix(COPY))
        return message

    def _run(self, id: str, source: Path, target: Path) -> str | None:
        command = [sys.executable, "-m", "hrpro.studio.transcode", str(source), str(target)]
        with self._changed:
            if self._closed:
                return FAILED
            self._child = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                text=True,
                encoding="utf-8",
                start_new_session=True,  # Ctrl-C is for the server, which then stops this
            )
        error = None
        with self._child as child:
            assert child.stdout is not None
            for line in child.stdout:
                with suppress(ValueError):
                    told = json.loads(line)
                    error = told.get("error", error)
                    self._tell(id, "making", told.get("done", 0.0))
        self._child = None
        if child.returncode == 0 and target.is_file():
            return None
        return FAILED if error is None else f"The copy could not be made: {error}."

    def _forget_older(self, copy: Path) -> None:
        """Remove copies of earlier versions of the video."""
        for other in self._folder.glob(f"{copy.name.partition('-')[0]}-*{COPY}"):
            if other != copy:
                other.unlink(missing_ok=True)

    def _tell(self, id: str, state: str, done: float, message: str | None = None) -> None:
        self._publish("proxy", {"id": id, "state": state, "done": done, "message": message})
