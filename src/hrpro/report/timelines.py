"""One video as Fig. 4 shows it: true segments, clicks, predictions, and P and A over time.

A lane for each class, from its foot: the curve of P, the predictions, the true segments, and the clicks on
these; the last lane is A. A frame marks what is wrong: a prediction that no true segment is matched with at
the tIoU ``GOOD``, and a true segment that no shown prediction finds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hrpro.core.annotations import Click, Detection, Segment
from hrpro.report.collect import Traces
from hrpro.report.figure import (
    BLUE,
    GREY,
    ORANGE,
    PURPLE,
    RED,
    WIDE,
    Figure,
    Trace,
    axis,
    layout,
    rounded,
    text,
)

LANES = 40
"""Classes that a timeline draws at the most: with more, a video is taller than anyone scrolls."""
_SAMPLES, _NAME = 2000, 22
_CURVE, _FOUND, _TRUE, _BAR = 0.52, 0.64, 0.84, 0.16


@dataclass(frozen=True, eq=False)
class Strip:
    """What is known of one video. right: of each prediction whether it is matched (None: no truth is known);
    missed: of each true segment whether no prediction is."""

    id: str
    seconds: float
    truth: Sequence[Segment]
    clicks: Sequence[Click]
    found: Sequence[Detection]
    right: Sequence[bool] | None
    missed: Sequence[bool]

    @property
    def labels(self) -> list[str]:
        """Classes that occur, in order of their first moment."""
        moments = [(s.start, s.label) for s in (*self.truth, *self.found)]
        moments += [(click.time, click.label) for click in self.clicks]
        return list(dict.fromkeys(label for _, label in sorted(moments)))

    @property
    def drawn(self) -> list[str]:
        """Of these, LANES at the most: what is true or clicked goes first, then what scores best."""
        if len(self.labels) <= LANES:
            return self.labels
        best = dict.fromkeys(self.labels, 0.0)
        for d in self.found:
            best[d.label] = max(best[d.label], d.score)
        best |= {thing.label: np.inf for thing in (*self.truth, *self.clicks)}
        first = set(sorted(self.labels, key=lambda label: -best[label])[:LANES])
        return [label for label in self.labels if label in first]


def timeline(strip: Strip, traces: Traces, classes: Sequence[str], name: str) -> Figure:
    """The figure ``name`` of a video; ``classes``: the columns of ``traces.activation_tc``."""
    labels = strip.drawn or [classes[int(traces.activation_tc.max(0).argmax())]]
    foot = {label: float(len(labels) - i) for i, label in enumerate(labels)}
    data: list[Trace] = []
    for label in labels:
        if label in classes:
            values_t = traces.activation_tc[:, classes.index(label)]
            data += _curve(values_t, traces, strip.seconds, foot[label], "P", BLUE, "rgba(47,111,183,0.22)")
    data += _curve(traces.attention_t, traces, strip.seconds, 0.0, "A", GREY, "rgba(140,140,140,0.25)")
    right = strip.right if strip.right is not None else [True] * len(strip.found)
    data += _bars("predictions", BLUE, strip.found, [not r for r in right], foot, _FOUND)
    data += _bars("ground truth", ORANGE, strip.truth, strip.missed, foot, _TRUE)
    data += _clicks(strip.clicks, foot)
    data += _legend(data, wrong=not all(right) or any(strip.missed))
    lanes = [*labels, "attention A"]
    heights = [*(foot[label] + 0.5 for label in labels), 0.25]
    ticks = {"tickvals": heights, "ticktext": [text(lane, _NAME) for lane in lanes]}
    # One width for all videos of a run, that their times can be held side by side.
    longest = max(len(text(name, _NAME)) for name in (*classes, *lanes))
    made = layout(
        "",
        width=WIDE,
        height=72 + 62 * len(lanes),
        barmode="overlay",
        hoverdistance=5,  # px; a curve that runs below a bar would take its place
        margin={"l": 16 + 7 * longest, "r": 12, "t": 28, "b": 44},
        xaxis=axis("seconds", range=[0, max(strip.seconds, 1e-6)]),
        yaxis=axis(
            None, range=[-0.04, len(labels) + 1.0], showgrid=False, fixedrange=True, automargin=False, **ticks
        ),
        legend={
            "orientation": "h",
            "x": 0,
            "y": 1.0,
            "yanchor": "bottom",
            "font": {"size": 12},
            "itemclick": False,
        },
    )
    about = f"Timeline of {strip.id}: true segments, predictions, clicks, P and A."
    return Figure(name, strip.id, about, data, made)


def _curve(
    values_t: NDArray[np.float32],
    traces: Traces,
    seconds: float,
    foot: float,
    name: str,
    colour: str,
    fill: str,
) -> list[Trace]:
    """A curve through the middles of the snippets' cells, and the area between it and the lane's foot."""
    length = len(values_t)
    size = -(-length // _SAMPLES)  # of long recordings every pixel's peak is drawn
    starts = np.arange(0, length, size)
    peaks = np.maximum.reduceat(np.asarray(values_t, np.float64), starts)
    middles = (starts + np.minimum(starts + size, length)) / 2
    times = np.clip(traces.timeline.to_seconds(middles), 0, seconds)
    x, y = rounded([0.0, *times, seconds], 2), [peaks[0], *peaks, peaks[-1]]
    hover = [f"{name} {value:.2f} at {time:.1f} s" for value, time in zip(y, x, strict=True)]
    shape = {"type": "scatter", "mode": "lines", "showlegend": False}
    base = {**shape, "x": [x[0], x[-1]], "y": [foot, foot], "line": {"color": "#cccccc", "width": 1}}
    top = {**shape, "x": x, "y": rounded([foot + _CURVE * value for value in y]), "fill": "tonexty"}
    top |= {"line": {"color": colour, "width": 1.5}, "fillcolor": fill, "hoverinfo": "text", "text": hover}
    return [{**base, "hoverinfo": "skip"}, top]


def _bars(
    name: str,
    colour: str,
    segments: Sequence[Segment] | Sequence[Detection],
    wrong: Sequence[bool],
    foot: dict[str, float],
    height: float,
) -> list[Trace]:
    drawn = [(s, w) for s, w in zip(segments, wrong, strict=True) if s.label in foot]
    if not drawn:
        return []
    return [
        {
            "type": "bar",
            "orientation": "h",
            "name": name,
            "showlegend": False,
            "base": rounded([s.start for s, _ in drawn]),
            "x": rounded([s.end - s.start for s, _ in drawn]),
            "y": [foot[s.label] + height for s, _ in drawn],
            "width": _BAR,
            "customdata": rounded([s.start for s, _ in drawn]),
            "hovertext": [_told(name, s, w) for s, w in drawn],
            "hoverinfo": "text",
            "marker": {
                "color": colour,
                "opacity": 0.9,
                "line": {
                    "color": [RED if w else colour for _, w in drawn],
                    "width": [2.5 if w else 0 for _, w in drawn],
                },
            },
        }
    ]


def _told(name: str, segment: Segment | Detection, wrong: bool) -> str:
    score = f", score {segment.score:.2f}" if isinstance(segment, Detection) else ""
    verdict = "" if not wrong else ", wrong" if score else ", missed"
    return f"{name}: {text(segment.label)}<br>{segment.start:.2f} to {segment.end:.2f} s{score}{verdict}"


def _clicks(clicks: Sequence[Click], foot: dict[str, float]) -> list[Trace]:
    drawn = [click for click in clicks if click.label in foot]
    if not drawn:
        return []
    return [
        {
            "type": "scatter",
            "mode": "markers",
            "name": "clicks",
            "showlegend": False,
            "x": rounded([click.time for click in drawn]),
            "y": [foot[click.label] + _TRUE for click in drawn],
            "customdata": rounded([click.time for click in drawn]),
            "hovertext": [f"click: {text(click.label)}<br>{click.time:.2f} s" for click in drawn],
            "hoverinfo": "text",
            "marker": {
                "symbol": "diamond",
                "size": 9,
                "color": PURPLE,
                "line": {"color": "#fff", "width": 1},
            },
        }
    ]


def _legend(data: Sequence[Trace], wrong: bool) -> list[Trace]:
    """Entries that stand for what is drawn, so that none takes the look of its first bar."""
    drawn = {trace.get("name") for trace in data}
    squares = [
        (name, {"symbol": "square", "color": colour, "size": 11})
        for name, colour in (("ground truth", ORANGE), ("predictions", BLUE))
        if name in drawn
    ]
    if "clicks" in drawn:
        squares.append(("clicks", {"symbol": "diamond", "color": PURPLE, "size": 9}))
    if wrong:
        framed = {"symbol": "square-open", "color": RED, "size": 10, "line": {"width": 2.5, "color": RED}}
        squares.append(("wrong or missed", framed))
    blank = {"type": "scatter", "mode": "markers", "x": [None], "y": [None], "hoverinfo": "skip"}
    return [{**blank, "name": name, "marker": marker} for name, marker in squares]
