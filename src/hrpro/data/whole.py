"""Files that appear whole or not at all: written beside their name, flushed to the disk, then moved there."""

from __future__ import annotations

import errno
import glob
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from hrpro.core.errors import DataError, RunError


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


def write_text(target: Path, text: str, *, through: bool = False) -> None:
    """Write ``text`` (UTF-8, line ends as they are). RunError if it cannot be written.

    through: links, pipes and devices stay what they are, as for a file that a person names. In a folder that
    somebody else may have made, a link must not lead out of it.
    """
    if through and target.is_symlink():
        target = Path(os.path.realpath(target))
    if through and target.exists() and not (target.is_file() or target.is_dir()):
        with told_of(target), target.open("wb") as file:
            file.write(text.encode("utf-8"))
        return
    with appearing(target) as scratch:
        scratch.write_bytes(text.encode("utf-8"))


def check_writable(out: Path) -> None:
    """DataError if no file ``out`` can be written, so that it is said before the work and not after it."""
    if out.exists() and not (out.is_file() or out.is_dir()):  # a pipe, a device
        return
    try:
        if out.is_dir():
            raise IsADirectoryError(errno.EISDIR, "is a folder")
        with tempfile.TemporaryFile(dir=next(path for path in out.absolute().parents if path.exists())):
            pass
    except OSError as error:
        mend = "name a file in a folder you may write to"
        raise DataError(f"cannot be written: {error.strerror}", where=out, mend=mend) from error
