"""What the classic backbone costs and what each of its parts is worth; and what any other costs.

    python benchmarks/backbones.py [--speed | --worth | --memory [--hours 2]] [--data DIR]
    python benchmarks/backbones.py --backbone i3d|hub:NAME [--weights PATH] [--snippets 8] [--data DIR]

Speed: how many times faster than real time each part is, on one core, on a 320 x 240 video; i3d without
weights has random ones, which cost the same. Worth: a fully
supervised linear probe (ridge regression on the snippets' true classes) on held-out TRAINING recordings, with
each part left out and alone; it reads segments, which no training does. Recordings share scenes, so they
are cut at their segments' borders and the clips dealt to three folds such that alike-looking clips of a class
stay together; figures are means over three deals. The features that lie beside the videos stand beside ours.
Memory (only when asked for): highest resident size of a fresh process that extracts a video of 2 minutes, of
5 pictures a second, and the same over and over for ``--hours``. No more than a tenth may lie between them:
nothing but the files on the disk grows with a video.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import islice, pairwise
from pathlib import Path
from typing import NamedTuple

os.environ.setdefault("OMP_NUM_THREADS", "1")

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from hrpro.video.backbones import make
from hrpro.video.backbones.classic import BLOCKS, Classic, colour, gradients, layout, texture
from hrpro.video.backbones.histograms import camera_motion
from hrpro.video.decode import frames
from hrpro.video.extract import extract as extract_files
from hrpro.video.flow import Flow
from hrpro.video.store import SUFFIX

UCF = Path(__file__).resolve().parents[1].parent / "shared" / "data" / "ucf_untrimmed"
DEALS, FOLDS, RIDGES = 3, 3, (100, 1000, 10_000)
GROWTH = 1.1


class Clip(NamedTuple):
    """Snippets [first, last) of one recording, of one class (-1: none); ``look`` is its mean tiny picture."""

    first: int
    last: int
    label: int
    look: NDArray[np.float32]


def speed(video: Path, snippets: int = 60) -> None:
    backbone, spec = Classic(), Classic.spec
    wanted = snippets * spec.stride

    def source() -> Iterator:
        return islice(frames(video, rate=spec.rate, size=backbone.frame_size, threads=1), wanted)

    pictures = list(source())
    seconds = len(pictures) / spec.rate
    taken = [pictures[k : k + spec.window] for k in range(0, len(pictures) - spec.window + 1, spec.stride)]
    measured = [backbone.measure(window) for window in taken]
    fields = [backbone.flow(window.gray_nhw) for window in measured]
    print(f"{video.name}: {seconds:.0f} s of video; seconds of one core, and times faster than real time")
    parts: dict[str, Callable[[], object]] = {
        "decode (to 160 x 120)": lambda: list(source()),
        "optical flow": lambda: [backbone.flow(window.gray_nhw) for window in measured],
        "camera fit": lambda: [camera_motion(field) for field in fields],
    }
    for block in BLOCKS:
        parts[block.__name__] = lambda block=block: [block(window) for window in measured]
    parts["all, from frames"] = lambda: list(backbone.stream(pictures))
    parts["all, from the file"] = lambda: list(backbone.stream(source()))
    for name, work in parts.items():
        cost = min(_cpu_seconds(work) for _ in range(3))
        print(f"  {name:<24}{cost:8.2f} s{seconds / cost:10.0f} x", flush=True)


def speed_of(name: str, weights: Path | None, video: Path, snippets: int) -> None:
    """Of any backbone, on the CPU: decoding, optical flow where it has one, and the network: the rest."""
    with tempfile.TemporaryDirectory() as folder:
        if name == "i3d" and weights is None:
            weights = Path(folder)
            random_i3d(weights)
        options = {"device": "cpu"} if name == "i3d" or name.startswith("hub:") else {}
        backbone = make(name, **options, **({} if weights is None else {"weights": str(weights)}))
    spec = backbone.spec
    wanted = (snippets - 1) * spec.stride + spec.window

    def source() -> Iterator:
        return islice(frames(video, rate=spec.rate, size=backbone.frame_size, threads=1), wanted)

    costs = {"decode": _cpu_seconds(lambda: list(source()))}
    pictures = list(source())
    seconds = len(pictures) / spec.rate
    if method := spec.preprocessing.get("flow"):
        flow = Flow(method)
        greys = [np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), np.uint8) for picture in pictures]
        costs[f"optical flow ({method})"] = _cpu_seconds(lambda: [flow(*pair) for pair in pairwise(greys)])
    whole = _cpu_seconds(lambda: list(backbone.stream(pictures)))
    costs["network"] = whole - sum(list(costs.values())[1:])
    costs["all, from the file"] = whole + costs["decode"]
    print(f"{video.name}, {name}: {seconds:.1f} s; seconds of one core, and times faster than real time")
    for part, cost in costs.items():
        print(f"  {part:<24}{cost:8.2f} s{seconds / cost:10.2f} x", flush=True)


def random_i3d(folder: Path) -> None:
    """Weight files of both streams."""
    from safetensors.torch import save_file

    from hrpro.video.backbones.i3d import CHANNELS
    from hrpro.video.backbones.inception import InceptionI3D

    for name, channels in CHANNELS.items():
        save_file(InceptionI3D(channels).state_dict(), folder / f"{name}_imagenet.safetensors")


def _cpu_seconds(work: Callable[[], object]) -> float:
    """Of all threads: what the work costs one core, whoever else is on the machine."""
    start = time.process_time()
    work()
    return time.process_time() - start


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


def memory(hours: float) -> int:
    """Prints the table; 1 if memory grows."""
    from decode import render  # the benchmark beside this one

    peaks, sizes = [], []
    with tempfile.TemporaryDirectory() as folder:
        short = render(Path(folder) / "loop.mp4", 320, 240, seconds=120, rate=5)
        for minutes in (2.0, 60 * hours):
            video = repeated(short, Path(folder) / f"{minutes:g}min.mp4", round(minutes / 2))
            command = [sys.executable, __file__, "--peak", str(video)]
            said = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
            peaks.append(float(said[0]))
            sizes.append(float(said[1]))
            print(
                f"{minutes:6g} min: highest memory {peaks[-1]:7.1f} MiB, features {sizes[-1]:6.2f} MiB",
                flush=True,
            )
    made = sizes[1] - sizes[0]
    print(
        f"{hours:g} h take {peaks[1] / peaks[0]:.2f} times the memory of 2 minutes (aim: at most {GROWTH}),"
        f" with {made:.1f} MiB more of features"
    )
    return int(peaks[1] > GROWTH * peaks[0])


def repeated(video: Path, longer: Path, times: int) -> Path:
    """The same packets so many times, one after the other: hours of video without encoding them."""
    with av.open(str(longer), "w") as out:
        stream, begin = None, 0
        for _ in range(times):
            with av.open(str(video)) as source:
                stream = stream or out.add_stream_from_template(source.streams.video[0])
                for packet in source.demux(video=0):
                    if packet.pts is not None and packet.dts is not None:
                        packet.pts, packet.dts, packet.stream = packet.pts + begin, packet.dts + begin, stream
                        out.mux(packet)
                begin += source.streams.video[0].duration or 0
    return longer


def extract_one(video: Path) -> None:
    """What ``memory`` has a fresh process do: prints its peak, and the size of the features, in MiB."""
    from decode import peak_mib

    with tempfile.TemporaryDirectory() as out:
        (entry,) = extract_files(video, out)
        assert entry.state == "done", entry
        print(peak_mib(), (Path(out) / f"{entry.id}{SUFFIX}").stat().st_size / 2**20)


def main() -> None:
    parser = argparse.ArgumentParser(description="Cost and worth of the classic backbone's parts.")
    parser.add_argument("--data", type=Path, default=UCF, help="data set with videos/ beside its features")
    parser.add_argument("--speed", action="store_true", help="only that")
    parser.add_argument("--worth", action="store_true", help="only that")
    parser.add_argument("--memory", action="store_true", help="that of a whole extraction, and nothing else")
    parser.add_argument("--hours", type=float, default=2.0, help="of the long video of --memory")
    parser.add_argument("--backbone", help="what this one costs, and nothing else")
    parser.add_argument("--weights", type=Path, help="of --backbone")
    parser.add_argument("--snippets", type=int, default=8, help="of --backbone's video")
    parser.add_argument("--peak", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.peak:
        return extract_one(options.peak)
    if options.memory:
        raise SystemExit(memory(options.hours))
    if not (options.data / "videos").is_dir():
        raise SystemExit(f"{options.data} has no videos/")
    cv2.setNumThreads(1)
    video = sorted((options.data / "videos").glob("train_*.mp4"))[0]
    if options.backbone:
        return speed_of(options.backbone, options.weights, video, options.snippets)
    if not options.worth:
        speed(video)
    if not options.speed:
        worth(options.data)


if __name__ == "__main__":
    main()
