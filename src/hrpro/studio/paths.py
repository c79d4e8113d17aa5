"""The one way from a video's id to its bytes: no path of a request ever reaches the disk.

A request names an id; the project's own listing says which file that is; and the file must lie in the
project's folder once every link is followed, unless the project was opened by a list that names it.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol
from urllib.parse import quote

from hrpro.core.errors import ConfigError
from hrpro.studio.answers import Refused, missing

GONE = "The file of this video cannot be read any more."
OUTSIDE = "This video is a link that leaves the project's folder: put the file itself there."


class Files(Protocol):
    """What may be served, by the video's id. inside: the folder that none may leave; None: no such bound."""

    @property
    def files(self) -> Mapping[str, Path]: ...

    @property
    def inside(self) -> Path | None: ...


class Listing:
    """The files of a project as it lists them at the moment."""

    def __init__(self, project: Files) -> None:
        self._project = project

    def path(self, id: str) -> Path:
        """The true path of the video's file. Refused: no such video, not a file, or it lies outside."""
        listed = self._project.files.get(id)
        if listed is None:
            raise missing("There is no such video in this project.")
        try:
            path = Path(os.path.realpath(listed, strict=True))
            kind = path.stat().st_mode
        except (OSError, ValueError):
            raise missing(GONE) from None
        inside = self._project.inside
        if inside is not None and not path.is_relative_to(os.path.realpath(inside)):
            raise Refused(403, "outside", OUTSIDE)
        if not stat.S_ISREG(kind):  # a pipe or a device would be read without end
            raise missing(GONE)
        return path

    def open(self, id: str) -> tuple[Path, int]:
        """The true path and an open descriptor of it, the caller's to close. Raises Refused as ``path``."""
        path = self.path(id)
        return path, open_file(path)


def open_file(path: Path) -> int:
    """A descriptor to read a true path from; what has become a link or no file since is Refused."""
    flags = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
    flags |= getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    try:
        handle = os.open(path, flags)
    except OSError:
        raise missing(GONE) from None
    # A folder above it may have become a link between the look and the opening.
    if not stat.S_ISREG(os.fstat(handle).st_mode) or os.path.realpath(path) != str(path):
        os.close(handle)
        raise missing(GONE)
    return handle


def corner(own: Path, name: str) -> Path:
    """The folder ``name`` in the studio's corner ``own`` of the project, made if need be.

    ConfigError: one of them is a link, or it cannot be made.
    """
    folder = own / name
    no_link(own, folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"cannot be made: {error.strerror}", where=folder) from error
    return folder


def no_link(*folders: Path) -> None:
    """ConfigError if one of these is a link, which would have the studio write and delete elsewhere."""
    for folder in folders:
        if folder.is_symlink():
            raise ConfigError("is a link", where=folder, mend="remove it; the studio makes a folder there")


def disposition(name: str, *, attachment: bool = False) -> str:
    """Content-Disposition for a file called ``name``, whatever is in it (RFC 6266, RFC 8187)."""
    kind = "attachment" if attachment else "inline"
    bare = "".join(letter if letter.isascii() and letter.isprintable() else "_" for letter in name)
    plain = "".join("_" if letter in '\\"/%;' else letter for letter in bare)
    encoded = quote(name.encode("utf-8", "replace"), safe="")
    return f"{kind}; filename=\"{plain}\"; filename*=UTF-8''{encoded}"
