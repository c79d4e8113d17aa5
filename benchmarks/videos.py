"""From video files to mAP by the commands themselves, over several seeds, and what to hold that against.

    python benchmarks/videos.py [--seeds 0 1 2] [--backbone classic] [--data DIR] [--held-out 3] [--out DIR]

DIR is a data set with videos/ beside its features (``../shared/data/ucf_untrimmed``). The command

- extracts the features of all videos once, then runs ``hrpro train --videos``, ``predict --video`` and
  ``evaluate`` for each seed on the clicks of the training videos: avg mAP 0.1:0.7 on the test videos;
- teaches the same features to a linear probe (ridge regression on each snippet's true class; it reads the
  segments, which no training does), ranks its candidates by OIC, and gives its mAP on the same videos;
- with ``--held-out K``: the same two figures on K folds of the TRAINING videos, of these features and of
  those that lie beside the videos, with the first seed. Folds cannot keep UCF's groups apart: they flatter.

``--out`` keeps features, runs and detections, and the same command goes on where it stood.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from numpy.typing import NDArray

from hrpro.config import Config
from hrpro.core.annotations import Detections, Segment
from hrpro.data.features import FeatureFile
from hrpro.data.folder import open_dataset
from hrpro.data.formats.activitynet import read_ground_truth
from hrpro.data.training_set import Recording, TrainingSet
from hrpro.localizer import HRPro
from hrpro.metrics.detection import mean_average_precision
from hrpro.proposals.generate import generate
from hrpro.proposals.suppress import soft_nms
from hrpro.runs import predict_recordings
from hrpro.video.store import SUFFIX, read_about

UCF = Path(__file__).resolve().parents[1].parent / "shared" / "data" / "ucf_untrimmed"
RIDGE = 1000.0
Truth = Mapping[str, Sequence[Segment]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", type=Path, default=UCF)
    parser.add_argument("--backbone", default="classic")
    parser.add_argument("--points", default="point_gaussian.csv")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2], metavar="N")
    parser.add_argument("--held-out", type=int, default=3, metavar="K", help="0: leave it out")
    parser.add_argument("--out", type=Path, help="folder to keep (a temporary one)")
    args = parser.parse_args()
    if not (args.data / "videos").is_dir():
        raise SystemExit(f"{args.data} has no videos/")
    with tempfile.TemporaryDirectory() as temporary:
        out = args.out or Path(temporary)
        out.mkdir(parents=True, exist_ok=True)
        features = out / f"features_{args.backbone.replace(':', '_').replace('/', '_')}"
        start = time.perf_counter()
        hrpro("extract", args.data / "videos", "--out", features, "--backbone", args.backbone)
        print(f"features of all videos: {time.perf_counter() - start:.0f} s", flush=True)
        found = [by_commands(args, out, features, seed) for seed in args.seeds]
        spread = np.std(found, ddof=1) if len(found) > 1 else 0.0
        print(f"avg mAP 0.1:0.7 on the test videos: {np.mean(found):.3f} +- {spread:.3f} (n={len(found)})")
        dataset = open_dataset(args.data)
        assert dataset.ground_truth_path is not None
        truth = read_ground_truth(dataset.ground_truth_path).videos
        learn, judge = (extracted(dataset.recordings(split), features) for split in ("train", "test"))
        print(f"linear probe, supervised, same features: {probe_map(learn, judge, truth):.3f}", flush=True)
        if args.held_out:
            clicked = dataset.training_set(args.points)
            own = TrainingSet(clicked.classes, learn, clicked.clicks)
            held_out(f"{args.backbone}", own, truth, args.held_out, args.seeds[0])
            held_out("beside the videos", clicked, truth, args.held_out, args.seeds[0])


def hrpro(*words: str | Path) -> str:
    """Run a command and return what it says; the end of all if it fails."""
    command = [sys.executable, "-m", "hrpro.cli", *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"hrpro {' '.join(map(str, words))}\n{done.stdout}{done.stderr}")
    return done.stdout


def by_commands(args: argparse.Namespace, out: Path, features: Path, seed: int) -> float:
    """Train, predict, evaluate; the average mAP on the test videos."""
    run, found = out / f"run_{seed}", out / f"found_{seed}"
    videos = args.data / "videos"
    tested = (args.data / "split_test.txt").read_text().split()
    listed = out / "test.txt"
    listed.write_text("\n".join(str(next(videos.glob(f"{name}.*")).absolute()) for name in tested))
    train = ("train", "--videos", videos, "--clicks", args.data / "point_labels" / args.points, "--run", run)
    steps: dict[str, tuple[str | Path, ...]] = {
        "train": (*train, "--features", features, "--backbone", args.backbone, "--seed", str(seed)),
        "predict": ("predict", "--run", run, "--video", listed, "--out", found),
        "evaluate": (
            *("evaluate", "--ground-truth", args.data / "gt_full.json", "--subset", "test"),
            *("--detections", found / "detections.json"),
        ),
    }
    took, said = {}, ""
    for name, words in steps.items():
        if name != "train" or not (run / "model").exists():
            start = time.perf_counter()
            said = hrpro(*words, *(["--resume"] if name == "train" else []))
            took[name] = time.perf_counter() - start
    value = float(said.split()[-1])
    print(f"seed {seed}: {value:.4f}  ({', '.join(f'{k} {v:.0f} s' for k, v in took.items())})", flush=True)
    return value


def extracted(recordings: Sequence[Recording], features: Path) -> tuple[Recording, ...]:
    """The same recordings with the features that were extracted for them."""
    made = []
    for recording in recordings:
        path = features / f"{recording.id}{SUFFIX}"
        about = read_about(path)
        assert about is not None, path
        made.append(Recording(recording.id, FeatureFile(path), about.timeline, about.duration))
    return tuple(made)


def held_out(name: str, clicked: TrainingSet, truth: Truth, folds: int, seed: int) -> None:
    figures = []
    for fold in range(folds):
        judge = clicked.recordings[fold::folds]
        learn = clicked.subset([item.id for item in clicked.recordings if item not in judge])
        model = HRPro(Config.for_data(learn).with_seed(seed)).fit(learn)
        found = predict_recordings(model, judge)
        figures.append((average_map(found, truth), probe_map(learn.recordings, judge, truth)))
        print(f"  {name}, fold {fold}: {figures[-1][0]:.4f}, probe {figures[-1][1]:.4f}", flush=True)
    ours, probe = np.mean(figures, 0)
    width = clicked.dimension
    print(
        f"held-out training videos, {name} ({width}): from clicks {ours:.3f}, probe {probe:.3f}", flush=True
    )


def average_map(found: Mapping[str, Detections], truth: Truth) -> float:
    return mean_average_precision({id: truth[id] for id in found}, found, "0.1:0.7").average()


def probe_map(learn: Sequence[Recording], judge: Sequence[Recording], truth: Truth) -> float:
    """Average mAP of candidates from a ridge regression of each snippet's class, ranked by OIC."""
    classes = tuple(sorted({segment.label for item in learn for segment in truth[item.id]}))
    x_nd = np.concatenate([item.features.read_float32() for item in learn]).astype(np.float64)
    y_nc = np.concatenate([snippet_classes(item, truth[item.id], classes) for item in learn])
    mean_d, deviation_d = x_nd.mean(0), x_nd.std(0) + 1e-6
    z_nd = (x_nd - mean_d) / deviation_d
    weight_dc = np.linalg.solve(z_nd.T @ z_nd + RIDGE * np.eye(z_nd.shape[1]), z_nd.T @ (y_nc - y_nc.mean(0)))
    config, found = Config(), {}
    for item in judge:
        score_tc = (item.features.read_float32() - mean_d) / deviation_d @ weight_dc + y_nc.mean(0)
        activation_tc = np.clip(score_tc, 0, 1).astype(np.float32)
        attention_t = np.clip(score_tc.sum(1), 0, 1).astype(np.float32)
        proposals = generate(activation_tc, attention_t, np.arange(len(classes)), config.proposals)
        kept, scores = soft_nms(
            proposals.segments,
            proposals.oic,
            proposals.labels,
            sigma=config.suppress.sigma,
            floor=config.suppress.floor,
        )
        segments = item.timeline.to_seconds(proposals.segments[kept])
        found[item.id] = Detections(segments, proposals.labels[kept], scores, classes)
    return average_map(found, truth)


def snippet_classes(item: Recording, segments: Sequence[Segment], classes: tuple[str, ...]) -> NDArray:
    """[T, C]: 1 where the snippet's middle lies in a segment of the class."""
    labels_tc = np.zeros((item.features.shape[0], len(classes)))
    middle_t = item.timeline.to_seconds(np.arange(len(labels_tc)) + 0.5)
    for segment in segments:
        inside_t = (segment.start <= middle_t) & (middle_t < segment.end)
        labels_tc[inside_t, classes.index(segment.label)] = 1
    return labels_tc


if __name__ == "__main__":
    main()
