"""The database of a project: one SQLite file, written ahead (WAL), every commit on the disk before it counts.

    things    what there is: classes, clicks, segments, verdicts; a deleted one keeps its row, so that its
              version never starts anew
    counts    how many clicks, segments and verdicts each video has: counting them takes longer than the rest
    changes   what happened to things, in order; the number is the revision that clients count by
    requests  what was asked, and the refusal if it was refused; the same request is answered the same again
    actions   each client's steps to undo and redo: kind, id, value before and after

Other parts keep tables of their own in it, through ``Store.connect``.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

from hrpro.core.errors import DataError

VERSION = 2
_TABLES = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE things (
    kind TEXT NOT NULL, id TEXT NOT NULL, version INTEGER NOT NULL, video TEXT, class TEXT, value TEXT,
    PRIMARY KEY (kind, id)
) WITHOUT ROWID;
CREATE INDEX things_of_video ON things (kind, video) WHERE value IS NOT NULL;
CREATE INDEX things_of_class ON things (class, kind) WHERE value IS NOT NULL;
CREATE TABLE requests (
    number INTEGER PRIMARY KEY, client TEXT NOT NULL, request TEXT NOT NULL, label TEXT, refusal TEXT,
    revision INTEGER, UNIQUE (client, request)
);
CREATE TABLE changes (
    revision INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, id TEXT NOT NULL, value TEXT,
    client TEXT NOT NULL, request INTEGER NOT NULL
);
CREATE INDEX changes_of_thing ON changes (kind, id, revision);
CREATE INDEX changes_of_request ON changes (request);
CREATE TABLE actions (
    number INTEGER PRIMARY KEY AUTOINCREMENT, client TEXT NOT NULL, state TEXT NOT NULL, label TEXT NOT NULL,
    steps TEXT NOT NULL, revision INTEGER NOT NULL
);
CREATE INDEX actions_of_client ON actions (client, state, number);
"""
_COUNTS = """
CREATE TABLE counts (
    kind TEXT NOT NULL, video TEXT NOT NULL, number INTEGER NOT NULL, PRIMARY KEY (kind, video)
) WITHOUT ROWID;
INSERT INTO counts SELECT kind, video, count(*) FROM things
    WHERE video IS NOT NULL AND value IS NOT NULL GROUP BY kind, video;
"""
_STEPS = (_TABLES, _COUNTS)  # from each version to the next


def connect(path: Path, *, read_only: bool = False, make: bool = False) -> sqlite3.Connection:
    """A connection without implicit transactions, for any one thread at a time; ``make``: the file too."""
    address = f"{path.absolute().as_uri()}?mode={'rwc' if make else 'rw'}"
    db = sqlite3.connect(address, timeout=30.0, isolation_level=None, check_same_thread=False, uri=True)
    try:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        if read_only:
            db.execute("PRAGMA query_only = ON")
    except BaseException:
        db.close()
        raise
    return db


def open_database(path: Path) -> sqlite3.Connection:
    """The writer's connection; tables are made if there are none.

    Raises DataError if the file is no database, is damaged, or was written by a newer version.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        db = connect(path, make=True)
    except (OSError, sqlite3.OperationalError) as error:
        raise DataError(f"the project's database cannot be opened: {error}", where=path) from error
    except sqlite3.DatabaseError as error:
        raise _damaged(path, error) from error
    try:
        (well,) = db.execute("PRAGMA quick_check(1)").fetchone()
        if well != "ok":
            raise DataError(f"the project's database is damaged: {well}", where=path, mend=_MEND)
        db.execute("BEGIN IMMEDIATE")
        (found,) = db.execute("PRAGMA user_version").fetchone()
        if found > VERSION:
            what = f"a newer hrpro wrote this project (its database is of version {found}, not {VERSION})"
            raise DataError(what, where=path, mend="pip install --upgrade hrpro")
        for step in _STEPS[found:]:
            for statement in step.split(";\n"):
                db.execute(statement)
        db.execute(f"PRAGMA user_version = {VERSION}")
        db.execute("COMMIT")
    except sqlite3.DatabaseError as error:
        db.close()
        if "database is locked" in str(error):
            what, mend = "another program is writing to the project's database", "try again when it has ended"
            raise DataError(what, where=path, mend=mend) from error
        raise _damaged(path, error) from error
    except BaseException:
        db.close()
        raise
    return db


def identity(path: Path) -> tuple[int, int] | None:
    """What tells a file from another one of its name; None if there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


_MEND = "put a copy of the folder from before in its place, or move the file away to start anew"


def _damaged(path: Path, error: Exception) -> DataError:
    return DataError(f"the project's database cannot be read: {error}", where=path, mend=_MEND)
