"""``hrpro studio``: open the project, serve it, show it in the browser, and end when asked to, at once."""

from __future__ import annotations

import logging
import os
import socket
import sys
import threading
import time
import webbrowser
from contextlib import suppress
from pathlib import Path

import uvicorn
from fastapi import FastAPI

from hrpro.core.errors import ConfigError
from hrpro.studio.app import create_app
from hrpro.studio.connection import uvicorn_settings
from hrpro.studio.door import Door
from hrpro.studio.lock import LOCK, only_server
from hrpro.studio.project import EMPTY, open_project

PORT, _TRIED = 8765, 20
_SOON = 2.0  # s
_LAST_ANSWERS = 1.0
"""s for answers that were begun when the end was asked for; stored is what was acknowledged in any case."""


class Server(uvicorn.Server):
    """uvicorn's, which tells when it serves and lets the open streams go as it ends."""

    def __init__(self, config: uvicorn.Config, app: FastAPI, door: Door, browser: bool) -> None:
        super().__init__(config)
        self._app, self._door, self._browser = app, door, browser

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if not self.started:
            return
        print(f"hrpro studio: {self._door.url_with_token}   (Ctrl-C ends it)", flush=True)
        if self._browser and _has_screen():
            # Some browsers keep the one who opens them waiting.
            address = self._door.url_with_token
            threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._app.state.studio.live.close()
        # Of a request whose end does not come in time it would print how deep it was in our code.
        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
        await super().shutdown(sockets)


def serve(path: str | Path, host: str = "127.0.0.1", port: int | None = None, browser: bool = True) -> None:
    """Serve the project in the folder ``path`` until Ctrl-C. port: None: the first free one from 8765 on.

    Raises ConfigError, DataError, RunError: no such folder, no such address or port, another server has it.
    """
    project = open_project(path, Progress("looking into videos not seen before"))
    listener = _listen(host, port)
    with listener:
        door = Door.at(host, listener.getsockname()[1])
        with only_server(project.own / LOCK, door.url):
            app = create_app(project, door)
            for remark in project.remarks:
                print(f"hrpro: {remark}", file=sys.stderr)
            if not project.videos:
                print(EMPTY)
            settings = {**uvicorn_settings(), "timeout_graceful_shutdown": _LAST_ANSWERS}
            config = uvicorn.Config(app, log_level="warning", lifespan="on", **settings)
            with suppress(KeyboardInterrupt):  # uvicorn has ended cleanly, and passes on what ended it
                Server(config, app, door, browser).run(sockets=[listener])
    print("stopped; all that was shown as done is stored")


class Progress:
    """Says on the terminal how far something is, where it takes longer than a moment."""

    def __init__(self, what: str) -> None:
        self._what, self._last = what, time.monotonic()

    def __call__(self, done: int, total: int) -> None:
        if time.monotonic() - self._last > _SOON:
            self._last = time.monotonic()
            print(f"hrpro: {self._what}: {done} of {total}", file=sys.stderr, flush=True)


def _listen(host: str, port: int | None) -> socket.socket:
    """A socket bound to the address."""
    fault = "there is no port to try"
    tried = range(PORT, PORT + _TRIED) if port is None else (port,)
    bare = host.strip("[]")
    try:
        family, _, _, _, address = socket.getaddrinfo(
            bare or None, 0, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except OSError as error:
        raise ConfigError(f"there is no address {host!r}", where="--host", mend="127.0.0.1") from error
    for number in tried:
        listener = socket.socket(family, socket.SOCK_STREAM)
        try:
            if os.name != "nt":  # there, it would let two servers share a port
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((address[0], number, *address[2:]))
            listener.listen(256)
            return listener
        except OSError as error:
            listener.close()
            fault = error.strerror
        except OverflowError:
            listener.close()
            raise ConfigError(f"a port is a number from 0 to 65535, not {number}", where="--port") from None
    mend = "--port N names another, --port 0 takes any that is free"
    what = f"cannot listen at {host}, port {tried[0]}: {fault}"
    raise ConfigError(what, where="--port", mend=mend)


def _has_screen() -> bool:
    """Whether there is a screen for a browser; without one, a text browser would take over the terminal."""
    if os.name == "nt" or sys.platform == "darwin":
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY") or os.environ.get("BROWSER"))
