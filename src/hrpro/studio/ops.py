"""What can be done to a project: operations on things, each refused, or done and its steps noted for undo."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from hrpro.studio import checks
from hrpro.studio.answers import invalid
from hrpro.studio.batch import Batch, Conflict, Value
from hrpro.studio.changes import Kind
from hrpro.studio.naming import moved_id

MOST = 1000
"""Operations in one request."""
LABEL, NAME = 100, 512
"""Characters of a class's name; of a run's or prediction's id."""


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
    batch.write("click", id, {"video": video, "time": time, "class": batch.class_of(op), "author": author})
    return "Add click"


def _move_click(batch: Batch, op: Value, _: str) -> str:
    id = checks.id_of(op)
    click = batch.seen("click", op, id)
    time = checks.seconds(op, "time", batch.durations.get(click["video"]))
    batch.write("click", id, {**click, "time": time})
    return "Move click"


def _relabel_click(batch: Batch, op: Value, _: str) -> str:
    id = checks.id_of(op)
    batch.write("click", id, {**batch.seen("click", op, id), "class": batch.class_of(op)})
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
    key = batch.free_key() if op.get("key") == "free" else checks.key(op)
    value = {"name": checks.text(op, "name", LABEL), "color": checks.color(op), "key": key}
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


def _merge_class(batch: Batch, op: Value, _: str) -> str:
    """All that is of a class becomes of another, which remembers it: runs know the one they learned."""
    id, into = checks.id_of(op), checks.id_of(op, "into")
    gone, there = batch.seen("class", op, id), batch.read("class", into)[1]
    if into == id or there is None:
        raise invalid("'into' must be another class.")
    for kind, thing, value in batch.held("class", id):
        batch.write(kind, thing, {**value, "class": into})
    batch.write("class", into, {**there, "was": [*there.get("was", ()), id, *gone.get("was", ())]})
    batch.write("class", id, None)
    return "Merge classes"


def _move_video(batch: Batch, op: Value, _: str) -> str:
    """What was clicked and judged in a video whose file has another name now."""
    old, (video, duration) = checks.exact(op, "id"), batch.video(op)
    if old in batch.durations:
        raise invalid("Its own file is in the folder; its clicks stay with it.")
    held = batch.held("video", old)
    if not held:
        raise invalid("There is nothing to move.")
    for kind, id, value in held:
        named = [key for key in ("time", "start", "end") if key in value]
        moved = {**value, **{key: checks.seconds(value, key, duration) for key in named}, "video": video}
        if kind == "segment" and not moved["start"] < moved["end"]:
            raise invalid(f"A segment begins at {value['start']:.6g} s, where this video has ended.")
        if value.get("prediction"):
            moved["prediction"] = moved_id(value["prediction"], old, video)
        new = moved_id(id, old, video) if kind == "verdict" else id  # known by the name of what it is on
        if new != id:
            if batch.read(kind, new)[1] is not None:
                continue
            batch.write(kind, id, None)
        batch.write(kind, new, moved)
    return "Move to the renamed video"


def _segment(batch: Batch, id: str, op: Value, value: Value, changes: Value) -> None:
    duration = batch.durations.get(value["video"])
    for key in ("start", "end"):
        if key in changes:
            value[key] = checks.seconds(op, key, duration)
    if "class" in changes:
        value["class"] = batch.class_of(op)
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
    "merge_class": _merge_class,
    "move_video": _move_video,
    "add_segment": _add_segment,
    "edit_segment": _edit_segment,
    "delete_segment": _delete("segment", "Delete segment"),
    "judge": _judge,
    "unjudge": _delete("verdict", "Take back verdict on prediction"),
}
