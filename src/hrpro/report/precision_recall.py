"""Precision against recall: the interpolated curves whose areas are the APs of the table."""

from __future__ import annotations

import numpy as np

from hrpro.metrics.columns import Floats
from hrpro.report.collect import GOOD, Judged, Result
from hrpro.report.figure import BLUE, CYCLE, HALF, Figure, Section, Trace, axis, layout, rounded, text
from hrpro.report.markup import paragraph

_GRID = np.linspace(0, 1, 201)
_SHOWN = (0.3, 0.5, 0.7)


def curve(judged: Judged, label: int, k: int) -> tuple[Floats, Floats]:
    """Recall and interpolated precision, each [n], of a class at the k-th threshold: one point a hit.

    Precision holds from the recall before it up to its own, hence the area is ``average_precision``'s AP.
    """
    hit = judged.hit[judged.per_class(label), k]
    precision = np.cumsum(hit) / np.arange(1, len(hit) + 1)
    best_after = np.maximum.accumulate(precision[::-1])[::-1]
    n_truth = int(judged.columns.truth_per_class()[label])
    return np.cumsum(hit)[hit] / n_truth, best_after[hit]


def mean_curve(judged: Judged, k: int) -> Floats:
    """Mean interpolated precision of all classes at each recall of 0, 0.005, ..., 1."""
    rows = []
    for label in range(len(judged.columns.classes)):
        recall, precision = curve(judged, label, k)
        place = np.searchsorted(recall, _GRID - 1e-9)
        rows.append(np.append(precision, 0.0)[place])
    return np.mean(rows, axis=0)


def precision_recall(result: Result) -> Section:
    judged = result.judged
    wanted = [k for k, tiou in enumerate(judged.tious) if round(tiou, 6) in _SHOWN]
    means: list[Trace] = [
        {
            "type": "scatter",
            "mode": "lines",
            "x": rounded(_GRID),
            "y": rounded(mean_curve(judged, k)),
            "name": f"tIoU {judged.tious[k]:g}",
            "line": {"color": CYCLE[i], "width": 2},
        }
        for i, k in enumerate(wanted)
    ]
    good = int(np.argmin(np.abs(np.asarray(judged.tious) - GOOD)))
    each = [_class_line(judged, label, good, result) for label in range(len(judged.columns.classes))]
    few = len(each) <= 10
    if not few:
        each = [{**line, "line": {"color": BLUE, "width": 1}, "opacity": 0.45} for line in each]
    figures = [
        _figure("pr-mean", "Mean over classes", "Mean precision over recall at three tIoU.", means, True),
        _figure("pr-classes", f"Each class at tIoU {GOOD:g}", "Precision over recall.", each, few),
    ]
    note = "Interpolated precision; the area below a class's curve is its AP."
    return Section("precision-recall", "Precision and recall", [paragraph(note), *figures])


def _class_line(judged: Judged, label: int, k: int, result: Result) -> Trace:
    recall, precision = curve(judged, label, k)
    name = judged.columns.classes[label]
    steps = {"x": [0.0, *rounded(recall)], "y": [*rounded(precision[:1]), *rounded(precision)]}
    return {
        "type": "scatter",
        "mode": "lines",
        **(steps if len(recall) else {"x": [0.0], "y": [0.0]}),
        "name": f"{text(name, 22)} {result.detection.ap[label, k]:.2f}",
        "line": {"shape": "vh", "color": CYCLE[label % len(CYCLE)], "width": 1.6},
        "hovertemplate": "recall %{x:.2f}, precision %{y:.2f}<extra>%{fullData.name}</extra>",
    }


def _figure(name: str, title: str, about: str, traces: list[Trace], legend: bool) -> Figure:
    axes = {"xaxis": axis("recall", range=[0, 1.01]), "yaxis": axis("precision", range=[0, 1.03])}
    made = layout(title, width=HALF, height=420, showlegend=legend, **axes)
    return Figure(name, title, about, traces, made)
