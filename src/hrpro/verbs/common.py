"""What several verbs share: options that mean the same in each, and telling what came of many videos."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jsonargparse import ArgumentParser
from jsonargparse.typing import PositiveInt

from hrpro.core.errors import ConfigError

SOME_FAILED = 3
POINTS = "click table: a name in point_labels/, or any path (clicks.csv, point_gaussian.csv, or the only one)"


def backbone_options(verb: ArgumentParser) -> None:
    """What turns videos into features."""
    backbones = "classic, i3d, hub:NAME (of transformers), or another package's (classic)"
    verb.add_argument("--backbone", metavar="NAME", help=backbones)
    verb.add_argument("--weights", metavar="PATH", help="where its weights lie, if it needs any")
    flow = "optical flow of i3d: tvl1, as published, or dis, far faster (tvl1 where OpenCV has it)"
    verb.add_argument("--flow", choices=["tvl1", "dis"], help=flow)
    precisions = "of a backbone with a network: bf16 is much faster where the machine has it (fp32 on a CPU)"
    verb.add_argument("--precision", choices=["fp32", "bf16"], help=precisions)
    devices = "where a backbone with a network computes: auto, cpu, cuda, cuda:N or mps (auto)"
    verb.add_argument("--device", metavar="NAME", help=devices)
    verb.add_argument("--workers", type=PositiveInt, metavar="N", help="processes side by side (1)")


def backbone_words(**given: str | None) -> dict[str, str]:
    """Those options of a backbone that are given."""
    return {name: value for name, value in given.items() if value is not None}


def engine_option(verb: ArgumentParser) -> None:
    """Where the work on many videos is done."""
    engines = (
        "local, or ray: the cluster of RAY_ADDRESS, or one started here; --workers: of its network (local)"
    )
    verb.add_argument("--engine", choices=["local", "ray"], help=engines)


def customs_options(verb: ArgumentParser) -> None:
    """What detections are not judged by."""
    verb.add_argument("--exclude", metavar="ID,ID", help="videos to leave out")
    ambiguous = "lines `video start end`: detections there are removed"
    verb.add_argument("--ambiguous", metavar="FILE", help=ambiguous)
    verb.add_argument("--drop-labels", metavar="A,B", help="labels of the ground truth to ignore")


def listed(given: Mapping[str, Any]) -> dict[str, Any]:
    """The options, with words for those that are lists with commas between."""
    lists = given.keys() & {"exclude", "drop_labels"}
    return {**given, **{n: [word.strip() for word in given[n].split(",") if word.strip()] for n in lists}}


def only(other: str, **given: Any) -> None:
    """ConfigError if anything is given that goes with the option ``other`` alone."""
    for name, value in given.items():
        if value:
            raise ConfigError(f"goes with {other}", where=f"--{name.replace('_', '-')}")


def inside(folder: str, name: str) -> str:
    """A file in a folder that may be at a URL."""
    return f"{folder.rstrip('/')}/{name}"


def tell(outcomes: Sequence[Any], unit: str, manifest: str | Path) -> int:
    """Print what came of each video; the exit code: 0, or 3 if any failed."""
    from rich.console import Console

    from hrpro.video.progress import report

    if report(outcomes, unit, Console()):
        return 0
    print(f"what failed, and why: {manifest}")
    return SOME_FAILED
