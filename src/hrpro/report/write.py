"""The whole report: its sections in reading order, as one page and, if asked for, its figures as files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hrpro.core.errors import DataError
from hrpro.data.formats.jsonfile import write_atomic
from hrpro.methods import SEEN
from hrpro.report.collect import Result, RunResult, Subject
from hrpro.report.comparison import comparison
from hrpro.report.curves import curves
from hrpro.report.diagnosis import errors
from hrpro.report.export import export
from hrpro.report.figure import Section
from hrpro.report.page import render
from hrpro.report.precision_recall import precision_recall
from hrpro.report.scores import score_figure
from hrpro.report.summary import data, overview, settings
from hrpro.report.table import tables
from hrpro.report.videos import videos


def write_report(
    subject: Subject,
    runs: Sequence[RunResult],
    out: Path,
    *,
    figures: Path | None = None,
    format: str = "png",
    more: Sequence[Section] = (),
) -> list[Path]:
    """Write the report of ``runs[0]``, held against the others, to the file ``out``; returns all files.

    figures: folder for them as files. more: sections that come last. Raises ConfigError without Plotly (or,
    for files, kaleido or Chromium), DataError where something cannot be written; the page is written first.
    """
    parts = [*sections(subject, runs, out), *more]
    title = f"{runs[0].name} on {subject.name}"
    method = runs[0].method
    others = f"; {len(runs) - 1} more for comparison" if len(runs) > 1 else ""
    subtitle = (
        f"{method.title}, trained on {SEEN[method.sees]}{others}. hrpro {runs[0].about.get('hrpro', '')}"
    )
    subtitle = subtitle[:1].upper() + subtitle[1:]
    write_atomic(out, render(title, subtitle.strip(), parts), through=True)
    if figures is None:
        return [out]
    return [out, *export([each for part in parts for each in part.figures], figures, format)]


def sections(subject: Subject, runs: Sequence[RunResult], out: Path) -> list[Section]:
    """All that can be said; without ground truth, what needs none."""
    if not subject.seconds:
        raise DataError("there is no video to report on", where=subject.name)
    run = runs[0]
    known = subject.truth is not None
    results = [Result(subject, each) for each in runs] if known else []
    result = results[0] if known else None
    parts: list[Section | None] = [overview(subject, run, result)]
    if len(results) > 1:
        parts.append(comparison(results))
    if result is not None:
        parts += [tables(result), precision_recall(result), errors(result), score_figure(result)]
    parts += [*videos(subject, run, result, out), curves(run), data(subject), settings(run)]
    return [part for part in parts if part is not None]
