"""kill -9 in a storm of clicks: every acknowledged one is there afterwards, and no request by halves."""

from __future__ import annotations

import http.client
import json
import random
import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("fastapi", reason="the extra [studio] is not installed")
pytest.importorskip("av", reason="the extra [video] is not installed")

from studio_server import Server
from studio_store import add_class, add_click, make_videos, new_id

THREADS, ROUNDS = 6, 3


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    running = Server(make_videos(tmp_path / "project"), tmp_path / "server.log")
    yield running
    running.stop()


class Clicker(threading.Thread):
    """A client that clicks as fast as it is answered, until the server is gone."""

    def __init__(self, port: int, number: int, tag: str) -> None:
        super().__init__(daemon=True)
        self.port, self.client, self.tag = port, f"client{number}", f"{tag}-{number}"
        self.sent: list[dict[str, Any]] = []
        self.answered: list[tuple[dict[str, Any], dict[str, Any]]] = []
        self.refused: list[str] = []

    def run(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            for count in range(100_000):
                body = self._body(count)
                self.sent.append(body)
                status, answer = ask(connection, self.client, body)
                if status == 200:
                    self.answered.append((body, answer))
                else:
                    self.refused.append(f"{status} {answer}")
        except (OSError, http.client.HTTPException, ValueError):
            pass  # killed in the middle of an answer, or before it
        finally:
            connection.close()

    def _body(self, count: int) -> dict[str, Any]:
        size = 1 + count % 3
        ids = [f"{self.tag}-{count}-{i}of{size}" for i in range(size)]
        return {"request": new_id(), "ops": [add_click(id, count % 20, "one") for id in ids]}


def ask(connection: http.client.HTTPConnection, client: str, body: dict[str, Any]) -> tuple[int, Any]:
    headers = {"Content-Type": "application/json", "X-Hrpro-Client": client}
    connection.request("POST", "/api/ops", json.dumps(body), headers)
    answer = connection.getresponse()
    return answer.status, json.loads(answer.read())


def test_no_acknowledged_click_is_lost(server: Server) -> None:
    chance = random.Random(4)
    server.ops(add_class())
    sent: list[tuple[str, dict[str, Any]]] = []
    answered: list[tuple[str, dict[str, Any], dict[str, Any]]] = []
    in_flight = 0
    for number in range(ROUNDS):
        clickers = [Clicker(server.port, i, f"round{number}") for i in range(THREADS)]
        for clicker in clickers:
            clicker.start()
        while sum(len(clicker.answered) for clicker in clickers) < 60:
            assert server.process.poll() is None
            time.sleep(0.005)
        time.sleep(chance.uniform(0, 0.3))
        server.kill()
        for clicker in clickers:
            clicker.join(30)
            assert clicker.refused == []
            sent += [(clicker.client, body) for body in clicker.sent]
            answered += [(clicker.client, *pair) for pair in clicker.answered]
        in_flight += sum(len(clicker.sent) - len(clicker.answered) for clicker in clickers)
        server.start()
        there = {click["id"]: click for click in server.clicks("one")}
        for _, _, answer in answered:
            for change in answer["changed"]:
                assert there.get(change["id"]) == change["value"], "an acknowledged click is lost"
        for _, body in sent:
            found = {op["id"] in there for op in body["ops"]}
            assert len(found) == 1, "a request is there by halves"
        assert set(there) <= {op["id"] for _, body in sent for op in body["ops"]}
    assert in_flight > 0, "no request was under way when the server was killed"

    # Whoever was not answered sends it again; whoever was, may too. All of it is there once.
    revision = server.get("/api/project")["revision"]
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    known = {body["request"]: answer for _, body, answer in answered}
    missing = {
        op["id"]
        for _, body in sent
        for op in body["ops"]
        if op["id"] not in {c["id"] for c in server.clicks("one")}
    }
    for client, body in sent:
        status, answer = ask(connection, client, body)
        assert status == 200, answer
        assert answer == known.get(body["request"], answer)
    connection.close()
    ids = [click["id"] for click in server.clicks("one")]
    assert sorted(ids) == sorted(op["id"] for _, body in sent for op in body["ops"])
    assert server.get("/api/project")["revision"] == revision + len(missing)

    server.kill()
    db = sqlite3.connect(server.project / ".hrpro-studio" / "studio.db")
    assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    revisions = [row[0] for row in db.execute("SELECT revision FROM changes ORDER BY revision")]
    assert revisions == list(range(1, len(revisions) + 1))
    db.close()
