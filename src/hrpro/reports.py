"""From runs and data to a report: opens both, localizes, and hands over what the pages show."""

from __future__ import annotations

import platform
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.progress import track

import hrpro
from hrpro.config import Config
from hrpro.core.annotations import Click, Detections
from hrpro.core.errors import ConfigError, DataError, HRProError, RunError
from hrpro.core.timeline import Timeline
from hrpro.data.features import FeatureFile
from hrpro.data.folder import Dataset, open_dataset
from hrpro.data.formats.activitynet import read_ground_truth
from hrpro.data.formats.jsonfile import read_json
from hrpro.data.training_set import Recording
from hrpro.localizer import HRPro
from hrpro.model_folder import DESCRIPTION, FOLDER, fingerprint
from hrpro.predictions import located, origin_of
from hrpro.report.collect import RunResult, Subject, Traces, Truth
from hrpro.report.curves import read_logs
from hrpro.report.export import FORMATS
from hrpro.report.page import plotly_script
from hrpro.report.write import write_report
from hrpro.runs import check_features, check_writable, pick_device
from hrpro.video.extract import extract
from hrpro.video.sources import by_name, find_videos
from hrpro.video.store import SUFFIX, read_about
from hrpro.video.vectors import VideoFeatures
from hrpro.videos import clicked_videos

FEATURES, VIDEOS = "features", "videos"


@dataclass(frozen=True)
class Material:
    """Recordings, their snippet grid, their video files by id, and the dataset they are of (None: videos)."""

    recordings: Sequence[Recording]
    timeline: Timeline
    files: Mapping[str, Path]
    dataset: Dataset | None
    remarks: Sequence[str] = ()


def report(
    runs: Sequence[Path],
    out: Path,
    *,
    data: Path | None = None,
    split: str = "test",
    videos: Path | None = None,
    clicks: Path | None = None,
    ground_truth: Path | None = None,
    figures: Path | None = None,
    format: str = "png",
    device: str = "auto",
    quiet: bool = True,
) -> list[Path]:
    """Write the report of ``runs[0]``, held against the others, as the file ``out``; returns all files.

    data: dataset folder, of which ``split`` is reported; else ``videos`` are, with the features in the first
    run's folder (extracted there for those that have none yet). videos: files to link to, DATA/videos by
    default. ground_truth: by default the dataset's own. figures: folder for them as ``format``. Raises
    ConfigError, DataError or RunError before the work where it can.
    """
    plotly_script()
    check_writable(out)
    if format not in FORMATS:
        raise ConfigError(f"must be one of {', '.join(FORMATS)}, not {format!r}", where="--format")
    models = {folder: HRPro.load(folder, device=pick_device(device)) for folder in runs}
    if data is not None:
        material = _of_dataset(data, split, videos)
    elif videos is not None:
        material = _of_videos(videos, runs[0], models[runs[0]], quiet)
    else:
        raise ConfigError("report needs --data DIR or --videos DIR")
    subject = _subject(material, split if data else None, data or videos, clicks, ground_truth)
    results = [
        _result(name, folder, models[folder], material, quiet)
        for name, folder in zip(_names(runs), runs, strict=True)
    ]
    return write_report(subject, results, out, figures=figures, format=format)


def _of_dataset(data: Path, split: str, videos: Path | None) -> Material:
    dataset = open_dataset(data)
    recordings = dataset.recordings(split)
    beside = data / VIDEOS if (data / VIDEOS).is_dir() else None
    files: dict[str, Path] = {}
    if videos or beside:
        try:
            named = by_name(find_videos(videos or str(beside)))
        except DataError:
            if videos:
                raise
            named = {}
        found = ((item.id, named.get(item.id)) for item in recordings)
        files = {id: source.path for id, source in found if source and source.remote is None}
    without = len(recordings) - len(files)
    remarks = [f"{without} of {len(recordings)} recordings have no video file."] if videos and without else []
    return Material(recordings, dataset.layout.timeline, files, dataset, remarks)


def _of_videos(videos: Path, run: Path, model: HRPro, quiet: bool) -> Material:
    origin, folder = origin_of(model), run / FEATURES
    sources = {source.id: source for source in find_videos(videos)}
    made = extract(
        list(sources.values()), folder, backbone=origin.backbone, options=origin.options, quiet=quiet
    )
    recordings, remarks = [], []
    for entry in made:
        path = folder / f"{entry.id}{SUFFIX}"
        about = None if entry.state == "failed" else read_about(path)
        if about is None:
            remarks.append(f"{entry.id} could not be read: {entry.reason}")
        else:
            recordings.append(Recording(entry.id, FeatureFile(path), about.timeline, about.duration))
    if not recordings:
        raise DataError("not one of the videos could be read", where=videos)
    files = {id: source.path for id, source in sources.items() if source.remote is None}
    return Material(recordings, recordings[0].timeline, files, None, remarks)


