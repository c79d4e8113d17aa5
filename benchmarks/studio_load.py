"""Fifty people clicking in one project at once, the server killed in the midst of it, and what was lost.

    python benchmarks/studio_load.py [--seconds 60] [--clients 50] [--clicks 10000] [--hours 3]

A project of one long video (one picture a second, so that making it is quick) with that many clicks in it.
Each client does what a page does: opens the project and the video (all at once, told apart below), follows
the stream of changes, and adds, moves or takes back a click twice a second; after changes of others it asks
for the counts again, at most every 1.2 s. At the end the server is killed (SIGKILL) while they go on, and
started again. Prints requests, errors, milliseconds, changes that a stream did not bring, and acknowledged
clicks that are lost. Exits with 1 for any error, any loss.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from studio_clients import LAST, Client, Ledger
from studio_project import seeded_project


async def press(server: Any, ledger: Ledger, args: argparse.Namespace, length: float) -> int:
    """All clients for the time given; then the kill. Returns the last revision before it."""
    project = server.get("/api/project")
    classes, video = [one["id"] for one in project["classes"]], project["videos"][0]["id"]
    clients = [Client(server.port, ledger, classes, video, length, n) for n in range(args.clients)]
    await asyncio.gather(*(client.open() for client in clients))  # all at once, and told apart
    for kind in list(ledger.took):
        ledger.took[f"open {kind}"] = ledger.took.pop(kind)
    begun = busy(server)
    until = time.monotonic() + args.seconds
    await asyncio.gather(*(client.live(until) for client in clients))
    ledger.busy = (busy(server) - begun) / (args.seconds + LAST)
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

    await asyncio.gather(*(client.open() for client in again))
    await asyncio.gather(cut(), *(client.live(until + 3600) for client in again))
    for client in again:
        ledger.errors += client.ledger.errors
    return revision


def busy(server: Any) -> float:
    """s of processor time that the server has had (Linux; 0 elsewhere)."""
    try:
        words = Path(f"/proc/{server.process.pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


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
        "server_cores": round(ledger.busy, 2),
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
    lines += [f"{result['server_cores']:6.2f}  cores that the server kept busy meanwhile"]
    lines += [f"{'':14s}{'requests':>9s}{'p50':>8s}{'p95':>8s}{'p99':>8s}{'max':>8s}  ms"]
    for kind, row in result["ms"].items():
        numbers = "".join(f"{row[name]:8.1f}" for name in ("p50", "p95", "p99", "max"))
        lines.append(f"{kind:14s}{row['n']:9d}{numbers}")
    lines += [
        f"{result[name]:6d}  {name.replace('_', ' ')}" for name in ("errors", "lost", "changes_not_streamed")
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
