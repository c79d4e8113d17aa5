"""What can be done to a project, as operations on things: each refused, or done and its steps noted for undo.

A thing is a class, a click, a segment or a verdict: JSON with an id and a version, which grows by one each
time. An operation on a thing names the version that its client saw, and is refused if that is not the present
one. What must hold of all things together (a click's class is there, names are unique) is checked once at the
end of a batch, so that a batch may pass through states that could not stay.
"""

from __future__ import annotations

import json
import sqlite3
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hrpro.studio import checks
from hrpro.studio.answers import Refused, invalid
from hrpro.studio.changes import Change, Kind

MOST = 1000
"""Operations in one request."""
LABEL, NAME = 100, 512
"""Characters of a class's name; of a run's or prediction's id."""
Value = dict[str, Any]


@dataclass(frozen=True)
class Step:
    """What one write did: a thing's value before and after, without its version (None: not there)."""

    kind: Kind
    id: str
    before: Value | None
    after: Value | None


class Conflict(Refused):
    """409: ``thing`` is not as the client believed. ``current`` is filled in once the batch is undone."""

    def __init__(self, kind: Kind, id: str, message: str) -> None:
        super().__init__(409, "conflict", message)
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

    def write(self, kind: Kind, id: str, after: Value | None) -> None:
        """Store a thing's new value (None: delete it) and log the change."""
        version, before = self.read(kind, id)
        text = None if after is None else json.dumps(after, ensure_ascii=False)
        about = after or {}
        self.db.execute(
            "INSERT OR REPLACE INTO things VALUES (?, ?, ?, ?, ?, ?)",
            (kind, id, version + 1, about.get("video"), about.get("class"), text),
        )
        value = whole(id, version + 1, after)
        logged = None if value is None else json.dumps(value, ensure_ascii=False)
        added = self.db.execute(
            "INSERT INTO changes (kind, id, value, client, request) VALUES (?, ?, ?, ?, ?)",
            (kind, id, logged, self.client, self.request),
        )
        assert added.lastrowid is not None
        self.changed.append(Change(kind, id, value, added.lastrowid, self.client))
        self.steps.append(Step(kind, id, before, after))

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
            raise invalid("There is no such video in this project.")
        return video, self.durations[video]

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

    def _check_class(self, id: str, value: Value | None) -> None:
        if value is None:
            used = "SELECT count(*) FROM things WHERE class = ? AND value IS NOT NULL"
            (count,) = self.db.execute(used, (id,)).fetchone()
            if count:
                raise Conflict("class", id, f"This class is in use: {count} clicks or segments are of it.")
            return
        rows = self.db.execute("SELECT id, value FROM things WHERE kind = 'class' AND value IS NOT NULL")
        for other, text in rows.fetchall():
            theirs = json.loads(text)
            if other != id and same_name(theirs["name"], value["name"]):
                raise Conflict("class", other, f"There is a class {theirs['name']!r} already.")
            if other != id and value["key"] is not None and theirs["key"] == value["key"]:
                message = f"Key {value['key']} belongs to class {theirs['name']!r} already."
                raise Conflict("class", other, message)


def whole(id: str, version: int, value: Value | None) -> Value | None:
    """A thing as clients know it."""
    return None if value is None else {"id": id, **value, "version": version}


def same_name(one: str, other: str) -> bool:
    """Whether two names would look the same on the screen."""
    return unicodedata.normalize("NFC", one) == unicodedata.normalize("NFC", other)


def perform(batch: Batch, ops: Sequence[Any], author: str) -> str:
    """Do all operations in order; in a few words what they did. Raises Refused, and all is to be undone."""
    if not 1 <= len(ops) <= MOST:
        raise invalid(f"A request holds 1 to {MOST} operations.")
    labels: dict[str, int] = {}
    for op in ops:
        if not isinstance(op, dict) or not isinstance(op.get("op"), str) or op["op"] not in _OPS:
            raise invalid(f"An operation is an object whose 'op' is one of: {', '.join(_OPS)}.")
        label = _OPS[op["op"]](batch, op, author)
        labels[label] = labels.get(label, 0) + 1
    batch.check()
    judged = [label for label in labels if label.endswith("prediction")]  # the rest of it follows from that
    label = judged[0] if judged else next(iter(labels))
    count = labels[label]
    return f"{label} ({count})" if count > 1 else label if judged or len(labels) == 1 else f"{label} and more"


