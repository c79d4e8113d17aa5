"""What each part of the classic backbone is worth to a supervised linear probe.

Ridge regression on the snippets' true classes, on held-out TRAINING recordings, with each part left out and
alone; it reads segments, which no training does. Recordings share scenes, so they are cut at their segments'
borders and the clips dealt to three folds such that alike-looking clips of a class stay together; figures are
means over three deals. The features that lie beside the videos stand beside ours. ``backbones.py`` is the
command.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from hrpro.video.backbones.classic import BLOCKS, Classic, colour, gradients, layout, texture
from hrpro.video.decode import frames

DEALS, FOLDS, RIDGES = 3, 3, (100, 1000, 10_000)


class Clip(NamedTuple):
    """Snippets [first, last) of one recording, of one class (-1: none); ``look`` is its mean tiny picture."""

    first: int
    last: int
    label: int
    look: NDArray[np.float32]


def extract(data: Path) -> tuple[NDArray, NDArray, list[Clip], tuple[str, ...]]:
    """Ours [N, 512], those beside the videos [N, D], clips over all N snippets in order, and the classes."""
    classes = tuple(json.loads((data / "meta.json").read_text())["classes"])
    truth = json.loads((data / "gt_full.json").read_text())["database"]
    backbone, ours, theirs, clips = Classic(), [], [], []
    for name in (data / "split_train.txt").read_text().split():
        small: list[NDArray] = []
        source = frames(data / "videos" / f"{name}.mp4", size=backbone.frame_size, threads=1)
        found = np.stack(list(backbone.stream(_watched(source, small))))
        beside = np.load(data / "features" / "train" / f"{name}.npy")
        length, start = min(len(found), len(beside)), sum(map(len, ours))
        spans = [(*a["segment"], classes.index(a["label"])) for a in truth[name]["annotations"]]
        for first, last, label in _cut(spans, length, backbone.spec.timeline.stride):
            look = np.median(small[first * 4 : last * 4], 0).astype(np.float32)
            clips.append(Clip(start + first, start + last, label, look))
        ours.append(found[:length])
        theirs.append(beside[:length])
    return np.concatenate(ours), np.concatenate(theirs), clips, classes


def _watched(source, small: list[NDArray]) -> Iterator:
    for k, frame in enumerate(source):
        if k % 4 == 2:
            small.append(cv2.resize(frame, (20, 15), interpolation=cv2.INTER_AREA).ravel())
        yield frame


def _cut(spans: list[tuple[float, float, int]], length: int, stride: float) -> Iterator[tuple[int, int, int]]:
    done = 0
    for start, end, label in sorted(spans):
        first = min(max(round(start / stride), done), length)
        last = min(max(round(end / stride), first + 1), length)
        if first > done:
            yield done, first, -1
        if last > first:
            yield first, last, label
        done = last
    if length > done:
        yield done, length, -1


def alike(clips: list[Clip], near: float = 12.0) -> NDArray[np.int64]:
    """Group of each clip: of one class, joined to its nearest by looks and to all within ``near`` levels."""
    looks = np.stack([clip.look for clip in clips])
    labels = np.array([clip.label for clip in clips])
    distance = np.sqrt(((looks[:, None] - looks[None]) ** 2).mean(-1))
    distance[labels[:, None] != labels[None]] = np.inf
    np.fill_diagonal(distance, np.inf)
    nearest = distance.argmin(1)
    linked = distance < near
    linked[np.arange(len(clips)), nearest] = True
    group = np.arange(len(clips))
    for one, two in np.argwhere(linked):
        group[group == group[two]] = group[one]
    return group


def deal(clips: list[Clip], group: NDArray, seed: int) -> NDArray[np.int64]:
    """Fold of each snippet: whole groups, largest first, each to the fold that has least of its class."""
    rng, folds = np.random.default_rng(seed), np.zeros(clips[-1].last, np.int64)
    labels = np.array([clip.label for clip in clips])
    for label in np.unique(labels):
        sizes = np.zeros(FOLDS)
        groups = rng.permutation(np.unique(group[labels == label]))
        for chosen in sorted(groups, key=lambda g: -(group == g).sum()):
            fold = int((sizes + rng.random(FOLDS) / 100).argmin())
            for clip in (clips[i] for i in np.flatnonzero(group == chosen)):
                folds[clip.first : clip.last] = fold
                sizes[fold] += 1
    return folds


def probe(x_nd: NDArray, y_n: NDArray, folds: list[NDArray], classes: int) -> tuple[float, float]:
    """(accuracy over classes and none, mean AP over classes), held out, at the best of RIDGES."""
    found = np.zeros((len(RIDGES), 2))
    for fold_n in folds:
        for fold in range(FOLDS):
            held, rest = fold_n == fold, fold_n != fold
            deviation = x_nd[rest].std(0) + 1e-6
            z_nd = (x_nd - x_nd[rest].mean(0)) / deviation
            target = np.eye(classes + 1)[y_n[rest]]
            values, axes = np.linalg.eigh(z_nd[rest].T @ z_nd[rest])
            along = axes.T @ (z_nd[rest].T @ (target - target.mean(0)))
            for i, ridge in enumerate(RIDGES):
                score = z_nd[held] @ (axes @ (along / (values + ridge)[:, None])) + target.mean(0)
                aps = [_average_precision(score[:, c], y_n[held] == c) for c in range(classes)]
                found[i] += (score.argmax(1) == y_n[held]).mean(), np.mean(aps)
    best = found[found[:, 1].argmax()] / (len(folds) * FOLDS)
    return float(best[0]), float(best[1])


def _average_precision(score: NDArray, positive: NDArray) -> float:
    ranked = positive[np.argsort(-score, kind="stable")]
    return float((np.cumsum(ranked)[ranked] / (np.flatnonzero(ranked) + 1)).mean())


def worth(data: Path) -> None:
    ours, beside, clips, classes = extract(data)
    y_n = np.concatenate([np.full(clip.last - clip.first, clip.label % (len(classes) + 1)) for clip in clips])
    group = alike(clips)
    folds = [deal(clips, group, seed) for seed in range(DEALS)]
    print(f"{len(y_n)} snippets, {len(clips)} clips in {len(np.unique(group))} groups; held out")
    print(f"  {'':<32}{'accuracy':>10}{'AP':>8}")

    def line(name: str, x_nd: NDArray) -> None:
        accuracy, precision = probe(x_nd.astype(np.float64), y_n, folds, len(classes))
        print(f"  {name:<32}{accuracy:10.3f}{precision:8.3f}", flush=True)

    line(f"beside the videos ({beside.shape[1]})", beside)
    line(f"classic ({ours.shape[1]})", ours)
    stills = (gradients, layout, texture, colour)
    of_stills = np.repeat([block in stills for block in BLOCKS], list(BLOCKS.values()))
    line(f"appearance alone ({of_stills.sum()})", ours[:, of_stills])
    line(f"motion alone ({(~of_stills).sum()})", ours[:, ~of_stills])
    end = 0
    for block, values in BLOCKS.items():
        part, end = slice(end, end + values), end + values
        line(f"without {block.__name__} ({values})", np.delete(ours, part, 1))
        line("    alone", ours[:, part])
