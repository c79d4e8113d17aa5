"""The whole job on videos it makes itself: clicks, features, training, detections, mAP.

Takes a few minutes on two CPU cores and shows where everything lands.
"""

from __future__ import annotations

from pathlib import Path

from jsonargparse import ArgumentParser
from jsonargparse.typing import NonNegativeInt


def add_options(verb: ArgumentParser) -> None:
    verb.add_argument("--out", metavar="DIR", help="new folder for it all (demo, or demo-2, ...)")
    verb.add_argument("--seed", type=NonNegativeInt, metavar="N", help="decides data and training (0)")


def main(out: str | None = None, seed: int = 0) -> int:
    from hrpro.demo import run_demo

    run_demo(None if out is None else Path(out), seed)
    return 0
