"""Tables: mAP over the tIoU with its bootstrap intervals, and the AP of each class."""

from __future__ import annotations

from hrpro.metrics.detection import MAPResult
from hrpro.report.collect import Result
from hrpro.report.compare import Interval, estimate
from hrpro.report.figure import Section
from hrpro.report.markup import Markup, name_of, paragraph, shaded, table


def tables(result: Result) -> Section:
    found = result.detection
    remarks = [paragraph(f"{line}.", class_="note") for line in found.coverage.remarks()]
    return Section("map", "Mean average precision", [mean_table(result), class_table(found), *remarks])


def mean_table(result: Result) -> Markup:
    """mAP at each tIoU and its averages over the usual ranges; below, 95 % intervals over videos."""
    rows = estimate(result)
    values = ["mAP", *(f"{row.value:.3f}" for row in rows)]
    ends = [
        [
            f"95 %, {name}",
            *("-" if row.interval is None else _plain(f"{row.interval[i]:.3f}") for row in rows),
        ]
        for i, name in enumerate(("from", "to"))
    ]
    caption = "mAP at each tIoU, and its mean over ranges of it"
    return table(["", *(row.name for row in rows)], [values, *ends], caption=caption)


def interval_text(interval: Interval | None, digits: int = 3) -> str:
    if interval is None:
        return "-"
    low, high = (_plain(f"{end:.{digits}f}") for end in interval)
    return f"{low} to {high}"


def _plain(number: str) -> str:
    return number.removeprefix("-") if not number.strip("-0.") else number


def class_table(found: MAPResult) -> Markup:
    """AP of each class at each tIoU, n its true segments; the last row is the mean."""
    header = ["class", "n", "detections", *(f"{tiou:g}" for tiou in found.tious), "mean"]
    rows = [
        [
            name_of(name),
            str(n),
            str(held),
            *(shaded(float(value), f"{value:.3f}") for value in (*ap, ap.mean())),
        ]
        for name, n, held, ap in zip(found.classes, found.n_truth, found.n_detections, found.ap, strict=True)
    ]
    means = (f"{value:.3f}" for value in (*found.mean, found.average()))
    last = ["mAP", str(found.n_truth.sum()), str(found.n_detections.sum()), *means]
    caption = "AP of each class at each tIoU; n: its true segments"
    return table(header, rows, caption=caption, last=last)
