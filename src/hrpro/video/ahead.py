"""Let an iterator run ahead of its consumer, in a thread of its own, by a bounded number of items."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Generator
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Ahead(Generic[Item]):
    """Iterate ``items`` from a thread; at most ``room`` finished items wait, so memory stays bounded.

    What the generator raises is raised again in the consumer, after the items before it. ``close`` (or
    leaving the ``with`` block) ends the thread, which closes the generator, and waits for both.
    """

    def __init__(self, items: Generator[Item], *, room: int, name: str = "ahead") -> None:
        assert room >= 1
        self._items, self._room = items, room
        self._waiting: deque[Item] = deque()
        self._changed = threading.Condition()
        self._closed = self._ended = False
        self._error: BaseException | None = None
        # A daemon: an iterator that somebody forgot to close must not keep the interpreter from ending.
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            for item in self._items:
                with self._changed:
                    self._changed.wait_for(lambda: self._closed or len(self._waiting) < self._room)
                    if self._closed:
                        break
                    self._waiting.append(item)
                    self._changed.notify()
        except BaseException as error:  # handed to the consumer
            self._error = error
        finally:
            try:
                self._items.close()
            except BaseException as error:
                self._error = self._error or error
            with self._changed:
                self._ended = True
                self._changed.notify()

    def __iter__(self) -> Ahead[Item]:
        return self

    def __next__(self) -> Item:
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._ended or self._closed)
            if self._waiting and not self._closed:
                item = self._waiting.popleft()
                self._changed.notify()
                return item
        error, self._error = self._error, None
        if error is not None and not self._closed:
            raise error
        raise StopIteration

    def close(self) -> None:
        """End the thread and wait for it; what still waits is dropped. Does nothing the second time."""
        with self._changed:
            self._closed = True
            self._waiting.clear()
            self._changed.notify()
        self._thread.join()

    def __enter__(self) -> Ahead[Item]:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
