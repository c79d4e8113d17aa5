"""How uvicorn is to speak HTTP for the studio: a client that does not finish its request is let go.

uvicorn waits for ever for a request's first lines ("slow loris"), and answers what is no HTTP without the
studio's headers; its access log would write the token of an opened address.
"""

from __future__ import annotations

from asyncio import BaseTransport, TimerHandle
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from hrpro.studio.request import HEADERS, URL
from hrpro.studio.security import SAFE

HEAD_SECONDS = 10.0


class PatientOnce(H11Protocol):
    """A connection whose requests must each have all their headers HEAD_SECONDS after their first byte."""

    _head: TimerHandle | None = None

    def connection_made(self, transport: BaseTransport) -> None:
        super().connection_made(transport)  # type: ignore[arg-type]
        self._await_head()

    def data_received(self, data: bytes) -> None:
        if self._head is None and (self.cycle is None or self.cycle.response_complete):
            self._await_head()
        super().data_received(data)

    def handle_events(self) -> None:
        before = self.cycle
        super().handle_events()
        if self.cycle is not before:
            self._let_go()

    def connection_lost(self, exc: Exception | None) -> None:
        self._let_go()
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        self._let_go()
        if self.conn.our_state is not h11.SEND_RESPONSE and self.conn.our_state is not h11.IDLE:
            self.transport.close()  # an answer is on its way already, and no second one fits behind it
            return
        body = b'{"error": "http", "message": "this is no HTTP request"}'
        headers = [(name, value) for name, value in SAFE.items()]
        headers += [("content-type", "application/json"), ("content-length", str(len(body)))]
        headers += [("cache-control", "no-store"), ("connection", "close")]
        for event in (
            h11.Response(status_code=400, headers=headers, reason=b"Bad Request"),
            h11.Data(data=body),
            h11.EndOfMessage(),
        ):
            self.transport.write(self.conn.send(event) or b"")
        self.transport.close()

    def _await_head(self) -> None:
        self._head = self.loop.call_later(HEAD_SECONDS, self._too_slow)

    def _let_go(self) -> None:
        if self._head is not None:
            self._head.cancel()
            self._head = None

    def _too_slow(self) -> None:
        self._head = None
        if not self.transport.is_closing():
            self.transport.abort()


def uvicorn_settings() -> dict[str, Any]:
    """Keywords of ``uvicorn.Config`` without which the studio is not as safe as it says."""
    return {
        "http": PatientOnce,
        "ws": "none",
        "h11_max_incomplete_event_size": 2 * (HEADERS + URL),
        "limit_concurrency": 1000,
        "timeout_keep_alive": 30,
        "timeout_graceful_shutdown": 3,
        "server_header": False,
        "proxy_headers": False,
        "access_log": False,
    }