def _subject(
    material: Material, split: str | None, where: Path | None, clicks: Path | None, truth: Path | None
) -> Subject:
    assert where is not None
    ids = [item.id for item in material.recordings]
    known, remarks = _truth(material, ids, truth)
    clicked, training = _clicks(material, split, where, clicks)
    return Subject(
        name=where.absolute().name,
        split=split,
        seconds={item.id: item.seconds for item in material.recordings},
        clicks=clicked,
        truth=known,
        files=material.files,
        training=training,
        remarks=[*material.remarks, *remarks],
    )


def _truth(material: Material, ids: Sequence[str], file: Path | None) -> tuple[Truth | None, list[str]]:
    """True segments of the recordings that the file knows; DataError if a file that was named knows none."""
    own = None if material.dataset is None else material.dataset.ground_truth_path
    path = file or own
    left_out = "what needs the true segments is left out"
    if path is None:
        return None, [f"There is no ground truth, so {left_out}."]
    stored = read_ground_truth(path).videos
    known = {id: stored[id] for id in ids if id in stored}
    if not any(known.values()):
        what = "holds no segment of these recordings"
        if file is not None:
            raise DataError(what, where=path, mend="check the ids, or name another file with --ground-truth")
        return None, [f"{path.name} {what}, so {left_out}."]
    without = len(ids) - len(known)
    return known, [f"{without} of {len(ids)} recordings are not in {path.name}, and not evaluated."] * bool(
        without
    )


def _clicks(
    material: Material, split: str | None, where: Path, table: Path | None
) -> tuple[dict[str, tuple[Click, ...]], dict[str, int]]:
    """Clicks in the recordings, and how many each class had in the split train, where these can be known."""
    dataset = material.dataset
    if dataset is None:
        if table is None:
            return {}, {}
        held: dict[str, list[Click]] = {}
        for id, row in clicked_videos(where, table).rows:
            held.setdefault(id, []).append(Click(row.time, row.label))
        return {id: tuple(sorted(each, key=lambda c: c.time)) for id, each in held.items()}, {}
    assert split is not None
    if table is None and dataset.layout.clicks is None:
        return {}, {}
    own = dataset.clicks(table, split)
    taught = {} if "train" not in dataset.splits else dataset.clicks(table, "train")
    return own, dict(Counter(click.label for each in taught.values() for click in each))


def _result(name: str, folder: Path, model: HRPro, material: Material, quiet: bool) -> RunResult:
    check_features(material.recordings, material.timeline, model)
    by_id = {item.id: item for item in material.recordings}
    alone = None if model.instance is None else model.stage_one()
    console = Console(stderr=True)
    shown = track(
        material.recordings,
        f"report {name}",
        console=console,
        transient=True,
        disable=quiet or not console.is_terminal,
    )
    found: dict[str, Detections] = {}
    before: dict[str, Detections] = {}
    inside = material.dataset is None
    for item in shown:
        try:
            features_td = item.features.read_float32()
            found[item.id] = _detections(model, item, features_td, inside)
            if alone is not None:
                before[item.id] = _detections(alone, item, features_td, inside)
        except HRProError as error:
            where = error.where or item.features.path
            raise type(error)(error.what, where=where, mend=error.mend) from error

    def traces(id: str) -> Traces:
        item = by_id[id]
        assert model.snippet is not None
        scores = model.snippet.scores(item.features.read_float32())
        return Traces(scores.activation_tc, scores.attention_t, item.timeline)

    assert model.config is not None
    return RunResult(
        name=name,
        classes=model.classes,
        settings=model.config.as_dict(),
        usual=Config().with_method(model.config.method).as_dict(),
        about=_about(folder, model),
        min_score=model.min_score,
        logs=read_logs(folder / "logs"),
        found=found,
        before=None if alone is None else before,
        traces=traces,
    )


def _detections(model: HRPro, item: Recording, features_td: np.ndarray, inside: bool) -> Detections:
    """As ``predict`` gives them: of a video file within it, of a dataset's features on their grid."""
    if inside:
        return located(model, VideoFeatures(features_td, item.seconds, ()))
    return model.predict(features_td, item.timeline)


def _about(folder: Path, model: HRPro) -> dict[str, str]:
    described = folder / FOLDER / DESCRIPTION
    stored = read_json(described if described.is_file() else folder / DESCRIPTION)
    made = "elsewhere" if model.origin is None else f"{model.origin.spec.name} {model.origin.spec.version}"
    assert model.timeline is not None
    grid = f"one every {model.timeline.stride:g} s of {stored['dimension']} numbers"
    return {
        "run": folder.absolute().name,
        "model": fingerprint(folder)[:16],
        "classes": str(len(model.classes)),
        "snippets": grid,
        "features made by": made,
        "stages": "1" if model.instance is None else "2",
        "trained with": f"hrpro {stored['hrpro']}",
        "hrpro": hrpro.__version__,
        "Python": platform.python_version(),
        "PyTorch": torch.__version__,
        "NumPy": np.__version__,
    }


def _names(runs: Sequence[Path]) -> list[str]:
    """Their folders' names; of two of one name, paths. RunError for a run given twice."""
    if len({run.absolute() for run in runs}) < len(runs):
        raise RunError("is given twice", where=next(run for run in runs if list(runs).count(run) > 1))
    names = [run.absolute().name for run in runs]
    return names if len(set(names)) == len(names) else [str(run) for run in runs]
