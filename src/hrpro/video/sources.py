"""Which videos a command is given: a file, a folder, or a list of files; and what each is called.

Each may be at a URL. A video's id is its path below the folder (or below the list's folder), without its
ending, with "/" between the parts; elsewhere its bare name. It names the features, the detections and the
clicks.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from hrpro.core.errors import ConfigError, DataError
from hrpro.video.urls import Remote, found_at, found_below, is_url, read

ENDINGS = (
    "3g2 3gp asf avi divx dv f4v flv h264 m2ts m2v m4v mkv mov mp4 mpeg mpg mts mxf ogv qt rm ts vob webm wmv"
    " y4m"
)
SUFFIXES = tuple(f".{ending}" for ending in ENDINGS.split())
ANNOTATED = ".annotated.mp4"  # what ``predict --render`` writes, possibly beside the videos: never an input
LIST = ".txt"
_APART = "rename one of them, or put them in different folders"
_APART_IN_LIST = "rename one of them, or put the list into a folder that both lie below"


@dataclass(frozen=True)
class Source:
    """A video file and its id. remote: where it lies, if that is a URL; ``path`` is its bare name then."""

    id: str
    path: Path
    remote: Remote | None = None

    def absolute(self) -> Source:
        """The same, seen from any working folder."""
        return self if self.remote else replace(self, path=self.path.absolute())


def find_videos(where: str | Path, *, may_be_empty: bool = False, links: bool = True) -> list[Source]:
    """The videos of a file, a folder with all below it, or a list (.txt, a path a line, # before a remark),
    sorted by id.

    In a folder, files are known by their endings, and hidden ones left out; folders that it links to are
    looked into if ``links``. Files that a list names need not
    be there: that is found out, and told, one by one. Raises DataError if there is no such file or folder, no
    video in it (unless it ``may_be_empty``), or two videos would have one id.
    """
    if is_url(where):
        root, paths = _remote(str(where).rstrip("/"))
    else:
        root, paths = _local(Path(where), links)
    if not paths and not may_be_empty:
        raise DataError(
            "there is no video file in this folder", where=where, mend=f"known by their endings: {ENDINGS}"
        )
    found: dict[str, Path | Remote] = {}
    for path in paths:
        id = _id(path, root)
        if found.setdefault(id, path) != path:
            raise DataError(
                f"{found[id]} and {path} would both be called {id!r}",
                where=where,
                mend=_APART if Path(str(where)).suffix.lower() != LIST else _APART_IN_LIST,
            )
    return [_source(id, found[id]) for id in sorted(found)]


def _local(where: Path, links: bool) -> tuple[str, list[Path | Remote]]:
    """The folder that the ids are below, and the videos."""
    if where.is_dir():
        return str(where), list(_below(where, links))
    if not where.exists():
        raise DataError("there is no such video, folder or list", where=where)
    if where.suffix.lower() != LIST:
        return str(where.parent), [where]
    try:
        content = where.read_bytes()
    except OSError as error:
        raise DataError(f"the list cannot be read: {error}", where=where) from error
    # normpath, not resolve: a link keeps its own name.
    lines = [
        Remote(line) if is_url(line) else Path(os.path.normpath(where.parent / Path(line).expanduser()))
        for line in _lines(content, where)
    ]
    return str(where.parent), lines


def _remote(url: str) -> tuple[str, list[Path | Remote]]:
    """As ``_local``. Endings tell a file from a folder: a web server does not."""
    folder, ending = url.rpartition("/")[0], PurePosixPath(Remote(url).name).suffix.lower()
    if ending == LIST:
        return folder, [Remote(x if is_url(x) else f"{folder}/{x}") for x in _lines(read(url), url)]
    if ending in SUFFIXES:
        return folder, [found_at(url)]
    return url, [file for name, file in found_below(url).items() if _is_video(name)]


def _is_video(name: str) -> bool:
    """Of a path below a folder: by its ending, and not hidden."""
    known = name.lower().endswith(SUFFIXES) and not name.lower().endswith(ANNOTATED)
    return known and not any(part.startswith(".") for part in name.split("/"))


def _source(id: str, path: Path | Remote) -> Source:
    return Source(id, Path(path.name), path) if isinstance(path, Remote) else Source(id, path)


def shard(sources: Sequence[Source], part: str) -> list[Source]:
    """Part "I/N" of them: every N-th, from the I-th on (I from 1). ConfigError: no such part."""
    first, _, count = part.partition("/")
    if not (first.isdecimal() and count.isdecimal() and 1 <= int(first) <= int(count)):
        raise ConfigError(f"must be I/N with I from 1 to N, such as 2/8, not {part}", where="--shard")
    return list(sources[int(first) - 1 :: int(count)])


def by_name(sources: Iterable[Source]) -> dict[str, Source | None]:
    """Sources by all they may be called: id, path, name with its ending or without; None: several of them."""
    found: dict[str, Source | None] = {}
    exact: dict[str, Source | None] = {}
    for source in sources:
        exact[source.id] = exact[source.id + source.path.suffix] = exact[str(source.path)] = source
        for name in {source.path.name, source.path.stem}:
            found[name] = None if name in found else source
    return found | exact


def _below(folder: Path, links: bool) -> Iterator[Path]:
    """Each folder once, whatever links lead there; what cannot be looked into below is left out, told."""
    seen = {os.path.realpath(folder)}

    def new(parent: str, name: str) -> bool:
        place = os.path.realpath(os.path.join(parent, name))
        known = place in seen
        seen.add(place)
        return not known

    def cannot(error: OSError) -> None:
        if Path(error.filename) == folder:
            raise DataError(f"cannot be read: {error.strerror}", where=error.filename)
        warnings.warn(f"{error.filename}: left out, cannot be read: {error.strerror}", stacklevel=2)

    for parent, folders, names in os.walk(folder, onerror=cannot, followlinks=links):
        folders[:] = sorted(name for name in folders if not name.startswith(".") and new(parent, name))
        yield from (Path(parent, name) for name in names if _is_video(name))


def _lines(content: bytes, where: str | Path) -> list[str]:
    try:
        lines = content.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise DataError(f"the list cannot be read: {error}", where=where) from error
    lines = [line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#")]
    if not lines:
        raise DataError("the list is empty", where=where, mend="write the path of a video on each line")
    return lines


def _id(path: Path | Remote, root: str) -> str:
    if isinstance(path, Remote):
        bare = path.url.partition("?")[0]
        inside = PurePosixPath(bare.removeprefix(f"{root}/") if bare.startswith(f"{root}/") else path.name)
    else:
        absolute, top = (Path(os.path.abspath(place)) for place in (path, root))
        inside = absolute.relative_to(top) if absolute.is_relative_to(top) else Path(absolute.name)
    # A name that is no UTF-8 could not be written into any of our files.
    return inside.with_name(inside.stem).as_posix().encode("utf-8", "replace").decode()
