"""Accuracy over several seeds: avg mAP 0.1:0.7 of stage 1 alone and of all stages, by data set and clicks.

    python benchmarks/accuracy.py                      test recordings, all data sets, 3 seeds
    python benchmarks/accuracy.py --held-out 3         3 folds of the TRAINING recordings: for tuning
    python benchmarks/accuracy.py --ablation           rows of the paper's Table 3
    python benchmarks/accuracy.py --set snippet.lr=1e-3 --data hapt
    python benchmarks/accuracy.py --method hrpro-next
    python benchmarks/accuracy.py --losses             and where the loss is, by the kinds of errors

Settings are those that follow from the data (no preset) unless --set changes them. Held-out folds keep
recordings of one subject or group apart where their names tell it (``_user07``).
"""

from __future__ import annotations

import argparse
import json
import re
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from hrpro.config import Config
from hrpro.core.annotations import Detections, Segment
from hrpro.data.folder import Dataset, open_dataset
from hrpro.data.formats.activitynet import read_ground_truth
from hrpro.data.supervised import supervised
from hrpro.data.training_set import Recording, TrainingSet
from hrpro.localizer import HRPro
from hrpro.metrics.detection import mean_average_precision
from hrpro.metrics.errors import diagnose
from hrpro.runs import predict_recordings
from hrpro.settings import build
from hrpro.trust import told

SHARED = Path(__file__).resolve().parents[1].parent / "shared" / "data"
NAMES = ("hapt", "ucf_untrimmed", "i3d_stitched")
CLICKS = ("point_gaussian.csv", "point_human.csv")

# What each row of Table 3 switches off; stage 1 first, then stage 2 on the whole stage 1. The last is ours.
PAPER: dict[str, Any] = {
    "snippet.exemplar_weight": 0,
    "instance.exemplar_weight": 0,
    "instance.completeness_weight": 0.2,
}
TABLE_3: dict[str, dict[str, Any]] = {
    "base": {"stages": 1, "snippet.contrast_weight": 0, "snippet.blocks": 0},
    "+ contrastive": {"stages": 1, "snippet.blocks": 0},
    "+ RAB (stage 1)": {"stages": 1},
    "stage 1 + reg": {"instance.score_weight": 0, "instance.reliable": False, "instance.negatives": 0},
    "stage 1 + score": {
        "instance.regression_weight": 0,
        "instance.reliable": False,
        "instance.negatives": 0,
    },
    "stage 1 + reg, score": {"instance.reliable": False, "instance.negatives": 0},
    "stage 1 + reg, RP": {"instance.score_weight": 0, "instance.negatives": 0},
    "stage 1 + score, RP": {"instance.regression_weight": 0, "instance.negatives": 0},
    "stage 1 + reg, score, RP": {"instance.negatives": 0},
    "all": {},
    "all, no RAB": {"snippet.blocks": 0},
    "all, no RAB, no contrastive": {"snippet.blocks": 0, "snippet.contrast_weight": 0},
}
OURS = {name: value for name, value in PAPER.items() if not name.endswith("exemplar_weight")}
ABLATION = {**{row: {**PAPER, **off} for row, off in TABLE_3.items()}, "all, and exemplars (ours)": OURS}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", nargs="*", default=NAMES, help="names in ../shared/data, or folders")
    parser.add_argument("--points", nargs="*", default=CLICKS)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2], metavar="N")
    parser.add_argument("--held-out", type=int, default=0, metavar="K", help="K folds of the training split")
    parser.add_argument("--ablation", action="store_true")
    parser.add_argument(
        "--losses", action="store_true", help="what putting each kind of error right would give"
    )
    parser.add_argument("--method", default="hrpro", help="of hrpro train --method")
    parser.add_argument("--set", nargs="*", default=[], metavar="KEY=VALUE")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    common = {"method": args.method, **dict(word.split("=", 1) for word in args.set)}
    rows = ABLATION if args.ablation else {"all stages": {}}
    figures: dict[str, list[float]] = defaultdict(list)
    for name in args.data:
        folder = Path(name) if Path(name).is_dir() else SHARED / name
        dataset = open_dataset(folder)
        for points in args.points[:1] if args.ablation else args.points:
            for seed in args.seeds:
                for learn, judge in splits(dataset, points, args.held_out):
                    for row, value, note, found in trials(dataset, learn, judge, rows, common, seed):
                        figures[f"{name}|{points}|{row}"].append(value)
                        print(f"{name} {points} seed {seed} {row:28s} {value:.4f}  {note}", flush=True)
                        if args.losses:
                            print(f"    put right, in points: {losses(dataset, found)}", flush=True)
    print(f"\navg mAP 0.1:0.7, mean +- sd over {len(args.seeds)} seed(s)")
    for key, values in figures.items():
        name, points, row = key.split("|")
        spread = np.std(values, ddof=1) if len(values) > 1 else 0.0
        print(f"| {name} | {points} | {row} | {np.mean(values):.3f} +- {spread:.3f} | n={len(values)} |")
    if args.json:
        args.json.write_text(json.dumps(figures, indent=1))


