"""Give freed memory back to the system.

Batches differ in length, so every step frees blocks of other sizes than the next one wants, and glibc keeps
them all: the process grows for as long as it trains, many times over what it uses. What was given back has
to be asked for again, which takes about as long, so it is not done at every occasion.
"""

from __future__ import annotations

import ctypes
import functools
import sys
import time
from collections.abc import Callable

PAUSE = 200
"""Times that a release takes, to be let pass before the next."""


def release_memory() -> float:
    """Give what is free back to the system, if the C library can, and return the seconds that it took."""
    began = time.monotonic()
    if (trim := _trim()) is not None:
        trim(0)
    return time.monotonic() - began


@functools.cache
def _trim() -> Callable[[int], int] | None:
    if not sys.platform.startswith("linux"):
        return None
    try:
        return ctypes.CDLL("libc.so.6").malloc_trim
    except (OSError, AttributeError):  # another C library
        return None
