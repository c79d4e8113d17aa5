"""The main job from end to end on synthetic recordings: data, clicks, training, detections, mAP."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from hrpro.config import Config
from hrpro.core.errors import RunError
from hrpro.data.folder import open_dataset
from hrpro.data.formats.activitynet import write_detections
from hrpro.data.synthetic import make_dataset
from hrpro.metrics.files import evaluate_files, table
from hrpro.runs import predict_recordings, train_run


def run_demo(out: Path, seed: int = 0) -> float:
    """Make a data set in ``out``/data, train into ``out``/run, evaluate; returns the average mAP 0.1:0.7.

    Raises RunError if ``out`` holds something already.
    """
    if out.exists() and any(out.iterdir()):
        raise RunError("is not empty", where=out, mend="remove it, or name another folder with --out")
    console = Console()
    console.rule("1  recordings and clicks")
    data = make_dataset(out / "data", seed=seed)
    dataset = open_dataset(data)
    training_set = dataset.training_set()
    clicks = sum(map(len, training_set.clicks.values()))
    console.print(f"{len(training_set.recordings)} recordings to learn from, {clicks} clicks: {data}")
    console.rule("2  training on the clicks")
    model = train_run(training_set, out / "run", Config.for_data(training_set).with_seed(seed))
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
