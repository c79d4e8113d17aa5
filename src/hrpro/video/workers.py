"""The engine that does jobs in processes side by side, and outlives any of them.

A process pool of the standard library gives up all its work when one worker dies. Here only that worker's
job is touched: a fresh worker tries it once more, for a damaged file may kill a decoder, but so may a lack
of memory that has passed.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any, Generic

from hrpro.core.errors import RunError
from hrpro.video.jobs import Engine, J, Outcome, Work, failure

ATTEMPTS = 2


def in_processes(count: int) -> Engine[Any]:
    """The engine of ``count`` worker processes; they end with it, whatever ends it."""
    assert count >= 1

    def engine(
        work: Work[J], jobs: Sequence[J], on_part: Callable[[int, float | None], None]
    ) -> Generator[tuple[int, Outcome], None, None]:
        crew = _Crew(work, jobs, min(count, len(jobs)), on_part)
        try:
            yield from crew.outcomes()
        finally:
            crew.dismiss()

    return engine


class _Crew(Generic[J]):
    def __init__(
        self, work: Work[J], jobs: Sequence[J], count: int, on_part: Callable[[int, float | None], None]
    ) -> None:
        self.work, self.jobs, self.count, self.on_part = work, jobs, count, on_part
        self.waiting, self.deaths = deque(range(len(jobs))), Counter[int]()
        self.idle: list[Connection] = []
        self.busy: dict[Connection, int] = {}
        self.processes: dict[Connection, BaseProcess] = {}

    def outcomes(self) -> Iterator[tuple[int, Outcome]]:
        while self.waiting or self.busy:
            while self.waiting and (self.idle or len(self.processes) < self.count):
                self._assign(self.idle.pop() if self.idle else self._hire(), self.waiting.popleft())
            for ready in wait(list(self.busy)):
                assert isinstance(ready, Connection)
                yield from self._hear(ready)

    def _hear(self, pipe: Connection) -> Iterator[tuple[int, Outcome]]:
        number = self.busy[pipe]
        try:
            told = pipe.recv()
        except (EOFError, OSError):
            yield from self._bury(pipe)
            return
        if not isinstance(told, Outcome):
            self.on_part(number, told)
            return
        del self.busy[pipe]
        self.idle.append(pipe)
        if self.deaths[number]:
            told = replace(told, remarks=(*told.remarks, "its first worker died; done at the second attempt"))
        yield number, told

    def _bury(self, pipe: Connection) -> Iterator[tuple[int, Outcome]]:
        process, number = self.processes.pop(pipe), self.busy.pop(pipe)
        pipe.close()
        process.join()
        self.deaths[number] += 1
        if self.deaths[number] < ATTEMPTS:
            self.waiting.appendleft(number)
            return
        yield number, replace(failure(self.jobs[number], RunError(_death(process.exitcode))), stop=False)

    def _assign(self, pipe: Connection, number: int) -> None:
        self.busy[pipe] = number
        self.on_part(number, 0.0)
        with suppress(OSError):  # a worker that died idle: found out when it is heard
            pipe.send(self.jobs[number])

    def _hire(self) -> Connection:
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        share = 0 if self.count == 1 else max(1, (os.cpu_count() or 1) // self.count)
        process = context.Process(target=_serve, args=(theirs, self.work, share), daemon=True)
        with _undisturbed():
            process.start()
        theirs.close()
        self.processes[ours] = process
        return ours

    def dismiss(self) -> None:
        for pipe, process in self.processes.items():
            if pipe in self.busy:
                process.terminate()
            pipe.close()
        for process in self.processes.values():
            process.join(10)
            if process.is_alive():
                process.kill()
                process.join()


def _serve(pipe: Connection, work: Work[J], threads: int) -> None:
    """Life of a worker: jobs come in, outcomes go out, until nobody is at the other end."""
    signal.signal(signal.SIGTERM, _leave)
    if threads:  # before the libraries are loaded, which read it then
        os.environ.setdefault("OMP_NUM_THREADS", str(threads))
        os.environ.setdefault("OPENCV_FOR_THREADS_NUM", str(threads))

    def tell(part: float | None) -> None:
        try:
            pipe.send(part)
        except OSError:
            raise SystemExit(1) from None  # the command is gone: leave, and clean up on the way

    with suppress(EOFError, OSError):
        while True:
            pipe.send(work(pipe.recv(), tell))


def _leave(*_: object) -> None:
    raise SystemExit(1)


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Processes started here are born deaf to Ctrl-C, which is the command's to hear."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _death(code: int | None) -> str:
    if code is not None and code < 0:
        with suppress(ValueError):
            return f"its worker died twice, the last time by {signal.Signals(-code).name}"
    return f"its worker died twice, the last time with exit code {code}"
