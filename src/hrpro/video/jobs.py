"""One video, one job, one outcome: what every engine maps, and the manifest of what came of it.

A job's work is a plain function of a module, ``work(job, tell) -> Outcome``, which raises nothing and leaves
its result on the disk, whole or not at all; so an engine is only a way to call it for many jobs: here, in
processes beside, or on other machines.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, Protocol, TypeVar

from hrpro.core.errors import ConfigError, HRProError, RunError
from hrpro.data.whole import write_text
from hrpro.video.urls import Remote


class Job(Protocol):
    """Can be pickled."""

    @property
    def id(self) -> str:
        """The video's id, which no other job has."""
        ...

    @property
    def video(self) -> Path | Remote:
        """The video file."""
        ...


@dataclass(frozen=True)
class Outcome:
    """What came of a job.

    state: "kept": there already, and nothing has changed. reason: why it failed. seconds: of video. count: of
    what was made. remarks: what was wrong with the file. stop: the others would fail for the same reason.
    """

    id: str
    video: str
    state: Literal["done", "kept", "failed"]
    reason: str = ""
    seconds: float = 0.0
    count: int = 0
    remarks: tuple[str, ...] = ()
    stop: bool = False


J = TypeVar("J", bound=Job)
Tell = Callable[[float | None], None]
"""Told from time to time which part of a job is done, 0 to 1; None: not known."""
Work = Callable[[J, Tell], Outcome]
Engine = Callable[
    [Work[J], Sequence[J], Callable[[int, float | None], None]], Generator[tuple[int, Outcome], None, None]
]
"""Does all jobs and yields (number of the job, outcome) as they end; tells (number, part done) on the way."""


def failure(job: Job, error: BaseException) -> Outcome:
    """The outcome of a job that ended in ``error``, in words."""
    known = isinstance(error, HRProError)
    what = str(error) if known or isinstance(error, OSError) else f"{type(error).__name__}: {error}"
    reason = " ".join(what.split()).encode("utf-8", "replace").decode() or type(error).__name__
    # Those are of the settings and of the place written to, not of the video.
    return Outcome(job.id, name_of(job), "failed", reason, stop=isinstance(error, ConfigError | RunError))


def outcome(
    job: Job, state: Literal["done", "kept"], seconds: float, count: int, remarks: Sequence[str]
) -> Outcome:
    """The outcome of a job that went well."""
    return Outcome(job.id, name_of(job), state, seconds=seconds, count=count, remarks=tuple(remarks))


def name_of(job: Job) -> str:
    """The video, as outcomes name it: path or URL."""
    return str(job.video).encode("utf-8", "replace").decode()


def here(
    work: Work[J], jobs: Sequence[J], on_part: Callable[[int, float | None], None]
) -> Generator[tuple[int, Outcome], None, None]:
    """The engine that does one job after another in this process."""
    for number, job in enumerate(jobs):
        on_part(number, 0.0)
        yield number, work(job, lambda part, number=number: on_part(number, part))


def manifest_path(folder: Path, part: str | None = None) -> Path:
    """Where the manifest lies; a shard ``part``, "I/N", has one of its own."""
    return folder / manifest_name(part)


def manifest_name(part: str | None = None) -> str:
    """What the manifest is called in its folder."""
    return "manifest.jsonl" if part is None else f"manifest-{part.replace('/', '-of-')}.jsonl"


def write_manifest(path: Path, outcomes: Sequence[Outcome]) -> None:
    """A JSON object a line for each video. RunError if it cannot be written."""
    lines = []
    for entry in sorted(outcomes, key=lambda entry: entry.id):
        lines.append(json.dumps({key: value for key, value in asdict(entry).items() if key != "stop"}))
    write_text(path, "".join(f"{line}\n" for line in lines))
