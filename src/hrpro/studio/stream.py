"""GET /api/stream: server-sent events. What was missed comes first, from the database; then what happens.

A page that does not read is cut off, and comes back for what it lacks; none of them holds up the end of the
server.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from starlette.concurrency import run_in_threadpool
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from hrpro.studio.live import Ended, Event, Live, Subscription
from hrpro.studio.ranges import left
from hrpro.studio.store import Store

HEARTBEAT = 15.0
"""s without an event after which a line is sent, so that nothing between takes the connection for dead."""
_LAST_WORDS = 2.0  # s that an ending stream has to get rid of what it had begun
_CHUNK = 500
_GATHER = (
    0.03  # s: what happens meanwhile goes out as one; with many people clicking that is most of the work
)


class EventStream(Response):
    """The stream from revision ``since`` on (None: from now)."""

    media_type = "text/event-stream"

    def __init__(self, store: Store, live: Live, since: int | None, heartbeat: float = HEARTBEAT) -> None:
        self._store, self._live, self._since, self._heartbeat = store, live, since, heartbeat
        super().__init__(headers={"cache-control": "no-store", "x-accel-buffering": "no"})
        del self.headers["content-length"]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        page = self._live.open()
        tasks = [
            asyncio.create_task(self._write(page, send)),
            asyncio.create_task(left(receive)),
            asyncio.create_task(page.over.wait()),
        ]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            if tasks[2].done():
                await asyncio.wait(tasks[:1], timeout=_LAST_WORDS)
        finally:
            self._live.forget(page)
            for task in tasks:
                task.cancel()
            outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        for outcome in outcomes:
            if isinstance(outcome, Exception) and not isinstance(outcome, OSError):
                raise outcome

    async def _write(self, page: Subscription, send: Send) -> None:
        headers = self.raw_headers
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        async for text in self._texts(page):
            await send({"type": "http.response.body", "body": text.encode(), "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    async def _texts(self, page: Subscription) -> AsyncIterator[str]:
        now = await run_in_threadpool(self._store.revision)
        sent = now if self._since is None else min(self._since, now)
        yield Event("hello", {"revision": now}).text
        while missed := await run_in_threadpool(self._store.changes, sent, _CHUNK):
            yield "".join(Event("change", change.as_dict(), change.revision).text for change in missed)
            sent = missed[-1].revision
        while True:
            try:
                events = await page.next(self._heartbeat)
            except Ended:
                return
            fresh = [event for event in events if event.id is None or event.id > sent]
            sent = max([sent, *(event.id for event in fresh if event.id is not None)])
            if fresh:
                yield "".join(event.text for event in fresh)
                await asyncio.sleep(_GATHER)
            elif not events:
                yield ": still here\n\n"
