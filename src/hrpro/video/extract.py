"""Video files to feature files: each once, all that can be read, whatever stops it on the way."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Generic

from hrpro.core.errors import ConfigError, DataError, RunError
from hrpro.data.features import FeatureFile
from hrpro.data.whole import make_folder
from hrpro.video.jobs import (
    Engine,
    J,
    Outcome,
    Tell,
    Work,
    failure,
    here,
    manifest_path,
    name_of,
    outcome,
    write_manifest,
)
from hrpro.video.origin import Origin, choose
from hrpro.video.progress import board, size_of
from hrpro.video.remote import Afar, M, at_hand, placed, standing_for
from hrpro.video.sources import Source, find_videos, shard
from hrpro.video.store import SUFFIX, About, read_about, sha256_of, write_features
from hrpro.video.urls import is_url
from hrpro.video.vectors import FeatureStream, decoder, feature_stream
from hrpro.video.workers import in_processes

LOCAL, RAY = "local", "ray"


@dataclass(frozen=True)
class ExtractJob:
    """One video to one feature file. threads: of the decoder, 0: as many as there are cores."""

    id: str
    video: Path
    target: Path
    origin: Origin
    threads: int = 0

    @property
    def outputs(self) -> tuple[Path, ...]:
        return (self.target,)

    def moved(self, video: Path, out: Path | None) -> ExtractJob:
        return replace(self, video=video, target=self.target if out is None else out / f"{self.id}{SUFFIX}")


@dataclass(frozen=True)
class Parts(Generic[M]):
    """The work of a job: ``begin``; the video to features, by ``origin``; ``finish``.

    begin: the outcome if all is done already, else the content's hash, which ``finish`` is given with the
    features; it reads them once, while they are computed. weights: of the backbone, where they lie now. film:
    whether ``finish`` reads the video again. Engines may do the parts in different places; ``threads`` of a
    job are its decoder's.
    """

    begin: Callable[[M], Outcome | str]
    finish: Callable[[M, str, FeatureStream, Tell], Outcome]
    origin: Origin
    weights: Path | None = None
    film: bool = False

    def __call__(self, job: M | Afar[M], tell: Tell) -> Outcome:
        """All of it, here."""
        half = 0.5 if self.film else 1.0
        try:
            with at_hand(job) as local:
                content = self.begin(local)
                if isinstance(content, Outcome):
                    return replace(content, video=name_of(job))
                with feature_stream(
                    local.video,
                    self.origin,
                    weights=self.weights,
                    threads=local.threads,
                    tell=lambda part: tell(None if part is None else part * half),
                ) as made:
                    done = self.finish(
                        local, content, made, lambda part: tell(None if part is None else half + part * half)
                    )
            return replace(done, video=name_of(job))
        except Exception as error:  # of whatever library: this video's, and no other's
            return failure(job, error)


def extract(
    videos: str | Path | Sequence[Source],
    out: str | Path,
    *,
    backbone: str = "classic",
    weights: str | Path | None = None,
    options: Mapping[str, Any] | None = None,
    workers: int = 0,
    part: str | None = None,
    engine: str = LOCAL,
    quiet: bool = True,
) -> list[Outcome]:
    """Features of ``videos`` (see ``find_videos``) as ``out``/<id>.safetensors; one outcome a video.

    What was extracted before from the same content, with the same settings and weights, is kept; what cannot
    be read is told in its outcome and in the manifest in ``out``. Videos and ``out`` may be at URLs. options:
    of the backbone. workers: processes; 0: in this one. part: "I/N", that shard alone. engine: "local" or
    "ray" (see ``on_ray``). Raises DataError for no videos, ConfigError for a bad backbone, RunError if
    ``out`` cannot be written to.
    """
    decoder()
    sources = find_videos(videos) if isinstance(videos, str | Path) else list(videos)
    # The manifest says where they lie, to whoever reads it from another working folder.
    sources = [s.absolute() for s in (sources if part is None else shard(sources, part))]
    origin = choose(backbone, weights, options)
    work = Parts(begin, finish, origin)
    threads = 1 if workers > 1 or engine == RAY else 0
    if engine == RAY:  # its workers have working folders of their own
        out = out if is_url(out) else Path(out).absolute()
    with standing_for(out) as folder:
        jobs = [ExtractJob(s.id, s.path, folder / f"{s.id}{SUFFIX}", origin, threads) for s in sources]
        return work_through(
            work,
            placed(jobs, sources, out),
            folder,
            "snippets",
            workers=workers,
            part=part,
            engine=engine_of(engine, work, workers),
            quiet=quiet,
        )


def engine_of(name: str, work: Parts[M], workers: int) -> Engine[M | Afar[M]] | None:
    """The engine "ray"; None for "local", which is ``work_through``'s own."""
    if name != RAY:
        assert name == LOCAL
        return None
    from hrpro.video.on_ray import on_ray

    return on_ray(work, workers)


