"""The studio's real application on a real uvicorn server in this process, asked over raw sockets."""

from __future__ import annotations

import json
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("fastapi", reason="needs hrpro[studio]")
pytest.importorskip("cv2", reason="needs hrpro[video]")

import uvicorn

from hrpro.studio.app import create_app
from hrpro.studio.connection import uvicorn_settings
from hrpro.studio.door import Door
from hrpro.studio.project import open_project


@dataclass(frozen=True)
class Answer:
    """headers: by lower-case name; names: all of them as sent. closed: whether the server then closed."""

    status: int
    headers: dict[str, str]
    names: tuple[str, ...]
    body: bytes
    closed: bool

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Site:
    """A served project."""

    app: Any
    door: Door

    @property
    def port(self) -> int:
        return self.door.port

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def origin(self) -> str:
        return f"http://{self.host}"

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=20)

    def raw(self, request: bytes, *, head: bool = False) -> Answer:
        """Send these bytes, read one answer."""
        with self.connect() as wire:
            with suppress(ConnectionResetError, BrokenPipeError):  # refused before all was sent
                wire.sendall(request)
            return read_answer(wire, head=head)

    def get(self, target: str, *lines: str, method: str = "GET", host: str | None = None) -> Answer:
        head = [f"{method} {target} HTTP/1.1", f"Host: {host or self.host}", *lines, "Connection: close"]
        return self.raw(("\r\n".join(head) + "\r\n\r\n").encode("latin-1"), head=method == "HEAD")

    def post(self, target: str, body: bytes | dict[str, Any], *lines: str, plain: bool = False) -> Answer:
        """plain: only the headers given, for an attacker; otherwise those of the page besides."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        own = [
            f"Origin: {self.origin}",
            "Content-Type: application/json",
            "X-Hrpro-Client: tester",
            "Sec-Fetch-Site: same-origin",
        ]
        head = [f"POST {target} HTTP/1.1", f"Host: {self.host}", f"Content-Length: {len(content)}"]
        head += [*([] if plain else own), *lines, "Connection: close"]
        return self.raw(("\r\n".join(head) + "\r\n\r\n").encode("latin-1") + content)


def read_answer(wire: socket.socket, *, head: bool = False) -> Answer:
    """One HTTP/1.1 answer, whole: AssertionError if it is cut short."""
    content = b""
    while b"\r\n\r\n" not in content:
        piece = _receive(wire)
        assert piece, f"the connection was closed without an answer, after {content!r}"
        content += piece
    top, _, body = content.partition(b"\r\n\r\n")
    first, *lines = top.decode("latin-1").split("\r\n")
    found = re.fullmatch(r"HTTP/1\.1 (\d{3}) .*", first)
    assert found, first
    pairs = [(name.lower(), value.strip()) for name, _, value in (line.partition(":") for line in lines)]
    headers = dict(pairs)
    status, length = int(found[1]), headers.get("content-length")
    if head or status in (204, 304):
        length = "0"
    while length is None or len(body) < int(length):
        piece = _receive(wire)
        if not piece:
            break
        body += piece
    closed = False
    if headers.get("connection", "").lower() == "close":
        extra = _receive(wire)
        assert extra == b"", f"{extra!r} after the answer"
        closed = True
    if length is not None and not head:
        assert len(body) == int(length), (len(body), length)
    if headers.get("transfer-encoding") == "chunked":
        body = _unchunked(body)
    return Answer(status, headers, tuple(name for name, _ in pairs), body, closed)


def _receive(wire: socket.socket) -> bytes:
    try:
        return wire.recv(65536)
    except ConnectionResetError:
        return b""


def _unchunked(body: bytes) -> bytes:
    whole = b""
    while body:
        size, _, body = body.partition(b"\r\n")
        count = int(size, 16)
        whole, body = whole + body[:count], body[count + 2 :]
        if not count:
            break
    return whole


@contextmanager
def serving(folder: Path, **door: Any) -> Iterator[Site]:
    """Serve the project in ``folder`` behind ``Door(port, **door)``, on a free port of the loopback."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", 0))
        listener.listen(64)
        made = Door(listener.getsockname()[1], **door)
        app = create_app(open_project(folder), made)
        config = uvicorn.Config(app, log_level="critical", lifespan="on", **uvicorn_settings())
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        wait_for(lambda: server.started)
        try:
            yield Site(app, made)
        finally:
            app.state.studio.live.close()
            server.should_exit = True
            thread.join(20)
            assert not thread.is_alive(), "the server did not end"


def wait_for(true: Callable[[], Any], seconds: float = 30.0) -> Any:
    """What ``true`` gives once that is true."""
    end = time.monotonic() + seconds
    while not (found := true()):
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)
    return found
