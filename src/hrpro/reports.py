"""From runs and data to a report: opens both, localizes, and hands over what the pages show."""

from __future__ import annotations

import platform
from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.progress import track

import hrpro
from hrpro.config import Config
from hrpro.core.annotations import Detections
from hrpro.core.errors import ConfigError, DataError, RunError, naming
from hrpro.data.formats.jsonfile import read_json
from hrpro.data.training_set import Recording
from hrpro.data.whole import check_writable
from hrpro.localizer import HRPro
from hrpro.metrics.ambiguous import Stretches, read_ambiguous, without_ambiguous
from hrpro.model_folder import DESCRIPTION, FOLDER, fingerprint
from hrpro.predictions import located
from hrpro.report.click_trials import click_trials
from hrpro.report.collect import RunResult, Subject, Traces
from hrpro.report.curves import read_logs
from hrpro.report.export import FORMATS
from hrpro.report.page import GENERATOR, plotly_script
from hrpro.report.write import write_report
from hrpro.report_data import Material, of_dataset, of_videos, subject_of
from hrpro.runs import check_features, pick_device
from hrpro.video.vectors import FeatureSequence


def _check_report(out: Path) -> None:
    """DataError for a file, where the report is to go, that is none."""
    if out.is_file():
        with out.open("rb") as file:
            start = file.read(1000)
        if GENERATOR.encode() not in start:
            mend = "name another file with --out, or remove it"
            raise DataError("is there already and is no report of hrpro's", where=out, mend=mend)


def report(
    runs: Sequence[Path],
    out: Path,
    *,
    data: Path | None = None,
    split: str = "test",
    videos: Path | None = None,
    clicks: Path | None = None,
    ground_truth: Path | None = None,
    exclude: Collection[str] = (),
    ambiguous: Path | None = None,
    drop_labels: Collection[str] = (),
    click_curves: Path | None = None,
    figures: Path | None = None,
    format: str = "png",
    device: str = "auto",
    quiet: bool = True,
) -> list[Path]:
    """Write the report of ``runs[0]``, held against the others, as the file ``out``; returns all files.

    data: dataset folder, of which ``split`` is reported; else ``videos`` are, with the features in the first
    run's folder (extracted there for those that have none yet). videos: files to link to, DATA/videos by
    default. ground_truth: by default the dataset's own. exclude, ambiguous, drop_labels: as of
    ``evaluate_files``, so that the figures are those of the same evaluation; what is excluded is not shown
    either. click_curves: trials to show (``report.click_trials``). figures: folder for them as ``format``.
    Raises ConfigError, DataError or RunError before the work where it can.
    """
    plotly_script()
    check_writable(out)
    _check_report(out)
    if format not in FORMATS:
        raise ConfigError(f"must be one of {', '.join(FORMATS)}, not {format!r}", where="--format")
    more = [] if click_curves is None else [click_trials(click_curves)]
    models = {folder: HRPro.load(folder, device=pick_device(device)) for folder in runs}
    if data is not None:
        material = of_dataset(data, split, videos)
    elif videos is not None:
        material = of_videos(videos, runs[0], models[runs[0]], quiet)
    else:
        raise ConfigError("report needs --data DIR or --videos DIR")
    material = material.without(exclude)
    named = (clicks, ground_truth, drop_labels)
    subject = subject_of(material, split if data else None, data or videos, *named)
    stretches = _stretches(ambiguous, subject)
    if drop_labels and subject.truth is None:
        raise ConfigError("there is no ground truth to judge by", where="--drop-labels")
    results = [
        _result(name, folder, models[folder], material, stretches, quiet)
        for name, folder in zip(_names(runs), runs, strict=True)
    ]
    return write_report(subject, results, out, figures=figures, format=format, more=more)


def _stretches(file: Path | None, subject: Subject) -> Stretches:
    """Of the videos whose truth is known."""
    if file is None:
        return {}
    if subject.truth is None:
        raise ConfigError("there is no ground truth to judge by", where="--ambiguous")
    return {id: spans for id, spans in read_ambiguous(file).items() if id in subject.truth}


def _result(
    name: str, folder: Path, model: HRPro, material: Material, stretches: Stretches, quiet: bool
) -> RunResult:
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
        with naming(item.features.path):
            features_td = item.features.read_float32()
            found[item.id] = _detections(model, item, features_td, inside)
            if alone is not None:
                before[item.id] = _detections(alone, item, features_td, inside)

    found, removed = without_ambiguous(found, stretches)
    before, _ = without_ambiguous(before, stretches)

    def traces(id: str) -> Traces:
        assert model.snippet is not None
        assert model.config is not None
        item = by_id[id].coarser(model.config.pace)
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
        ambiguous=removed,
        traces=traces,
    )


def _detections(model: HRPro, item: Recording, features_td: np.ndarray, inside: bool) -> Detections:
    """As ``predict`` gives them: of a video file within it, of a dataset's features on their grid."""
    if inside:
        return located(model, FeatureSequence(features_td, item.timeline, item.seconds))
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
        "stages": str(1 + (model.instance is not None)),
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
