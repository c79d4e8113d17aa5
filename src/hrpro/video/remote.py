"""Videos and results at URLs (s3://, gs://, https://, ...: whatever fsspec can open), worked on as copies.

Decoders and writers take files of this machine. So the video of a job with URLs is copied to a scratch
folder, and the results of an earlier run too; what has changed there is sent back, and the folder goes.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from hrpro.core.errors import ConfigError, DataError, HRProError
from hrpro.video.jobs import Job
from hrpro.video.sources import ANNOTATED, Source
from hrpro.video.urls import Remote, fetch, is_url, opened, send


class Movable(Job, Protocol):
    """A job on files of this machine. threads: of the decoder."""

    @property
    def video(self) -> Path: ...

    @property
    def threads(self) -> int: ...

    @property
    def outputs(self) -> tuple[Path, ...]:
        """The files it may write, the one that completes them last."""
        ...

    def moved(self, video: Path, out: Path | None) -> Any:
        """The same for a video there, with its files in the folder ``out`` (None: where they were)."""
        ...


M = TypeVar("M", bound=Movable)


@dataclass(frozen=True)
class Afar(Generic[M]):
    """A job whose video or results lie at URLs. out: the results' folder, None: where the job says."""

    job: M
    video: Path | Remote
    out: str | None

    @property
    def id(self) -> str:
        return self.job.id


def placed(jobs: Sequence[M], sources: Sequence[Source], out: str | Path) -> list[M | Afar[M]]:
    """The jobs of these sources, as ``Afar`` where the source or ``out`` is a URL."""
    folder = str(out).rstrip("/") if is_url(out) else None
    return [
        Afar(job, source.remote or source.path, folder) if source.remote or folder else job
        for job, source in zip(jobs, sources, strict=True)
    ]


@contextmanager
def standing_for(out: str | Path) -> Iterator[Path]:
    """The folder ``out``; for a URL one of this machine, whose files go there in the end, however it ends."""
    if not is_url(out):
        yield Path(out)
        return
    scratch = tempfile.TemporaryDirectory(prefix="hrpro-")
    with scratch, _shared(Path(scratch.name), str(out).rstrip("/"), None):
        yield Path(scratch.name)


@contextmanager
def at_hand(job: M | Afar[M], *, video: bool = True) -> Iterator[M]:
    """The job as one of this machine, for as long as the block lasts. video: whether that is needed.

    Raises DataError if the video cannot be read, RunError if a result cannot be written, ConfigError for a
    URL of a kind that nothing installed here can open; faults found in the copies are told of the URLs.
    """
    if not isinstance(job, Afar):
        yield job
        return
    with tempfile.TemporaryDirectory(prefix="hrpro-") as scratch:
        film, out = job.job.video, None
        names: dict[str, str] = {}
        if isinstance(job.video, Remote):
            film = Path(scratch, "video", film.name)
            names[str(film)] = job.video.url
            if video:
                try:
                    fetch(job.video.url, film)
                except ConfigError as error:  # this video's fault: others may lie elsewhere
                    raise DataError(error.what, where=error.where, mend=error.mend) from error
        if job.out is not None:
            out = Path(scratch, "out")
            names[str(out)] = job.out
        local = job.job.moved(film, out)
        try:
            if out is None or job.out is None:
                yield local
            else:
                with _shared(out, job.out, [path.relative_to(out).as_posix() for path in local.outputs]):
                    yield local
        except HRProError as error:
            raise type(error)(
                _said(error.what, names),
                where=None if error.where is None else _said(error.where, names),
                mend=error.mend,
            ) from error


def _said(text: str, names: dict[str, str]) -> str:
    for here, there in names.items():
        text = text.replace(here, there)
    return text


@contextmanager
def _shared(folder: Path, url: str, names: Sequence[str] | None) -> Iterator[None]:
    """Copies the files of these names from ``url`` to ``folder``, and in the end what has changed, back.

    In order of the names; what is gone is removed there first. names: None: whatever is in the folder then.
    """
    fs, root = opened(url)
    folder.mkdir(parents=True, exist_ok=True)
    for name in names or ():
        if fs.exists(f"{root}/{name}"):
            if name.endswith(ANNOTATED):  # nobody reads it: that it is there is all that matters
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                (folder / name).touch()
            else:
                fetch(f"{url}/{name}", folder / name)
    before = {name: _state(folder / name) for name in names or ()}
    try:
        yield
    finally:
        for name in reversed(names or ()):
            if before[name] and not (folder / name).exists():
                fs.rm_file(f"{root}/{name}")
        for name in sorted(os.listdir(folder)) if names is None else names:
            if (folder / name).is_file() and before.get(name) != _state(folder / name):
                send(folder / name, f"{url}/{name}")


def _state(path: Path) -> tuple[int, int, int] | None:
    """Differs for a file that has been written anew: ours appear by rename."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns
