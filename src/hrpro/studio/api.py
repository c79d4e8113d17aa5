"""Routes of the project itself: what is in it, edits, undo, the stream of changes, export."""

from __future__ import annotations

import json
import re
from dataclasses import asdict
from typing import Any
from urllib.parse import quote

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool

import hrpro
from hrpro.core.errors import HRProError
from hrpro.studio.answers import Refused, client_of, invalid, missing, read_body
from hrpro.studio.changes import Applied
from hrpro.studio.checks import text
from hrpro.studio.export import archive, export, run_to_export
from hrpro.studio.paths import disposition
from hrpro.studio.project import EMPTY
from hrpro.studio.recordings import ProjectVideo
from hrpro.studio.state import Studio
from hrpro.studio.stream import EventStream

AUTHOR = 100
"""Characters of the name that a client gives itself."""
REMARKS = "x-hrpro-remarks"
"""Header of an export: a JSON list of what its format leaves out or changes, percent-encoded."""
GONE = "Its file is not in the folder any more."


def router(studio: Studio) -> APIRouter:
    """GET /api/project, /api/video, /api/stream, /api/export; POST /api/ops, /api/undo, /api/redo."""
    routes = APIRouter()
    store = studio.store

    @routes.get("/api/project")
    def project() -> dict[str, Any]:
        try:
            studio.project.rescan()
        except HRProError as error:  # what was found before is still good to work on
            told = f"Shown is the folder as it was before, as it cannot be listed now: {error.what}"
            mend = f" ({error.mend})." if error.mend else "."
            return {**describe_project(studio), "hint": told + mend}
        return describe_project(studio)

    @routes.get("/api/video")
    def video(id: str) -> Response:
        return Response(describe_video(studio, id), media_type="application/json")

    @routes.post("/api/ops")
    async def ops(request: Request) -> Response:
        client, body = client_of(request), await read_body(request)
        wanted = body.get("ops")
        if not isinstance(wanted, list):
            raise invalid("'ops' must be a list of operations.")
        author = client if body.get("author") is None else text(body, "author", AUTHOR)
        return _told(await run_in_threadpool(store.apply, client, _request(body), wanted, author))

    @routes.post("/api/undo")
    async def undo(request: Request) -> Response:
        client, body = client_of(request), await read_body(request)
        of = body.get("of")
        if of is not None and (type(of) is not int or of < 1):
            raise invalid("'of' must be the revision that the action to undo was answered with.")
        return _told(await run_in_threadpool(store.undo, client, _request(body), of))

    @routes.post("/api/redo")
    async def redo(request: Request) -> Response:
        client, body = client_of(request), await read_body(request)
        return _told(await run_in_threadpool(store.redo, client, _request(body)))

    @routes.get("/api/stream")
    async def stream(request: Request, since: str | None = None) -> EventStream:
        last = request.headers.get("last-event-id")
        known = [_revision(value) for value in (since, last) if value]
        return EventStream(store, studio.live, max(known, default=None))

    @routes.get("/api/export")
    def export_file(format: str = "csv", run: str | None = None) -> Response:
        try:
            chosen = run_to_export(studio.project, run) if run else None
            plain = "seconds" if chosen is None else "segments"
            with store.view() as view:
                made = export(view, studio.project, plain if format == "csv" else format, run=chosen)
        except HRProError as error:  # its mend names an option of the command, which the page has not
            raise Refused(422, "problem", error.what) from None
        name, content = archive(made, studio.project.name + ("" if chosen is None else f"-run-{chosen.id}"))
        kind = "application/zip" if name.endswith(".zip") else "text/plain; charset=utf-8"
        # Beside the file, not in it: what the page tells of it, encoded as headers carry no other letters.
        told = quote(json.dumps(made.remarks, ensure_ascii=False).encode("utf-8", "replace"))
        headers = {"content-disposition": disposition(name, attachment=True), REMARKS: told}
        return Response(content, media_type=kind, headers=headers)

    return routes


def _request(body: dict[str, Any]) -> str:
    request = body.get("request")
    if not isinstance(request, str):
        raise invalid("'request' must be the request's own id.")
    return request


def _told(applied: Applied) -> Response:
    return JSONResponse(applied.as_dict())  # a dictionary would be walked through once more


def _revision(value: str) -> int:
    if not re.fullmatch(r"[0-9]{1,18}", value):
        raise invalid("'since' must be a revision, a number from 0 on.")
    return int(value)


def describe_project(studio: Studio) -> dict[str, Any]:
    """The answer of GET /api/project; its revision is the one from which the stream goes on."""
    with studio.store.view() as view:
        revision, classes = view.revision(), view.classes()
        counts = {key: view.counts(kind) for key, kind in _COUNTED.items()}
    ids = dict.fromkeys([*studio.project.videos, *sorted(set().union(*counts.values()))])
    found: dict[str, Any] = {
        "id": studio.project.id,
        "name": studio.project.name,
        "path": str(studio.project.root).encode("utf-8", "replace").decode(),
        "kind": studio.project.kind,
        "hint": None if studio.project.videos else EMPTY,
        "revision": revision,
        "version": hrpro.__version__,
        "videos": _videos(studio, list(ids), counts),
        "classes": classes,
        "runs": [],
        "can": {"train": False, "predict": False},
    }
    for facts in studio.project_facts:
        found.update(facts())
    return found


def describe_video(studio: Studio, id: str) -> str:
    """The answer of GET /api/video. Refused: there is no such video."""
    with studio.store.view() as view:
        revision, counts = view.revision(), {key: view.counts(kind) for key, kind in _COUNTED.items()}
        things = {f"{kind}s": view.listed(kind, id) for kind in ("click", "segment", "verdict")}
    if id not in studio.project.videos and all(text == "[]" for text in things.values()):
        raise missing("There is no such video in this project.")
    others = {
        "video": _videos(studio, [id], counts)[0],
        "renamed": None if id in studio.project.videos else studio.project.renamed(id),
        "truth": [asdict(segment) for segment in studio.project.truth(id)],
        "revision": revision,
    }
    told = json.dumps(others, allow_nan=False).removesuffix("}")
    return f"{told}, " + ", ".join(f'"{key}": {text}' for key, text in things.items()) + "}"


_COUNTED: dict[str, Any] = {"clicks": "click", "segments": "segment"}


def _videos(studio: Studio, ids: list[str], counts: dict[str, dict[str, int]]) -> list[dict[str, Any]]:
    videos = {id: studio.project.videos.get(id) or ProjectVideo(id, problem=GONE) for id in ids}
    told = {
        id: {
            "id": id,
            "name": id,
            "duration": video.duration,
            "fps": video.fps,
            "width": video.width,
            "height": video.height,
            "media": None,
            "playable": "no",
            "problem": video.problem,
            "gone": id not in studio.project.videos,
            "thumbs": None,
            **{key: found.get(id, 0) for key, found in counts.items()},
            "features": False,
            "predicted": 0,
            "reviewed": 0,
        }
        for id, video in videos.items()
    }
    for facts in studio.video_facts:
        for id, more in facts(ids).items():
            told[id].update(more)
    return list(told.values())
