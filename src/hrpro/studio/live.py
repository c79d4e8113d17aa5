"""The stream of changes: from any thread to every open page, in order, and never waiting for a slow one."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterable
from typing import Any, NamedTuple

from hrpro.studio.changes import Change

BACKLOG = 2000
"""Events a page may lag behind; then it is cut off, and catches up from the database as it comes back."""


class Event(NamedTuple):
    """name: "change" or "job"; data: its JSON; id: the revision of a change, None for others."""

    name: str
    data: dict[str, Any]
    id: int | None = None


class Ended(Exception):
    """No more events come: the studio closes, or the page was too slow."""


class Subscription:
    """One open page. Made and read in the event loop that serves it. over: set once no more events come."""

    def __init__(self, live: Live, backlog: int) -> None:
        self._live, self._loop = live, asyncio.get_running_loop()
        self._queue: asyncio.Queue[Event | None] = asyncio.Queue()
        self._backlog, self.over = backlog, asyncio.Event()

    async def next(self, timeout: float) -> Event | None:
        """The next event; None after ``timeout`` s without one. Ended once it has ended."""
        try:
            event = await asyncio.wait_for(self._queue.get(), timeout)
        except asyncio.TimeoutError:
            return None
        if event is None:
            raise Ended
        return event

    def offer(self, event: Event | None) -> None:
        """From any thread. None: the end."""
        try:
            self._loop.call_soon_threadsafe(self._put, event)
        except RuntimeError:  # its loop is closed
            self._live.forget(self)

    def _put(self, event: Event | None) -> None:
        if self.over.is_set():
            return
        if event is None or self._queue.qsize() >= self._backlog:
            self.over.set()
            self._live.forget(self)
            while not self._queue.empty():  # what it lacks, it asks for by revision
                self._queue.get_nowait()
            event = None
        self._queue.put_nowait(event)


class Live:
    """All open pages of a project."""

    def __init__(self, backlog: int = BACKLOG) -> None:
        self._backlog, self._lock, self._closed = backlog, threading.Lock(), False
        self._subscriptions: set[Subscription] = set()

    def __len__(self) -> int:
        return len(self._subscriptions)

    def publish(self, event: str, data: dict[str, Any], id: int | None = None) -> None:
        """Tell every page, from any thread; returns at once."""
        with self._lock:
            pages = list(self._subscriptions)
        for page in pages:
            page.offer(Event(event, data, id))

    def publish_changes(self, changes: Iterable[Change]) -> None:
        """Tell what was stored; called in order of revision."""
        for change in changes:
            self.publish("change", change.as_dict(), change.revision)

    def open(self) -> Subscription:
        """Listen from now on; ``forget`` it in the end. Ended from the start if the studio closes."""
        page = Subscription(self, self._backlog)
        with self._lock:
            closed = self._closed
            if not closed:
                self._subscriptions.add(page)
        if closed:
            page.offer(None)
        return page

    async def subscribe(self) -> AsyncIterator[Event]:
        """Every event from now on, until the studio closes or the listener is too slow."""
        page = self.open()
        try:
            while True:
                try:
                    event = await page.next(3600.0)
                except Ended:
                    return
                if event is not None:
                    yield event
        finally:
            self.forget(page)

    def forget(self, page: Subscription) -> None:
        """No more events for this page."""
        with self._lock:
            self._subscriptions.discard(page)

    def close(self) -> None:
        """End every stream, and all that are opened later; from any thread."""
        with self._lock:
            self._closed, pages = True, list(self._subscriptions)
        for page in pages:
            page.offer(None)
