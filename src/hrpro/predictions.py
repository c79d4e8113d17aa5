"""From video files to files of detections, beside the videos or elsewhere: one pass over each."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import hrpro
from hrpro.core.annotations import Detections
from hrpro.core.errors import ConfigError, DataError, RunError
from hrpro.data.formats.activitynet import parse_detections, read_detections, write_detections
from hrpro.data.formats.jsonfile import read_json
from hrpro.localizer import HRPro
from hrpro.model_folder import fingerprint
from hrpro.runs import check_ours, pick_device
from hrpro.video.extract import LOCAL, RAY, Parts, engine_of, work_through
from hrpro.video.jobs import Outcome, Tell, outcome
from hrpro.video.origin import Origin, rebuild
from hrpro.video.remote import at_hand, placed, standing_for
from hrpro.video.sources import ANNOTATED, find_videos
from hrpro.video.store import sha256_of
from hrpro.video.subtitles import HEADER, SUFFIXES, write_shown
from hrpro.video.urls import is_url
from hrpro.video.vectors import FeatureSequence, FeatureStream, decoder, video_features

ALL = "detections"


@dataclass(frozen=True)
class PredictJob:
    """One video to its files ``base``.json, .csv, .srt, .vtt and, to ``render``, .annotated.mp4.

    model, device: as for HRPro.load; print: the model's fingerprint. threads: of the decoder, 0: as many as
    there are cores.
    """

    id: str
    video: Path
    base: Path
    model: Path
    print: str
    device: str
    min_score: float
    render: bool = False
    threads: int = 0

    def file(self, suffix: str) -> Path:
        return self.base.with_name(self.base.name + suffix)

    @property
    def outputs(self) -> tuple[Path, ...]:
        return tuple(self.file(suffix) for suffix in (*SUFFIXES, ANNOTATED, ".json"))

    def moved(self, video: Path, out: Path | None) -> PredictJob:
        return replace(self, video=video, base=self.base if out is None else out / self.id)


def localize(model: HRPro, path: str | Path, *, weights: str | Path | None = None) -> Detections:
    """Extraction, both stages and suppression. Raises as ``HRPro.predict_video``."""
    return located(model, video_features(path, origin_of(model), weights=weights))


def located(model: HRPro, made: FeatureSequence) -> Detections:
    """What is found in a video, in seconds within it, best first, from its features."""
    return model.predict(made.features_td, made.timeline).within(made.duration)


def origin_of(model: HRPro) -> Origin:
    """How the features the model learned from were made. RunError if that is not known."""
    if model.origin is None:
        raise RunError(
            "the model learned from features that do not say how they were made, so none can be made for it",
            mend="give features of the same kind with --data, or train with --videos",
        )
    return model.origin


def predict_videos(
    run: str | Path,
    videos: str | Path,
    out: str | Path,
    *,
    min_score: float | None = None,
    render: bool = False,
    weights: str | Path | None = None,
    device: str = "auto",
    workers: int = 0,
    engine: str = LOCAL,
    quiet: bool = True,
) -> list[Outcome]:
    """Localize the actions of ``videos`` (see ``find_videos``): files of each in ``out``, an outcome each.

    .json holds all detections, ``out``/detections.json those of all these videos; .csv, .srt, .vtt and the
    annotated video those with a score of ``min_score`` at least (None: the model's own). What was written
    before from the same video, model and score is kept, and without ``render`` written anew from .json for
    another score. device: of both stages and of a backbone that has a choice; "auto": what each can use here
    (the engine "ray" gives GPUs to the backbone by itself). Raises RunError, DataError or ConfigError for
    what is wrong with all videos; what is wrong with one is told in its outcome and in ``out``'s manifest.
    """
    decoder()
    if min_score is not None and not math.isfinite(min_score):
        raise ConfigError(f"must be a finite number, not {min_score}", where="--min-score")
    far, run, sources = engine == RAY, Path(run), find_videos(videos)
    if far:  # its workers have working folders of their own
        sources, run = [s.absolute() for s in sources], run.absolute()
        out = out if is_url(out) else Path(out).absolute()
    if any(source.id == ALL for source in sources):
        raise DataError(
            f"a video {ALL!r} would take the name of all detections", where=videos, mend="rename it"
        )
    stages = "cpu" if far else str(pick_device(device))
    model = HRPro.load(run) if workers or far else _loaded(run, stages, fingerprint(run))
    origin = origin_of(model) if far or device == "auto" else origin_of(model).on(device)
    rebuild(origin, weights)
    shared: dict[str, Any] = {
        "model": run,
        "print": fingerprint(run),
        "device": stages,
        "min_score": model.min_score if min_score is None else min_score,
        "render": render,
        "threads": 1 if workers > 1 or far else 0,
    }
    work = Parts(begin, finish, origin, None if weights is None else Path(weights).absolute(), film=render)
    with standing_for(out) as folder:
        check_ours(folder / f"{ALL}.json")
        jobs = placed([PredictJob(s.id, s.path, folder / s.id, **shared) for s in sources], sources, out)
        outcomes = work_through(
            work,
            jobs,
            folder,
            "actions",
            workers=workers,
            engine=engine_of(engine, work, workers),
            quiet=quiet,
        )
        done, found = {entry.id for entry in outcomes if entry.state != "failed"}, {}
        for job in jobs:
            if job.id in done:
                with at_hand(job, video=False) as local:
                    found[job.id] = read_detections(local.file(".json"))[job.id]
        about = {"hrpro": hrpro.__version__, "run": run.name, "min_score": shared["min_score"]}
        write_detections(folder / f"{ALL}.json", found, external_data=about)
    if done and not any(entry.count for entry in outcomes):
        best = max((d.score for each in found.values() for d in each), default=None)
        known = "there is none" if best is None else f"the best has {best:.3g}, and all are in .json"
        warnings.warn(
            f"no action scores {shared['min_score']:.3g} or more, so .csv, .srt and .vtt show none: {known}"
            " (--min-score sets another threshold)",
            stacklevel=2,
        )
    return outcomes


def begin(job: PredictJob) -> Outcome | str:
    """The outcome if all is done already, else the sha256 of the video's content."""
    content = sha256_of(job.video)
    about = _about(job, content)
    if (before := _finished(job, about)) is not None:
        return before
    found = None if job.render else _found_before(job, about)
    _make_room(job)
    if found is None:
        return content
    return _write(job, *found)


def finish(job: PredictJob, content: str, stream: FeatureStream, tell: Tell) -> Outcome:
    """Localize in the features of the video of that content, and write all files. Raises as ``localize``."""
    made = stream.whole()  # stage 1 compares every snippet of a video with all others
    found = located(_loaded(job.model, job.device, job.print), made)
    facts = {"duration": made.duration, "late": stream.late, "remarks": list(made.remarks)}
    about = {**_about(job, content), **facts}
    return _write(job, found, about, tell)


def _found_before(job: PredictJob, about: dict[str, Any]) -> tuple[Detections, dict[str, Any]] | None:
    """All detections that the same model had in the same video, though others were shown, and what the files
    are to say of them."""
    try:
        stored = read_json(job.file(".json"))
        known = stored["external_data"]
        if any(known[key] != about[key] for key in ("hrpro", "model", "sha256")):
            return None
        facts = {key: float(known[key]) for key in ("duration", "late")}
        return parse_detections(stored)[job.id], {**about, **facts, "remarks": list(known["remarks"])}
    except (DataError, KeyError, TypeError, ValueError):
        return None


def _write(job: PredictJob, found: Detections, about: dict[str, Any], tell: Tell | None = None) -> Outcome:
    """All files, that with all detections last."""
    shown = write_shown(job.base, job.id, found, job.min_score, about["late"])
    if job.render:
        from hrpro.video.render import render

        target, seconds = job.file(ANNOTATED), about["duration"]
        render(job.video, shown, target, duration=seconds, threads=job.threads, tell=tell)
    try:
        write_detections(job.file(".json"), {job.id: found}, external_data=about)
    except DataError as error:  # the disk's fault, not this video's: the next would fare no better
        raise RunError(error.what, where=error.where) from error
    return outcome(job, "done", about["duration"], len(shown), about["remarks"])


def _about(job: PredictJob, content: str) -> dict[str, Any]:
    """What the files depend on."""
    return {
        "hrpro": hrpro.__version__,
        "model": job.print,
        "sha256": content,
        "min_score": job.min_score,
        "rendered": job.render,
    }


@lru_cache(maxsize=1)
def _loaded(path: Path, device: str, print: str) -> HRPro:
    """``print`` only tells models apart that were trained into one folder one after the other."""
    return HRPro.load(path, device=device)


def _finished(job: PredictJob, about: dict[str, Any]) -> Outcome | None:
    """The outcome of an earlier run with the same video, model and score, if all its files are there."""
    wanted = [".json", *SUFFIXES, *([ANNOTATED] if job.render else [])]
    if not all(job.file(suffix).is_file() for suffix in wanted):
        return None
    try:
        stored = read_json(job.file(".json"))
        known = stored["external_data"]
        same = all(known[key] == value for key, value in about.items() if key != "rendered")
        if not same or (job.render and not known["rendered"]):
            return None
        shown = (parse_detections(stored)[job.id].scores >= job.min_score).sum()
        return outcome(job, "kept", float(known["duration"]), int(shown), known["remarks"])
    except (DataError, KeyError, TypeError, ValueError):
        return None  # something else of that name, or damaged: written anew


def _make_room(job: PredictJob) -> None:
    """Remove what was written for something else, so that it does not pass for this if the run fails.

    DataError for files that are not ours, as subtitles beside a film: of ours, the table is written first and
    removed last.
    """
    files = [job.file(suffix) for suffix in (".json", ANNOTATED, *reversed(SUFFIXES))]
    there = [file for file in files if file.exists()]
    ours = there and files[-1].is_file() and files[-1].read_bytes().startswith(HEADER.encode())
    if there and not ours:
        mend = "name another folder with --out, or remove it"
        raise DataError("is there already and was not written by hrpro predict", where=there[0], mend=mend)
    for file in there:
        file.unlink()
