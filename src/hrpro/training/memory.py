"""Give freed memory back to the system.

Batches differ in length, so every step frees blocks of other sizes than the next one wants, and glibc keeps
them all: the process grows for as long as it trains, many times over what it uses.
"""

from __future__ import annotations

import ctypes
import functools
import sys
from collections.abc import Callable


def release_memory() -> None:
    """Return what is free to the system; does nothing where the C library cannot."""
    if (trim := _trim()) is not None:
        trim(0)


@functools.cache
def _trim() -> Callable[[int], int] | None:
    if not sys.platform.startswith("linux"):
        return None
    try:
        return ctypes.CDLL("libc.so.6").malloc_trim
    except (OSError, AttributeError):  # another C library
        return None
