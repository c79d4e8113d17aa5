"""Score against true tIoU before and after stage 2 (Fig. 5): whether good and bad are told apart better."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from hrpro.core.annotations import Detections
from hrpro.metrics.columns import Columns, Floats, align
from hrpro.report.collect import GOOD, Result, Truth, true_tiou
from hrpro.report.figure import BLUE, GREY, HALF, Figure, Section, Trace, axis, layout, rounded, text
from hrpro.report.markup import Markup, paragraph, table

PER_TRUE = 10
"""Of each class, so many times its true segments are looked at, the best ranked, as DETAD does."""
_DRAWN, _SEED = 3000, 0


@dataclass(frozen=True, eq=False)
class Spread:
    """Scores [n] and true tIoU [n] of detections; how well the first tells of the second.

    auc: the chance that a detection with a tIoU of ``GOOD`` or more scores above one with less. rank: their
    rank correlation (Spearman). Both None where they are not defined.
    """

    scores: Floats
    tiou: Floats

    @property
    def good(self) -> int:
        return int((self.tiou >= GOOD).sum())

    @property
    def auc(self) -> float | None:
        good, n = self.tiou >= GOOD, len(self.tiou)
        if self.good in (0, n):
            return None
        ranks = _ranks(self.scores)[good].sum() - self.good * (self.good + 1) / 2
        return float(ranks / (self.good * (n - self.good)))

    @property
    def rank(self) -> float | None:
        one, two = _ranks(self.scores), _ranks(self.tiou)
        if len(one) < 2 or not (np.ptp(one) and np.ptp(two)):
            return None
        return float(np.corrcoef(one, two)[0, 1])


def spread(truth: Truth, detections: Mapping[str, Detections]) -> Spread:
    """Of the best ranked ``PER_TRUE`` * G detections of each class. Raises as ``align`` does."""
    columns = align(truth, detections)
    columns = columns.keep(_best(columns))
    return Spread(columns.scores, true_tiou(columns))


def score_figure(result: Result) -> Section | None:
    """None for a run without stage 2: there is no before and after."""
    if result.run.before is None:
        return None
    sides = {
        "before": ("Stage 1 alone", spread(result.truth, result.run.before)),
        "after": ("With stage 2", spread(result.truth, result.run.found)),
    }
    figures = [_figure(f"score-{name}", title, each) for name, (title, each) in sides.items()]
    note = (
        f"Each dot is a detection, of each class the best {PER_TRUE} times its true segments; its true tIoU"
    )
    note += " is the highest with a true segment of its class (the paper's Fig. 5, with tIoU for time)."
    body = [*figures, _table(sides), paragraph(note, class_="note")]
    return Section("scores", "Scores before and after stage 2", body)


def _table(sides: Mapping[str, tuple[str, Spread]]) -> Markup:
    def shown(value: float | None) -> str:
        return "-" if value is None else f"{value:.3f}"

    rows = [
        [title, str(len(each.scores)), str(each.good), shown(each.auc), shown(each.rank)]
        for title, each in sides.values()
    ]
    header = ["", "detections", f"tIoU ≥ {GOOD:g}", "AUC", "rank correlation"]
    caption = "AUC: the chance that a detection with such a tIoU scores above one with less"
    return table(header, rows, caption=caption)


def _figure(name: str, title: str, each: Spread) -> Figure:
    rng = np.random.default_rng(_SEED)
    n = len(each.scores)
    drawn = np.sort(rng.permutation(n)[:_DRAWN])
    traces: list[Trace] = []
    for label, colour, which in (
        (text(f"tIoU < {GOOD:g}"), GREY, each.tiou < GOOD),
        (f"tIoU ≥ {GOOD:g}", BLUE, each.tiou >= GOOD),
    ):
        held = drawn[which[drawn]]
        traces.append(
            {
                "type": "scatter",
                "mode": "markers",
                "name": label,
                "x": rounded(each.tiou[held]),
                "y": rounded(each.scores[held], 4),
                "marker": {"size": 5, "color": colour, "opacity": 0.55},
                "hovertemplate": "tIoU %{x:.2f}, score %{y:.3f}<extra></extra>",
            }
        )
    axes = {"xaxis": axis("true tIoU", range=[-0.02, 1.02]), "yaxis": axis("score")}
    about = "Scores of detections over their true tIoU."
    return Figure(name, title, about, traces, layout(title, width=HALF, height=400, **axes))


def _best(columns: Columns) -> np.ndarray:
    """Which [N] are among the best ``PER_TRUE`` * G of their class."""
    keep = np.zeros(len(columns), np.bool_)
    for label, n_truth in enumerate(columns.truth_per_class()):
        keep[np.flatnonzero(columns.labels == label)[: PER_TRUE * n_truth]] = True
    return keep


def _ranks(values: Floats) -> Floats:
    """Ranks from 1, [n]; equal values share their mean rank."""
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(count)
    return (last - (count - 1) / 2)[place]
