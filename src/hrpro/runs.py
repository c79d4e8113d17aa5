"""A run's folder: config.yaml, checkpoints/ and logs/ from training, model/ when done, doubted_clicks.csv if
there are such; and its detections."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
import yaml
from rich.console import Console
from rich.progress import track

import hrpro
from hrpro.config import Config
from hrpro.core.annotations import Click, Detections
from hrpro.core.errors import ConfigError, DataError, RunError, naming
from hrpro.core.timeline import Timeline
from hrpro.data.folder import open_dataset
from hrpro.data.formats.activitynet import write_detections
from hrpro.data.formats.jsonfile import read_json, write_atomic
from hrpro.data.formats.tables import plain, write_table
from hrpro.data.supervised import SupervisedSet
from hrpro.data.training_set import Recording, TrainingSet
from hrpro.data.whole import check_writable
from hrpro.localizer import HRPro
from hrpro.model_folder import DOUBTED, FOLDER, is_trained
from hrpro.settings import build, read_layer
from hrpro.training.checkpoint import differences
from hrpro.training.devices import is_first
from hrpro.video.store import common_origin

SETTINGS = "config.yaml"


def run_settings(run: Path) -> Config | None:
    """The settings a run began with; None if it has not begun."""
    path = run / SETTINGS
    return build(Config(), read_layer(path), path) if path.is_file() else None


def train_run(
    training_set: TrainingSet | SupervisedSet,
    run: Path,
    config: Config,
    *,
    resume: bool = False,
    progress: bool = True,
    on_row: Callable[[Any], None] | None = None,
) -> HRPro:
    """Train into the folder ``run``; on_row: as for ``HRPro.fit``.

    Raises RunError if another training lies there and ``resume`` is false, or has other settings or data.
    """
    _check_begun(run, config, resume)
    first = is_first()
    if first:
        try:
            run.mkdir(parents=True, exist_ok=True)
            write_atomic(run / SETTINGS, yaml.safe_dump(config.as_dict(), sort_keys=False))
        except (OSError, DataError) as error:
            told = error.strerror or "" if isinstance(error, OSError) else error.what
            why = told.removeprefix("cannot be written: ")
            raise RunError(f"the run's folder cannot be written: {why}", where=run) from error
    model = HRPro(config).fit(training_set, run_dir=run, resume=resume, progress=progress, on_row=on_row)
    if first:
        _tell_doubted(run / DOUBTED, getattr(model.snippet, "doubted", {}))
        model.save(run / FOLDER)
    return model


def _tell_doubted(path: Path, doubted: Mapping[str, Sequence[Click]]) -> None:
    """A click table of those not believed, if there are any; a label's line breaks become spaces."""
    if doubted:
        rows = [[id, plain(c.time), " ".join(c.label.split())] for id in doubted for c in doubted[id]]
        write_atomic(path, write_table([["video_id", "timestamp", "label"], *rows], "a table of clicks"))


def check_free(run: Path, resume: bool) -> None:
    """RunError if a trained model lies there and it is not to be resumed."""
    if (is_trained(run) or (run / FOLDER).exists()) and not resume:
        raise RunError("holds a trained model already", where=run, mend="take another folder, or remove it")


def _check_begun(run: Path, config: Config, resume: bool) -> None:
    begun = run_settings(run)
    check_free(run, resume)
    if begun is None or not any((run / "checkpoints").glob("[!.]*")):
        return
    if not resume:
        mend = "go on with --resume, take another folder, or remove it"
        raise RunError("holds a training that was stopped", where=run, mend=mend)
    if changes := list(differences(deciding(begun), deciding(config))):
        raise RunError(
            f"the run began with other settings: {'; '.join(changes)}",
            where=run,
            mend="resume with the settings it began with, or train into another folder",
        )


def deciding(config: Config) -> dict[str, Any]:
    """The settings without those that a run may change on the way."""
    return config.as_dict() | {name: part.outcome() for name, part in config.learned().items()}


