"""Files at URLs, s3://, gs://, https:// and whatever else fsspec knows: listed, read, and written whole."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fsspec.core import url_to_fs
from fsspec.spec import AbstractFileSystem

from hrpro.core.errors import ConfigError, DataError, RunError

_PAUSE = 1.0  # s, before what failed is tried once more


@dataclass(frozen=True)
class Remote:
    """A file at a URL. size: bytes, 0 if that is not known."""

    url: str
    size: int = 0

    def __str__(self) -> str:
        return self.url

    @property
    def name(self) -> str:
        """Its file name, without what a web server is asked besides."""
        return self.url.partition("?")[0].rpartition("/")[2]


def is_url(where: object) -> bool:
    """Whether that is a URL and no path."""
    return "://" in str(where)


def opened(url: str) -> tuple[AbstractFileSystem, str]:
    """The file system of a URL and the path in it. ConfigError if nothing installed here can open it."""
    try:
        return url_to_fs(url)
    except (ImportError, ValueError) as error:
        raise ConfigError(f"cannot be opened here: {error}", where=url) from error


def found_at(url: str) -> Remote:
    """The file at a URL. DataError if there is none or it cannot be reached."""
    fs, path = opened(url)
    try:
        return Remote(url, fs.info(path).get("size") or 0)
    except Exception as error:
        raise _unreadable(error, url) from error


def found_below(url: str) -> dict[str, Remote]:
    """All files below a folder, by their path below it. DataError if it cannot be listed."""
    fs, path = opened(url)
    try:
        found: Any = fs.find(path, detail=True)
    except Exception as error:
        raise _unreadable(error, url) from error
    inside = {name.removeprefix(path.rstrip("/")).lstrip("/"): info for name, info in found.items()}
    return {name: Remote(f"{url}/{name}", info.get("size") or 0) for name, info in inside.items()}


def read(url: str) -> bytes:
    """The content. DataError if it cannot be read."""
    fs, path = opened(url)
    try:
        content = fs.cat_file(path)
    except Exception as error:
        raise _unreadable(error, url) from error
    assert isinstance(content, bytes)
    return content


def fetch(url: str, target: Path) -> None:
    """Copy the file at a URL to ``target``. DataError if it cannot be read."""
    fs, path = opened(url)
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        fs.get_file(path, str(target))
    except Exception as error:
        raise _unreadable(error, url) from error


def send(source: Path, url: str) -> None:
    """Copy a file to a URL, whole or not at all. RunError if that fails twice.

    By a rename where the file system has one; an object store shows no object before its end anyway.
    """
    fs, path = opened(url)
    folder, _, name = path.rpartition("/")
    renames = type(fs).mv is not AbstractFileSystem.mv  # that one copies and deletes
    first = f"{folder}/.{name}.partial" if renames else path
    for attempt in (1, 2):
        try:
            fs.makedirs(folder, exist_ok=True)
            fs.put_file(str(source), first)
            if renames:
                fs.mv(first, path)
            return
        except Exception as error:
            if attempt == 2:
                raise RunError(f"cannot be written: {_words(error)}", where=url) from error
            time.sleep(_PAUSE)


def _unreadable(error: Exception, url: str) -> DataError:
    """Each file system has errors of its own."""
    if isinstance(error, FileNotFoundError):
        return DataError("no such file", where=url)
    return DataError(f"cannot be read: {_words(error)}", where=url)


def _words(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__
