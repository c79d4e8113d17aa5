"""Clicks and verified segments out of a project, or what a run found, in any format that can be written from
them."""

from __future__ import annotations

import io
import os
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from hrpro.convert import render, write_folder
from hrpro.core.annotations import Detection, Segment
from hrpro.core.errors import ConfigError, DataError
from hrpro.data.formats.fit import fit
from hrpro.data.formats.form import Format
from hrpro.data.formats.jsonfile import write_atomic
from hrpro.data.formats.neutral import Annotations, Video, counted
from hrpro.data.formats.registry import by_name, guess_target
from hrpro.studio.predictions import read_predicted
from hrpro.studio.project import OWN, Project, open_project
from hrpro.studio.reading import View
from hrpro.studio.review import SAME, Judged, tiou
from hrpro.studio.runs_of import Run, latest, names_of, run_of
from hrpro.studio.store import Store

LATEST = "latest"


@dataclass(frozen=True)
class Exported:
    """texts: of the files, by name. remarks: what the format cannot hold. clicks, segments: number in it."""

    format: Format
    texts: dict[str, str]
    remarks: tuple[str, ...]
    clicks: int
    segments: int


def annotations_of(view: View, project: Project) -> Annotations:
    """All clicks and verified segments by video, in the project's order of videos."""
    names = {item["id"]: item["name"] for item in view.classes()}
    clicks, segments = view.click_table(), dict[str, list[Segment]]()
    for s in view.segments():
        segments.setdefault(s["video"], []).append(Segment(s["start"], s["end"], names[s["class"]]))
    ids = dict.fromkeys([*project.videos, *sorted({*clicks, *segments})])
    return _known({id: Video(clicks.get(id, ()), tuple(segments.get(id, ()))) for id in ids}, project)


def found_of(run: Run, view: View, project: Project) -> Annotations:
    """What a run found in each video that it looked through: what it takes for actions, best first, under the
    names that their classes have today, but what a person has rejected."""
    judged, names, videos = Judged(run, view), names_of(run, view.classes()), dict[str, Video]()
    for id in project.videos:
        found = read_predicted(run.folder, id)
        if found is not None:
            kept = [
                Detection(one.start, one.end, names.get(one.label, one.label), one.score)
                for one in found.shown
                if one.score >= found.min_score and judged.verdict(id, one) != "rejected"
            ]
            videos[id] = Video((), tuple(_once(kept) if len(set(names.values())) < len(names) else kept))
    return _known(videos, project)


def _once(found: Sequence[Detection]) -> list[Detection]:
    """Of what was found twice, as two classes that are one today, the better (they come best first)."""
    kept = list[Detection]()
    for one in found:
        if not any(
            one.label == better.label and tiou(one, better.start, better.end) >= SAME for better in kept
        ):
            kept.append(one)
    return kept


def run_to_export(project: Project, id: str) -> Run:
    """The run of that id, "latest" for the last one. ConfigError: there is none."""
    run = latest(project) if id == LATEST else run_of(project, id)
    if run is None:
        raise ConfigError("nothing was trained yet" if id == LATEST else f"there is no run {id!r} here")
    return run


def _known(videos: dict[str, Video], project: Project) -> Annotations:
    """With what the project knows of each video."""
    for id in videos.keys() & project.videos.keys():
        known = project.videos[id]
        videos[id] = replace(videos[id], duration=known.duration, fps=known.fps)
    return Annotations(videos)


def export(
    view: View, project: Project, format: str | None, out: Path | None = None, run: Run | None = None
) -> Exported:
    """The files of the format of this name (None: of the one that the name ``out`` tells).

    run: whose findings are meant (None: clicks and verified segments are). Raises ConfigError: no such
    format, or it cannot be written; DataError: it can hold nothing of what is there, or needs frames a second
    that are not known.
    """
    annotations = annotations_of(view, project) if run is None else found_of(run, view, project)
    stem = Path(("clicks" if run is None else "found") if out is None else out.name)
    form = guess_target(stem, annotations) if format is None else by_name(format)
    if form.write is None:
        raise ConfigError(f"{form.title} is read here, not written")
    # What the files say of themselves is in the files: that a format leaves it out is no loss to be told.
    unsaid = {} if "duration" in form.holds else {"duration": None}
    unsaid |= {} if "fps" in form.holds or form.unit == "frame" else {"fps": None}
    bare = {id: replace(video, **unsaid) for id, video in annotations.videos.items()}
    fitted, remarks = fit(replace(annotations, videos=bare), form)
    videos = fitted.videos.values()
    counts = sum(len(video.clicks) for video in videos), sum(len(video.segments) for video in videos)
    return Exported(form, render(fitted, form, stem.name), tuple(remarks), *counts)


def archive(made: Exported, name: str) -> tuple[str, bytes]:
    """(file name, content): the one file, or all of them in a zip."""
    stem = name or "project"
    if len(made.texts) == 1:
        ((inner, text),) = made.texts.items()
        return inner if made.format.named_by_file else f"{stem}{made.format.suffix}", text.encode()
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as packed:
        for inner, text in made.texts.items():
            packed.writestr(inner, text)
    return f"{stem}-{made.format.name}.zip", content.getvalue()


def export_project(
    path: Path, out: Path, format: str | None, *, folder: bool, force: bool, run: str | None = None
) -> list[str]:
    """Write a project's clicks to ``out``, with or without a server beside; what to tell of it, in lines.

    run: as of ``run_to_export``, to write what it found instead.
    """
    project = open_project(path)
    if not project.database.is_file():
        what = f"nothing was clicked here yet: there is no {OWN} folder in it"
        raise DataError(what, where=path, mend=f"hrpro studio {path}")
    folder = folder or out.is_dir()
    if not folder and out.exists() and not force:
        raise ConfigError("it is there already", where=out, mend="--force overwrites it")
    chosen = None if run is None else run_to_export(project, run)
    with _opened(project) as store, store.view() as view:
        made = export(view, project, format, out, chosen)
    remarks = list(made.remarks)
    if folder:
        files = write_folder(out, made.texts, force)
    elif len(made.texts) == 1:
        ((inner, text),) = made.texts.items()
        write_atomic(out, text, through=True)
        files = [out]
        if made.format.named_by_file and Path(inner).stem != out.stem:
            only = "only the file's name tells the video there"
            remarks.append(f"{only}: {Path(inner).stem!r} becomes {out.stem!r}")
    else:
        what = f"{made.format.title} takes {len(made.texts)} files, one a video"
        raise ConfigError(what, where=out, mend=f"name a folder: {out}/")
    held = f"{counted(made.clicks, 'click')} and {counted(made.segments, 'segment')}"
    where = files[0] if len(files) == 1 else f"{len(files)} files in {out}"
    return [*remarks, f"{made.format.name}: {held} in {where}"]


@contextmanager
def _opened(project: Project) -> Iterator[Store]:
    """The project's store; of a disk that cannot be written to, a copy of it, for SQLite writes to read."""
    with ExitStack() as held:
        path = project.database
        if not (os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)):
            folder = Path(held.enter_context(TemporaryDirectory()))
            for part in (path, path.with_name(f"{path.name}-wal")):
                if part.exists():
                    (folder / part.name).write_bytes(part.read_bytes())
            path = folder / path.name
        store = Store(path, project.durations)
        held.callback(store.close)
        yield store
