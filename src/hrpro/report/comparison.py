"""Two or more runs side by side: their mAP, how they differ from the first, and in which settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hrpro.report.collect import Result
from hrpro.report.compare import Estimate, difference, estimate
from hrpro.report.figure import CYCLE, WIDE, Figure, Section, Trace, axis, layout, named_axis, text
from hrpro.report.markup import Markup, name_of, paragraph, table
from hrpro.report.table import interval_text


def comparison(results: Sequence[Result]) -> Section:
    """``results``: of runs on the same data; the first is what the others are held against."""
    base, others = results[0], results[1:]
    columns = [estimate(result) for result in results]
    rows = [
        [name_of(result.run.label), *(f"{e.value:.3f}" for e in column)]
        for result, column in zip(results, columns, strict=True)
    ]
    header = ["run", *(e.name for e in columns[0])]
    body: list[Markup | Figure] = [table(header, rows, caption="mAP at each tIoU and over ranges")]
    differences = {other.run.label: difference(base, other) for other in others}
    rows = [
        [name_of(name), e.name, f"{e.value:+.3f}", interval_text(e.interval), _verdict(e)]
        for name, column in differences.items()
        for e in column
    ]
    header = ["run", "tIoU", "difference", "95 % interval", "holds 0"]
    caption = f"mAP less that of {base.run.label}: paired bootstrap over videos"
    body += [table(header, rows, caption=caption), _forest(base.run.label, differences)]
    body.append(_settings(results))
    note = "An interval that does not hold 0 says that another draw of such videos would hardly turn it over."
    note += " It says nothing of what another seed of the training would change."
    return Section("comparison", "Runs compared", [*body, paragraph(note, class_="note")])


def _verdict(estimate: Estimate) -> str:
    if estimate.interval is None:
        return "-"
    low, high = estimate.interval
    return "yes" if low <= 0 <= high else "no"


def _forest(base: str, differences: Mapping[str, Sequence[Estimate]]) -> Figure:
    traces: list[Trace] = []
    names: list[str] = []
    for i, (run, column) in enumerate(differences.items()):
        names = [e.name for e in column]
        shift = (i - (len(differences) - 1) / 2) * 0.5 / len(differences)
        ends = [e.interval or (e.value, e.value) for e in column]
        traces.append(
            {
                "type": "scatter",
                "mode": "markers",
                "name": text(run),
                "x": [place + shift for place in range(len(column))],
                "y": [round(e.value, 4) for e in column],
                "error_y": {
                    "type": "data",
                    "symmetric": False,
                    "array": [round(high - e.value, 4) for e, (_, high) in zip(column, ends, strict=True)],
                    "arrayminus": [round(e.value - low, 4) for e, (low, _) in zip(column, ends, strict=True)],
                },
                "marker": {"size": 9, "color": CYCLE[i % len(CYCLE)]},
            }
        )
    title = f"mAP less that of {text(base)}, with 95 % intervals"
    axes = {
        "xaxis": {**named_axis(names), "title": {"text": "tIoU"}},
        "yaxis": axis("difference", zeroline=True, zerolinewidth=2, zerolinecolor="#888888"),
    }
    made = layout(title, width=WIDE, height=320, showlegend=len(traces) > 1, **axes)
    return Figure("comparison", title, "Differences of mAP with their intervals.", traces, made)


def _settings(results: Sequence[Result]) -> Markup:
    """The settings in which the runs differ."""
    flat = [dict(flattened(result.run.settings)) for result in results]
    keys = [
        key for key in dict.fromkeys(k for one in flat for k in one) if len({o.get(key) for o in flat}) > 1
    ]
    if not keys:
        return paragraph("The runs have the same settings.")
    rows = [[key, *(one.get(key, "-") for one in flat)] for key in keys]
    header = ["setting", *(result.run.name for result in results)]
    return table(header, rows, caption="Settings that differ", text_columns=len(header))


def flattened(settings: Mapping[str, Any], before: str = "") -> list[tuple[str, str]]:
    """(section.key, value as text) of nested settings."""
    rows: list[tuple[str, str]] = []
    for key, value in settings.items():
        if isinstance(value, Mapping):
            rows += flattened(value, f"{before}{key}.")
        else:
            shown = ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
            rows.append((f"{before}{key}", shown or "(none)"))
    return rows
