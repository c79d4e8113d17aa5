"""The project's memory: one writer, many readers, and nothing answered before it is on the disk.

Every request is one transaction and is told by its id from a repetition of itself, which is answered as the
first time. All methods may be called from any thread.
"""

from __future__ import annotations

import json
import sqlite3
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hrpro.core.annotations import Click, Segment
from hrpro.studio import schema, undo
from hrpro.studio.answers import ID, Refused, invalid
from hrpro.studio.batch import Batch, Conflict
from hrpro.studio.bring import bring
from hrpro.studio.changes import Applied, Change
from hrpro.studio.ops import perform
from hrpro.studio.reading import CHANGE, View, change_of

IMPORT = "import"
"""The client in whose name the clicks of a dataset folder come in; nobody can undo them as a whole."""
IMPORTED = "imported"
GONE = "The project's database is not in its place any more; nothing was changed. Start the studio again."


class Store:
    """An open database.

    durations: gives s of each video of the project, None where not known; a click on any other is refused.
    listen: told what was stored, in order of revision.
    """

    def __init__(
        self,
        path: Path,
        durations: Callable[[], Mapping[str, float | None]],
        *,
        listen: Callable[[Sequence[Change]], None] | None = None,
    ) -> None:
        self.path, self._durations, self._listen = path, durations, listen
        self._lock, self._closed = threading.Lock(), False
        self._db = schema.open_database(path)
        self._file = schema.identity(path)
        self._idle: list[sqlite3.Connection] = []

    def apply(self, client: str, request: str, ops: Sequence[Any], author: str | None = None) -> Applied:
        """Do all operations or none (see ``ops``). Raises Refused: 409, or 422 for what cannot be right."""

        def work(batch: Batch) -> str:
            label = perform(batch, ops, author or client)
            undo.note(batch, label)
            return label

        return self._transact(client, request, work)

    def undo(self, client: str, request: str, of: int | None = None) -> Applied:
        """Take the client's latest action back; ``of``: if it is the one whose answer had this revision.

        Raises Refused: 404 nothing there, 409 changed by others, or not the one meant.
        """
        return self._step(client, request, "undo", of)

    def redo(self, client: str, request: str) -> Applied:
        """Do again what the client undid last. Raises Refused as ``undo`` does."""
        return self._step(client, request, "redo")

    def _step(self, client: str, request: str, direction: undo.Direction, of: int | None = None) -> Applied:
        return self._transact(
            client,
            request,
            lambda batch: undo.take(batch, direction, of),
            lambda db: undo.set_aside(db, client, direction, of),
        )

    def imported(self) -> bool:
        """Whether ``import_clicks`` has been done with clicks."""
        with self.view() as view:
            return view.note(IMPORTED) is not None

    def import_clicks(self, classes: Sequence[str], clicks: Mapping[str, Sequence[Click]]) -> Applied:
        """Classes, and clicks by video, that a data set brings; what is there already does not come twice."""

        def work(batch: Batch) -> str:
            bring(batch, classes, clicks, {}, IMPORT)
            if clicks:
                batch.db.execute("INSERT INTO meta VALUES (?, ?)", (IMPORTED, "yes"))
            return "Import"

        return self._transact(IMPORT, uuid.uuid4().hex, work)

    def take_in(
        self,
        clicks: Mapping[str, Sequence[Click]],
        segments: Mapping[str, Sequence[Segment]],
        same: Mapping[str, float],
    ) -> tuple[int, int]:
        """Clicks and verified segments by video, out of a file; how many of each were new (see ``bring``)."""
        new = 0, 0

        def work(batch: Batch) -> str:
            nonlocal new
            new = bring(batch, (), clicks, segments, IMPORT, same)
            return "Import"

        self._transact(IMPORT, uuid.uuid4().hex, work)
        return new

    def classes(self) -> list[dict[str, Any]]:
        """See ``View.classes``."""
        with self.view() as view:
            return view.classes()

    def clicks(self, video: str | None = None) -> list[dict[str, Any]]:
        """See ``View.clicks``."""
        with self.view() as view:
            return view.clicks(video)

    def segments(self, video: str | None = None) -> list[dict[str, Any]]:
        """See ``View.segments``."""
        with self.view() as view:
            return view.segments(video)

    def verdicts(self, video: str | None = None) -> list[dict[str, Any]]:
        """See ``View.verdicts``."""
        with self.view() as view:
            return view.verdicts(video)

    def click_table(self) -> dict[str, tuple[Click, ...]]:
        """See ``View.click_table``."""
        with self.view() as view:
            return view.click_table()

    def changes(self, since: int, most: int = 1000) -> list[Change]:
        """See ``View.changes``."""
        with self.view() as view:
            return view.changes(since, most)

    def revision(self) -> int:
        """See ``View.revision``."""
        with self.view() as view:
            return view.revision()

    def connect(self) -> sqlite3.Connection:
        """A connection of one's own, for tables of one's own; write in short BEGIN IMMEDIATE transactions."""
        return schema.connect(self.path)

    @contextmanager
    def view(self) -> Iterator[View]:
        """What is stored, all of one moment however long one looks; writers do not wait for it."""
        try:
            db = self._idle.pop()
        except IndexError:
            db = schema.connect(self.path, read_only=True)
        try:
            db.execute("BEGIN")
            yield View(db)
        finally:
            db.execute("ROLLBACK")
            if self._closed:
                db.close()
            else:
                self._idle.append(db)

    def close(self) -> None:
        """Wait for the transaction that runs, then close."""
        with self._lock:
            self._closed = True
            while self._idle:
                self._idle.pop().close()
            self._db.close()

    def _transact(
        self,
        client: str,
        request: str,
        work: Callable[[Batch], str],
        if_refused: Callable[[sqlite3.Connection], None] | None = None,
    ) -> Applied:
        """Do ``work`` in a transaction, unless this request has been answered before."""
        for name, value in (("client", client), ("request", request)):
            if not isinstance(value, str) or not ID.match(value):
                raise invalid(f"{name!r} must be 1 to 64 of A-Z a-z 0-9 _ -.")
        with self._lock:
            if self._closed:
                raise Refused(503, "closing", "The studio is closing; nothing was changed.")
            # SQLite would go on writing into a file that is gone.
            if schema.identity(self.path) != self._file:
                raise Refused(503, "gone", GONE)
            db, refusal = self._db, None
            db.execute("BEGIN IMMEDIATE")
            try:
                answered = _answered(db, client, request)
                if answered is not None:
                    db.execute("ROLLBACK")
                    return answered
                added = db.execute("INSERT INTO requests (client, request) VALUES (?, ?)", (client, request))
                assert added.lastrowid is not None
                batch, label = Batch(db, client, added.lastrowid, self._durations()), ""
                db.execute("SAVEPOINT work")
                try:
                    label = work(batch)
                except Refused as refused:
                    refusal = refused
                    db.execute("ROLLBACK TO work")
                    if isinstance(refused, Conflict):
                        refused.current = batch.current(*refused.thing)
                    if if_refused is not None:
                        if_refused(db)
                applied = _finish(db, batch, label, refusal)
                db.execute("COMMIT")
            except BaseException:
                if db.in_transaction:
                    db.execute("ROLLBACK")
                raise
            if refusal is not None:
                raise refusal
            if self._listen is not None:
                self._listen(applied.changed)
            return applied


def _finish(db: sqlite3.Connection, batch: Batch, label: str, refusal: Refused | None) -> Applied:
    """Note the answer with the request."""
    (revision,) = db.execute("SELECT coalesce(max(revision), 0) FROM changes").fetchone()
    words = None if refusal is None else json.dumps([refusal.status, refusal.as_dict()], ensure_ascii=False)
    db.execute(
        "UPDATE requests SET label = ?, refusal = ?, revision = ? WHERE number = ?",
        (label, words, revision, batch.request),
    )
    return Applied(revision, tuple(batch.changed), label)


def _answered(db: sqlite3.Connection, client: str, request: str) -> Applied | None:
    """The answer that this request got before; Refused if it was a refusal."""
    row = db.execute(
        "SELECT number, label, refusal, revision FROM requests WHERE client = ? AND request = ?",
        (client, request),
    ).fetchone()
    if row is None:
        return None
    number, label, refusal, revision = row
    if refusal is not None:
        status, answer = json.loads(refusal)
        raise Refused(status, answer["error"], answer["message"], answer.get("current"))
    rows = db.execute(f"SELECT {CHANGE} FROM changes WHERE request = ? ORDER BY revision", (number,))
    return Applied(revision, tuple(map(change_of, rows.fetchall())), label)
