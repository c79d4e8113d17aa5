"""A run's folder: config.yaml, checkpoints/ and logs/ from training, model/ when done; and its detections."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import torch
import yaml
from rich.progress import track

import hrpro
from hrpro.config import Config
from hrpro.core.annotations import Detections
from hrpro.core.errors import ConfigError, RunError
from hrpro.data.folder import open_dataset
from hrpro.data.formats.activitynet import write_detections
from hrpro.data.formats.jsonfile import write_atomic
from hrpro.data.training_set import Recording, TrainingSet
from hrpro.localizer import HRPro
from hrpro.model_file import FOLDER
from hrpro.settings import build, read_layer

SETTINGS = "config.yaml"


def run_settings(run: Path) -> Config | None:
    """The settings a run began with; None if it has not begun."""
    path = run / SETTINGS
    return build(Config(), read_layer(path), path) if path.is_file() else None


def train_run(
    training_set: TrainingSet, run: Path, config: Config, *, resume: bool = False, progress: bool = True
) -> HRPro:
    """Train into the folder ``run``. RunError if another training lies there and ``resume`` is false."""
    first = int(os.environ.get("RANK", "0")) == 0  # of the processes torchrun started, the one that writes
    if (run / FOLDER).exists() and not resume:
        raise RunError("holds a trained model already", where=run, mend="take another folder, or remove it")
    if first:
        try:
            run.mkdir(parents=True, exist_ok=True)
            write_atomic(run / SETTINGS, yaml.safe_dump(config.as_dict(), sort_keys=False))
        except OSError as error:
            raise RunError(f"the run's folder cannot be written: {error}", where=run) from error
    model = HRPro(config).fit(training_set, run_dir=run, resume=resume, progress=progress)
    if first:
        model.save(run / FOLDER)
    return model


def predict_split(run: Path, data: Path, split: str, out: Path, device: str = "auto") -> None:
    """Localize the actions of a split's recordings and write them in ActivityNet form."""
    model = HRPro.load(run, device=pick_device(device))
    recordings = open_dataset(data).recordings(split)
    found = predict_recordings(model, track(recordings, description=f"predict {split}", transient=True))
    known = {"hrpro": hrpro.__version__, "run": run.name}
    write_detections(out, found, external_data=known)


def predict_recordings(model: HRPro, recordings: Iterable[Recording]) -> dict[str, Detections]:
    """Detections of each recording, by its id."""
    return {r.id: model.predict(r.features.read_float32(), r.timeline) for r in recordings}


def pick_device(name: str) -> torch.device:
    """``auto``: the GPU if there is one. ConfigError if this machine has no such device."""
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name == "auto":
        return torch.device(next(kind for kind, found in there.items() if found))
    if not there.get(name.partition(":")[0], False):
        raise ConfigError(f"this machine, or this PyTorch, has no device {name!r}", where="--device")
    return torch.device(name)
