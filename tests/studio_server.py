"""``hrpro studio`` as its users have it: a process of its own, on a free port, over a folder of videos."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import uuid4

START = 120.0  # s that a server may take to answer


class Server:
    """A running studio. project: the folder; log: where all it prints goes."""

    def __init__(self, project: Path, log: Path, *words: str) -> None:
        self.project, self.log, self.words, self.port = project, log, words, free_port()
        self.client = uuid4().hex
        self.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it, again after ``kill`` on the same port, and return when it answers."""
        command = [sys.executable, "-m", "hrpro.cli", "studio", str(self.project)]
        command += ["--port", str(self.port), "--no-browser", *self.words]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command, stdout=log, stderr=log, env={**os.environ, "OMP_NUM_THREADS": "1"}
            )
        end = time.monotonic() + START
        while True:
            try:
                self.get("/api/project")
                return
            except (OSError, http.client.HTTPException):
                assert self.process.poll() is None, self.log.read_text()
                assert time.monotonic() < end, self.log.read_text()
                time.sleep(0.05)

    def kill(self) -> None:
        """As a power cut would: no handler of its runs."""
        self.process.kill()
        self.process.wait(30)

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.kill()

    def get(self, path: str) -> Any:
        return self._ask("GET", path)

    def post(self, path: str, body: dict[str, Any]) -> Any:
        return self._ask("POST", path, body)

    def ops(self, *ops: dict[str, Any]) -> Any:
        return self.post("/api/ops", {"request": uuid4().hex, "ops": list(ops)})

    def clicks(self, video: str) -> list[dict[str, Any]]:
        found = self.get(f"/api/video?id={quote(video, safe='')}")["clicks"]
        return sorted(found, key=lambda click: click["time"])

    def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        headers = {"X-Hrpro-Client": self.client}
        if body is not None:
            headers["Content-Type"] = "application/json"
        try:
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            answer = connection.getresponse()
            content = answer.read()
        finally:
            connection.close()
        assert answer.status == 200, f"{method} {path}: {answer.status} {content[:500]!r}"
        return json.loads(content)


def free_port() -> int:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return held.getsockname()[1]
