"""A request read whole and within bounds: its address, its headers, its body; and how one is turned away."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

CLIENT = "x-hrpro-client"
BODY = 2**20
"""Bytes of the largest body that is read."""
BODY_SECONDS = 30.0
URL, HEADERS, HEADER_COUNT = 4096, 16384, 100  # bytes, bytes, lines
_LENGTH = re.compile(rb"[0-9]{1,18}")


class Denied(Exception):
    """A request that goes no further. headers: further ones of the answer."""

    def __init__(self, status: int, error: str, message: str, **headers: str) -> None:
        super().__init__(message)
        self.status, self.error, self.message, self.headers = status, error, message, headers


def read_headers(scope: Scope) -> dict[bytes, bytes]:
    """By lower-case name. Denied: too long, or one that decides here was sent twice."""
    target = scope.get("raw_path") or scope["path"].encode()
    if len(target) + len(scope["query_string"]) > URL:
        raise Denied(414, "address", f"the address is longer than {URL} bytes")
    lines = scope["headers"]
    if len(lines) > HEADER_COUNT or sum(len(name) + len(value) for name, value in lines) > HEADERS:
        raise Denied(431, "headers", f"more than {HEADER_COUNT} headers or {HEADERS} bytes of them")
    if not target.startswith(b"/") or b"\0" in target:
        raise Denied(400, "address", "the address must be a path of this server")
    found: dict[bytes, bytes] = {}
    for name, value in lines:
        if name.lower() in found and name.lower() != b"cookie":
            if name.lower() in _ONCE:
                raise Denied(400, "headers", f"{name.decode('latin-1')} is given twice")
            continue
        before = found.get(name.lower())
        found[name.lower()] = value if before is None else before + b"; " + value
    return found


_ONCE = (
    *(b"host", b"origin", b"content-length", b"content-type", b"transfer-encoding", b"authorization"),
    *(b"sec-fetch-site", b"sec-fetch-mode", b"sec-fetch-dest", b"range", CLIENT.encode()),
)


async def read_body(headers: dict[bytes, bytes], receive: Receive) -> bytes:
    """All of it; Denied: too long (as promised, or as counted), or too slow."""
    large = Denied(413, "large", f"more than {BODY} bytes at once", connection="close")
    length = headers.get(b"content-length")
    if length is not None and (not _LENGTH.fullmatch(length) or int(length) > BODY):
        raise large

    async def read() -> bytes:
        body, more = bytearray(), True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise Denied(400, "body", "the request ended in its middle", connection="close")
            body += message.get("body", b"")
            if len(body) > BODY:
                raise large
            more = message.get("more_body", False)
        return bytes(body)

    try:
        return await asyncio.wait_for(read(), BODY_SECONDS)
    except asyncio.TimeoutError:
        raise Denied(408, "slow", "the request did not come to its end in time", connection="close") from None


def replay(body: bytes, receive: Receive) -> Receive:
    """``receive`` for the application: the body at once, then what the client does."""
    given = False

    async def again() -> Message:
        nonlocal given
        if not given:
            given = True
            return {"type": "http.request", "body": body, "more_body": False}
        while True:  # the server tells the empty body of a GET here once more
            message = await receive()
            if message["type"] == "http.disconnect":
                return message

    return again
