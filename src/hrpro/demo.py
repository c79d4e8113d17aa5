"""The main job from end to end on real video files: films, clicks, features, training, detections, mAP."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

from rich.console import Console

from hrpro.config import Config
from hrpro.core.errors import ConfigError, RunError
from hrpro.data.features import FeatureFile
from hrpro.data.formats.activitynet import read_ground_truth
from hrpro.data.training_set import TrainingSet
from hrpro.metrics.baselines import chance, without_times
from hrpro.metrics.detection import mean_average_precision
from hrpro.metrics.files import evaluate_files, table
from hrpro.predictions import predict_videos
from hrpro.runs import train_run
from hrpro.video.extract import extract
from hrpro.video.store import SUFFIX
from hrpro.videos import clicked_videos

SIZE: Mapping[str, Any] = {"train": 20, "test": 6, "seconds": 50.0}


def run_demo(
    out: Path | None = None,
    seed: int = 0,
    *,
    config: Config | None = None,
    size: Mapping[str, Any] = SIZE,
    workers: int | None = None,
) -> float:
    """Shoot films, learn from clicks in some, find the actions of the others; returns their avg mAP 0.1:0.7.

    out None: demo, or demo-2 and so on, the first that is free. config None: ``quick``. size: arguments of
    ``make_films``. workers: processes, None: one a core, up to 8. Raises RunError if ``out`` holds something,
    ConfigError without ``[video]``.
    """
    try:
        from hrpro.video.film.make import make_films
    except ImportError as error:
        mend = "pip install 'hrpro[video]'"
        raise ConfigError(f"the demo makes and reads videos: {error}", mend=mend) from error
    if out is None:
        out = next(path for path in map(Path, _names()) if not path.exists())
    if out.exists() and not (out.is_dir() and not any(out.iterdir())):
        raise RunError("is not an empty folder", where=out, mend="name another with --out, or remove it")
    console = Console(soft_wrap=True, highlight=False)
    workers = min(os.cpu_count() or 1, 8) if workers is None else workers
    shared: dict[str, Any] = {"workers": workers, "quiet": False}
    videos, run, found = out / "videos", out / "run", out / "predictions"
    console.rule("1  videos and clicks")
    make_films(out, seed=seed, **size, **shared)
    clicked = clicked_videos(videos / "train", out / "clicks.csv")
    console.print(f"{len(clicked.sources)} videos to learn from, {len(clicked.rows)} clicks: {clicked.table}")
    console.rule("2  features")
    features = out / "features"
    training_set = clicked.training_set(features, extract(clicked.sources, features, **shared))
    console.rule("3  training on the clicks")
    config = quick(Config.for_data(training_set)) if config is None else config
    train_run(training_set, run, config.with_seed(seed))
    console.rule("4  actions in videos nobody clicked")
    predict_videos(run, videos / "test", found, **shared)
    result = evaluate_files(
        out / "gt_full.json", found / "detections.json", subset="test", json_file=out / "evaluation.json"
    )
    console.rule("5  what that must beat")
    extract(videos / "test", features, **shared)
    random, untimed = _baselines(out, training_set, seed)
    console.print(table(result))
    console.print(
        f"{untimed:.4f}  average mAP without the clicks' times: motion, and which actions a video holds"
    )
    console.print(f"{random:.4f}  average mAP of actions placed at random")
    places = {"videos": videos, "found": found, "model": run, "figures": out / "evaluation.json"}
    for name, path in places.items():
        console.print(f"{name:8s}{path}")
    console.print(f"average mAP = {result.average():.4f}")
    return result.average()


def quick(config: Config) -> Config:
    """The same with one network in stage 1 instead of four and half of stage 2's steps, to be quick."""
    instance = replace(config.instance, steps=config.instance.steps // 2)
    return replace(config, snippet=replace(config.snippet, members=1), instance=instance)


def _baselines(out: Path, training_set: TrainingSet, seed: int) -> tuple[float, float]:
    """Average mAP of chance, and of what is learned without the clicks' times."""
    learned, tested = (read_ground_truth(out / "gt_full.json", subset) for subset in ("train", "test"))
    held = [
        (item.features.read_float32(), [click.label for click in training_set.clicks[item.id]])
        for item in training_set.recordings
    ]
    files = {id: FeatureFile(out / "features" / f"{id}{SUFFIX}") for id in tested.videos}
    read = {id: file.read_float32() for id, file in files.items()}
    found = without_times(held, read, training_set.recordings[0].timeline)
    untimed = mean_average_precision(tested.videos, found).average()
    return chance(learned, tested, seed=seed), untimed


def _names() -> Iterator[str]:
    yield "demo"
    yield from (f"demo-{number}" for number in count(2))
