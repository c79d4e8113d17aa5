"""Check a dataset folder without training: every problem with file and line.

Reads every feature file, click and split, and prints a summary. Exit code 1 if it found errors.

hrpro inspect --data my_data
"""

from __future__ import annotations

from jsonargparse import ArgumentParser

from hrpro.verbs.common import POINTS


def add_options(verb: ArgumentParser) -> None:
    verb.add_argument("--data", required=True, metavar="DIR", help="dataset folder")
    verb.add_argument("--points", metavar="TABLE", help=POINTS)


def main(data: str, points: str | None = None) -> int:
    from rich.console import Console

    from hrpro.data.findings import render
    from hrpro.data.inspect import inspect_dataset

    report = inspect_dataset(data, points)
    render(report, Console())
    return 1 if report.errors else 0
