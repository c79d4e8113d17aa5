"""Speed of one training step of stage 1, as a share of this machine's own matrix-multiply rate.

    python benchmarks/step.py                        D=2048 (width 2048), 16 recordings of ~330 snippets
    python benchmarks/step.py --shapes sensor wide   D=128, T~575 and D=256, T~330: where the time goes
    python benchmarks/step.py --precision bf16

FLOPs are counted by formula: 2 for each multiply-add of the matrix products and of attention, forward and
backward, over real snippets only (padding is work the machine does, but not work that counts). The rate of
the machine is that of float32 products of the step's own shape, measured before and after it.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch.profiler import ProfilerActivity, profile

from hrpro.core.annotations import Click
from hrpro.core.timeline import Timeline
from hrpro.data.batches import Samples
from hrpro.data.features import FeatureFile
from hrpro.data.training_set import Recording, TrainingSet
from hrpro.snippet.config import SnippetConfig
from hrpro.snippet.stage import SnippetStage, SnippetTask


@dataclass(frozen=True)
class Shape:
    """D, width (0: D), classes, mean snippets of a recording, clicks in it."""

    dimension: int
    hidden: int
    classes: int
    length: int
    clicks: int


SHAPES = {
    "paper": Shape(2048, 0, 20, 330, 15),
    "sensor": Shape(128, 256, 12, 575, 25),
    "wide": Shape(256, 256, 20, 330, 15),
    "stitched": Shape(2048, 256, 13, 46, 8),
}
BATCH = 16


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--shapes", nargs="*", default=["paper"], choices=SHAPES)
    parser.add_argument("--precision", default="fp32", choices=["fp32", "bf16"])
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument(
        "--recordings", type=int, default=BATCH, help="size of the set; memory must not follow"
    )
    args = parser.parse_args()
    for name in args.shapes:
        with tempfile.TemporaryDirectory() as folder:
            measure(name, SHAPES[name], args.precision, args.steps, args.recordings, Path(folder))


def measure(name: str, shape: Shape, precision: str, steps: int, recordings: int, folder: Path) -> None:
    training_set = synthetic(shape, recordings, folder)
    config = SnippetConfig(hidden=shape.hidden, time_warp=0)
    samples = Samples(training_set, cache_bytes=0)
    stage = SnippetStage(training_set.classes, shape.dimension, config)
    task = SnippetTask(stage, samples)
    network = stage.network.train()
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-4, fused=True)
    lengths = [r.features.shape[0] for r in training_set.recordings[:BATCH]]

    def step(number: int) -> None:
        batch = task.batch(number, np.arange(BATCH), np.random.default_rng(number))
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
            losses = task.losses(network, batch)
        optimizer.zero_grad()
        losses["total"].backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        task.after_step([batch], lambda tensor: tensor)

    for number in range(2):
        step(number)
    before = matmul_rate(sum(lengths), config.hidden or shape.dimension)
    seconds = []
    for number in range(steps):
        began = time.perf_counter()
        step(number)
        seconds.append(time.perf_counter() - began)
    after = matmul_rate(sum(lengths), config.hidden or shape.dimension)
    rate = (before + after) / 2
    work = flops(shape, config, lengths)
    taken = float(np.median(seconds))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(
        f"{name}: D={shape.dimension} width={config.hidden or shape.dimension} {BATCH} x ~{shape.length} "
        f"snippets, {precision}, {torch.get_num_threads()} threads\n"
        f"  step {taken:.3f} s (fastest {min(seconds):.3f}), {work / 1e9:.0f} GFLOP, "
        f"{work / taken / 1e9:.0f} GFLOP/s = {work / taken / rate:.0%} of float32 matmul's {rate / 1e9:.0f}; "
        f"floor {work / rate:.3f} s; peak memory {peak:.2f} GiB with {recordings} recordings"
    )
    with profile(activities=[ProfilerActivity.CPU]) as trace:
        step(0)
    events = sorted(trace.key_averages(), key=lambda e: -e.self_cpu_time_total)
    total = sum(e.self_cpu_time_total for e in events)
    for event in events[:8]:
        print(f"    {event.self_cpu_time_total / total:5.1%}  {event.key}")


def flops(shape: Shape, config: SnippetConfig, lengths: list[int]) -> float:
    """Multiply-adds * 2 of a step; backward costs twice the forward, but no gradient goes to the input."""
    width = config.hidden or shape.dimension
    inner = config.feedforward or width
    tokens = sum(lengths)
    keys = tokens + BATCH * shape.classes
    block = tokens * (2 * width * width + 2 * width * inner) + keys * 2 * width * width
    attention = sum(2 * t * (t + shape.classes) * width for t in lengths)
    heads = tokens * (3 * width * width + width * (shape.classes + 1))
    project = tokens * shape.dimension * width
    return 2.0 * (3 * (config.blocks * (block + attention) + heads) + 2 * project)


def matmul_rate(rows: int, width: int, seconds: float = 1.0) -> float:
    """FLOP/s of float32 products [rows, width] x [width, width]."""
    left, right = torch.randn(rows, width), torch.randn(width, width)
    for _ in range(2):
        left @ right
    count, began = 0, time.perf_counter()
    while time.perf_counter() - began < seconds:
        left @ right
        count += 1
    return 2.0 * count * rows * width * width / (time.perf_counter() - began)


def synthetic(shape: Shape, recordings: int, folder: Path) -> TrainingSet:
    """Random features of lengths spread by a fifth around the mean, and clicks spread evenly."""
    rng = np.random.default_rng(0)
    classes = tuple(f"class {i}" for i in range(shape.classes))
    grid = Timeline(stride=0.64)
    members, clicks = [], {}
    for number in range(recordings):
        length = int(shape.length * rng.uniform(0.8, 1.2))
        path = folder / f"{number}.npy"
        np.save(path, rng.normal(size=(length, shape.dimension)).astype(np.float32))
        members.append(Recording(str(number), FeatureFile(path), grid))
        at = np.linspace(0, length, shape.clicks + 2)[1:-1] * grid.stride
        labels = rng.integers(0, shape.classes, shape.clicks)
        clicks[str(number)] = tuple(Click(float(t), classes[k]) for t, k in zip(at, labels, strict=True))
    return TrainingSet(classes, tuple(members), clicks)


if __name__ == "__main__":
    main()
