"""The stream of changes: nothing missed, nothing twice, in order, and nobody waits for a slow page."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("fastapi", reason="the extra [studio] is not installed")
pytest.importorskip("av", reason="the extra [video] is not installed")

from hrpro.studio.live import Ended, Event, Live
from hrpro.studio.store import Store
from hrpro.studio.stream import EventStream
from studio_store import add_class, add_click, everything, new_id, opened


class Page:
    """A browser's end of a stream, over ASGI."""

    def __init__(self) -> None:
        self.body, self.status, self.ended = "", 0, False
        self.headers: dict[str, str] = {}
        self.gone, self.stalled, self.more = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self.reads = True

    async def receive(self) -> dict[str, Any]:
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        if not self.reads:
            self.stalled.set()
            await asyncio.Event().wait()
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = {name.decode(): value.decode() for name, value in message["headers"]}
        else:
            self.body += message["body"].decode()
            self.ended = not message.get("more_body", False)
        self.more.set()

    def events(self) -> list[tuple[str, int | None, Any]]:
        """(name, id, data) of each, read as a browser does."""
        found = []
        for block in self.body.split("\n\n"):
            lines = dict(
                line.split(": ", 1) for line in block.split("\n") if line and not line.startswith(":")
            )
            if lines:
                number = int(lines["id"]) if "id" in lines else None
                found.append((lines["event"], number, json.loads(lines["data"])))
        return found

    async def until(self, holds: Callable[[], bool]) -> None:
        async def wait() -> None:
            while not holds():
                self.more.clear()
                await self.more.wait()

        await asyncio.wait_for(wait(), 20)

    def changes(self) -> list[int | None]:
        return [id for name, id, _ in self.events() if name == "change"]


@pytest.fixture
def live() -> Live:
    return Live()


@pytest.fixture
def store(tmp_path: Path, live: Live) -> Iterator[Store]:
    with opened(tmp_path, listen=live.publish_changes) as store:
        yield store


def watch(response: EventStream, page: Page) -> asyncio.Task[None]:
    call: Awaitable[None] = response({"type": "http"}, page.receive, page.send)  # pyright: ignore[reportArgumentType]
    return asyncio.ensure_future(call)


async def leave(page: Page, task: asyncio.Task[None]) -> None:
    page.gone.set()
    await asyncio.wait_for(task, 10)


def test_what_was_missed_comes_first_and_then_what_happens(store: Store, live: Live) -> None:
    store.apply("me", new_id(), [add_class(name="ü"), add_click()])

    async def run() -> None:
        page = Page()
        task = watch(EventStream(store, live, 1), page)
        await page.until(lambda: len(page.changes()) == 1)
        await asyncio.to_thread(store.apply, "you", new_id(), [add_click("k2"), add_click("k3")])
        live.publish("job", {"id": "j", "message": "line\nbreak"})
        await page.until(lambda: len(page.events()) == 5)
        assert page.status == 200
        assert page.headers["content-type"].startswith("text/event-stream")
        assert "content-length" not in page.headers
        assert [(name, id) for name, id, _ in page.events()] == [
            *(("hello", None), ("change", 2), ("change", 3), ("change", 4), ("job", None))
        ]
        _, change, after, *_, job = (data for _, _, data in page.events())
        assert change == store.changes(1, 1)[0].as_dict()
        assert (after["client"], after["value"]["id"]) == ("you", "k2")
        assert job["message"] == "line\nbreak"
        await leave(page, task)
        assert len(live) == 0

    asyncio.run(run())


def test_many_missed_changes_come_in_order_and_once_while_others_write(store: Store, live: Live) -> None:
    store.apply("me", new_id(), [add_class(), *(add_click(f"k{i}", i / 50) for i in range(999))])
    store.apply("me", new_id(), [add_click(f"l{i}", i / 50) for i in range(700)])

    async def run() -> None:
        pages = [Page() for _ in range(3)]
        ended = threading.Event()

        def write() -> None:
            number = 0
            while not ended.is_set() and number < 400:
                store.apply("you", new_id(), [add_click(f"m{number}")])
                number += 1

        writer = threading.Thread(target=write)
        writer.start()
        tasks = [
            watch(EventStream(store, live, since), page)
            for since, page in zip((0, 7, 1700), pages, strict=True)
        ]
        for page in pages:
            await page.until(lambda page=page: len(page.changes()) > 30 and (page.changes()[-1] or 0) > 1720)
        ended.set()
        await asyncio.to_thread(writer.join)
        last = store.revision()
        for since, page, task in zip((0, 7, 1700), pages, tasks, strict=True):
            await page.until(lambda page=page: page.changes()[-1] == last)
            assert page.changes() == list(range(since + 1, last + 1))
            await leave(page, task)

    asyncio.run(run())


