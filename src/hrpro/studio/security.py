"""Who may ask the studio for what: one ASGI layer around everything, before any route sees a request.

Another site in the same browser may send requests here (CSRF) or give its own name our address (DNS
rebinding): so Host and Origin must be ours, and what changes something must carry what no foreign page can
send unasked, a JSON body and X-Hrpro-Client. Beyond loopback everything needs the token. Bodies are read
here, whole and bounded in size and time, and every answer, errors too, leaves with the headers below.

Plain ASGI, not Starlette's BaseHTTPMiddleware: that one would hold streams and hide a client's leaving.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from hrpro.studio.door import Door

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
CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; media-src 'self'; "
    "connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
)
SAFE = {
    "content-security-policy": CSP,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=(), usb=(), serial=(), payment=()",
}
"""Headers of every answer."""

log = logging.getLogger("hrpro.studio")
_CLIENT_ID = re.compile(rb"[A-Za-z0-9_-]{1,64}")
_JSON = re.compile(rb'application/json[ \t]*(;[ \t]*charset="?utf-8"?[ \t]*)?', re.IGNORECASE)
_LENGTH = re.compile(rb"[0-9]{1,18}")


class Denied(Exception):
    """A request that goes no further. headers: further ones of the answer."""

    def __init__(self, status: int, error: str, message: str, **headers: str) -> None:
        super().__init__(message)
        self.status, self.error, self.message, self.headers = status, error, message, headers


class Guard:
    """The ASGI application ``app`` behind ``door``."""

    def __init__(self, app: App, door: Door) -> None:
        self.app, self.door = app, door
        self._wrong = asyncio.Semaphore(1)
        self._waiting = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":  # there are no WebSockets here
            await receive()
            await send({"type": "websocket.close", "code": 1008})
            return
        answer = _Answer(scope, send)
        try:
            body = await self._admit(scope, receive, answer)
            if body is not None:
                await self.app(scope, _replay(body, receive), answer)
        except Denied as denied:
            await answer.refuse(denied)
        except Exception:
            log.exception("%s %s failed", scope["method"], ascii(scope["path"]))
            if answer.started:  # the length was promised: only closing tells that it did not all come
                raise
            text = "something went wrong in the server; what it was stands in the server's terminal"
            await answer.refuse(Denied(500, "internal", text))

    async def _admit(self, scope: Scope, receive: Receive, answer: _Answer) -> bytes | None:
        """The body of a request that may go on; None: it has been answered. Raises Denied."""
        headers = _headers(scope)
        if scope["method"] not in ("GET", "HEAD", "POST"):
            raise Denied(405, "method", "only GET, HEAD and POST are known here", allow="GET, HEAD, POST")
        host = headers.get(b"host")
        if host is None:
            raise Denied(400, "host", "a Host header is needed, once")
        if not self.door.is_ours(host, scope.get("server")):
            raise Denied(421, "host", f"this is not the server you asked for; open {self.door.url}")
        if await self._check_token(scope, headers, answer):
            return None
        self._check_origin(scope, headers, host)
        if scope["method"] != "POST":
            if headers.get(b"content-length", b"0").strip(b"0") or b"transfer-encoding" in headers:
                raise Denied(400, "body", f"{scope['method']} takes no body", connection="close")
            return b""
        if not _JSON.fullmatch(headers.get(b"content-type", b"").strip()):
            raise Denied(415, "type", "Content-Type must be application/json")
        if not _CLIENT_ID.fullmatch(headers.get(CLIENT.encode(), b"")):
            raise Denied(403, "client", "X-Hrpro-Client must be 1 to 64 letters, digits, - or _")
        return await _read_body(headers, receive)

    def _check_origin(self, scope: Scope, headers: dict[bytes, bytes], host: bytes) -> None:
        origin, site = headers.get(b"origin"), headers.get(b"sec-fetch-site")
        # A browser adds Origin to every POST, even of the same origin; a script has no need of it.
        browser = site is not None or b"cookie" in headers
        missing = origin is None and scope["method"] == "POST" and browser
        if missing or (origin is not None and origin.lower() != b"http://" + host.lower()):
            raise Denied(403, "origin", "only the studio's own page may ask for this")
        opened = (
            scope["path"] == "/"
            and scope["method"] == "GET"
            and headers.get(b"sec-fetch-mode") == b"navigate"
            and headers.get(b"sec-fetch-dest") == b"document"
        )
        if site not in (None, b"same-origin", b"none") and not opened:
            raise Denied(403, "origin", "only the studio's own page may ask for this")

    async def _check_token(self, scope: Scope, headers: dict[bytes, bytes], answer: _Answer) -> bool:
        """Whether that answered the request: the page was opened with ?token=, which now is in a cookie."""
        door = self.door
        given = door.token_in_address(scope["query_string"]) if scope["path"] == "/" else None
        if given is not None and scope["method"] == "GET":
            cookie = door.cookie_for(given)
            if cookie is None:
                await self._wrong_token()
            to = {"location": "/", "cache-control": "no-store"}
            await answer.whole(303, b"", to if not door.token else {**to, "set-cookie": str(cookie)})
            return True
        tries = door.tokens_in(headers)
        if door.token and not any(door.fits(token) for token in tries):
            if tries:
                await self._wrong_token()
            text = "open the address with ?token= that the server printed when it was started"
            raise Denied(401, "token", text, **{"www-authenticate": "Bearer"})
        return False

    async def _wrong_token(self) -> None:
        """One wrong try after the other, a slow one each; right ones do not wait. Always raises."""
        if self._waiting >= 32:
            raise Denied(429, "token", "too many wrong tokens", **{"retry-after": "30"})
        self._waiting += 1
        try:
            async with self._wrong:
                await asyncio.sleep(self.door.wrong_seconds)
        finally:
            self._waiting -= 1
        raise Denied(401, "token", "this is not the server's token", **{"www-authenticate": "Bearer"})


def _headers(scope: Scope) -> dict[bytes, bytes]:
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


async def _read_body(headers: dict[bytes, bytes], receive: Receive) -> bytes:
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


def _replay(body: bytes, receive: Receive) -> Receive:
    """``receive`` for the application: the body at once, then what the client does."""
    given = False

    async def replay() -> Message:
        nonlocal given
        if not given:
            given = True
            return {"type": "http.request", "body": body, "more_body": False}
        while True:  # the server tells the empty body of a GET here once more
            message = await receive()
            if message["type"] == "http.disconnect":
                return message

    return replay


class _Answer:
    """``send`` for the application, which adds the headers. started: whether the status has been sent."""

    def __init__(self, scope: Scope, send: Send) -> None:
        self.scope, self.send, self.started = scope, send, False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.started = True
            own = [line for line in message.get("headers", ()) if line[0].lower() not in _SET_HERE]
            if not any(name.lower() == b"cache-control" for name, _ in own):
                api = self.scope["path"].startswith("/api/") or message["status"] >= 400
                own.append((b"cache-control", b"no-store" if api else b"no-cache"))
            message = {**message, "headers": own + _SAFE_LINES}
        await self.send(message)

    async def whole(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        lines = [(name.encode(), value.encode()) for name, value in headers.items()]
        lines.append((b"content-length", str(len(body)).encode()))
        await self({"type": "http.response.start", "status": status, "headers": lines})
        await self({"type": "http.response.body", "body": body})

    async def refuse(self, denied: Denied) -> None:
        body = json.dumps({"error": denied.error, "message": denied.message}).encode()
        await self.whole(denied.status, body, {"content-type": "application/json", **denied.headers})


_SAFE_LINES = [(name.encode(), value.encode()) for name, value in SAFE.items()]
_SET_HERE = {name for name, _ in _SAFE_LINES} | {b"server"}
