"""Figures as Plotly reads them, in one style; and what text must go through to stand in one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any

from hrpro.report.markup import Markup

BLUE, ORANGE, PURPLE, RED, GREEN, GREY = "#2f6fb7", "#e8871e", "#8a3fa0", "#d03030", "#2b9a66", "#8c8c8c"
CYCLE = (BLUE, ORANGE, GREEN, PURPLE, "#c2528b", "#7a6a4f", "#1f9bb5", "#a8a032", RED, GREY)
INK, LINES = "#222222", "#e2e2e2"
WIDE, HALF = 1040, 510
"""Widths in pixels; the page prints them scaled to the sheet."""

Trace = dict[str, Any]


@dataclass(frozen=True)
class Figure:
    """One figure. name: of its file, when exported; about: what it shows, for who cannot see it."""

    name: str
    title: str
    about: str
    data: Sequence[Trace]
    layout: Mapping[str, Any]

    def as_dict(self) -> dict[str, Any]:
        return {"data": list(self.data), "layout": dict(self.layout)}

    @property
    def width(self) -> int:
        return int(self.layout["width"])


@dataclass(frozen=True)
class Section:
    """A chapter of the page: HTML and figures in reading order; figures of half width stand in pairs."""

    id: str
    title: str
    body: Sequence[Markup | Figure] = field(default_factory=tuple)

    @property
    def figures(self) -> list[Figure]:
        return [part for part in self.body if isinstance(part, Figure)]


def text(value: str, longest: int = 60) -> str:
    """``value`` as Plotly shows it literally: it reads tags and entities; too long, it loses its middle."""
    line = " ".join(value.split())
    if len(line) > longest:
        line = f"{line[: longest * 2 // 3]}…{line[-(longest // 3 - 1) :]}"
    return escape(line, quote=False)


def layout(title: str, *, width: int = HALF, height: int = 330, **more: Any) -> dict[str, Any]:
    """The common style, for paper: a page may recolour it."""
    axes = {name: axis() for name in ("xaxis", "yaxis")}
    base: dict[str, Any] = {
        "title": {"text": title, "x": 0, "xref": "paper", "xanchor": "left", "font": {"size": 15}},
        "width": width,
        "height": height,
        "margin": {"l": 56, "r": 16, "t": 44, "b": 48},
        "font": {"family": "system-ui, 'Segoe UI', Helvetica, Arial, sans-serif", "size": 13, "color": INK},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "colorway": list(CYCLE),
        "hoverlabel": {"namelength": -1},
        "legend": {"orientation": "h", "x": 0, "y": -0.2, "yanchor": "top", "font": {"size": 12}},
        "dragmode": "zoom",
        **axes,
    }
    return {**base, **more}


def axis(title: str | None = None, **more: Any) -> dict[str, Any]:
    """One axis; with a title it makes room for it."""
    base: dict[str, Any] = {
        "type": "linear",
        "gridcolor": LINES,
        "linecolor": LINES,
        "zeroline": False,
        "automargin": True,
    }
    if title:
        base["title"] = {"text": title, "standoff": 8}
    return {**base, **more}


def named_axis(names: Sequence[str], **more: Any) -> dict[str, Any]:
    """An axis with a name at 0, 1, 2, ...: by place, since names may look like numbers, or alike when cut."""
    ticks = {"tickvals": list(range(len(names))), "ticktext": [text(name, 26) for name in names]}
    return axis(None, tickmode="array", showgrid=False, **ticks, **more)


def rounded(values: Any, digits: int = 3) -> list[Any]:
    """Numbers of an array as JSON holds them, without digits that no one sees."""
    import numpy as np

    return np.round(np.asarray(values, np.float64), digits).tolist()
