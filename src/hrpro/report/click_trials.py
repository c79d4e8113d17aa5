"""Accuracy against how clicks are made: the trials that ``benchmarks/clicks.py --json`` keeps, as curves.

Its file is an object of average mAP by trial: ``{"my_data | sd=0.2 | hrpro | seed 0": 0.71, ...}``. A trial
in which one thing differs from the reference is a point of that thing's curve; others (people's clicks,
changed settings) are no curve and are passed over.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import mean, stdev

from hrpro.core.errors import DataError
from hrpro.data.formats.jsonfile import read_json
from hrpro.data.formats.jsonplace import Place
from hrpro.report.figure import CYCLE, HALF, Figure, Section, Trace, axis, layout, text
from hrpro.report.markup import paragraph

REFERENCE = "reference"
VARIED = {
    "sd": ("Spread", "standard deviation, as a share of the action's length", 0.04),
    "stray": ("Clicks astray", "share of the clicks that lie in no action of their class", 0.0),
    "missing": ("Actions unclicked", "share of the actions", 0.0),
    "doubled": ("Clicked twice", "share of the clicked actions", 0.0),
    "share": ("Recordings clicked", "share of the training recordings", 1.0),
}
"""What is varied: title, what its axis counts, and its value in the reference."""

Curve = dict[float, list[float]]
Trials = dict[tuple[str, str], dict[str, Curve]]
"""By data set and method, of each thing that is varied: all trials at each of its values."""


def read_trials(path: Path) -> Trials:
    """The trials of such a file. DataError if it is none, or holds none."""
    stored = read_json(path)
    if not isinstance(stored, Mapping):
        raise DataError("must be an object of trials", where=path, mend="give what clicks.py --json wrote")
    trials: Trials = {}
    for key, value in stored.items():
        words = key.split(" | ")
        known = len(words) >= 4 and isinstance(value, (int, float)) and not isinstance(value, bool)
        if not known or not 0 <= value <= 1:
            what = f"{key!r}: {value!r} is no trial"
            raise DataError(what, where=Place(path).at(key), mend="give what clicks.py --json wrote")
        name, design, method, *rest = words
        if any("=" in word for word in rest):
            continue
        if any(word.startswith("fold ") for word in rest):
            name = f"{name}, held out"  # judged on recordings of the training: another figure
        for varied, point in _points(design):
            curve = trials.setdefault((name, method), {}).setdefault(varied, {})
            curve.setdefault(point, []).append(float(value))
    if not any(len(curve) > 1 for own in trials.values() for curve in own.values()):
        raise DataError("holds no curve: no two trials differ in one thing alone", where=path)
    return trials


def _points(design: str) -> list[tuple[str, float]]:
    """Of which curves the design is a point, and where."""
    if design == REFERENCE:
        return [(varied, usual) for varied, (_, _, usual) in VARIED.items()]
    varied, _, value = design.partition("=")
    try:
        return [(varied, float(value))] if varied in VARIED else []
    except ValueError:  # it differs in more than one thing
        return []


def click_trials(path: Path) -> Section:
    """The curves, those of a data set side by side. DataError as of ``read_trials``."""
    trials = read_trials(path)
    names = list(dict.fromkeys(name for name, _ in trials))
    methods = list(dict.fromkeys(method for _, method in trials))
    figures = [
        figure
        for number, name in enumerate(names)
        for varied in VARIED
        if (figure := _figure(number, name, varied, trials, methods)) is not None
    ]
    seeds = max(len(each) for own in trials.values() for curve in own.values() for each in curve.values())
    about = (
        "Average mAP at tIoU 0.1:0.7 of models taught by clicks that were drawn from the true segments, each "
        f"curve varying one thing alone; at most {seeds} {'trainings' if seeds > 1 else 'training'} a point, "
        "bars are standard deviations. These are other trainings than the run of this report."
    )
    return Section("clicks", "Clicks as people make them", [paragraph(about), *figures])


def _figure(number: int, name: str, varied: str, trials: Trials, methods: Sequence[str]) -> Figure | None:
    title, counts, _ = VARIED[varied]
    traces: list[Trace] = []
    for index, method in enumerate(methods):
        curve = trials.get((name, method), {}).get(varied, {})
        if len(curve) < 2:
            continue
        values = sorted(curve)
        traces.append(
            {
                "type": "scatter",
                "mode": "lines+markers",
                "x": values,
                "y": [round(mean(curve[value]), 4) for value in values],
                "error_y": {"type": "data", "array": [round(_spread(curve[value]), 4) for value in values]},
                "name": text(method),
                "line": {"color": CYCLE[index % len(CYCLE)]},
            }
        )
    if not traces:
        return None
    about = f"{title} on {name}: average mAP against the {counts}, a line a method."
    whole = f"{title}: {text(name, 30)}"
    drawn = layout(whole, width=HALF, xaxis=axis(counts), yaxis=axis("average mAP"))
    return Figure(f"clicks-{number + 1}-{varied}", whole, about, traces, drawn)


def _spread(values: Sequence[float]) -> float:
    return stdev(values) if len(values) > 1 else 0.0
