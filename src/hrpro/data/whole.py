"""Files that appear whole or not at all: written beside their name, flushed to the disk, then moved there."""

from __future__ import annotations

import glob
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from hrpro.core.errors import RunError


@contextmanager
def appearing(target: Path) -> Iterator[Path]:
    """A path to write to, which becomes ``target`` when the block ends well and is gone when it does not.

    What a killed process left of an earlier attempt is removed first, so no two processes may write one
    target at a time. Raises RunError if it cannot be written (no space, no permission).
    """
    scratch = target.with_name(f".{target.name}.{os.getpid()}.partial")
    try:
        with told_of(target):
            target.parent.mkdir(parents=True, exist_ok=True)
            for left in target.parent.glob(f".{glob.escape(target.name)}.*.partial"):
                left.unlink(missing_ok=True)
            yield scratch
            with scratch.open("rb+") as file:
                os.fsync(file.fileno())
            os.replace(scratch, target)
    finally:
        with suppress(OSError):
            scratch.unlink(missing_ok=True)


@contextmanager
def told_of(target: Path) -> Iterator[None]:
    """What the disk does not take, as RunError of ``target``."""
    try:
        yield
    except OSError as error:
        raise RunError(f"cannot be written: {error.strerror or error}", where=target) from error


def make_folder(folder: Path) -> None:
    """Make it if need be. RunError if no file can be written there, so that it is said before the work."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        mend = "name a folder you may write to"
        raise RunError(f"cannot be written to: {error.strerror}", where=folder, mend=mend) from error


def write_text(target: Path, text: str) -> None:
    """Write ``text`` (UTF-8, line ends as they are). RunError if it cannot be written."""
    with appearing(target) as scratch:
        scratch.write_bytes(text.encode("utf-8"))
