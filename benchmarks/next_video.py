"""How many clicks "next most useful video" saves: recordings are added in its order, or at random.

    python benchmarks/next_video.py                       hapt, judged on the test recordings
    python benchmarks/next_video.py --held-out            judged on held-out TRAINING recordings: for tuning
    python benchmarks/next_video.py --orders studio covering doubt short classes random
    python benchmarks/next_video.py --doubts              how well each doubt tells wrong predictions

Each of the random orders starts with two recordings; every other order starts with the same two, and is asked
again after each training. Training is a light one, so that a hundred fit into the time: one network without
attention blocks in stage 1, no stage 2, 200 steps of 2 recordings. Clicks are those of --points.
"""

from __future__ import annotations

import argparse
import json
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hrpro.config import Config
from hrpro.core.annotations import Detections
from hrpro.data.folder import Dataset, open_dataset
from hrpro.data.formats.activitynet import read_ground_truth
from hrpro.data.training_set import Recording, TrainingSet
from hrpro.localizer import HRPro
from hrpro.metrics.detection import mean_average_precision
from hrpro.settings import build
from hrpro.studio.next_video import describe
from next_video_doubts import tell_doubts
from next_video_orders import ORDERS, State

SHARED = Path(__file__).resolve().parents[1].parent / "shared" / "data"
SIZES = (2, 3, 4, 6, 9, 14, 21)
SHARES = (0.8, 0.9, 0.95)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", type=Path, default=SHARED / "hapt")
    parser.add_argument("--points", default="point_human.csv")
    parser.add_argument("--orders", nargs="+", default=["random", "studio"], choices=list(ORDERS))
    parser.add_argument("--starts", type=int, default=5, metavar="N", help="random orders")
    parser.add_argument(
        "--held-out", action="store_true", help="a third of the training subjects is judged on"
    )
    parser.add_argument("--doubts", action="store_true")
    parser.add_argument("--set", nargs="*", default=[], metavar="KEY=VALUE", help="of the light training")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    dataset = open_dataset(args.data)
    pool, judged = split(dataset, args.points, args.held_out)
    if args.doubts:
        tell_doubts(dataset, *split(dataset, args.points, True))
        return
    changes = dict(word.split("=", 1) for word in args.set)
    trial = trials(dataset, pool, judged, changes)
    began, curves = time.perf_counter(), dict[str, list[list[tuple[int, float, float]]]]()
    full = [score(dataset, fit(pool, seed, changes), judged) for seed in range(3)]
    total = sum(map(len, pool.clicks.values()))
    print(f"all {len(pool.recordings)} recordings, {total} clicks: avg mAP {np.mean(full):.4f}", flush=True)
    for start in range(args.starts):
        order = np.random.default_rng(start).permutation(len(pool.recordings))
        for name in args.orders:
            curve = climb(trial, pool, order, ORDERS[name], seed=start)
            curve.append((total, float(np.mean(full)), minutes(pool, pool.clicks)))
            curves.setdefault(name, []).append(curve)
            print(start, name, *(f"{c}:{v:.3f}" for c, v, _ in curve), flush=True)
    tell(curves, float(np.mean(full)))
    print(f"{time.perf_counter() - began:.0f} s")
    if args.json:
        args.json.write_text(json.dumps({"full": full, "curves": curves}))


def split(dataset: Dataset, points: str, held_out: bool) -> tuple[TrainingSet, tuple[Recording, ...]]:
    """(recordings to choose from, recordings to judge on)."""
    pool = dataset.training_set(points)
    if not held_out:
        return pool, dataset.recordings("test")
    groups = [re.sub(r".*_(user\d+)$", r"\1", item.id) for item in pool.recordings]
    out = {group for place, group in enumerate(sorted(set(groups))) if place % 3 == 0}
    judged = tuple(r for r, group in zip(pool.recordings, groups, strict=True) if group in out)
    kept = [r.id for r, group in zip(pool.recordings, groups, strict=True) if group not in out]
    return pool.subset(kept), judged


def fit(training_set: TrainingSet, seed: int, changes: dict[str, str]) -> HRPro:
    base = Config()
    light = replace(base.snippet, members=1, blocks=0, hidden=64, batch_size=2, steps=200, lr=2e-3, ema=0.95)
    config = build(replace(base, stages=1, snippet=light).with_seed(seed), changes, "--set")
    return HRPro(config).fit(training_set)