def test_a_page_can_rebuild_the_project_from_the_stream(store: Store, live: Live) -> None:
    store.apply("me", new_id(), [add_class(), add_click(), add_click("k2")])
    store.apply("me", new_id(), [{"op": "delete_click", "id": "k2", "version": 1}])
    store.apply("you", new_id(), [{"op": "move_click", "id": "k1", "version": 1, "time": 5}])

    async def run() -> None:
        page = Page()
        task = watch(EventStream(store, live, 0), page)
        await page.until(lambda: len(page.changes()) == 5)
        held: dict[tuple[str, str], Any] = {}
        for name, _, data in page.events():
            if name == "change":
                held[data["kind"], data["id"]] = data["value"]
        assert {key: value for key, value in held.items() if value} == everything(store)
        await leave(page, task)

    asyncio.run(run())


@pytest.mark.parametrize("since", [None, 2, 10**15])
def test_from_now_on(store: Store, live: Live, since: int | None) -> None:
    """A page that knows a later revision than there is (a database put back) still hears what is new."""
    store.apply("me", new_id(), [add_class(), add_click()])

    async def run() -> None:
        page = Page()
        task = watch(EventStream(store, live, since), page)
        await page.until(lambda: bool(page.events()))
        assert page.events() == [("hello", None, {"revision": 2})]
        await asyncio.to_thread(store.apply, "me", new_id(), [add_click("k2")])
        await page.until(lambda: page.changes() == [3])
        await leave(page, task)

    asyncio.run(run())


def test_a_quiet_stream_shows_that_it_lives(store: Store, live: Live) -> None:
    async def run() -> None:
        page = Page()
        task = watch(EventStream(store, live, None, heartbeat=0.02), page)
        await page.until(lambda: page.body.count(": still here\n\n") >= 3)
        assert len(page.events()) == 1
        await leave(page, task)

    asyncio.run(run())


def test_a_page_that_does_not_read_is_cut_off_and_holds_nobody_up(tmp_path: Path) -> None:
    live = Live(backlog=50)
    with opened(tmp_path, listen=live.publish_changes) as store:
        store.apply("me", new_id(), [add_class()])

        async def run() -> None:
            slow, quick = Page(), Page()
            tasks = [watch(EventStream(store, live, 1), page) for page in (slow, quick)]
            for page in (slow, quick):
                await page.until(lambda page=page: bool(page.events()))
            slow.reads = False
            for number in range(60):
                op = add_click(f"k{number}")
                await asyncio.to_thread(store.apply, "me", new_id(), [op])
                await quick.until(lambda last=number + 2: quick.changes()[-1:] == [last])
            await asyncio.wait_for(tasks[0], 10)
            assert slow.stalled.is_set()
            assert len(live) == 1
            again = Page()
            back = watch(EventStream(store, live, 1), again)
            await again.until(lambda: len(again.changes()) == 60)
            await leave(again, back)
            await leave(quick, tasks[1])

        asyncio.run(run())


def test_the_end_of_the_studio_ends_every_stream(store: Store, live: Live) -> None:
    async def run() -> None:
        pages = [Page() for _ in range(5)]
        tasks = [watch(EventStream(store, live, 0), page) for page in pages]
        for page in pages:
            await page.until(lambda page=page: bool(page.events()))
        pages[0].reads = False
        await asyncio.to_thread(live.close)
        await asyncio.wait_for(asyncio.gather(*tasks), 10)
        assert all(page.ended for page in pages[1:])
        late = Page()
        await asyncio.wait_for(watch(EventStream(store, live, 0), late), 10)
        assert late.ended
        assert len(live) == 0

    asyncio.run(run())


def test_what_was_told_before_the_end_is_heard(store: Store, live: Live) -> None:
    async def run() -> None:
        page = Page()
        task = watch(EventStream(store, live, None), page)
        await page.until(lambda: bool(page.events()))
        for number in range(3):  # no turn of the loop between them and the end
            live.publish("job", {"id": str(number)})
        live.close()
        await asyncio.wait_for(task, 10)
        assert [name for name, *_ in page.events()].count("job") == 3
        assert page.ended

    asyncio.run(run())


def test_what_many_threads_tell_is_heard_in_order(live: Live) -> None:
    async def run() -> list[Event]:
        heard: list[Event] = []

        async def listen() -> None:
            page = live.open()
            with suppress(Ended):
                while True:
                    heard.extend(await page.next(60.0))

        task = asyncio.ensure_future(listen())
        while not len(live):
            await asyncio.sleep(0)
        threads = [threading.Thread(target=live.publish, args=("job", {"id": str(i)})) for i in range(20)]
        for thread in threads:
            thread.start()
            thread.join()
        while len(heard) < 20:
            await asyncio.sleep(0.001)
        live.close()
        await asyncio.wait_for(task, 10)
        return heard

    assert asyncio.run(run()) == [Event("job", {"id": str(i)}) for i in range(20)]
    live.publish("job", {})  # to nobody, after the loop has gone
