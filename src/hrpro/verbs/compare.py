"""Train several methods with several seeds and put them into one table and one report.

Each training is a process of its own, so that its time and memory are; DIR's split train is learned from,
and --split is what they are judged by, with the true actions of DIR/gt_full.json. The table (mAP, with
its deviation over the seeds, seconds and memory) is printed and lies in OUT/compare.csv and compare.json,
OUT/report.html shows the runs with seed 0, OUT/METHOD-SEED are runs as of `hrpro train`. Stopped in any
way, the same command goes on where it stood; with more methods or seeds it trains those alone.

base, sfnet, lacp, hrpro and hrpro-next see clicks; cola sees only which classes occur in a recording; full
sees the true segments, and is no rival but a bound.

hrpro compare --data my_data --methods base,sfnet,lacp,hrpro --out comparison
hrpro compare --data my_data --methods cola,hrpro,full --seeds 5 --out comparison
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jsonargparse import ArgumentParser

from hrpro.methods import METHODS
from hrpro.verbs.common import POINTS


def add_options(verb: ArgumentParser) -> None:
    own = verb.add_argument
    own("--data", required=True, metavar="DIR", help="dataset folder with gt_full.json")
    own("--methods", required=True, metavar="A,B,...", help=f"which: {', '.join(METHODS)}")
    own("--seeds", type=int, metavar="N", help="trainings of each, with the seeds 0 to N - 1 (3)")
    own("--out", required=True, metavar="OUT", help="folder for it all; made if need be")
    own("--points", metavar="TABLE", help=POINTS)
    own("--split", metavar="NAME", help="recordings to judge by (test)")
    own("--config", metavar="FILE", help="YAML of settings, over those that follow from the data")
    own("--device", metavar="NAME", help="auto, cpu, cuda, cuda:N or mps (auto)")
    own("--quiet", action="store_true", help="show no progress")


def main(
    data: str, methods: str, out: str, config: str | None = None, quiet: bool = False, **options: Any
) -> int:
    from rich.console import Console

    from hrpro.harness.compare import compare
    from hrpro.harness.table import render

    folder = Path(out)
    file = None if config is None else Path(config)
    made = compare(Path(data), folder, methods=methods.split(","), config=file, quiet=quiet, **options)
    Console().print(render(made, f"mAP at tIoU, {Path(data).absolute().name}"))
    print(f"table in {folder / 'compare.csv'} and compare.json, report in {folder / 'report.html'}")
    return 0
