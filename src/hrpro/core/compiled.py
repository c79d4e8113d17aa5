"""Compiled loops: numba with its machine code kept on disk, wherever the package is installed.

numba keeps the code beside the source, or in the user's cache where that folder is read-only, and refuses to
be imported where neither can be written (a container without a home, say). There we compile once per process.
The cache knows a kernel by its own file alone: a kernel must not call a kernel of another file, or a change
there would go unseen.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar

import numba

P = ParamSpec("P")
R = TypeVar("R")


def compiled(kernel: Callable[P, R]) -> Callable[P, R]:
    """The kernel as machine code, compiled at its first call; it releases the GIL while it runs."""
    try:
        return numba.njit(kernel, cache=True, nogil=True)
    except RuntimeError:
        return numba.njit(kernel, nogil=True)
