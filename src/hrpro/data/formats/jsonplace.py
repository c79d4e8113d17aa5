"""Where a value stands in a JSON file: its key and its line.

Parsed JSON knows no lines. So readers carry a Place, which is the way of keys to a value and costs next to
nothing; only where a fault is told is the file gone through once more, along that way.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

_BLANKS = re.compile(r"[ \t\n\r]*")
_decode = json.JSONDecoder().raw_decode


@dataclass(slots=True)
class Place:
    """The value at ``keys`` of ``file``; as text ``file:line: key``, which finds the line.

    in_file: False where there is no such file to look into, or not yet; the text is then ``file: key``.
    """

    file: str | Path
    keys: tuple[str | int, ...] = ()
    in_file: bool = True

    def at(self, *keys: str | int) -> Place:
        """The value at ``keys`` within this one."""
        return type(self)(self.file, self.keys + keys, self.in_file)

    def __str__(self) -> str:
        line = self._line() if self.in_file else None
        place = str(self.file) if line is None else f"{self.file}:{line}"
        key = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in self.keys)
        return f"{place}: {key.removeprefix('.')}" if key else place

    @staticmethod
    def find(text: str, keys: Iterable[str | int]) -> int:
        """As ``line_of``."""
        return line_of(text, keys)

    def _line(self) -> int | None:
        if not Path(self.file).is_file():  # a pipe gives its text once only
            return None
        try:
            about = Path(self.file).stat()
            return self.find(_text(str(self.file), about.st_mtime_ns, about.st_size), self.keys)
        except (OSError, ValueError, IndexError, RecursionError):  # the file is another by now
            return None


Where = str | Path | Place
"""What a fault can name as its place."""


def line_of(text: str, keys: Iterable[str | int]) -> int:
    """The line, from 1, on which the value at ``keys`` of a JSON text begins.

    Of a key that is there twice, the last is meant, as by ``json``. Where the way of keys ends early (what
    is to be told may be that something is missing), the last value on it counts. Raises ValueError or
    IndexError if ``text`` is not JSON.
    """
    at = _after_blanks(text, 0)
    for key in keys:
        begins = _places(text, at).get(key)
        if begins is None:
            break
        at = begins
    return text.count("\n", 0, at) + 1


def first_twin(text: str) -> tuple[str | int, int]:
    """The first key of a JSON text that its object has already, and its line; there must be one.

    What comes after it need not be JSON.
    """
    walks = [(_entries(text, _after_blanks(text, 0)), set[str | int]())]
    while True:
        entries, met = walks[-1]
        key, at = next(entries, (None, 0))
        if key is None:
            walks.pop()
        elif key in met:
            return key, text.count("\n", 0, at) + 1
        else:
            met.add(key)
            walks.append((_entries(text, at), set()))


# A file may have a fault in every one of its thousands of entries: it is read and gone through once for all.
@lru_cache(maxsize=1)
def _text(file: str, changed: int, size: int) -> str:
    return Path(file).read_text(encoding="utf-8-sig")


@lru_cache(maxsize=4)
def _places(text: str, at: int) -> dict[str | int, int]:
    """Where each value of the object or list that begins at ``at`` does; of twins, the last."""
    return dict(_entries(text, at))


def _entries(text: str, at: int) -> Iterator[tuple[str | int, int]]:
    """Each key (or index) of the object (or list) that begins at ``at``, and where its value begins."""
    opening, at = text[at], _after_blanks(text, at + 1)
    index = 0
    while opening in "{[" and text[at] not in "}]":
        key: str | int = index
        if opening == "{":
            key, at = _decode(text, at)
            at = _after_blanks(text, _after_blanks(text, at) + 1)  # past the colon
        yield key, at
        at = _after_blanks(text, _decode(text, at)[1])
        if text[at] == ",":
            at = _after_blanks(text, at + 1)
        index += 1


def _after_blanks(text: str, at: int) -> int:
    found = _BLANKS.match(text, at)
    assert found is not None
    return found.end()
