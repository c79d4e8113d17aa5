"""How long the array work between the stages takes, piece by piece, on data made here.

    python benchmarks/proposals.py [--threads 1]

Each line gives the best of several runs after a first one (which loads the compiled kernels).
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import time
from collections.abc import Callable

import numpy as np
import torch

from hrpro.instance.roi import pooled_features, roi_features
from hrpro.proposals.config import GenerateConfig
from hrpro.proposals.generate import generate
from hrpro.proposals.rank import negative_proposals, rank
from hrpro.proposals.suppress import hard_nms, soft_nms
from hrpro.snippet.pseudo_labels import mine


def report(name: str, work: Callable[[], object], runs: int = 5, note: str = "") -> None:
    work()
    seconds = min(_timed(work) for _ in range(runs))
    shown = f"{seconds * 1e3:9.2f} ms" if seconds >= 1e-3 else f"{seconds * 1e6:9.1f} us"
    print(f"  {name:<62}{shown}   {note}", flush=True)


def _timed(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def curves(rng: np.random.Generator, length: int, classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Smooth P [T, C] and A [T] with an action every 20 snippets or so."""
    kernel = np.hanning(15) / np.hanning(15).sum()
    logits = [np.convolve(rng.normal(0, 12, length), kernel, mode="same") for _ in range(classes + 1)]
    score = 1 / (1 + np.exp(-np.stack(logits, axis=1)))
    return score[:, :classes] * score[:, -1:], score[:, -1]


def scattered(rng: np.random.Generator, n: int, length: float, mean: float) -> np.ndarray:
    start = rng.uniform(0, length, n)
    return np.stack([start, np.minimum(start + rng.exponential(mean, n) + 0.5, length)], axis=1)


def mining(rng: np.random.Generator) -> None:
    print("pseudo labels, one recording (20 classes, a click every 20 snippets)")
    for length in (50, 575, 5000):
        attention = curves(rng, length, 1)[1].astype(np.float32)
        clicks = np.sort(rng.choice(length, length // 20 + 1, replace=False))
        classes = rng.integers(0, 20, len(clicks))
        report(f"T = {length}", lambda a=attention, s=clicks, c=classes: mine(a, s, c, 20), runs=50)


def candidates(rng: np.random.Generator) -> None:
    print("candidates, ranking, negatives (default thresholds)")
    for length, classes in ((330, 3), (575, 12), (5000, 12), (5000, 200)):
        activation, attention = curves(rng, length, classes)
        chosen = np.arange(classes)
        found = generate(activation, attention, chosen)
        every = len(generate(activation, attention, chosen, GenerateConfig(unique=False)))
        report(
            f"generate, T = {length}, {classes} classes",
            lambda p=activation, a=attention, c=chosen: generate(p, a, c),
            note=f"{len(found)} candidates ({every} before unique)",
        )
        times = np.sort(rng.uniform(0, length, length // 20))
        labels = rng.integers(0, classes, len(times))
        report(f"rank them by {len(times)} clicks", lambda p=found, t=times, c=labels: rank(p, t, c))
    background = curves(rng, 5000, 1)[1] < 0.1
    report("500 negatives, T = 5000", lambda: negative_proposals(background, 500, np.random.default_rng(0)))


def suppression(rng: np.random.Generator) -> None:
    print("suppression of 5,000 segments")
    scores, labels = rng.random(5000), rng.integers(0, 20, 5000)
    for name, length in (("one crowd (all overlap)", 5.0), ("along an hour", 3600.0)):
        segments = scattered(rng, 5000, length, 20.0)
        report(f"soft, one class, {name}", lambda s=segments: soft_nms(s, scores))
        report(f"soft, 20 classes, {name}", lambda s=segments: soft_nms(s, scores, labels))
        report(f"soft, one class, {name}, limit 200", lambda s=segments: soft_nms(s, scores, limit=200))
        report(f"soft, one class, {name}, floor 0.001", lambda s=segments: soft_nms(s, scores, floor=1e-3))
        report(f"hard, one class, {name}, tIoU 0.5", lambda s=segments: hard_nms(s, scores, tiou=0.5))


def regions(width: int) -> None:
    """In a process of its own, for its memory peak."""
    rng = np.random.default_rng(0)
    rows = torch.randn(10 * 500, width)
    video = torch.tensor(rng.integers(0, 10, 10_000))
    first, length = video * 500, torch.full((10_000,), 500)
    proposals = torch.tensor(scattered(rng, 10_000, 500.0, 20.0), dtype=torch.float32)

    def in_chunks() -> object:
        return pooled_features(rows, proposals, first_n=first, length_n=length)

    def all_bins() -> object:
        return roi_features(rows, proposals, first_n=first, length_n=length)

    def backward() -> None:
        leaf, few = rows.detach().requires_grad_(), slice(1000)
        roi_features(leaf, proposals[few], first_n=first[few], length_n=length[few]).sum().backward()

    for name, work in (
        ("10,000, max-pooled in chunks", in_chunks),
        ("10,000, all 12 bins", all_bins),
        ("1,000, forward and backward to the features", backward),
    ):
        with torch.set_grad_enabled(work is backward):
            report(f"D = {width}: {name}", work, runs=3)
        print(f"{'':<62}{peak():9.0f} MB resident at most, so far", flush=True)


def peak() -> float:
    """Largest resident set of this process so far, MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)


def main() -> None:
    parser = argparse.ArgumentParser(description="Time the array work between the stages.")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--regions", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    if options.regions:
        return regions(options.regions)
    rng = np.random.default_rng(0)
    mining(rng)
    candidates(rng)
    suppression(rng)
    print("RoI features of proposals over 10 recordings of 500 snippets, mean length 20", flush=True)
    for width in (128, 2048):
        arguments = [sys.executable, __file__, "--threads", str(options.threads), "--regions", str(width)]
        subprocess.run(arguments, check=True)
    return None


if __name__ == "__main__":
    main()
