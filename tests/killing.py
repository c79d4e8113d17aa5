"""Processes that die by SIGKILL: forks of one that has imported all, which is a test file run as a script.

What such a script returns, as JSON on its last line, is what ``nursery`` gives to the test.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork and SIGKILL")

DISK_EVENTS = ("open", "os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.scandir", "shutil.rmtree")


def child(work: Callable[[], object]) -> int:
    """Fork a process that does ``work``; returns its id."""
    pid = os.fork()
    if pid == 0:
        try:
            work()
            os._exit(0)
        except BaseException as error:  # a child must never go on with the parent's work
            print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)
            os._exit(1)
    return pid


def ended(pid: int) -> int:
    """Wait for a child; its exit code, or minus the signal that ended it."""
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def forked(work: Callable[[], object]) -> int:
    """Exit code of a forked process that does ``work``, or minus the signal that ended it."""
    return ended(child(work))


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def die_at_disk_event(folder: Path, nth: int) -> None:
    """From now on: die just before the ``nth`` operation on a file or folder below ``folder``."""
    count = 0

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        nonlocal count
        if event in DISK_EVENTS and str(folder) in str(arguments[0]):
            count += 1
            if count == nth:
                die()

    sys.addaudithook(hook)


def script(file: str, *words: str | Path, launcher: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    """Run a test file as a script, with one thread and to a good end."""
    done = subprocess.run(
        [sys.executable, *launcher, file, *map(str, words)],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done


def nursery(file: str, *words: str | Path) -> Any:
    """What the script said last, as JSON."""
    return json.loads(script(file, *words).stdout.splitlines()[-1])
