"""Methods side by side on one data set: what ``hrpro compare`` does. A run: see run.py."""

from __future__ import annotations

import json
import warnings
import zlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import hrpro
from hrpro.config import Config
from hrpro.core.annotations import Segment
from hrpro.core.errors import ConfigError, DataError, RunError
from hrpro.data.folder import Dataset, open_dataset
from hrpro.data.formats.activitynet import read_ground_truth
from hrpro.data.formats.jsonfile import write_atomic
from hrpro.data.training_set import Recording, TrainingSet
from hrpro.harness.run import LOCK, TIOUS, Run, contents, held, tell
from hrpro.harness.table import as_csv, rows
from hrpro.methods import METHODS, method_of
from hrpro.report.page import plotly_script
from hrpro.reports import report
from hrpro.runs import pick_device
from hrpro.settings import build, choose, read_layer

TABLE, FIGURES, REPORT = "compare.csv", "compare.json", "report.html"


def compare(
    data: Path,
    out: Path,
    *,
    methods: Sequence[str],
    seeds: int = 3,
    points: str | None = None,
    split: str = "test",
    config: Path | None = None,
    device: str = "auto",
    quiet: bool = True,
) -> list[dict[str, Any]]:
    """Train every method with seeds from 0 on and judge them by ``split``; returns the rows of the table.

    Writes compare.csv, compare.json and report.html (of the runs with seed 0) into ``out``. What was trained
    there before from the same data with the same settings is not trained again; what was stopped goes on.
    config: YAML of settings over those that follow from the data; what makes a method what it is stays.
    points: click table, as for training. Raises ConfigError, DataError or RunError before the first training
    where it can; RunError if a training fails, and leaves the finished ones.
    """
    chosen = _names(methods)
    if seeds < 1:
        raise ConfigError(f"must be at least 1, not {seeds}", where="--seeds")
    plotly_script()
    on = pick_device(device)
    dataset = open_dataset(data)
    table, judged = dataset.points_path(points), dataset.recordings(split)
    _check_truth(dataset, split, judged)
    layer = {} if config is None else read_layer(config)
    if isinstance(layer, dict) and "method" in layer:
        raise ConfigError("goes without --config", where=f"{config}: method", mend="name it in --methods")
    training_set = dataset.training_set(points)
    taught = _taught(training_set)
    runs: list[Run] = []
    for seed in range(seeds):
        for name in chosen:
            settings = _settings(training_set, name, layer, config).with_seed(seed)
            if device != "auto":
                parts = {key: replace(part, accelerator=on.type) for key, part in settings.learned().items()}
                settings = replace(settings, **parts)
            seen = taught | (_segments(dataset, points) if settings.about.sees == "segments" else {})
            runs.append(Run(name, seed, out / f"{name}-{seed}", settings, seen))
    _check_folder(out)
    with held(out, quiet) as lock:
        for run in runs:
            run.check()
        for number, run in enumerate(runs, 1):
            tell(f"{run.method}, seed {run.seed} ({number} of {len(runs)})", quiet)
            run.train(data, table, on, lock=lock, quiet=quiet)
        by = contents(judged)
        for run in runs:
            run.predict(judged, by, dataset.layout.timeline, on)
        truth = _truth(dataset, judged)  # the first time that it is read, but by a method that sees it
        trials = [run.trial(truth) for run in runs]
        made = rows(trials)
        shown = {"hrpro": hrpro.__version__, "data": str(data), "points": str(table), "split": split}
        content = {**shown, "tiou": TIOUS, "recordings": len(truth), "methods": made}
        content["trials"] = [
            {**trial.as_dict(), "trained_with": run.trained_with()}
            for trial, run in zip(trials, runs, strict=True)
        ]
        _tell_versions(runs)
        write_atomic(out / TABLE, as_csv(made))
        write_atomic(out / FIGURES, json.dumps(content, indent=1) + "\n")
        report(
            [out / f"{name}-0" for name in chosen],
            out / REPORT,
            data=data,
            split=split,
            clicks=table,
            device=device,
            quiet=quiet,
        )
    return made


def _names(methods: Sequence[str]) -> list[str]:
    names = [name.strip() for name in methods if name.strip()]
    if not names:
        raise ConfigError("names no method", where="--methods", mend=f"there are {', '.join(METHODS)}")
    for name in names:
        method_of(name, "--methods")
        if names.count(name) > 1:
            raise ConfigError(f"names {name} twice", where="--methods")
    return names


def _settings(training_set: TrainingSet, name: str, layer: Any, file: Path | None) -> Config:
    """Those of ``hrpro train --method NAME --config FILE``, but for what makes the method what it is."""
    config = build(choose(training_set, None, None, {"method": name}), layer, file)
    own = replace(config.stage_one, **config.about.settings)
    instance = replace(config.instance, **config.about.instance)
    return replace(config, **{config.about.section: own, "instance": instance})


def _check_truth(dataset: Dataset, split: str, judged: Sequence[Recording]) -> None:
    """DataError if the split cannot be judged; looks at no segment."""
    if dataset.ground_truth_path is None:
        mend = "put the true actions there, in ActivityNet form"
        raise DataError(
            "there is no ground truth to judge by", where=dataset.path / "gt_full.json", mend=mend
        )
    if not any(item.id in dataset.layout.videos for item in judged):
        raise DataError(f"holds no recording of split {split!r}", where=dataset.ground_truth_path)


def _truth(dataset: Dataset, judged: Sequence[Recording]) -> dict[str, tuple[Segment, ...]]:
    assert dataset.ground_truth_path is not None
    stored = read_ground_truth(dataset.ground_truth_path).videos
    return {item.id: stored[item.id] for item in judged if item.id in stored}


def _tell_versions(runs: Sequence[Run]) -> None:
    """Warn of runs that another version of hrpro has trained: what sets them apart may be that."""
    others = [
        f"{run.folder.name} {run.trained_with()}" for run in runs if run.trained_with() != hrpro.__version__
    ]
    if others:
        what = f"trained with another hrpro than this, {hrpro.__version__}: {', '.join(others)}"
        warnings.warn(f"{what} (take another --out to train them anew)", stacklevel=2)


def _taught(training_set: TrainingSet) -> dict[str, Any]:
    clicks = [[[c.time, c.label] for c in training_set.clicks[r.id]] for r in training_set.recordings]
    return {
        "classes": list(training_set.classes),
        "recordings": contents(training_set.recordings),
        "clicks": zlib.crc32(json.dumps(clicks).encode()),
    }


def _segments(dataset: Dataset, points: str | None) -> dict[str, Any]:
    segments = dataset.supervised_set(points, "train").segments
    rows = [[id, [[s.start, s.end, s.label] for s in each]] for id, each in segments.items()]
    return {"segments": zlib.crc32(json.dumps(rows).encode())}


def _check_folder(out: Path) -> None:
    if out.exists() and (not out.is_dir() or (any(out.iterdir()) and not (out / LOCK).is_file())):
        mend = "take a new folder, or that of an earlier compare"
        raise RunError("holds other things than a comparison", where=out, mend=mend)
