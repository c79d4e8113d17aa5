"""Undo and redo: each client steps back and forth through what it did itself, without limit.

A step is taken back only if no other client has changed its things since, and they are as this client left
them. One that cannot be is refused once and set aside; the next undo goes on with the step before it.
"""

from __future__ import annotations

import json
import sqlite3
from dataclasses import asdict
from typing import Literal

from hrpro.studio.answers import Refused
from hrpro.studio.batch import Batch, Conflict, Step

Direction = Literal["undo", "redo"]
# "done" can be undone, "undone" redone; "aside" neither.
_FROM, _TO = {"undo": "done", "redo": "undone"}, {"undo": "undone", "redo": "done"}


def note(batch: Batch, label: str) -> None:
    """Remember what a batch did, as the client's latest action; what it had undone cannot be redone now."""
    batch.db.execute("DELETE FROM actions WHERE client = ? AND state = 'undone'", (batch.client,))
    steps = json.dumps([asdict(step) for step in batch.steps], ensure_ascii=False)
    batch.db.execute(
        "INSERT INTO actions (client, state, label, steps, revision) VALUES (?, 'done', ?, ?, ?)",
        (batch.client, label, steps, batch.changed[-1].revision),
    )


def _next(db: sqlite3.Connection, client: str, direction: Direction) -> tuple[int, str, str, int] | None:
    order = "DESC" if direction == "undo" else "ASC"
    return db.execute(
        "SELECT number, label, steps, revision FROM actions WHERE client = ? AND state = ? "
        f"ORDER BY number {order} LIMIT 1",
        (client, _FROM[direction]),
    ).fetchone()


def take(batch: Batch, direction: Direction, of: int | None = None) -> str:
    """Take the client's latest action back, or do again what it undid last; the action's label.

    of: only if that action left this revision behind: whoever names one means none that came later.
    """
    action = _next(batch.db, batch.client, direction)
    if action is None:
        raise Refused(404, "nothing", f"There is nothing to {direction}.")
    number, label, text, revision = action
    if of not in (None, revision):
        message = f"Something else was done since; undo now would take back {label!r} first."
        raise Refused(409, "later", message)
    steps = [Step(**step) for step in json.loads(text)]
    if direction == "undo":
        steps = [Step(step.kind, step.id, step.after, step.before) for step in reversed(steps)]
    for step in steps:
        _check(batch, step, revision, label)
        batch.write(step.kind, step.id, step.after)
    batch.check()
    batch.db.execute(
        "UPDATE actions SET state = ?, revision = ? WHERE number = ?",
        (_TO[direction], batch.changed[-1].revision, number),
    )
    return label


def set_aside(db: sqlite3.Connection, client: str, direction: Direction, of: int | None = None) -> None:
    """Leave out the action that ``take`` was refused for."""
    action = _next(db, client, direction)
    if action is not None and of in (None, action[3]):
        db.execute("UPDATE actions SET state = 'aside' WHERE number = ?", (action[0],))


def _check(batch: Batch, step: Step, revision: int, label: str) -> None:
    others = batch.db.execute(
        "SELECT 1 FROM changes WHERE kind = ? AND id = ? AND revision > ? AND client <> ? LIMIT 1",
        (step.kind, step.id, revision, batch.client),
    ).fetchone()
    if others is not None or batch.read(step.kind, step.id)[1] != step.before:
        message = f"Someone else changed this {step.kind} since: {label!r} is left as it is."
        raise Conflict(step.kind, step.id, message)
