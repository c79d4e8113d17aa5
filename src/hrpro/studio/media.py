"""Routes of all that is seen of a video: the file or its copy, thumbnails, the times of its pictures."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from hrpro.core.errors import DataError, RunError
from hrpro.data.whole import appearing
from hrpro.studio.answers import Refused, invalid, missing, read_body
from hrpro.studio.paths import Listing, corner, disposition, open_file
from hrpro.studio.playable import COPY, MP4, NO, YES, Facts, key
from hrpro.studio.proxies import Proxies
from hrpro.studio.ranges import FileAnswer, matches
from hrpro.studio.state import Studio
from hrpro.studio.thumbnails import HEIGHTS, Shelf, grid_index, grid_step, thumbnail
from hrpro.video.frame_times import FrameTimes, frame_times

DRAWING = 2
"""Thumbnails decoded at a time."""
WAITING = 256
"""Thumbnails that may wait for that; who asks for more is told to come back."""
DAY = "private, max-age=86400"  # a changed file has another address: ``v`` in it


def router(state: Studio) -> APIRouter:
    """GET /media, /thumb, /api/frames; POST /api/proxy; and what the page is told of each video by them."""
    media = Media(state)
    state.video_facts.append(media.facts)
    state.closing.append(media.close)
    routes = APIRouter()
    routes.add_api_route("/media", media.file, methods=["GET", "HEAD"])
    routes.add_api_route("/thumb", media.thumb, methods=["GET"])
    routes.add_api_route("/api/frames", media.frames, methods=["GET"])
    routes.add_api_route("/api/proxy", media.copy, methods=["POST"])
    return routes


class Shown(NamedTuple):
    """What is played for a video. path: the file, or its copy. name: of this version of what is played."""

    path: Path
    facts: Facts
    name: str
    is_copy: bool


class Media:
    """What the routes share."""

    def __init__(self, state: Studio) -> None:
        project = state.project
        self._listing, self._project = Listing(project), project
        assert project.book is not None
        self._book = project.book
        self._frames = corner(project.own, "frames")
        self._shelf = Shelf(corner(project.own, "thumbs"))
        self.proxies = Proxies(corner(project.own, "proxies"), self._listing, state.live.publish)
        self._drawing: dict[str, asyncio.Task[bytes]] = {}
        self._draw_limit, self._scan_limit = CapacityLimiter(DRAWING), CapacityLimiter(1)

    def close(self) -> None:
        """Ends the making of copies."""
        self.proxies.close()

    def facts(self, ids: Sequence[str]) -> Mapping[str, Mapping[str, Any]]:
        """media, playable, thumbs, thumb_step (s) and, where there is one, problem of each video."""
        files = self._project.files
        found = {id: self._facts(id) for id in ids if id in files}
        self._book.save()
        return found

    def _facts(self, id: str) -> dict[str, Any]:
        try:
            shown = self._shown(id)
        except Refused as refused:
            return {"media": None, "playable": NO, "thumbs": None, "problem": refused.message}
        playable, problem = YES if shown.is_copy else shown.facts.playable, None
        if playable != YES and self.proxies.making(id):
            playable = "making"
        elif playable == COPY and (problem := self.proxies.failure(id)):
            playable = NO
        query = f"id={quote(id, safe='')}&v={shown.name.partition('-')[2]}"
        facts: dict[str, Any] = {
            "media": f"/media?{query}" if playable == YES else None,
            "playable": playable,
            "thumbs": f"/thumb?{query}" if shown.facts.playable != NO else None,
            "thumb_step": grid_step(shown.facts.duration),
        }
        return facts if problem is None else {**facts, "problem": problem}

    def _shown(self, id: str) -> Shown:
        path = self._listing.path(id)
        try:
            facts, name = self._book.of(id, path), key(id, path)
            copy = self.proxies.ready(id, path)
        except OSError:
            raise missing("The file of this video cannot be read any more.") from None
        return Shown(path, facts, name, False) if copy is None else Shown(copy, facts, f"{name}-c", True)

    async def file(self, request: Request) -> FileAnswer:
        """GET /media?id=: the video, its copy if there is one."""

        def find() -> tuple[int, str, str]:
            id = _id(request)
            shown = self._shown(id)
            if shown.facts.playable == NO and self._project.inside is None:  # a manifest may name anything
                raise missing("This file cannot be shown.")
            name = disposition(Path(id).name + shown.path.suffix)
            return open_file(shown.path), MP4 if shown.is_copy else shown.facts.type, name

        handle, type, name = await run_in_threadpool(find)
        return FileAnswer(handle, type, further={"content-disposition": name})

    async def thumb(self, request: Request) -> Response:
        """GET /thumb?id=&t=SECONDS&h=PIXELS: JPEG of the grid's picture nearest to t."""
        seconds, height = _number(request, "t"), request.query_params.get("h", "72")
        if height not in map(str, HEIGHTS):
            raise invalid(f"h must be one of {', '.join(map(str, HEIGHTS))}.")

        def find() -> tuple[Shown, int, str, bytes | None]:
            shown = self._shown(_id(request))
            if shown.facts.playable == NO:
                raise missing("This file cannot be shown.")
            index = grid_index(seconds, shown.facts.duration)
            name = f"{shown.name.removesuffix('-c')}/{height}/{index}.jpg"
            return shown, index, name, self._shelf.get(name)

        shown, index, name, jpeg = await run_in_threadpool(find)
        headers = {"cache-control": DAY, "etag": f'"{name}"'}
        if matches(request.headers.get("if-none-match"), headers["etag"]):
            return Response(status_code=304, headers=headers)
        if jpeg is None:
            jpeg = await self._draw(name, shown, index, int(height))
        return Response(jpeg, media_type="image/jpeg", headers=headers)

    async def _draw(self, name: str, shown: Shown, index: int, height: int) -> bytes:
        """Each is drawn once, however many ask; whoever leaves does not take it from the others."""
        task = self._drawing.get(name)
        if task is None:
            if len(self._drawing) >= WAITING:
                raise Refused(503, "busy", "Too many thumbnails are being made; ask again in a moment.")
            step = grid_step(shown.facts.duration)

            def draw() -> bytes:
                try:
                    jpeg = thumbnail(shown.path, index * step, height, step)
                except DataError:
                    raise missing("The file shows no picture there.") from None
                self._shelf.put(name, jpeg)
                return jpeg

            task = asyncio.create_task(to_thread.run_sync(draw, limiter=self._draw_limit))
            self._drawing[name] = task
            task.add_done_callback(lambda done: self._drawn(name, done))
        return await asyncio.shield(task)

    def _drawn(self, name: str, task: asyncio.Task[bytes]) -> None:
        self._drawing.pop(name, None)
        if not task.cancelled():
            task.exception()  # told to those who wait; if they all have left, to nobody

    async def frames(self, request: Request) -> Response:
        """GET /api/frames?id= -> {fps, vfr, times: s of each picture, or null where the rate is constant}."""

        def find() -> tuple[Shown, Path]:
            shown = self._shown(_id(request))
            return shown, self._frames / f"{shown.name}.json"

        def scan() -> bytes:
            try:
                return kept.read_bytes()
            except OSError:
                pass
            try:
                found = frame_times(shown.path)
            except DataError:
                found = FrameTimes(shown.facts.fps, False, None)
            try:
                with appearing(kept) as scratch:
                    scratch.write_bytes(found.as_json())
            except RunError:
                pass  # found out again the next time
            return found.as_json()

        shown, kept = await run_in_threadpool(find)
        content = await to_thread.run_sync(scan, limiter=self._scan_limit)
        return Response(content, media_type="application/json")

    async def copy(self, request: Request) -> JSONResponse:
        """POST /api/proxy {id}: have a copy made that every browser plays; progress comes as events."""
        id = (await read_body(request)).get("id")
        if not isinstance(id, str):
            raise invalid("id must be the video's id.")

        def ask() -> str:
            if self._shown(id).facts.playable == NO:
                raise invalid("This file cannot be shown, so no copy can be made of it.")
            return self.proxies.ask(id)

        return JSONResponse({"id": id, "playable": await run_in_threadpool(ask)})


def _id(request: Request) -> str:
    ids = request.query_params.getlist("id")
    if len(ids) != 1:
        raise invalid("id must be given, once.")
    return ids[0]


def _number(request: Request, name: str) -> float:
    try:
        number = float(request.query_params.get(name, "0"))
    except ValueError:
        number = math.nan
    if not (math.isfinite(number) and 0 <= number <= 1e7):
        raise invalid(f"{name} must be a time in seconds.")
    return number
