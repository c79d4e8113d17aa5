"""The process of a job: it runs for as long as it holds the lock of the job's folder.

The system lets the lock go with the process, so no other process that got its number later can be taken for
it. The server hands the lock over before the process starts and needs no record of it.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

_LOCK, _LOG = "lock", "worker.log"


def start(folder: Path, attempt: int, lock: int) -> subprocess.Popen[bytes]:
    """The worker on the job in ``folder``, holding the lock of ``take``. OSError: it cannot be started."""
    with (folder / _LOG).open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "hrpro.studio.worker", str(folder), str(attempt)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            pass_fds=(lock,),
        )


def obituary(folder: Path, code: int | None) -> str:
    """Why a worker that said nothing in the end is gone; code: its exit status, if we are its parent."""
    what = "the worker ended without a word"
    if code is not None and code < 0:
        what = f"the worker was killed ({signal.Signals(-code).name})"
    with suppress(OSError):
        if shutil.disk_usage(folder).free < 1 << 20:
            return f"{what}: the disk is full (free some space, then resume)"
    return f"{what}, which may be for want of memory (resume, and it goes on from its last checkpoint)"


def held(folder: Path) -> bool:
    """Whether a process holds the job's lock."""
    try:
        lock = take(folder)
    except OSError:
        return False
    if lock is None:
        return True
    os.close(lock)
    return False


def take(folder: Path) -> int | None:
    """The job's lock, to be closed; None if another process has it. OSError: the folder cannot be used."""
    import fcntl

    lock = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        return None
    except OSError:
        os.close(lock)
        raise
    return lock
