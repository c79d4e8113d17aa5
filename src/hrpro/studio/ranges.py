"""A file, or one range of it, over HTTP (RFC 9110, 14): how a browser's player seeks.

Several ranges at once may be ignored by RFC 9110, and are: that request gets the whole file, as a malformed
Range does. No player asks for several.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import re
from email.utils import formatdate

from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from hrpro.studio.request import Receive, Scope, Send

CHUNK = 256 * 1024
STALLED = 300.0
"""s after which a client that takes nothing is let go; a player asks again where it went on."""
_RANGE = re.compile(r"bytes[ \t]*=[ \t]*(\d*)-(\d*)[ \t]*", re.ASCII | re.IGNORECASE)
log = logging.getLogger("hrpro.studio")


class FileAnswer(Response):
    """An ASGI answer with the content of an open descriptor, which it closes.

    type: Content-Type. further: headers. Whoever leaves ends the reading; a file that gets shorter while it
    is sent ends the connection, since the promised length tells that there should be more.
    """

    def __init__(self, handle: int, type: str, *, further: dict[str, str] | None = None) -> None:
        super().__init__()  # what FastAPI looks at; sent is what ``__call__`` sends
        self._handle, self._type, self._further = handle, type, further or {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self._answer(scope, receive, send)
        finally:
            os.close(self._handle)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        found = os.fstat(self._handle)
        size = found.st_size
        etag = f'"{size:x}-{found.st_mtime_ns:x}"'
        modified = formatdate(found.st_mtime, usegmt=True)
        asked = {name.lower().decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        headers = {
            "content-type": self._type,
            "accept-ranges": "bytes",
            "etag": etag,
            "last-modified": modified,
            "cache-control": "private, no-cache",
            **self._further,
        }
        status, first, count = 200, 0, size
        if matches(asked.get("if-none-match"), etag):
            status, count = 304, 0
        elif scope["method"] == "GET" and asked.get("if-range", etag) in (etag, modified):
            part = parse_range(asked.get("range"), size)
            if part is not None and part[1] == 0:
                status, count = 416, 0
                headers |= {"content-range": f"bytes */{size}"}
            elif part is not None:
                status, (first, count) = 206, part
                headers |= {"content-range": f"bytes {first}-{first + count - 1}/{size}"}
        if status != 304:
            headers["content-length"] = str(count)
        lines = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": status, "headers": lines})
        if scope["method"] == "HEAD" or not count:
            await send({"type": "http.response.body", "body": b""})
            return
        await self._send(first, count, receive, send)

    async def _send(self, first: int, count: int, receive: Receive, send: Send) -> None:
        gone = asyncio.create_task(left(receive))
        try:
            while count and not gone.done():
                piece = await run_in_threadpool(_read, self._handle, first, min(count, CHUNK))
                if not piece:
                    log.warning("a video file got shorter while it was sent; the connection is closed")
                    return  # without the last message: the server closes the connection
                first, count = first + len(piece), count - len(piece)
                message = {"type": "http.response.body", "body": piece, "more_body": count > 0}
                await asyncio.wait_for(send(message), STALLED)
        except asyncio.TimeoutError:
            log.info("a client took nothing for %g s; the connection is closed", STALLED)
        finally:
            gone.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await gone


def parse_range(header: str | None, size: int) -> tuple[int, int] | None:
    """(first byte, how many) of a file of ``size`` bytes; how many is 0 where nothing lies there (416).

    None: no range, several, or none that is understood, all of which get the whole file.
    """
    found = _RANGE.fullmatch(header.strip()) if header else None
    if found is None:
        return None
    first, last = found.groups()
    if not (first or last) or max(len(first), len(last)) > 18:
        return None
    if not first:
        count = min(int(last), size)
        return size - count, count
    if last and int(last) < int(first):
        return None
    if int(first) >= size:
        return 0, 0
    return int(first), min(int(last) if last else size - 1, size - 1) - int(first) + 1


def _read(handle: int, first: int, count: int) -> bytes:
    os.lseek(handle, first, os.SEEK_SET)  # no os.pread on Windows; nobody else reads by this descriptor
    return os.read(handle, count)


async def left(receive: Receive) -> None:
    """Returns when the client has gone."""
    while (await receive())["type"] != "http.disconnect":
        pass


def matches(header: str | None, etag: str) -> bool:
    """Whether If-None-Match names our version."""
    if header is None:
        return False
    return "*" in header or etag in [tag.strip().removeprefix("W/") for tag in header.split(",")]
