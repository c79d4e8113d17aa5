"""An open store on three imaginary videos, and the words to work it with."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

from hrpro.studio.answers import Refused
from hrpro.studio.store import Store
from rendered_videos import even_times, render

DURATIONS: dict[str, float | None] = {"a": 60.0, "b/ü c": 10.0, "unknown length": None}
Op = dict[str, Any]


def make_videos(folder: Path) -> Path:
    """Three small videos of 20 s in a new folder."""
    folder.mkdir(parents=True)
    for name in ("one", "two", "three"):
        render(folder / f"{name}.mp4", even_times(5, 20), fps=5)
    return folder


def new_id() -> str:
    return uuid4().hex


@contextmanager
def opened(folder: Path, **more: Any) -> Iterator[Store]:
    store = Store(folder / "corner" / "studio.db", lambda: DURATIONS, **more)
    try:
        yield store
    finally:
        store.close()


def add_class(id: Any = "c1", name: Any = "jump", key: Any = None, color: Any = "#aa00ff") -> Op:
    return {"op": "add_class", "id": id, "name": name, "color": color, "key": key}


def add_click(id: Any = "k1", time: Any = 1.0, video: Any = "a", label: Any = "c1") -> Op:
    return {"op": "add_click", "id": id, "video": video, "time": time, "class": label}


def add_segment(id: Any = "s1", start: Any = 1.0, end: Any = 2.0, video: Any = "a", label: Any = "c1") -> Op:
    more = {"origin": "accepted", "prediction": "run/a/1"}
    return {"op": "add_segment", "id": id, "video": video, "start": start, "end": end, "class": label, **more}


def judge(id: str = "run/a/1", verdict: str = "accepted", version: int = 0) -> Op:
    return {"op": "judge", "id": id, "video": "a", "run": "run", "verdict": verdict, "version": version}


def refusal(store: Store, *ops: Any, client: str = "me", request: str | None = None) -> Refused:
    """What the store says no to, having changed nothing."""
    before = everything(store), store.revision()
    try:
        applied = store.apply(client, request or new_id(), list(ops))
    except Refused as refused:
        assert (everything(store), store.revision()) == before
        return refused
    raise AssertionError(f"not refused: {applied}")


def everything(store: Store, versions: bool = True) -> dict[tuple[str, str], Op]:
    """All things by kind and id."""
    with store.view() as view:
        kinds = {
            "class": view.classes(),
            "click": view.clicks(),
            "segment": view.segments(),
            "verdict": view.verdicts(),
        }
    found = {(kind, thing["id"]): thing for kind, things in kinds.items() for thing in things}
    if versions:
        return found
    return {key: {k: v for k, v in thing.items() if k != "version"} for key, thing in found.items()}
