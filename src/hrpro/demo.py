"""The main job from end to end on synthetic recordings: data, clicks, training, detections, mAP."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

from rich.console import Console

from hrpro.config import Config
from hrpro.core.errors import RunError
from hrpro.data.folder import open_dataset
from hrpro.data.formats.activitynet import write_detections
from hrpro.data.synthetic import make_dataset
from hrpro.metrics.files import evaluate_files, table
from hrpro.runs import predict_recordings, train_run

SIZE: Mapping[str, Any] = {"train": 20, "test": 10, "minutes": 2.0}


def run_demo(
    out: Path | None = None,
    seed: int = 0,
    *,
    config: Config | None = None,
    size: Mapping[str, Any] = SIZE,
) -> float:
    """Make a data set in ``out``/data, train into ``out``/run, evaluate; returns the average mAP 0.1:0.7.

    out None: demo, or demo-2 and so on, the first that is free. config None: ``quick``.
    size: arguments of ``make_dataset``. Raises RunError if ``out`` holds something.
    """
    if out is None:
        out = next(path for path in map(Path, _names()) if not path.exists())
    if out.exists() and not (out.is_dir() and not any(out.iterdir())):
        raise RunError("is not an empty folder", where=out, mend="name another with --out, or remove it")
    console = Console(soft_wrap=True, highlight=False)
    console.rule("1  recordings and clicks")
    data = make_dataset(out / "data", seed=seed, **size)
    dataset = open_dataset(data)
    training_set = dataset.training_set()
    clicks = sum(map(len, training_set.clicks.values()))
    console.print(f"{len(training_set.recordings)} recordings to learn from, {clicks} clicks: {data}")
    console.rule("2  training on the clicks")
    config = quick(Config.for_data(training_set)) if config is None else config
    model = train_run(training_set, out / "run", config.with_seed(seed))
    console.rule("3  actions in recordings nobody clicked")
    found = predict_recordings(model, dataset.recordings("test"))
    write_detections(out / "detections.json", found)
    assert dataset.ground_truth_path is not None
    result = evaluate_files(
        dataset.ground_truth_path, out / "detections.json", subset="test", json_file=out / "evaluation.json"
    )
    console.print(table(result))
    for name, path in (("model", "run"), ("detections", "detections.json"), ("figures", "evaluation.json")):
        console.print(f"{name:10s} {out / path}")
    console.print(f"average mAP = {result.average():.4f}")
    return result.average()


def quick(config: Config) -> Config:
    """The same at half the width, which is plenty for the 64 dimensions here, in half the time."""
    return replace(
        config, snippet=replace(config.snippet, hidden=128), instance=replace(config.instance, hidden=128)
    )


def _names() -> Iterator[str]:
    yield "demo"
    yield from (f"demo-{number}" for number in count(2))
