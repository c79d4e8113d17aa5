"""Evaluation from file to file: what ``hrpro evaluate`` does, but for the printing."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

from rich import box
from rich.table import Table
from rich.text import Text

from hrpro.core.annotations import Detections
from hrpro.core.errors import ConfigError
from hrpro.data.formats.activitynet import GroundTruth, read_detections, read_ground_truth
from hrpro.data.formats.jsonfile import write_atomic
from hrpro.data.whole import check_writable
from hrpro.metrics.ambiguous import read_ambiguous, without_ambiguous
from hrpro.metrics.detection import MAPResult, mean_average_precision
from hrpro.metrics.errors import KINDS, Diagnosis, diagnose
from hrpro.metrics.moment import moment_average_precision
from hrpro.metrics.recall import average_recall
from hrpro.metrics.thresholds import parse_tious

NUMBERS = (1, 5, 10, 50, 100)
"""Of detections a video, at which AR@AN is computed."""


def evaluate_files(
    ground_truth: str | Path,
    detections: str | Path,
    *,
    subset: str | None = None,
    exclude: Collection[str] = (),
    ambiguous: str | Path | None = None,
    drop_labels: Collection[str] = (),
    tiou: str = "0.1:0.7:0.1",
    json_file: str | Path | None = None,
    csv_file: str | Path | None = None,
    recall: bool = False,
    moments: bool = False,
) -> MAPResult:
    """Evaluate a detections file against a ground-truth file, both in ActivityNet form.

    subset: only its videos (any case). exclude: ids of videos to leave out. ambiguous: file of stretches
    whose detections are removed first. drop_labels: labels of the ground truth that are no class. json_file,
    csv_file: where to write the result as well. recall: also AR@AN for AN in NUMBERS, over ``tiou``; moments:
    also the single-moment mAP. Raises DataError or ConfigError.
    """
    thresholds = parse_tious(tiou)
    both = [Path(out).absolute() for out in (json_file, csv_file) if out is not None]
    if len(both) > len(set(both)):
        raise ConfigError("one file cannot be both", where="--json and --csv")
    for option, out in (("--json", json_file), ("--csv", csv_file)):
        if out is not None:
            check_writable(Path(out))
        if out is not None and any(_same(out, read) for read in (ground_truth, detections, ambiguous)):
            what = f"{out} is what is to be evaluated, or by what"
            raise ConfigError(what, where=option, mend="name another file for the result")
    truth, found, removed = _read(ground_truth, detections, subset, exclude, ambiguous, drop_labels)
    result = mean_average_precision(truth.videos, found, thresholds)
    coverage = replace(
        result.coverage,
        ambiguous_detections=removed,
        excluded_unknown=truth.excluded_unknown,
        dropped_unknown=truth.dropped_unknown,
    )
    result = replace(
        result,
        coverage=coverage,
        recall=average_recall(truth.videos, found, NUMBERS, thresholds) if recall else None,
        moment=moment_average_precision(truth.videos, found) if moments else None,
    )
    if json_file is not None:
        write_atomic(json_file, json.dumps(result.to_dict(), indent=2) + "\n", through=True)
    if csv_file is not None:
        sheet = io.StringIO()
        csv.writer(sheet, lineterminator="\n").writerows(result.rows())
        write_atomic(csv_file, sheet.getvalue(), through=True)
    return result


def _same(one: str | Path, other: str | Path | None) -> bool:
    return other is not None and Path(one).exists() and Path(other).exists() and Path(one).samefile(other)


def _read(
    ground_truth: str | Path,
    detections: str | Path,
    subset: str | None,
    exclude: Collection[str],
    ambiguous: str | Path | None,
    drop_labels: Collection[str],
) -> tuple[GroundTruth, dict[str, Detections], int]:
    """What is evaluated against what, and how many ambiguous detections were removed."""
    truth = read_ground_truth(ground_truth, subset, exclude, drop_labels)
    found = read_detections(detections)
    if ambiguous is None:
        return truth, found, 0
    stretches = {video: spans for video, spans in read_ambiguous(ambiguous).items() if video in truth.videos}
    return truth, *without_ambiguous(found, stretches)


def table(result: MAPResult) -> Table:
    """AP of each class (n: its true segments) at each tIoU, the mAP below, then averages over usual ranges.

    ``moment`` has a column of its own, ``recall`` a row for each AN. Seven thresholds fit a terminal of 80
    columns.
    """
    averages = ", ".join(f"{value:.4f} over {name}" for name, value in result.averages().items())
    caption = f"mAP {averages}" if averages else None
    view = Table(
        title="AP by class and tIoU", caption=caption, box=box.SIMPLE_HEAD, padding=0, pad_edge=False
    )
    view.add_column("class", overflow="fold")
    columns = ["n", *(f"{tiou:.10g}" for tiou in result.tious), "mean"]
    moments = [] if result.moment is None else [f"{value:.3f}" for value in result.moment.ap]
    for name in [*columns, *(["moment"] if moments else [])]:
        view.add_column(name, justify="right", no_wrap=True)
    for i, (name, n_truth, ap) in enumerate(zip(result.classes, result.n_truth, result.ap, strict=True)):
        view.add_row(
            Text(name), str(n_truth), *(f"{value:.3f}" for value in (*ap, ap.mean())), *moments[i : i + 1]
        )
    view.add_section()
    values = [f"{value:.3f}" for value in (*result.mean, result.average())]
    if result.moment is not None:
        values.append(f"{result.moment.mean:.3f}")
    view.add_row("mAP", str(result.n_truth.sum()), *values, style="bold")
    if result.recall is not None:
        view.add_section()
        for number, recall in zip(result.recall.numbers, result.recall.recall, strict=True):
            view.add_row(f"AR@{number:g}", "", *(f"{value:.3f}" for value in (*recall, recall.mean())))
    return view


def diagnosis_tables(
    ground_truth: str | Path,
    detections: str | Path,
    *,
    subset: str | None = None,
    exclude: Collection[str] = (),
    ambiguous: str | Path | None = None,
    drop_labels: Collection[str] = (),
    tiou: float = 0.5,
) -> list[Table]:
    """What the errors at one tIoU are, and the mAP that putting each kind right would gain; how well actions
    are found by their length.

    The other arguments are those of ``evaluate_files``.
    """
    truth, detected, _ = _read(ground_truth, detections, subset, exclude, ambiguous, drop_labels)
    found = diagnose(truth.videos, detected, tiou=tiou, durations=truth.durations)
    total = found.profile.sum(0)
    view = Table(
        title=f"Errors at tIoU {tiou:g} (mAP {found.mean_ap:.3f}); {found.missed} of {found.n_truth} missed",
        box=box.SIMPLE_HEAD,
    )
    for name in ("kind", "all", "top-ranked", "mAP gained if put right"):
        view.add_column(name, justify="left" if name == "kind" else "right")
    for column, kind in enumerate(KINDS):
        gain = found.gain_fixed.get(kind)
        view.add_row(kind, str(found.kinds[kind]), str(total[column]), "" if gain is None else f"{gain:.3f}")
    view.add_row("missed", str(found.missed), "", f"{found.gain_fixed['missed']:.3f}")
    return [view, _by_length(found)]


def _by_length(found: Diagnosis) -> Table:
    title = f"By length at tIoU {found.tiou:g} (normalised mAP of all {found.map_n:.3f})"
    view = Table(title=title, box=box.SIMPLE_HEAD)
    for name in ("", "length", "n", "missed", "mAP_N", "relative"):
        view.add_column(name, justify="left" if name in ("", "length") else "right")
    parts = [(bucket, bucket.told("s")) for bucket in found.by_length]
    parts += [(bucket, f"{bucket.told('%')} of the video") for bucket in found.by_relative_length]
    for i, (bucket, told) in enumerate(parts):
        if i == len(found.by_length):
            view.add_section()
        relative = f"{bucket.map_n / found.map_n:.2f}" if found.map_n else ""
        missed = f"{100 * bucket.missed / bucket.n:.1f} %"
        view.add_row(bucket.name, told, str(bucket.n), missed, f"{bucket.map_n:.3f}", relative)
    return view
