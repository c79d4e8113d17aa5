"""What may be stored: every value that a page sends is held against these, and refused in a sentence."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from hrpro.studio.answers import ID, invalid

LATEST = 1e9
"""s; where a video's duration is not known."""
SLACK = 1.0
"""s by which a player may hold a video for longer than its pictures last, as with sound that ends later."""
LONGEST = 4096
"""Characters of a path."""
KEYS = tuple("123456789")
"""The number keys, by which classes are clicked."""
_COLOR = re.compile(r"#[0-9a-fA-F]{6}\Z")
# Joiners are part of the writing of several languages, and of some emoji.
_JOINERS = dict.fromkeys(map(ord, "\u200c\u200d"), "")


def text(op: Mapping[str, Any], key: str, most: int) -> str:
    """A printable text of 1 to ``most`` characters, without the blanks around it."""
    value = op.get(key)
    if not isinstance(value, str):
        raise invalid(f"{key!r} must be a text.")
    value = value.strip()
    if not is_text(value, most):
        raise invalid(f"{key!r} must have 1 to {most} characters that can be shown.")
    return value


def exact(op: Mapping[str, Any], key: str) -> str:
    """A text as it is, with all its blanks: the name of something that was stored under it."""
    value = op.get(key)
    if not isinstance(value, str) or not 1 <= len(value) <= LONGEST or not _writable(value):
        raise invalid(f"{key!r} must be a text.")
    return value


def _writable(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def is_text(value: Any, most: int) -> bool:
    """Whether it is a text of 1 to ``most`` characters, all printable (no control or direction marks)."""
    if not isinstance(value, str) or not 1 <= len(value) <= most:
        return False
    bare = value.translate(_JOINERS)
    return bare.isprintable() and bool(bare.strip())


def id_of(op: Mapping[str, Any], key: str = "id") -> str:
    """An id that a client made."""
    value = op.get(key)
    if not isinstance(value, str) or not ID.match(value):
        raise invalid(f"{key!r} must be 1 to 64 of A-Z a-z 0-9 _ -.")
    return value


def choice(op: Mapping[str, Any], key: str, choices: tuple[str, ...]) -> str:
    """One of a few words."""
    value = op.get(key)
    if not isinstance(value, str) or value not in choices:
        raise invalid(f"{key!r} must be one of: {', '.join(choices)}.")
    return value


def version(op: Mapping[str, Any]) -> int:
    """The version that the client saw."""
    value = op.get("version")
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**53:
        raise invalid("'version' must be the number of the version that was seen.")
    return value


def color(op: Mapping[str, Any]) -> str:
    """#rrggbb in small letters."""
    value = op.get("color")
    if not isinstance(value, str) or not _COLOR.match(value):
        raise invalid("'color' must be written as #rrggbb.")
    return value.lower()


def key(op: Mapping[str, Any]) -> str | None:
    """A number key, or none."""
    return None if op.get("key") is None else choice(op, "key", KEYS)


def seconds(op: Mapping[str, Any], key: str, duration: float | None) -> float:
    """A moment of the video, s; what lies less than SLACK behind its end is moved there."""
    value = op.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise invalid(f"{key!r} must be a number of seconds.")
    try:
        time = float(value)
    except OverflowError:
        time = math.inf
    last = LATEST if duration is None else duration
    if not (math.isfinite(time) and 0 <= time <= last + SLACK):
        raise invalid(f"{key!r} must lie inside the video, from 0 to {last:.6g} s.")
    return min(time, last) + 0.0  # -0.0 and 0.0 are one moment
