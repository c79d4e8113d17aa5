"""One server for one project: the second is told where the first one is.

The system holds the lock and lets it go with the process, however that ends; what stands in the file only
says who has it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hrpro.core.errors import RunError

LOCK = "server.lock"  # in the project's corner
_FAR = 2**30  # where Windows locks a byte, so that what stands before it can still be read


@contextmanager
def only_server(path: Path, url: str) -> Iterator[None]:
    """Hold the lock file ``path`` while this process serves at ``url``. RunError: another one has it."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o644)
    except OSError as error:
        raise RunError(f"the project's folder cannot be written: {error.strerror}", where=path) from error
    held: list[int] = []
    try:
        if not _take(handle):
            raise RunError(
                _holder(handle), where=path.parent.parent, mend="use that one, or end it with Ctrl-C"
            )
        _write(handle, json.dumps({"pid": os.getpid(), "url": url}).encode())
        held.append(handle)
        if hasattr(os, "register_at_fork"):  # a forked child would hold it beyond our end
            os.register_at_fork(after_in_child=lambda: [os.close(one) for one in held])
        yield
    finally:
        held.clear()
        os.close(handle)


def _write(handle: int, content: bytes) -> None:
    os.ftruncate(handle, 0)
    os.lseek(handle, 0, os.SEEK_SET)
    os.write(handle, content)


def _holder(handle: int) -> str:
    try:
        about = json.loads(os.read(handle, 4096))
        return f"the studio has this project open already, at {about['url']} (process {about['pid']})"
    except (ValueError, KeyError, TypeError, OSError):
        return "the studio has this project open already"


def _take(handle: int) -> bool:
    try:
        if os.name == "nt":
            import msvcrt

            os.lseek(handle, _FAR, os.SEEK_SET)
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
        else:
            import fcntl

            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
