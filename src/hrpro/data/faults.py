"""How the readers of this room hand over what they find wrong: raise it, or collect it and read on."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache

from hrpro.core.errors import DataError

OnError = Callable[[DataError], None]
"""Takes a fault that a reader can step over: training raises it, ``hrpro inspect`` collects it."""


def raise_error(error: DataError) -> None:
    """The strict ``OnError``: the first fault ends the reading."""
    raise error


def did_you_mean(name: str, names: Iterable[str]) -> str | None:
    """A mend for a name that is not among ``names``: the nearest one that is, or None if nothing is near."""
    return _nearest(name, frozenset(names))


@lru_cache(maxsize=4096)
def _nearest(name: str, names: frozenset[str]) -> str | None:
    # Cached because a wrong id tends to come on many rows; sorted so that ties do not depend on hashing.
    near = difflib.get_close_matches(name, sorted(names), n=1, cutoff=0.75)
    return f"did you mean {near[0]!r}?" if near else None


def some_of(names: Sequence[str], most: int = 5) -> str:
    """The first few names for a message, with the count of the rest."""
    shown = ", ".join(names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"