def predict_split(run: Path, data: Path, split: str, out: Path, device: str = "auto") -> int:
    """Localize the actions of a split's recordings, write them in ActivityNet form, return their number."""
    if (run / SETTINGS).is_file() and not is_trained(run):
        raise RunError("the training is not finished", where=run, mend="go on with hrpro train --resume")
    check_writable(out)
    check_ours(out)
    model = HRPro.load(run, device=pick_device(device))
    dataset = open_dataset(data)
    recordings = dataset.recordings(split)
    check_features(recordings, dataset.layout.timeline, model)
    shown = Console(stderr=True)
    seen = track(recordings, f"predict {split}", console=shown, transient=True, disable=not shown.is_terminal)
    found = predict_recordings(model, seen)
    about = {"hrpro": hrpro.__version__, "run": run.name}
    write_detections(out, found, external_data=about, through=True)
    return sum(map(len, found.values()))


def check_ours(path: Path) -> None:
    """DataError for a file, where detections are to go, that ``predict`` did not write."""
    if not path.is_file():
        return
    try:
        content = read_json(path)
        ours = isinstance(content, dict) and "hrpro" in content["external_data"]
    except (DataError, KeyError, TypeError):
        ours = False
    if not ours:
        mend = "name another with --out, or remove it"
        raise DataError("is there already and was not written by hrpro predict", where=path, mend=mend)


def predict_recordings(model: HRPro, recordings: Iterable[Recording]) -> dict[str, Detections]:
    """Detections of each recording, by its id. HRProError, naming the recording, if one cannot be read."""
    found = {}
    for recording in recordings:
        with naming(recording.features.path):
            features_td, grid = recording.features.read_float32(), recording.timeline
            # A duration that the features do not fit is not to be trusted.
            fits = recording.misfit(len(features_td)) is None
            end = recording.seconds if fits else grid.duration_of(len(features_td))
            found[recording.id] = model.predict(features_td, grid).within(end)
    return found


def pick_device(name: str) -> torch.device:
    """``auto``: the GPU if there is one. ConfigError if this machine has no such device."""
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name == "auto":
        return torch.device(next(kind for kind, found in there.items() if found))
    kind, _, number = name.partition(":")
    numbered = kind == "cuda" and number.isdecimal() and int(number) < torch.cuda.device_count()
    if not there.get(kind, False) or not (numbered or name == kind):
        raise ConfigError(f"this machine, or this PyTorch, has no device {name!r}", where="--device")
    return torch.device(name)


def check_features(recordings: Sequence[Recording], timeline: Timeline, model: HRPro) -> None:
    """DataError if these features were made otherwise than those of the training; warns where it can only be
    suspected."""
    _compare_origins(recordings, model)
    _compare_rates(timeline, model)


def _compare_origins(recordings: Sequence[Recording], model: HRPro) -> None:
    """DataError, saying what differs, if these features were made otherwise than those of the training."""
    origin = common_origin((recording.features.path, recording.timeline) for recording in recordings)
    if model.origin is None:
        if origin is not None:
            warnings.warn(
                f"these features were made by {origin.spec.name} {origin.spec.version}; those of the "
                "training do not say how they were made",
                stacklevel=4,
            )
        return
    if origin is None:
        warnings.warn(
            "these features do not say how they were made; those of the training were made by "
            f"{model.origin.spec.name} {model.origin.spec.version}",
            stacklevel=4,
        )
    elif differs := origin.difference(model.origin):
        raise DataError(
            f"the model learned from other features: {differs}",
            where=recordings[0].features.path,
            mend=f"extract these with --backbone {model.origin.backbone} and the same weights",
        )


def _compare_rates(timeline: Timeline, model: HRPro) -> None:
    trained = model.timeline
    if trained is not None and abs(timeline.stride / trained.stride - 1) > 0.05:
        warnings.warn(
            f"these features have a snippet every {timeline.stride:g} s, those of the training had one every "
            f"{trained.stride:g} s: expect worse detections",
            stacklevel=3,
        )
