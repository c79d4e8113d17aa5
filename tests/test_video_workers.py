"""Worker processes that are killed, hang on, or are told to stop: real processes, real signals."""

from __future__ import annotations

import os
import signal
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from hrpro.video.jobs import Outcome, Tell, failure, here, outcome
from hrpro.video.workers import in_processes

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs SIGKILL")


@dataclass(frozen=True)
class Task:
    id: str
    video: Path  # a folder, here: what the work leaves traces in
    deaths: int = 0
    seconds: float = 0.0


def work(job: Task, tell: Tell) -> Outcome:
    """Leaves its process's id, dies as often as it is told to, then takes its time."""
    (job.video / f"{job.id}-{os.getpid()}").touch()
    tell(0.5)
    if len(list(job.video.glob(f"{job.id}-*[0-9]"))) <= job.deaths:
        os.kill(os.getpid(), signal.SIGKILL)
    try:
        (job.video / f"{job.id}-begun").touch()
        time.sleep(job.seconds)
    finally:
        (job.video / f"{job.id}-left").touch()
    if job.id == "bad":
        return failure(job, ValueError("no good"))
    return outcome(job, "done", 1.0, 2, ("so so",))


def pids(folder: Path) -> set[int]:
    names = (path.name.rpartition("-")[2] for path in folder.iterdir())
    return {int(name) for name in names if name.isdecimal()}


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_killed_worker_costs_nothing_but_its_time(tmp_path: Path) -> None:
    jobs = [
        Task("a", tmp_path),
        Task("once", tmp_path, deaths=1),
        Task("always", tmp_path, deaths=9),
        Task("bad", tmp_path),
        *(Task(f"z{number}", tmp_path) for number in range(4)),
    ]
    parts: list[tuple[int, float | None]] = []
    told = dict(in_processes(2)(work, jobs, lambda *part: parts.append(part)))
    assert sorted(told) == list(range(len(jobs)))
    plain = Outcome("a", str(tmp_path), "done", seconds=1.0, count=2, remarks=("so so",))
    assert told[0] == plain
    assert told[1].state == "done"
    assert told[1].remarks == ("so so", "its first worker died; done at the second attempt")
    assert (told[2].state, told[2].reason) == ("failed", "its worker died twice, the last time by SIGKILL")
    assert not told[2].stop
    assert (told[3].state, told[3].reason) == ("failed", "ValueError: no good")
    assert len(list(tmp_path.glob("once-*[0-9]"))) == 2
    assert len(list(tmp_path.glob("always-*[0-9]"))) == 2, "tried once more, not for ever"
    assert {number for number, _ in parts} == set(told)
    assert (0, 0.0) in parts
    assert (0, 0.5) in parts
    assert os.getpid() not in pids(tmp_path)
    assert not any(map(alive, pids(tmp_path)))


def test_those_who_stop_listening_end_the_workers(tmp_path: Path) -> None:
    """As Ctrl-C does: a worker in the middle of its work cleans up and goes."""
    jobs = [Task("quick", tmp_path), Task("slow", tmp_path, seconds=60), Task("never", tmp_path)]
    begun = time.monotonic()
    with closing(in_processes(2)(work, jobs, lambda *_: None)) as ended:
        next(ended)
        while not any(tmp_path.glob("slow-begun")):
            assert time.monotonic() - begun < 30
            time.sleep(0.01)
    assert (tmp_path / "slow-left").exists()
    assert not any(map(alive, pids(tmp_path)))
    assert time.monotonic() - begun < 40


def test_one_process_does_the_same(tmp_path: Path) -> None:
    jobs = [Task("a", tmp_path), Task("bad", tmp_path)]
    assert dict(here(work, jobs, lambda *_: None)) == dict(in_processes(1)(work, jobs, lambda *_: None))
