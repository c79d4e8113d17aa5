"""What one person does with one page of the studio, and what the server told them: for the load benchmark."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

CLICKS_EVERY = 0.5  # s, mean of a client
COUNTS_EVERY = 3.0  # s, at most, as project.js has it
LAST = 3.0  # s for the streams' last changes
Click = dict[str, Any]


@dataclass
class Ledger:
    """What the clients were told. Times in ms by kind of request."""

    took: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    errors: list[str] = field(default_factory=list)
    stored: dict[str, Click | None] = field(default_factory=dict)  # id -> as acknowledged; None: deleted
    in_doubt: dict[str, list[Click | None]] = field(default_factory=dict)  # asked for when the server died
    seen: dict[str, int] = field(default_factory=dict)  # client -> latest revision that its stream brought
    events: dict[str, int] = field(default_factory=dict)  # client -> changes that it brought
    first: dict[str, int] = field(default_factory=dict)  # client -> revision that its stream began after
    killed: bool = False
    busy: float = 0.0  # cores that the server kept busy


class Connection:
    """HTTP/1.1 over one socket kept open, as light as can be: clients share the server's machine."""

    def __init__(self, port: int, client: str) -> None:
        self.port, self.client = port, client
        self.reader: asyncio.StreamReader | None = None
        self.writer: asyncio.StreamWriter | None = None

    async def ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> tuple[int, bytes]:
        """Status and body. A kept connection that the server has closed is opened again, as browsers do."""
        kept = self.writer is not None
        try:
            return await self._ask(method, path, body)
        except (OSError, asyncio.IncompleteReadError):
            self.close()
            if not kept:
                raise
            return await self._ask(method, path, body)

    async def _ask(self, method: str, path: str, body: dict[str, Any] | None) -> tuple[int, bytes]:
        if self.writer is None:
            self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port, limit=1 << 22)
        assert self.reader is not None
        content = b"" if body is None else json.dumps(body).encode()
        self.writer.write(self._head(method, path, len(content), body is not None) + content)
        await self.writer.drain()
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        status = int(head.split(" ", 2)[1])
        size = int(head.partition("content-length:")[2].split("\r\n", 1)[0])
        return status, await self.reader.readexactly(size)

    async def follow(self, since: int, ledger: Ledger) -> None:
        """Read the stream of changes until it ends."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, limit=1 << 22)
        writer.write(self._head("GET", f"/api/stream?since={since}", 0, False))
        ledger.first[self.client], ledger.events[self.client] = since, 0
        try:
            async for line in reader:
                if line.startswith(b"event: change"):
                    ledger.events[self.client] += 1
                elif line.startswith(b"id: "):
                    ledger.seen[self.client] = int(line[4:])
        except OSError:
            pass
        finally:
            writer.close()

    def _head(self, method: str, path: str, size: int, json_body: bool) -> bytes:
        more = f"Content-Type: application/json\r\nContent-Length: {size}\r\n" if json_body else ""
        return (
            f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\nX-Hrpro-Client: {self.client}\r\n"
            f"{more}\r\n".encode()
        )

    def close(self) -> None:
        if self.writer is not None:
            self.writer.close()
        self.reader = self.writer = None


class Client:
    """One person with one page."""

    def __init__(
        self, port: int, ledger: Ledger, classes: list[str], video: str, length: float, seed: int
    ) -> None:
        self.id, self.ledger, self.random = uuid4().hex, ledger, random.Random(seed)
        self.connection, self.pages = Connection(port, self.id), Connection(port, self.id)
        self.classes, self.video, self.length = classes, video, length
        self.mine: list[str] = []

    async def open(self) -> None:
        """Load the page and follow the stream."""
        _, project = await self.page("project", "/api/project")
        await self.page("video", f"/api/video?id={self.video}")
        self.following = asyncio.create_task(self.connection.follow(project["revision"], self.ledger))

    async def live(self, until: float) -> None:
        try:
            following = self.following
            counting = asyncio.create_task(self.count())
            while time.monotonic() < until and not self.ledger.killed:
                await asyncio.sleep(self.random.expovariate(1 / CLICKS_EVERY))
                await self.act()
            counting.cancel()
            if not self.ledger.killed:
                await asyncio.sleep(LAST)
            following.cancel()
            await asyncio.gather(following, counting, return_exceptions=True)
        finally:
            self.connection.close()
            self.pages.close()

    async def act(self) -> None:
        dice = self.random.random()
        if self.mine and dice < 0.15:
            held = self.ledger.stored[id := self.random.choice(self.mine)]
            assert held is not None
            op = {"op": "move_click", "id": id, "version": held["version"], "time": self.moment()}
        elif self.mine and dice < 0.2:
            held = self.ledger.stored[id := self.mine.pop()]
            assert held is not None
            op = {"op": "delete_click", "id": id, "version": held["version"]}
        else:
            class_ = self.random.choice(self.classes)
            op = {
                "op": "add_click",
                "id": uuid4().hex,
                "video": self.video,
                "time": self.moment(),
                "class": class_,
            }
        await self.store(op)

    async def store(self, op: dict[str, Any]) -> None:
        id, ledger = op["id"], self.ledger
        before = ledger.stored.get(id)
        wanted = None if op["op"] == "delete_click" else {"time": op["time"]}
        begun = time.perf_counter()
        try:
            status, content = await self.connection.ask(
                "POST", "/api/ops", {"request": uuid4().hex, "ops": [op]}
            )
        except (OSError, asyncio.IncompleteReadError) as error:
            ledger.in_doubt[id] = [before, wanted]
            if not ledger.killed:
                ledger.errors.append(f"click: {error!r}")
            return
        ledger.took["click"].append(1000 * (time.perf_counter() - begun))
        if status != 200:
            ledger.errors.append(f"click: {status} {content[:200]!r}")
            return
        value = json.loads(content)["changed"][0]["value"]
        ledger.stored[id] = value
        if op["op"] == "add_click":
            self.mine.append(id)

    async def count(self) -> None:
        """What the page does after changes: one look at the counts for many of them."""
        seen = 0
        while True:
            await asyncio.sleep(COUNTS_EVERY)
            if self.ledger.seen.get(self.id, 0) != seen:
                seen = self.ledger.seen.get(self.id, 0)
                await self.page("project", "/api/project")

    async def page(self, kind: str, path: str) -> tuple[int, Any]:
        begun = time.perf_counter()
        try:
            status, content = await self.pages.ask("GET", path)
        except (OSError, asyncio.IncompleteReadError) as error:
            if not self.ledger.killed:
                self.ledger.errors.append(f"{kind}: {error!r}")
            return 0, {"revision": 0}
        self.ledger.took[kind].append(1000 * (time.perf_counter() - begun))
        if status != 200:
            self.ledger.errors.append(f"{kind}: {status} {content[:200]!r}")
        return status, json.loads(content)

    def moment(self) -> float:
        return round(self.random.uniform(0, self.length), 3)