def work_through(
    work: Work[J],
    jobs: Sequence[J],
    out: Path,
    unit: str,
    *,
    workers: int = 0,
    part: str | None = None,
    engine: Engine[J] | None = None,
    quiet: bool = True,
) -> list[Outcome]:
    """Do all jobs with ``engine`` (None: here, or in ``workers`` processes), shown on a board.

    Leaves the manifest in ``out``, also when it is stopped. RunError when an outcome says to stop.
    """
    if workers < 0:
        raise ConfigError(f"must be 0 or more, not {workers}", where="--workers")
    engine = engine or (in_processes(workers) if workers and jobs else here)
    outcomes: list[Outcome] = []
    refused = None
    try:
        make_folder(out)
    except RunError as error:
        if not manifest_path(out, part).is_file():
            raise
        refused = error  # unless all is done: then it can be used where it lies
    try:
        with (
            board([job.id for job in jobs], [size_of(job.video) for job in jobs], unit, quiet=quiet) as shown,
            closing(engine(work, jobs, shown.part)) as ended,
        ):
            for number, entry in ended:
                outcomes.append(entry)
                if refused is not None and entry.state != "kept":
                    raise refused
                if entry.stop:
                    raise RunError(entry.reason)
                shown.end(number, entry)
    except BaseException:
        with suppress(RunError):  # what stopped it is what is told
            write_manifest(manifest_path(out, part), outcomes)
        raise
    if refused is None:
        write_manifest(manifest_path(out, part), outcomes)
    return sorted(outcomes, key=lambda entry: entry.id)


def begin(job: ExtractJob) -> Outcome | str:
    """The outcome if all is done already, else the sha256 of the video's content."""
    content = sha256_of(job.video)
    before = _finished(job, content)
    if before is None:
        return content
    about, snippets = before
    return outcome(job, "kept", about.duration, snippets, about.remarks)


def finish(job: ExtractJob, content: str, made: FeatureStream, tell: Tell) -> Outcome:
    """Write the features of the video of that content. RunError if they cannot be written."""
    snippets = write_features(
        job.target,
        made.vectors,
        lambda: About(job.origin, job.video.name, content, made.duration, made.remarks),
    )
    return outcome(job, "done", made.duration, snippets, made.remarks)


def _finished(job: ExtractJob, content: str) -> tuple[About, int] | None:
    """What an earlier run made of the same content in the same way, and its number of snippets.

    What it made of something else is removed at once: it must not pass for this video's if this run fails.
    DataError for what another backbone made, or this one with other settings: that may have taken days.
    """
    if not job.target.exists():
        return None
    try:
        about = read_about(job.target)
        length, _ = FeatureFile(job.target).shape
    except DataError:  # damaged
        about, length = None, 0
    if about is None and length:
        mend = "extract into another folder, or remove it"
        raise DataError("is there already and was not made by hrpro extract", where=job.target, mend=mend)
    if about is not None and about.sha256 == content and about.origin == job.origin:
        return about, length
    if about is not None and (differs := about.origin.otherwise(job.origin)):
        mend = "extract into another folder, name the backbone that made these, or remove them"
        raise DataError(f"holds features made otherwise: {differs}", where=job.target, mend=mend)
    job.target.unlink()
    return None
