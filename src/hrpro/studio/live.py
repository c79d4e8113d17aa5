"""The stream of changes: from any thread to every open page, in order, and never waiting for a slow one."""

from __future__ import annotations

import asyncio
import json
import threading
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from hrpro.studio.changes import Change

BACKLOG = 2000
"""Events a page may lag behind; then it is cut off, and catches up from the database as it comes back."""


@dataclass(frozen=True)
class Event:
    """name: "change" or "job"; data: its JSON; id: the revision of a change, None for others."""

    name: str
    data: dict[str, Any]
    id: int | None = None

    @cached_property
    def text(self) -> str:
        """As a server sends it; made once for all pages."""
        # JSON has no line break of its own, and escaped ones do not end an event's line.
        data = json.dumps(self.data, ensure_ascii=False, allow_nan=False)
        number = "" if self.id is None else f"id: {self.id}\n"
        return f"event: {self.name}\n{number}data: {data}\n\n"


class Ended(Exception):
    """No more events come: the studio closes, or the page was too slow."""


class Subscription:
    """One open page. Made and read in the event loop that serves it. over: set once no more events come."""

    def __init__(self, live: Live, backlog: int) -> None:
        self._live, self.loop = live, asyncio.get_running_loop()
        self._waiting: deque[Event] = deque()
        self._backlog, self.over, self._news = backlog, asyncio.Event(), asyncio.Event()

    async def next(self, timeout: float) -> list[Event]:
        """All that happened since the last call, at least one; empty after ``timeout`` s without any.

        Ended once it has ended and all that came before is read.
        """
        if not self._waiting and not self.over.is_set():
            self._news.clear()
            # Not wait_for: before Python 3.12 it loses a cancellation that comes together with the news.
            alarm = self.loop.call_later(timeout, self._news.set)
            try:
                await self._news.wait()
            finally:
                alarm.cancel()
        if self.over.is_set() and not self._waiting:
            raise Ended
        found = list(self._waiting)
        self._waiting.clear()
        return found

    def put(self, event: Event | None) -> None:
        """In its loop. None: the end."""
        slow = event is not None and len(self._waiting) >= self._backlog
        if event is None or slow:
            self.over.set()
            self._live.forget(self)
        elif not self.over.is_set():
            self._waiting.append(event)
        if slow:
            self._waiting.clear()  # what it lacks, it asks for by revision
        self._news.set()


def _tell(pages: Sequence[Subscription], event: Event | None) -> None:
    for page in pages:
        page.put(event)


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
        self._offer(pages, Event(event, data, id))

    def _offer(self, pages: Iterable[Subscription], event: Event | None) -> None:
        """One call for the pages of a loop: waking it costs more than what it is told."""
        loops: dict[asyncio.AbstractEventLoop, list[Subscription]] = {}
        for page in pages:
            loops.setdefault(page.loop, []).append(page)
        for loop, own in loops.items():
            try:
                loop.call_soon_threadsafe(_tell, own, event)
            except RuntimeError:  # it is closed
                for page in own:
                    self.forget(page)

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
            page.put(None)
        return page

    def forget(self, page: Subscription) -> None:
        """No more events for this page."""
        with self._lock:
            self._subscriptions.discard(page)

    def close(self) -> None:
        """End every stream, and all that are opened later; from any thread."""
        with self._lock:
            self._closed, pages = True, list(self._subscriptions)
        self._offer(pages, None)