def score(dataset: Dataset, model: HRPro, judged: Sequence[Recording]) -> float:
    assert dataset.ground_truth_path is not None
    truth = read_ground_truth(dataset.ground_truth_path).videos
    found: dict[str, Detections] = {
        item.id: model.predict(item.features.read_float32(), item.timeline) for item in judged
    }
    return mean_average_precision({id: truth[id] for id in found}, found, "0.1:0.7").average()


Trial = Callable[[tuple[str, ...], int], tuple[HRPro, float]]


def trials(
    dataset: Dataset, pool: TrainingSet, judged: Sequence[Recording], changes: dict[str, str]
) -> Trial:
    """From ids and a seed to (model, its mAP); what several orders come to is trained once."""

    @lru_cache(maxsize=64)
    def trial(ids: tuple[str, ...], seed: int) -> tuple[HRPro, float]:
        model = fit(pool.subset(ids), seed, changes)
        return model, score(dataset, model, judged)

    return trial


def climb(
    trial: Trial,
    pool: TrainingSet,
    order: NDArray[np.int64],
    choose: Callable[[State, NDArray[np.int64], int], Sequence[int]],
    seed: int,
) -> list[tuple[int, float, float]]:
    """(clicks, avg mAP, minutes watched) after each training."""
    places_nd = np.stack([describe([item.features.read_float32()]) for item in pool.recordings])
    clicked_n = np.zeros(len(pool.recordings), bool)
    clicked_n[order[: SIZES[0]]] = True
    curve = []
    for size in (*SIZES[1:], None):
        known = pool.subset([pool.recordings[n].id for n in np.flatnonzero(clicked_n)])
        model, value = trial(tuple(known.clicks), seed)
        curve.append((sum(map(len, known.clicks.values())), value, minutes(pool, known.clicks)))
        if size is None or size >= len(clicked_n):
            return curve
        more = choose(State(pool, places_nd, clicked_n, model), order, size - int(clicked_n.sum()))
        clicked_n[list(more)] = True
    return curve


def minutes(pool: TrainingSet, ids: object) -> float:
    assert hasattr(ids, "__contains__")
    return sum(item.seconds for item in pool.recordings if item.id in ids) / 60  # type: ignore[operator]


def tell(curves: dict[str, list[list[tuple[int, float, float]]]], full: float) -> None:
    print(
        "\n| order | "
        + " | ".join(f"clicks to {share:.0%}" for share in SHARES)
        + " | minutes to 95% | mean mAP |"
    )
    print("|---" * (len(SHARES) + 3) + "|")
    for name, each in curves.items():
        cells = []
        for share in SHARES:
            reached = [crossing(curve, 0, share * full) for curve in each]
            cells.append(f"{np.mean(reached):.0f} ({min(reached):.0f} to {max(reached):.0f})")
        watched = np.mean([crossing(curve, 2, 0.95 * full) for curve in each])
        area = np.mean([value for curve in each for _, value, _ in curve[:-1]])
        print(f"| {name} | {' | '.join(cells)} | {watched:.0f} | {area:.4f} |")
    sizes = [*SIZES[: max(len(curve) for each in curves.values() for curve in each) - 1], "all"]
    print(
        "\n| order | "
        + " | ".join(f"{size} rec." for size in sizes)
        + " |\n"
        + "|---" * (len(sizes) + 1)
        + "|"
    )
    for name, each in curves.items():
        cells = [
            f"{np.mean([curve[n][1] for curve in each]):.3f} ({np.mean([curve[n][0] for curve in each]):.0f})"
            for n in range(len(sizes))
        ]
        print(f"| {name} | {' | '.join(cells)} |")
    print("avg mAP 0.1:0.7 (clicks), means over the starts")


def crossing(curve: Sequence[tuple[int, float, float]], axis: int, target: float) -> float:
    """Where a curve first reaches the target, on a line between its points; its end if it never does."""
    for before, after in pairwise(curve):
        if before[1] >= target:
            return before[axis]
        if after[1] >= target:
            part = (target - before[1]) / (after[1] - before[1])
            return before[axis] + part * (after[axis] - before[axis])
    return curve[-1][axis]


if __name__ == "__main__":
    main()
