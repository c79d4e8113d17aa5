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

from hrpro.studio.door import Door
from hrpro.studio.request import (
    CLIENT,
    App,
    Denied,
    Message,
    Receive,
    Scope,
    Send,
    read_body,
    read_headers,
    replay,
)

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
                await self.app(scope, replay(body, receive), answer)
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
        headers = read_headers(scope)
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
        return await read_body(headers, receive)

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
        # Over plain HTTP from another machine no browser says Sec-Fetch: what asks for HTML follows a link.
        link = site is None and b"cookie" in headers and b"text/html" in headers.get(b"accept", b"").lower()
        if link and scope["path"] != "/":
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
        body, kind = json.dumps({"error": denied.error, "message": denied.message}), "application/json"
        if self.scope["path"] == "/" and denied.status == 401:  # people look at this one
            body, kind = f"hrpro studio: {denied.message}\n", "text/plain; charset=utf-8"
        await self.whole(denied.status, body.encode(), {"content-type": kind, **denied.headers})


_SAFE_LINES = [(name.encode(), value.encode()) for name, value in SAFE.items()]
_SET_HERE = {name for name, _ in _SAFE_LINES} | {b"server"}
