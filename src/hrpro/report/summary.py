"""What the page begins with: the figures that count, the settings and versions, and the data."""

from __future__ import annotations

from collections import Counter

import numpy as np

from hrpro.report.collect import GOOD, Result, RunResult, Subject
from hrpro.report.compare import estimate
from hrpro.report.comparison import flattened
from hrpro.report.figure import (
    BLUE,
    HALF,
    ORANGE,
    PURPLE,
    Figure,
    Section,
    Trace,
    axis,
    layout,
    named_axis,
    rounded,
)
from hrpro.report.markup import Markup, name_of, paragraph, table, tag
from hrpro.report.table import interval_text


def overview(subject: Subject, run: RunResult, result: Result | None) -> Section:
    """Figures at a glance, and what the reader should know before believing them."""
    found = sum(map(len, run.shown().values()))
    facts: list[tuple[str, str, str]] = []
    if result is not None:
        rows = {row.name: row for row in estimate(result)}
        for name, about in (
            ("0.1:0.7", "average mAP, tIoU 0.1 to 0.7"),
            (f"{GOOD:g}", f"mAP at tIoU {GOOD:g}"),
        ):
            row = rows[name]
            spread = f"95 %: {interval_text(row.interval)}" if row.interval else "no interval: one video"
            facts.append((f"{row.value:.3f}", about, spread))
        missed = int((~result.shown.found[:, 0]).sum())
        total = len(result.shown.found)
        facts.append(
            (f"{total - missed} of {total}", f"true segments found at tIoU {GOOD:g}", "by what is shown")
        )
    hours = sum(subject.seconds.values())
    facts.append((str(found), "predictions shown", f"of {sum(map(len, run.found.values()))} of any score"))
    facts.append((str(len(subject.seconds)), "videos", _time(hours)))
    tiles = [
        tag("div", tag("strong", value), tag("span", about), tag("small", more), class_="tile")
        for value, about, more in facts
    ]
    body = [tag("div", *tiles, class_="tiles")]
    body += [paragraph(remark, class_="note") for remark in subject.remarks]
    return Section("overview", "Overview", body)


def settings(run: RunResult) -> Section:
    """Versions, and every setting; those that are not the default are marked."""
    usual = dict(flattened(run.usual))
    about = table(["what", "value"], [[key, value] for key, value in run.about.items()], text_columns=2)
    rows = []
    for key, value in flattened(run.settings):
        changed = key in usual and usual[key] != value
        rows.append([key, tag("b", value) if changed else value, usual.get(key, "") if changed else ""])
    whole = table(["setting", "value", "default, where it differs"], rows, text_columns=3)
    return Section(
        "settings",
        "Settings and versions",
        [about, tag("details", tag("summary", f"All {len(rows)} settings of the training"), whole)],
    )


def data(subject: Subject) -> Section:
    """How much there is of each class, and how long it lasts."""
    seconds = np.array(list(subject.seconds.values()))
    held = Counter(s.label for segments in (subject.truth or {}).values() for s in segments)
    clicked = Counter(c.label for clicks in subject.clicks.values() for c in clicks)
    where = f"Split {subject.split} of {subject.name}" if subject.split else subject.name
    words = f"{where}: {_count(len(seconds), 'video')}, {_time(float(seconds.sum()))}"
    words += f", from {seconds.min():.0f} to {seconds.max():.0f} s each (median {np.median(seconds):.0f})."
    body: list[Markup | Figure] = [paragraph(words)]
    counts = {
        "clicks of the training": subject.training,
        "clicks in these videos": clicked,
        "true segments": held,
    }
    known = {name: each for name, each in counts.items() if each}
    labels = sorted({label for each in known.values() for label in each})
    if labels:
        body.append(_per_class(labels, known))
    lengths = [s.end - s.start for segments in (subject.truth or {}).values() for s in segments]
    if lengths:
        body.append(_lengths(np.array(lengths)))
    if labels:
        rows = [
            [name_of(label), *(str(each.get(label, 0)) for each in known.values()), *_spent(subject, label)]
            for label in labels
        ]
        spent = ["median s", "part of the time"] if subject.truth is not None else []
        totals = ["all", *(str(sum(each.values())) for each in known.values()), *([""] * len(spent))]
        body.append(table(["class", *known, *spent], rows, last=totals))
    return Section("data", "Data", body)


def _spent(subject: Subject, label: str) -> list[str]:
    if subject.truth is None:
        return []
    own = [s.end - s.start for segments in subject.truth.values() for s in segments if s.label == label]
    total = sum(subject.seconds[id] for id in subject.truth)
    return [f"{np.median(own):.1f}", f"{100 * sum(own) / total:.1f} %"] if own else ["-", "-"]


def _per_class(labels: list[str], known: dict[str, Counter[str]]) -> Figure:
    colours = {"true segments": ORANGE, "clicks of the training": PURPLE, "clicks in these videos": BLUE}
    traces: list[Trace] = [
        {
            "type": "bar",
            "orientation": "h",
            "name": name,
            "x": [each.get(label, 0) for label in labels],
            "y": list(range(len(labels))),
            "marker": {"color": colours[name]},
        }
        for name, each in known.items()
    ]
    axes = {"xaxis": axis("number"), "yaxis": named_axis(labels, autorange="reversed")}
    height = min(max(330, 110 + 26 * len(labels)), 1200)
    made = layout("By class", width=HALF, height=height, barmode="group", **axes)
    return Figure("data-classes", "By class", "Numbers of clicks and true segments by class.", traces, made)


def _lengths(lengths: np.ndarray) -> Figure:
    """A histogram over equal steps of the logarithm, as lengths differ by factors."""
    positive = lengths[lengths > 0]
    low, high = (positive.min(), positive.max()) if len(positive) else (1.0, 1.0)
    edges = np.geomspace(low, max(high, low * 1.01), 21)
    counts, _ = np.histogram(np.clip(positive, edges[0], edges[-1]), edges)
    middles = np.sqrt(edges[1:] * edges[:-1])
    bars: Trace = {
        "type": "bar",
        "x": rounded(np.log10(middles), 4),
        "y": counts.tolist(),
        "width": float(np.log10(edges[1] / edges[0])),
        "marker": {"color": ORANGE, "line": {"color": "#ffffff", "width": 1}},
        "hovertext": [
            f"{a:.2f} to {b:.2f} s: {n}" for a, b, n in zip(edges, edges[1:], counts, strict=False)
        ],
        "hoverinfo": "text",
    }
    marks = (1, 2, 5) if edges[-1] > 12 * edges[0] else (1, 1.5, 2, 3, 4, 5, 7)
    steps = [mark * 10.0**power for power in range(-2, 6) for mark in marks]
    ticks = [v for v in steps if edges[0] / 1.3 <= v <= edges[-1] * 1.3]
    axes = {
        "xaxis": axis("length, s", tickvals=rounded(np.log10(ticks), 4), ticktext=[f"{v:g}" for v in ticks]),
        "yaxis": axis("true segments"),
    }
    made = layout("Lengths of true segments", width=HALF, height=330, bargap=0, **axes)
    return Figure("data-lengths", "Lengths", "How long the true segments are.", [bars], made)


def _time(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.1f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def _count(number: int, name: str) -> str:
    return f"{number} {name}{'' if number == 1 else 's'}"
