"""JSON and text files: read with the place of every fault, written beside their name and then moved there."""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path
from typing import Any

from hrpro.core.errors import DataError


def read_json(path: str | Path) -> Any:
    """Parse the UTF-8 file ``path``; a key given twice in one object is a fault, not a silent loss.

    Raises DataError with the file, and line and column where it is not JSON.
    """

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        entries = dict(pairs)
        if len(entries) < len(pairs):
            keys = [key for key, _ in pairs]
            twice = next(key for key in entries if keys.count(key) > 1)
            raise DataError(
                f"the key '{twice}' appears twice in one object", where=path, mend="merge the entries"
            )
        return entries

    try:
        with open(path, encoding="utf-8-sig") as file:
            return json.load(file, object_pairs_hook=once)
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror}", where=path) from None
    except json.JSONDecodeError as error:
        raise DataError(
            f"not JSON at line {error.lineno}, column {error.colno}: {error.msg}", where=path
        ) from None
    except (ValueError, RecursionError) as error:
        raise DataError(f"not JSON text: {error}", where=path) from None


def write_atomic(path: str | Path, text: str) -> None:
    """Write ``text`` (UTF-8) beside ``path``, then move it there; makes the folder. Raises DataError."""
    target = Path(path)
    scratch = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with open(scratch, "w", encoding="utf-8", newline="") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(scratch, target)
    except OSError as error:
        raise DataError(f"cannot be written: {error.strerror}", where=path) from None
    finally:
        with contextlib.suppress(OSError):
            scratch.unlink(missing_ok=True)
