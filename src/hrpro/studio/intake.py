"""Clicks and segments of a file that another tool wrote, taken into a project."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from hrpro.convert import read
from hrpro.core.annotations import Click, Detection, Segment
from hrpro.core.errors import DataError, RunError
from hrpro.data.clicks import few_enough_to_skip
from hrpro.data.faults import some_of
from hrpro.data.formats.neutral import Video, counted
from hrpro.studio.bring import SAME
from hrpro.studio.checks import SLACK, is_text
from hrpro.studio.lock import LOCK, only_server
from hrpro.studio.ops import LABEL
from hrpro.studio.project import Project, open_project
from hrpro.studio.store import Store
from hrpro.video.sources import Source, by_name

T = TypeVar("T", Click, Segment)
_ANY = 25.0  # frames a second, where any would do


def take_in(path: Path, source: Path, format: str | None) -> list[str]:
    """Put what ``source`` (a file, or a folder of them) holds into the project; in lines, what came of it.

    A video is known by its id, its path below the folder or its file's name; frames are counted at its own
    rate. What is there already does not come twice. A segment becomes a verified one, and a click where none
    of its class lies in it; one with a score was found, not verified, and is left out. Raises ConfigError or
    DataError, and has then changed nothing; RunError while a studio has the project open.
    """
    project = open_project(path)
    names = _names(project)

    def rate(name: str) -> float | None:
        id = names.get(name)
        return _ANY if id is None else project.videos[id].fps  # of what is not here nothing is taken

    form, annotations = read(source, format, rate)
    if form.renamed is not None:
        names = {form.renamed(id): id for id in project.durations()} | names
    held = _Held(source)
    for name, video in annotations.videos.items():
        if name in names and names[name] is None:
            what, mend = f"there are several videos {name!r} here", "write its path below the folder"
            raise DataError(what, where=source, mend=mend)
        held.add(project, names.get(name), name, video)
    held.check()
    framed = form.unit == "frame"
    same = {id: 0.5 / (project.videos[id].fps or _ANY) + SAME for id in held.clicks} if framed else {}
    with only_server(project.own / LOCK, "hrpro studio --import"):
        store = Store(project.database, project.durations)
        try:
            clicks, segments = store.take_in(held.clicks, held.segments, same)
        except sqlite3.Error as error:
            raise RunError(f"cannot be written: {error}", where=project.database) from error
        finally:
            store.close()
    old = held.kept - clicks - segments
    taken = f"{counted(clicks, 'click')} and {counted(segments, 'segment')} taken in"
    told = f"{form.name}: {taken}" + (f"; {old} were there already" if old else "")
    return [*annotations.remarks, *held.remarks(), told]


class _Held:
    """What a file holds for the project, and what it holds besides."""

    def __init__(self, source: Path) -> None:
        self.source = source
        self.clicks, self.segments = dict[str, list[Click]](), dict[str, list[Segment]]()
        self.total = self._found = 0
        self._unknown, self._late, self._empty = list[str](), list[str](), list[str]()

    @property
    def kept(self) -> int:
        return sum(len(held) for table in (self.clicks, self.segments) for held in table.values())

    def add(self, project: Project, id: str | None, name: str, video: Video) -> None:
        """Of the project's video ``id`` (None: it has none), which the file calls ``name``."""
        drawn = [one for one in video.segments if not isinstance(one, Detection)]
        self._found += len(video.segments) - len(drawn)
        count = len(video.clicks) + len(drawn)
        self.total += count
        if id is None:
            self._unknown += [f"{name!r} ({count})"] if count else []
            return
        for one in (*video.clicks, *drawn):
            if not is_text(one.label, LABEL):
                what = f"{one.label[:LABEL]!r} cannot be a class"
                mend = f"name it in 1 to {LABEL} characters that can be shown"
                raise DataError(what, where=self.source, mend=mend)
        end = project.videos[id].duration
        self.clicks.setdefault(id, []).extend(self._within(video.clicks, end, name))
        self.segments.setdefault(id, []).extend(self._within(drawn, end, name))

    def check(self) -> None:
        """DataError: there is nothing to take in, or it is of other videos, or of other times."""
        if not self.total:
            raise DataError("it holds no click, and no segment that somebody set", where=self.source)
        if not self.clicks:
            mend = "name them as their files here are named"
            raise DataError(
                f"none of its videos is here: {some_of(self._unknown)}", where=self.source, mend=mend
            )
        if not few_enough_to_skip(len(self._late), self.total):
            mend = "check the unit of the times"
            raise DataError(f"not in its video: {some_of(self._late)}", where=self.source, mend=mend)

    def remarks(self) -> list[str]:
        """What is left out."""
        told = []
        if self._unknown:
            told.append(f"left out, as no such video is here: {some_of(self._unknown)}")
        if self._late:
            told.append(f"left out, as not in its video: {some_of(self._late)}")
        if self._empty:
            told.append(f"left out, as a segment must end after it starts: {some_of(self._empty)}")
        if self._found:
            told.append(f"left out, found and not verified: {counted(self._found, 'segment')} with a score")
        return told

    def _within(self, held: Iterable[T], end: float | None, name: str) -> list[T]:
        """Those that lie in a video of that length, s, to the slack that players have."""
        kept = list[T]()
        for one in held:
            last = one.time if isinstance(one, Click) else one.end
            inside = one if end is None else _cut(one, end)
            if end is not None and last > end + SLACK:
                self._late.append(f"{last:g} s of {name!r}, which ends at {end:g} s")
            elif isinstance(inside, Segment) and not inside.start < inside.end:
                self._empty.append(f"{inside.start:g} s of {name!r}")
            else:
                kept.append(inside)
        return kept


def _names(project: Project) -> dict[str, str | None]:
    """The project's videos, but those of which nothing can be seen, by all they may be called (None: several
    of them are)."""
    seen = project.durations()
    sources = [Source(id, path) for id, path in project.files.items() if id in seen]
    called = {name: None if one is None else one.id for name, one in by_name(sources).items()}
    return called | {id: id for id in seen}


def _cut(one: T, end: float) -> T:
    if isinstance(one, Click):
        return replace(one, time=min(one.time, end))
    return replace(one, start=min(one.start, end), end=min(one.end, end))
