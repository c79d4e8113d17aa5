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
    return _book(frozenset(names)).nearest(name)


class _Book:
    """Names, and what was said of wrong ones: a wrong id tends to come on many rows, and where hundreds are
    wrong, which takes long, nobody reads what each may have been."""

    def __init__(self, names: frozenset[str]) -> None:
        self._names, self._said = sorted(names), dict[str, str | None]()  # ties do not depend on hashing

    def nearest(self, name: str) -> str | None:
        if name not in self._said and len(self._said) < _MOST:
            near = difflib.get_close_matches(name, self._names, n=1, cutoff=0.75)
            self._said[name] = f"did you mean {near[0]!r}?" if near else None
        return self._said.get(name)


_MOST = 100
_book = lru_cache(maxsize=64)(_Book)


def some_of(names: Sequence[str], most: int = 5) -> str:
    """The first few names for a message, with the count of the rest."""
    shown = ", ".join(names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"
