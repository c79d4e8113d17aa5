"""The things of a project, changed together: what is read and written within one request's transaction.

A thing is a class, a click, a segment or a verdict: JSON with an id and a version, which grows by one each
time. Who changes a thing names the version that was seen, and is refused if that is not the present one. What
must hold of all things together (a click's class is there, names are unique) is checked once at the end of a
batch, so that a batch may pass through states that could not stay.
"""

from __future__ import annotations

import json
import sqlite3
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from hrpro.studio import checks
from hrpro.studio.answers import Refused, invalid
from hrpro.studio.changes import Change, Kind

Value = dict[str, Any]


@dataclass(frozen=True)
class Step:
    """What one write did: a thing's value before and after, without its version (None: not there)."""

    kind: Kind
    id: str
    before: Value | None
    after: Value | None


TAKEN = "taken"
"""Error of a conflict that nobody else need have had a part in."""


class Conflict(Refused):
    """409: ``thing`` is not as the client believed. ``current`` is filled in once the batch is undone."""

    def __init__(self, kind: Kind, id: str, message: str, error: str = "conflict") -> None:
        super().__init__(409, error, message)
        self.thing = kind, id


@dataclass
class Batch:
    """The operations of one request on an open transaction, with what they changed.

    durations: s of each video of the project, None where not known.
    """

    db: sqlite3.Connection
    client: str
    request: int
    durations: Mapping[str, float | None]
    changed: list[Change] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)

    def read(self, kind: Kind, id: str) -> tuple[int, Value | None]:
        """(version, value without id and version); version 0: there never was such a thing."""
        row = self.db.execute(
            "SELECT version, value FROM things WHERE kind = ? AND id = ?", (kind, id)
        ).fetchone()
        return (0, None) if row is None else (row[0], None if row[1] is None else json.loads(row[1]))

    def held(self, column: Literal["class", "video"], id: str) -> list[tuple[Kind, str, Value]]:
        """(kind, id, value) of all that is of a class or a video."""
        query = (
            f"SELECT kind, id, value FROM things WHERE {column} = ? AND value IS NOT NULL ORDER BY kind, id"
        )
        return [
            (kind, thing, json.loads(text)) for kind, thing, text in self.db.execute(query, (id,)).fetchall()
        ]

    def write(self, kind: Kind, id: str, after: Value | None) -> None:
        """Store a thing's new value (None: delete it) and log the change."""
        version, before = self.read(kind, id)
        text = None if after is None else json.dumps(after, ensure_ascii=False)
        about = after or {}
        self.db.execute(
            "INSERT OR REPLACE INTO things VALUES (?, ?, ?, ?, ?, ?)",
            (kind, id, version + 1, about.get("video"), about.get("class"), text),
        )
        self._count(kind, before, -1)
        self._count(kind, after, 1)
        value = whole(id, version + 1, after)
        logged = None if value is None else json.dumps(value, ensure_ascii=False)
        added = self.db.execute(
            "INSERT INTO changes (kind, id, value, client, request) VALUES (?, ?, ?, ?, ?)",
            (kind, id, logged, self.client, self.request),
        )
        assert added.lastrowid is not None
        self.changed.append(Change(kind, id, value, added.lastrowid, self.client))
        self.steps.append(Step(kind, id, before, after))

    def _count(self, kind: Kind, value: Value | None, more: int) -> None:
        if value is not None and "video" in value:
            add = "ON CONFLICT DO UPDATE SET number = number + excluded.number"
            self.db.execute(f"INSERT INTO counts VALUES (?, ?, ?) {add}", (kind, value["video"], more))

    def current(self, kind: Kind, id: str) -> dict[str, Any]:
        """The latest change of a thing, as JSON, for a refusal."""
        version, value = self.read(kind, id)
        row = self.db.execute(
            "SELECT revision, client FROM changes WHERE kind = ? AND id = ? ORDER BY revision DESC LIMIT 1",
            (kind, id),
        ).fetchone()
        revision, client = row or (0, "")
        return Change(kind, id, whole(id, version, value), revision, client).as_dict()

    def seen(self, kind: Kind, op: Mapping[str, Any], id: str) -> Value:
        """The thing that an operation is on, if its version is the one that the client saw."""
        version, value = self.read(kind, id)
        if value is None:
            raise Conflict(kind, id, f"This {kind} is not there any more.")
        if version != checks.version(op):
            raise Conflict(kind, id, f"Someone else changed this {kind} in the meantime.")
        return value

    def new(self, kind: Kind, id: str) -> None:
        """Refuses an id that was ever given to a thing."""
        if self.read(kind, id)[0]:
            raise Conflict(kind, id, f"There is such a {kind} already.")

    def video(self, op: Mapping[str, Any]) -> tuple[str, float | None]:
        """A video of the project, and its duration in s."""
        video = op.get("video")
        if not isinstance(video, str) or video not in self.durations:
            raise invalid("There is no such video in this project, or it cannot be read.")
        return video, self.durations[video]

    def class_of(self, op: Mapping[str, Any]) -> str:
        """The id of the class that an operation names; of one that was merged into another, that other's."""
        id = checks.id_of(op, "class")
        version, value = self.read("class", id)
        if version and value is None:
            return next((new for new, held in self._classes().items() if id in held.get("was", ())), id)
        return id

    def free_key(self) -> str | None:
        """The first key that no class has; None: all are taken."""
        taken = {value["key"] for value in self._classes().values()}
        return next((key for key in checks.KEYS if key not in taken), None)

    def check(self) -> None:
        """Refuses a batch that leaves the project in a state that cannot be."""
        touched: dict[tuple[Kind, str], None] = {(step.kind, step.id): None for step in self.steps}
        for kind, id in touched:
            _, value = self.read(kind, id)
            if kind == "class":
                self._check_class(id, value)
            elif value is not None and "class" in value:
                version, found = self.read("class", value["class"])
                if version == 0:
                    raise invalid(f"There is no class {value['class']!r} in this project.")
                if found is None:
                    raise Conflict("class", value["class"], "This class has been deleted.")

    def _classes(self) -> dict[str, Value]:
        rows = self.db.execute("SELECT id, value FROM things WHERE kind = 'class' AND value IS NOT NULL")
        return {id: json.loads(text) for id, text in rows.fetchall()}

    def _check_class(self, id: str, value: Value | None) -> None:
        if value is None:
            used = "SELECT count(*) FROM things WHERE class = ? AND value IS NOT NULL"
            (count,) = self.db.execute(used, (id,)).fetchone()
            if count:
                message = f"This class is in use: {count} clicks or segments are of it."
                raise Conflict("class", id, message, TAKEN)
            return
        for other, theirs in self._classes().items():
            if other != id and plain(theirs["name"]) == plain(value["name"]):
                message = f"There is a class {theirs['name']!r} already."
                raise Conflict("class", other, message, TAKEN)
            if other != id and value["key"] is not None and theirs["key"] == value["key"]:
                message = f"Key {value['key']} belongs to class {theirs['name']!r} already."
                raise Conflict("class", other, message, TAKEN)


def whole(id: str, version: int, value: Value | None) -> Value | None:
    """A thing as clients know it."""
    return None if value is None else {"id": id, **value, "version": version}


def plain(name: str) -> str:
    """The same for two names that look the same on the screen."""
    return unicodedata.normalize("NFC", name)
