"""What the errors are and what they cost, and how finding depends on length, as DETAD shows them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from hrpro.metrics.errors import KINDS, Diagnosis
from hrpro.metrics.sensitivity import Bucket
from hrpro.report.collect import Result
from hrpro.report.figure import (
    BLUE,
    GREEN,
    GREY,
    HALF,
    ORANGE,
    PURPLE,
    RED,
    Figure,
    Section,
    Trace,
    axis,
    layout,
    named_axis,
    rounded,
)
from hrpro.report.markup import Markup, paragraph, table

COLOURS: dict[str, str] = dict(zip(KINDS, (GREEN, "#d9b310", PURPLE, BLUE, ORANGE, GREY), strict=True))


def errors(result: Result) -> Section:
    found = result.diagnosis
    profile, gains = _profile(found), _gains(found)
    body: list[Markup | Figure] = [_lead(found), profile, gains, _kinds(found)]
    for name, words, unit, buckets in (
        ("length", "length", "s", found.by_length),
        ("coverage", "part of the video", "%", found.by_relative_length),
    ):
        if buckets:
            body.append(_precision_by(name, words, unit, buckets, found))
            body.append(_missed_by(name, words, unit, buckets))
    note = "G: the number of true segments of a class. Kinds as DETAD sorts them (Alwassel et al. 2018), a"
    note += " detection's own class first. XS to XL are quintiles of the true segments. mAP_N: the mAP of"
    note += " these alone, normalised so that it does not depend on how many they are; ×: relative to all."
    return Section("errors", "What goes wrong", [*body, paragraph(note, class_="note")])


def _lead(found: Diagnosis) -> Markup:
    worst = max(found.gain_fixed, key=lambda kind: found.gain_fixed[kind])
    gain = found.gain_fixed[worst]
    words = f"At tIoU {found.tiou:g} the mAP is {found.mean_ap:.3f}; {found.missed} of {found.n_truth} true "
    words += "segments are matched by no detection of any score."
    if gain > 0:
        words += f" Most would be gained by mending what is of the kind “{worst}”: {gain:.3f}."
    return paragraph(words)


def _profile(found: Diagnosis) -> Figure:
    """Share of each kind among a class's best G, next G, ... detections."""
    total = np.maximum(found.profile.sum(1), 1)
    levels = [f"{level}G" for level in range(1, len(found.profile) + 1)]
    traces: list[Trace] = [
        {
            "type": "bar",
            "name": kind,
            "x": list(range(len(levels))),
            "y": rounded(100 * found.profile[:, column] / total, 2),
            "customdata": found.profile[:, column].tolist(),
            "marker": {"color": COLOURS[kind], "line": {"width": 0}},
            "hovertemplate": "%{y:.1f} % (%{customdata})<extra>%{fullData.name}</extra>",
        }
        for column, kind in enumerate(KINDS)
    ]
    axes = {"xaxis": named_axis(levels), "yaxis": axis("% of detections", range=[0, 100])}
    title = "Kinds of detections by rank"
    made = layout(title, width=HALF, height=400, barmode="stack", bargap=0.15, **axes)
    about = "Shares of true positives and of each kind of error, from the best ranked detections on."
    return Figure("errors-by-rank", title, about, traces, made)


def _gains(found: Diagnosis) -> Figure:
    kinds = sorted(found.gain_fixed, key=lambda kind: found.gain_fixed[kind])
    values = [round(100 * found.gain_fixed[kind], 2) for kind in kinds]
    bars: Trace = {
        "type": "bar",
        "orientation": "h",
        "x": values,
        "y": list(range(len(kinds))),
        "text": [f"{value:.1f}" for value in values],
        "textposition": "outside",
        "cliponaxis": False,
        "marker": {"color": [COLOURS.get(kind, RED) for kind in kinds]},
        "hoverinfo": "skip",
    }
    widest = max([*values, 1.0])
    axes = {
        "xaxis": axis("mAP gained, points", range=[min([*values, 0.0]) * 1.2, widest * 1.18]),
        "yaxis": named_axis(kinds),
    }
    title = f"If one kind were put right, at tIoU {found.tiou:g}"
    made = layout(title, width=HALF, height=400, showlegend=False, **axes)
    return Figure("errors-gain", title, "mAP gained by putting each kind of error right.", [bars], made)


def _kinds(found: Diagnosis) -> Markup:
    """As ``hrpro evaluate --diagnose`` prints it."""
    top = found.profile.sum(0)
    rows = [
        [
            kind,
            str(found.kinds[kind]),
            str(top[column]),
            *(
                f"{gain[kind]:+.3f}" if kind in gain else ""
                for gain in (found.gain_removed, found.gain_fixed)
            ),
        ]
        for column, kind in enumerate(KINDS)
    ]
    rows.append(["missed", str(found.missed), "", "", f"{found.gain_fixed['missed']:+.3f}"])
    header = ["kind", "detections", "among the best 10G", "mAP if taken away", "mAP if put right"]
    return table(header, rows, caption=f"Kinds of detections at tIoU {found.tiou:g}")


def _precision_by(name: str, words: str, unit: str, buckets: Sequence[Bucket], found: Diagnosis) -> Figure:
    """DETAD's sensitivity: mAP_N of each size, and the line of all."""
    whole, values = 100 * found.map_n, [100 * b.map_n for b in buckets]
    told = [f"{value:.1f}" + (f"<br>×{value / whole:.2f}" if whole else "") for value in values]
    line = {"type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": whole, "y1": whole}
    line["line"] = {"color": RED, "width": 1.5, "dash": "dash"}
    # The line's value stands in the title: beside the line it would lie on a bar.
    title, top = f"mAP_N by {words}, at tIoU {found.tiou:g} (line: all, {whole:.1f})", max(*values, whole)
    about = f"Normalised mAP of true segments by their {name}, against that of all, {whole:.1f}."
    shown = (values, told, "mAP_N, %", GREEN, max(top * 1.3, 5))
    return _bars(f"map-by-{name}", title, about, buckets, unit, *shown, shapes=[line])


def _missed_by(name: str, words: str, unit: str, buckets: Sequence[Bucket]) -> Figure:
    values = [100 * b.missed / b.n for b in buckets]
    told = [f"{b.missed} of {b.n}" for b in buckets]
    about = f"Share of true segments that are missed, by their {name}."
    shown = (values, told, "% missed", BLUE, max(max(values) * 1.2, 5))
    return _bars(f"missed-by-{name}", f"Missed by {words}", about, buckets, unit, *shown)


def _bars(
    name: str,
    title: str,
    about: str,
    buckets: Sequence[Bucket],
    unit: str,
    values: Sequence[float],
    told: Sequence[str],
    of: str,
    colour: str,
    top: float,
    **more: Any,
) -> Figure:
    bars: Trace = {
        "type": "bar",
        "x": list(range(len(buckets))),
        "y": rounded(values, 2),
        "text": told,
        "textposition": "outside",
        "cliponaxis": False,
        "marker": {"color": colour},
        "hovertemplate": "%{y:.1f} %<extra></extra>",
    }
    names = [f"{b.name}<br>{b.told(unit)}" for b in buckets]
    ticks = {"tickvals": list(range(0, 101, 20))} if top > 100 else {}  # room for words is no share
    axes = {"xaxis": {**named_axis(names), "ticktext": names}, "yaxis": axis(of, range=[0, top], **ticks)}
    made = layout(title, width=HALF, height=320, showlegend=False, **axes, **more)
    return Figure(name, title, about, [bars], made)