def _add_click(batch: Batch, op: Value, author: str) -> str:
    id, (video, duration) = checks.id_of(op), batch.video(op)
    time = checks.seconds(op, "time", duration)
    batch.new("click", id)
    batch.write(
        "click", id, {"video": video, "time": time, "class": checks.id_of(op, "class"), "author": author}
    )
    return "Add click"


def _move_click(batch: Batch, op: Value, _: str) -> str:
    id = checks.id_of(op)
    click = batch.seen("click", op, id)
    time = checks.seconds(op, "time", batch.durations.get(click["video"]))
    batch.write("click", id, {**click, "time": time})
    return "Move click"


def _relabel_click(batch: Batch, op: Value, _: str) -> str:
    id = checks.id_of(op)
    batch.write("click", id, {**batch.seen("click", op, id), "class": checks.id_of(op, "class")})
    return "Relabel click"


def _delete(kind: Kind, label: str) -> Callable[[Batch, Value, str], str]:
    def delete(batch: Batch, op: Value, _: str) -> str:
        id = checks.text(op, "id", NAME) if kind == "verdict" else checks.id_of(op)
        batch.seen(kind, op, id)
        batch.write(kind, id, None)
        return label

    return delete


def _add_class(batch: Batch, op: Value, _: str) -> str:
    id = checks.id_of(op)
    value = {"name": checks.text(op, "name", LABEL), "color": checks.color(op), "key": checks.key(op)}
    batch.new("class", id)
    batch.write("class", id, value)
    return "Add class"


def _edit_class(batch: Batch, op: Value, _: str) -> str:
    id = checks.id_of(op)
    value = dict(batch.seen("class", op, id))
    if "name" in op:
        value["name"] = checks.text(op, "name", LABEL)
    if "color" in op:
        value["color"] = checks.color(op)
    if "key" in op:
        value["key"] = checks.key(op)
    batch.write("class", id, value)
    return "Edit class"


def _segment(batch: Batch, id: str, op: Value, value: Value, changes: Value) -> None:
    duration = batch.durations.get(value["video"])
    for key in ("start", "end"):
        if key in changes:
            value[key] = checks.seconds(op, key, duration)
    if "class" in changes:
        value["class"] = checks.id_of(op, "class")
    if not value["start"] < value["end"]:
        raise invalid("A segment must end after it starts.")
    batch.write("segment", id, value)


def _add_segment(batch: Batch, op: Value, author: str) -> str:
    id, (video, _) = checks.id_of(op), batch.video(op)
    batch.new("segment", id)
    origin = checks.choice(op, "origin", ("accepted", "drawn", "corrected"))
    prediction = None if op.get("prediction") is None else checks.text(op, "prediction", NAME)
    value = {"video": video, "start": 0, "end": 0, "class": "", "origin": origin, "prediction": prediction}
    _segment(batch, id, op, value, dict.fromkeys(("start", "end", "class")))
    return "Add segment"


def _edit_segment(batch: Batch, op: Value, _: str) -> str:
    id = checks.id_of(op)
    _segment(batch, id, op, dict(batch.seen("segment", op, id)), op)
    return "Edit segment"


def _judge(batch: Batch, op: Value, author: str) -> str:
    id, run = (checks.text(op, key, NAME) for key in ("id", "run"))
    video, _ = batch.video(op)
    verdict = checks.choice(op, "verdict", ("accepted", "rejected", "corrected"))
    there, value = batch.read("verdict", id)
    if (checks.version(op) or value is not None) and there != checks.version(op):
        raise Conflict("verdict", id, "Someone else judged this prediction in the meantime.")
    batch.write("verdict", id, {"video": video, "run": run, "verdict": verdict})
    return {"accepted": "Accept", "rejected": "Reject", "corrected": "Correct"}[verdict] + " prediction"


_OPS: dict[str, Callable[[Batch, Value, str], str]] = {
    "add_click": _add_click,
    "move_click": _move_click,
    "relabel_click": _relabel_click,
    "delete_click": _delete("click", "Delete click"),
    "add_class": _add_class,
    "edit_class": _edit_class,
    "delete_class": _delete("class", "Delete class"),
    "add_segment": _add_segment,
    "edit_segment": _edit_segment,
    "delete_segment": _delete("segment", "Delete segment"),
    "judge": _judge,
    "unjudge": _delete("verdict", "Take back verdict on prediction"),
}
