"""Fifty people clicking in one project at once, the server killed in the midst of it, and what was lost.

    python benchmarks/studio_load.py [--seconds 60] [--clients 50] [--clicks 10000] [--hours 3]

A project of one long video (one picture a second, so that making it is quick) with that many clicks in it.
Each client does what a page does: opens the project and the video, follows the stream of changes, and adds,
moves or takes back a click twice a second; after changes of others it asks for the counts again, at most
every 1.2 s. At the end the server is killed (SIGKILL) while they go on, and started again. Prints requests,
errors, milliseconds, changes that a stream did not bring, and acknowledged clicks that are lost. Exits with 1
for any error, any loss.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
import tempfile
import time
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np

from studio_project import seeded_project

CLICKS_EVERY = 0.5  # s, mean of a client
COUNTS_EVERY = 1.2  # s, at most, as project.js has it
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


class Connection:
    """HTTP/1.1 over one socket kept open, as light as can be: clients share the server's machine."""

    def __init__(self, port: int, client: str) -> None:
        self.port, self.client = port, client
        self.reader: asyncio.StreamReader | None = None
        self.writer: asyncio.StreamWriter | None = None

    async def ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> tuple[int, bytes]:
        if self.writer is None:
            self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port, limit=1 << 22)
        assert self.reader is not None
        content = b"" if body is None else json.dumps(body).encode()
        self.writer.write(self._head(method, path, len(content), body is not None) + content)
        await self.writer.drain()
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        status = int(head.split(" ", 2)[1])
        if "transfer-encoding: chunked" in head:
            parts = []
            while size := int((await self.reader.readline()), 16):
                parts.append(await self.reader.readexactly(size + 2))
            await self.reader.readline()
            return status, b"".join(part[:-2] for part in parts)
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


class Client:
    """One person with one page."""

    def __init__(
        self, port: int, ledger: Ledger, classes: list[str], video: str, length: float, seed: int
    ) -> None:
        self.id, self.ledger, self.random = uuid4().hex, ledger, random.Random(seed)
        self.connection, self.pages = Connection(port, self.id), Connection(port, self.id)
        self.classes, self.video, self.length = classes, video, length
        self.mine: list[str] = []

    async def live(self, until: float) -> None:
        try:
            _, project = await self.page("project", "/api/project")
            await self.page("video", f"/api/video?id={self.video}")
            following = asyncio.create_task(self.connection.follow(project["revision"], self.ledger))
            counting = asyncio.create_task(self.count())
            while time.monotonic() < until and not self.ledger.killed:
                await asyncio.sleep(self.random.expovariate(1 / CLICKS_EVERY))
                await self.act()
            counting.cancel()
            if not self.ledger.killed:
                await asyncio.sleep(1.5)  # the stream's last changes
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


async def press(server: Any, ledger: Ledger, args: argparse.Namespace, length: float) -> int:
    """All clients for the time given; then the kill. Returns the last revision before it."""
    project = server.get("/api/project")
    classes, video = [one["id"] for one in project["classes"]], project["videos"][0]["id"]
    until = time.monotonic() + args.seconds
    clients = [Client(server.port, ledger, classes, video, length, n) for n in range(args.clients)]
    await asyncio.gather(*(client.live(until) for client in clients))
    revision = server.get("/api/project")["revision"]
    # A second time, without streams' bookkeeping, to be cut off in the midst of requests.
    again = [Client(server.port, Ledger(), classes, video, length, 10**6 + n) for n in range(args.clients)]
    for client in again:
        client.ledger.stored, client.ledger.in_doubt = ledger.stored, ledger.in_doubt

    async def cut() -> None:
        await asyncio.sleep(min(3.0, args.seconds / 2))
        for client in again:
            client.ledger.killed = True
        server.kill()

    await asyncio.gather(cut(), *(client.live(until + 3600) for client in again))
    return revision


def lost(server: Any, ledger: Ledger, video: str) -> list[str]:
    """Acknowledged clicks that a restarted server does not hold as acknowledged."""
    held = {click["id"]: click for click in server.clicks(video)}
    missing = []
    for id, value in ledger.stored.items():
        allowed = [value, *ledger.in_doubt.get(id, [])]
        found = held.get(id)
        times = [None if one is None else one["time"] for one in allowed]
        if (None if found is None else found["time"]) not in times:
            missing.append(f"{id}: acknowledged {value}, found {found}")
    return missing


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--clicks", type=int, default=10_000, help="that the project begins with")
    parser.add_argument("--hours", type=float, default=3, help="length of its video")
    parser.add_argument("--json", action="store_true", help="one line of JSON instead of the table")
    args = parser.parse_args()
    ledger = Ledger()
    with tempfile.TemporaryDirectory() as folder:
        server = seeded_project(Path(folder), hours=args.hours, clicks=args.clicks)
        try:
            before = {click["id"]: click for click in server.clicks("long")}
            ledger.stored.update(before)
            revision = asyncio.run(press(server, ledger, args, 3600 * args.hours))
            server.start()
            missing = lost(server, ledger, "long")
        finally:
            server.stop()
    gaps = {
        client: revision - ledger.first[client] - count
        for client, count in ledger.events.items()
        if count < revision - ledger.first[client]
    }
    result = {
        "seconds": args.seconds,
        "clients": args.clients,
        "acknowledged": len(ledger.took["click"]),
        "errors": len(ledger.errors),
        "lost": len(missing),
        "changes_not_streamed": sum(gaps.values()),
        "ms": {kind: percentiles(took) for kind, took in ledger.took.items()},
    }
    print(json.dumps(result) if args.json else table(result))
    for line in (*ledger.errors[:5], *missing[:5]):
        print(line, file=sys.stderr)
    return int(bool(ledger.errors or missing or gaps))


def percentiles(took: list[float]) -> dict[str, float]:
    p50, p95, p99 = np.percentile(took, (50, 95, 99))
    return {
        "n": len(took),
        "p50": round(p50, 1),
        "p95": round(p95, 1),
        "p99": round(p99, 1),
        "max": round(max(took), 1),
    }


def table(result: dict[str, Any]) -> str:
    lines = [
        f"{result['clients']} clients for {result['seconds']:.0f} s: {result['acknowledged']} clicks stored"
    ]
    lines += [f"{'':10s}{'requests':>9s}{'p50':>8s}{'p95':>8s}{'p99':>8s}{'max':>8s}  ms"]
    for kind, row in result["ms"].items():
        numbers = "".join(f"{row[name]:8.1f}" for name in ("p50", "p95", "p99", "max"))
        lines.append(f"{kind:10s}{row['n']:9d}{numbers}")
    lines += [
        f"{result[name]:6d}  {name.replace('_', ' ')}" for name in ("errors", "lost", "changes_not_streamed")
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
