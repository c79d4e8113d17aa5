"""Bytes put by on the disk until what comes before them in a file is known."""

from __future__ import annotations

import shutil
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import IO

from hrpro.data.whole import told_of

_BLOCK = 1 << 20


class Spool:
    """Beside ``target``, on its disk (a machine's folder for such files may be in memory), under no name: it
    is gone with the process, however that ends.

    All of it raises RunError, of ``target``, where the disk does not take it.
    """

    def __init__(self, target: Path) -> None:
        self.target, self.size = target, 0
        with told_of(target):
            target.parent.mkdir(parents=True, exist_ok=True)
            self._file = tempfile.TemporaryFile(dir=target.parent)  # noqa: SIM115, closed by __exit__

    def add(self, data: bytes) -> None:
        """Put it behind what is there."""
        with told_of(self.target):
            self._file.write(data)
        self.size += len(data)

    def copy_to(self, file: IO[bytes]) -> None:
        """All of it, in order."""
        with told_of(self.target):
            self._file.seek(0)
            shutil.copyfileobj(self._file, file, _BLOCK)

    def __enter__(self) -> Spool:
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):  # of what the disk did not take
            self._file.close()
