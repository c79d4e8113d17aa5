"""Speed of one training step of stage 1, as a share of this machine's own matrix-multiply rate.

    python benchmarks/step.py                           D=2048 (width 2048), 16 recordings of ~330 snippets
    python benchmarks/step.py --shapes sensor thumos    D=128, T~590 and D=256, T~420: where the time goes
    python benchmarks/step.py --recordings 160          ten times the set: peak memory stays
    python benchmarks/step.py --precision bf16

FLOPs are counted by formula: 2 for each multiply-add of the matrix products and of attention, forward and
backward. The rate of the machine is that of float32 products of the step's own shape, measured before and
after it; the floor is what these FLOPs alone take at that rate. Where the time goes is one profiled step.
Ends with 1 if the paper's shape stays below 60 % in fp32.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import sys
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
    """D, width (0: D), classes, snippets of a recording (mean, and deviation of their logarithm), its clicks.

    authors: seconds a step of the authors' implementation at their own settings (width D), on data of this
    shape and two quiet cores of the machine this was written on; 0 if it was not measured.
    """

    dimension: int
    hidden: int
    classes: int
    length: int
    spread: float
    clicks: int
    authors: float = 0


SHAPES = {
    "paper": Shape(2048, 0, 20, 330, 0.15, 15),
    "sensor": Shape(128, 256, 12, 590, 0.15, 25, authors=1.9),
    "thumos": Shape(256, 256, 20, 420, 0.7, 15),
    "stitched": Shape(2048, 256, 13, 46, 0.3, 8, authors=6.8),
    "stitched-wide": Shape(2048, 0, 13, 46, 0.3, 8, authors=6.8),
}
BATCH = 16
AIM = 0.6  # of the machine's matrix products, at the paper's shape
# Operators by what they are for, the first that fits; times are their own, without what they call.
PARTS = {
    "attention": ("scaled_dot_product",),
    "matrix products": ("aten::mm", "aten::addmm", "aten::bmm"),
    "random numbers": ("aten::random_", "aten::ge"),
    "optimizer": ("adamw", "Optimizer", "_foreach", "linalg_vector_norm"),
    "copies": ("copy_", "cat", "fill_", "index", "unfold"),
    "all else": ("",),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--shapes", nargs="*", default=["paper"], choices=SHAPES)
    parser.add_argument("--precision", default="fp32", choices=["fp32", "bf16"])
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument(
        "--recordings", type=int, default=BATCH, help="size of the set; memory must not follow"
    )
    args = parser.parse_args()
    missed = False
    for name in args.shapes:
        with tempfile.TemporaryDirectory() as folder:
            # A process for each: its peak memory is then that of one shape.
            arguments = (name, SHAPES[name], args.precision, args.steps, args.recordings, Path(folder))
            process = multiprocessing.get_context("spawn").Process(target=measure, args=arguments)
            process.start()
            process.join()
            missed |= bool(process.exitcode)
    sys.exit(missed)


def measure(name: str, shape: Shape, precision: str, steps: int, recordings: int, folder: Path) -> None:
    training_set = synthetic(shape, recordings, folder)
    config = SnippetConfig(hidden=shape.hidden)
    stage = SnippetStage(training_set.classes, shape.dimension, config)
    task = SnippetTask(stage, Samples(training_set, cache_bytes=0))
    network = stage.network.train()
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-4, fused=True)

    def step() -> list[int]:
        """Always of the same recordings, replayed as fast; returns their lengths."""
        batch = task.batch(0, np.arange(BATCH), np.random.default_rng(0))
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
            losses = task.losses(network, batch)
        optimizer.zero_grad()
        losses["total"].backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        task.after_step([batch], lambda tensor: tensor)
        return batch["lengths"]

    width = config.hidden or shape.dimension
    lengths = step()
    before = matmul_rate(sum(lengths), width)
    seconds = []
    for _ in range(steps):
        began = time.perf_counter()
        step()
        seconds.append(time.perf_counter() - began)
    taken = float(np.median(seconds))
    rate = (before + matmul_rate(sum(lengths), width)) / 2
    products, attention = flops(shape, config, lengths)
    work = products + attention
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    authors = f"; authors' implementation {shape.authors} s" if shape.authors else ""
    print(
        f"{name}: D={shape.dimension} width={width} {BATCH} x ~{shape.length} snippets, {precision}, "
        f"{torch.get_num_threads()} threads\n"
        f"  step {taken:.3f} s (fastest {min(seconds):.3f}), {work / 1e9:.0f} GFLOP, "
        f"{work / taken / 1e9:.0f} GFLOP/s = {work / taken / rate:.0%} of float32 matmul's {rate / 1e9:.0f}; "
        f"floor {work / rate:.3f} s{authors}\n"
        f"  peak memory {peak:.2f} GiB with {recordings} recordings"
    )
    with profile(activities=[ProfilerActivity.CPU]) as trace:
        step()
    floors = {"matrix products": products / rate, "attention": attention / rate}
    spent = dict.fromkeys(PARTS, 0.0)
    for event in trace.key_averages():
        part = next(part for part, keys in PARTS.items() if any(key in event.key for key in keys))
        spent[part] += event.self_cpu_time_total / 1e6
    for part, time_spent in sorted(spent.items(), key=lambda item: -item[1]):
        floor = f"   floor {floors[part]:.3f}" if part in floors else ""
        print(f"    {part:16} {time_spent:6.3f} s {time_spent / sum(spent.values()):4.0%}{floor}")
    if name == "paper" and precision == "fp32" and work / taken < AIM * rate:
        sys.exit(f"  below the aim of {AIM:.0%}")


def flops(shape: Shape, config: SnippetConfig, lengths: list[int]) -> tuple[float, float]:
    """Multiply-adds * 2 of a step, in matrix products and in attention's own two.

    Backward costs twice the forward, but no gradient goes to the input.
    """
    width, tokens = config.hidden or shape.dimension, sum(lengths)
    inner = config.feedforward or width
    block = tokens * (2 * width * width + 2 * width * inner)
    block += (tokens + shape.classes) * 2 * width * width
    heads = tokens * (config.kernel * width * width + width * (shape.classes + 1))
    project = tokens * shape.dimension * width if config.hidden else 0
    attention = sum(2 * t * (t + shape.classes) * width for t in lengths)
    return 2.0 * (3 * (config.blocks * block + heads) + 2 * project), 2.0 * 3 * config.blocks * attention


def matmul_rate(rows: int, width: int, seconds: float = 1.0) -> float:
    """FLOP/s of float32 products [rows, width] x [width, width]."""
    left, right = torch.randn(rows, width), torch.randn(width, width)
    for _ in range(2):
        _ = left @ right
    count, began = 0, time.perf_counter()
    while time.perf_counter() - began < seconds:
        _ = left @ right
        count += 1
    return 2.0 * count * rows * width * width / (time.perf_counter() - began)


def synthetic(shape: Shape, recordings: int, folder: Path) -> TrainingSet:
    """Random features, of lengths spread lognormally around the mean, and clicks spread evenly."""
    rng = np.random.default_rng(0)
    classes = tuple(f"class {i}" for i in range(shape.classes))
    grid = Timeline(stride=0.64)
    members, clicks = [], {}
    for number in range(recordings):
        length = round(shape.length * np.exp(rng.normal(-(shape.spread**2) / 2, shape.spread)))
        path = folder / f"{number}.npy"
        np.save(path, rng.normal(size=(length, shape.dimension)).astype(np.float32))
        members.append(Recording(str(number), FeatureFile(path), grid))
        at = np.linspace(0, length, shape.clicks + 2)[1:-1] * grid.stride
        labels = rng.integers(0, shape.classes, shape.clicks)
        clicks[str(number)] = tuple(Click(float(t), classes[k]) for t, k in zip(at, labels, strict=True))
    return TrainingSet(classes, tuple(members), clicks)


if __name__ == "__main__":
    main()
