"""Looking into parsed JSON with the place of every fault."""

from __future__ import annotations

from typing import Any

from hrpro.core.errors import DataError
from hrpro.data.formats.jsonplace import Where


def mapping(value: Any, where: Where) -> dict[str, Any]:
    """``value`` if it is an object; DataError at ``where`` if not."""
    if not isinstance(value, dict):
        raise DataError(f"an object {{...}} is expected here, not {_kind(value)}", where=where)
    return value


def listing(value: Any, where: Where) -> list[Any]:
    """``value`` if it is a list; DataError at ``where`` if not."""
    if not isinstance(value, list):
        raise DataError(f"a list [...] is expected here, not {_kind(value)}", where=where)
    return value


def pair(value: Any, where: Where) -> tuple[Any, Any]:
    """The two entries of a list of two."""
    if len(listing(value, where)) != 2:
        raise DataError(f"[start, end] is expected here, not {len(value)} entries", where=where)
    return value[0], value[1]


def _kind(value: Any) -> str:
    return "nothing" if value is None else f"a {type(value).__name__}"
