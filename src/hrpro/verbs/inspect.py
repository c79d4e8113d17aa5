"""Check a dataset folder without training: every problem with file and line.

Reads every feature file, click and split, and prints a summary. Exit code 1 if it found errors.

hrpro inspect --data my_data
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jsonargparse import ArgumentParser

from hrpro.core.errors import HRProError
from hrpro.verbs.common import POINTS

if TYPE_CHECKING:
    from hrpro.data.findings import Report


def add_options(verb: ArgumentParser) -> None:
    verb.add_argument("--data", required=True, metavar="DIR", help="dataset folder")
    verb.add_argument("--points", metavar="TABLE", help=POINTS)


def main(data: str, points: str | None = None) -> int:
    from rich.console import Console

    from hrpro.data.findings import render
    from hrpro.data.inspect import inspect_dataset

    report = inspect_dataset(data, points)
    if not report.errors:
        _check_origins(data, report)
    render(report, Console())
    return 1 if report.errors else 0


def _check_origins(data: str, report: Report) -> None:
    """Whether the features of a split say that they were made alike, on the grid they are taken to have."""
    from hrpro.data.folder import open_dataset
    from hrpro.video.store import common_origin

    dataset = open_dataset(data)
    for split in dataset.splits:
        try:
            common_origin((item.features.path, item.timeline) for item in dataset.recordings(split))
        except HRProError as error:
            report.add(error)
