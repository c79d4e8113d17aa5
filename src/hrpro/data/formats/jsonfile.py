"""JSON and text files: read with the place of every fault, written beside their name and then moved there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hrpro.core.errors import DataError, RunError
from hrpro.data.formats.jsonplace import first_twin
from hrpro.data.whole import write_text


def read_json(path: str | Path) -> Any:
    """Parse the UTF-8 file ``path``; a key given twice in one object is a fault, not a silent loss.

    Raises DataError with the file and the line.
    """

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        entries = dict(pairs)
        if len(entries) < len(pairs):
            twice, line = first_twin(text)
            what, mend = f"the key '{twice}' appears twice in one object", "merge the entries"
            raise DataError(what, where=f"{path}:{line}", mend=mend)
        return entries

    try:
        with open(path, encoding="utf-8-sig") as file:
            text = file.read()
        return json.loads(text, object_pairs_hook=once)
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror}", where=path) from None
    except json.JSONDecodeError as error:
        raise DataError(
            f"not JSON at line {error.lineno}, column {error.colno}: {error.msg}", where=path
        ) from None
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise DataError("not UTF-8 text", where=f"{path}:{line}", mend="save it as UTF-8") from None
    except (ValueError, RecursionError) as error:
        raise DataError(f"not JSON text: {error}", where=path) from None


def write_atomic(path: str | Path, text: str, *, through: bool = False) -> None:
    """Write ``text`` (UTF-8), whole or not at all; makes the folder; through: as of ``write_text``. Raises
    DataError."""
    try:
        write_text(Path(path), text, through=through)
    except RunError as error:
        raise DataError(error.what, where=path, mend=error.mend) from None