def splits(dataset: Dataset, points: str, folds: int) -> Iterator[tuple[TrainingSet, tuple[Recording, ...]]]:
    """(what to learn from, what to judge on): the test split, or folds of the training split."""
    training_set = dataset.training_set(points)
    if not folds:
        yield training_set, dataset.recordings("test")
        return
    groups = [re.sub(r".*_(user\d+)$", r"\1", recording.id) for recording in training_set.recordings]
    order = sorted(set(groups))
    for fold in range(folds):
        out = [order.index(group) % folds == fold for group in groups]
        judged = tuple(r for r, held in zip(training_set.recordings, out, strict=True) if held)
        kept = [r.id for r, held in zip(training_set.recordings, out, strict=True) if not held]
        yield training_set.subset(kept), judged


def trials(
    dataset: Dataset,
    learn: TrainingSet,
    judge: tuple[Recording, ...],
    rows: dict[str, dict[str, Any]],
    common: dict[str, Any],
    seed: int,
) -> Iterator[tuple[str, float, str, dict[str, Detections]]]:
    """Train each row (equal stages 1 only once) and evaluate it; stage 1 alone comes along for free. With
    the figure: a note, and the detections."""
    trained: dict[str, Any] = {}
    assert dataset.ground_truth_path is not None
    for row, changes in rows.items():
        config = Config.for_data(learn).with_method(common["method"]).with_seed(seed)
        config = build(config, {**common, **changes}, "--set")
        method = config.about
        taught = learn if method.sees != "segments" else supervised(learn, dataset.ground_truth_path)
        taught, read = taught.coarser(config.pace), learn.coarser(config.pace)
        key = json.dumps([config.pace, asdict(config.stage_one)])
        began = time.perf_counter()
        if key not in trained:
            trained[key] = method.stage_one().fit(taught, config.stage_one)
        first = time.perf_counter() - began
        model = HRPro.upon(trained[key], read, config)
        second = time.perf_counter() - began - first
        if "all stages" in rows or config.stages == 1:
            found = predict_recordings(model.stage_one(), judge)
            name = row if "stages" in changes else "stage 1 alone"
            yield name, score(dataset, found), f"{first:.0f} s", found
        if config.stages > 1:
            assert model.config is not None
            note = f"{first:.0f} + {second:.0f} s  {told(model.weighed, model.config.instance.fusion)}"
            found = predict_recordings(model, judge)
            yield row, score(dataset, found), note, found


def score(dataset: Dataset, found: dict[str, Detections]) -> float:
    return mean_average_precision(*known(dataset, found), "0.1:0.7").average()


def losses(dataset: Dataset, found: dict[str, Detections]) -> str:
    """What the average would gain if all errors of one kind, at each tIoU, were put right, the rest as is."""
    both = known(dataset, found)
    told = [diagnose(*both, tiou=tiou / 10).gain_fixed for tiou in range(1, 8)]
    gains = {kind: 100 * float(np.mean([each[kind] for each in told])) for kind in told[0]}
    return ", ".join(f"{kind} {gain:.1f}" for kind, gain in sorted(gains.items(), key=lambda item: -item[1]))


def known(
    dataset: Dataset, found: dict[str, Detections]
) -> tuple[dict[str, tuple[Segment, ...]], dict[str, Detections]]:
    """(truth, detections) of the recordings that have a truth: of others nothing can be said."""
    assert dataset.ground_truth_path is not None
    truth = read_ground_truth(dataset.ground_truth_path).videos
    both = [id for id in found if id in truth]
    return {id: truth[id] for id in both}, {id: found[id] for id in both}


if __name__ == "__main__":
    main()
