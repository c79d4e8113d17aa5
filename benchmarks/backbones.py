"""What the classic backbone costs and what each of its parts is worth; and what any other costs.

    python benchmarks/backbones.py [--speed | --worth | --memory [--hours 2]] [--data DIR]
    python benchmarks/backbones.py --backbone i3d|hub:NAME|hub:FAMILY [--weights PATH] [--flow tvl1|dis]
           [--precision fp32|bf16] [--snippets 8]

How each is measured: ``backbone_speed.py``, ``backbone_worth.py`` and ``backbone_memory.py``. Memory
is measured only when asked for, and ends with exit code 1 if its aim is missed.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import cv2

from backbone_memory import memory
from backbone_speed import speed, speed_of
from backbone_worth import worth

UCF = Path(__file__).resolve().parents[1].parent / "shared" / "data" / "ucf_untrimmed"


def main() -> None:
    parser = argparse.ArgumentParser(description="Cost and worth of the classic backbone's parts.")
    parser.add_argument("--data", type=Path, default=UCF, help="data set with videos/ beside its features")
    parser.add_argument("--speed", action="store_true", help="only that")
    parser.add_argument("--worth", action="store_true", help="only that")
    parser.add_argument("--memory", action="store_true", help="that of a whole extraction, and nothing else")
    parser.add_argument("--hours", type=float, default=2.0, help="of the long video of --memory")
    parser.add_argument("--backbone", help="what this one costs, and nothing else")
    parser.add_argument("--weights", type=Path, help="of --backbone")
    parser.add_argument("--flow", choices=["tvl1", "dis"], help="of --backbone i3d")
    parser.add_argument("--precision", choices=["fp32", "bf16"], help="of --backbone i3d or hub:NAME")
    parser.add_argument("--snippets", type=int, default=8, help="of --backbone's video")
    options = parser.parse_args()
    if options.backbone == "classic":
        parser.error("--backbone classic: its parts are what --speed and --worth tell of")
    if options.memory:
        raise SystemExit(memory(options.hours))
    if not (options.data / "videos").is_dir():
        raise SystemExit(f"{options.data} has no videos/")
    cv2.setNumThreads(1)
    video = sorted((options.data / "videos").glob("train_*.mp4"))[0]
    if options.backbone:
        choices = {"flow": options.flow, "precision": options.precision}
        given = {name: value for name, value in choices.items() if value is not None}
        return speed_of(options.backbone, options.weights, video, options.snippets, given)
    quicker = options.worth or speed(options.data, video)
    if not options.speed:
        worth(options.data)
    if not quicker:
        raise SystemExit("classic is slower than the features that lie beside the videos")


if __name__ == "__main__":
    main()
