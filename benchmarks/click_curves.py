"""Accuracy against how clicks are made, drawn as small panels: a row a data set, a column a curve."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

INK, SOFT, LINES = "#1b1f24", "#6b7280", "#e2e4e8"
# After Okabe and Ito: told apart by eyes of every kind.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#b8860b", "#56b4e9")
WIDTH, LEFT, TOP, HEIGHT, GAP = 960, 60, 64, 150, 52

Point = tuple[float, float, float]
"""Of a curve: what varies, mean and deviation of the accuracy."""


def draw(panels: Mapping[str, Mapping[str, Mapping[str, Sequence[Point]]]]) -> str:
    """SVG of data set -> curve -> method -> points; one scale of accuracy for each data set."""
    methods = list(dict.fromkeys(m for row in panels.values() for curve in row.values() for m in curve))
    columns = max(len(row) for row in panels.values())
    width = (WIDTH - LEFT) / columns
    parts: list[str] = []
    for number, method in enumerate(methods):
        colour = COLOURS[number % len(COLOURS)]
        parts.append(f'<circle cx="{LEFT + 6 + 110 * number}" cy="20" r="5" fill="{colour}"/>')
        parts.append(_text(LEFT + 16 + 110 * number, 24, method))
    for number, (name, row) in enumerate(panels.items()):
        top = TOP + number * (HEIGHT + GAP + 22)
        parts.append(_text(LEFT, top - 12, f"{name}: average mAP 0.1:0.7", size=13))
        points = [point for curve in row.values() for each in curve.values() for point in each]
        low = max(min(mean - sd for _, mean, sd in points) - 0.02, 0.0)
        high = min(max(mean + sd for _, mean, sd in points) + 0.02, 1.0)
        for column, (title, curves) in enumerate(row.items()):
            left = LEFT + column * width
            box = (left, top, width - 28, low, high)
            parts += _panel(box, title, curves, methods, named=column == 0)
    height = TOP + len(panels) * (HEIGHT + GAP + 22)
    about = "Accuracy against spread, astray, missing and doubled clicks, and clicked recordings, by method."
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" '
        'font-family="system-ui, sans-serif">'
    )
    body = ["<title>Accuracy against how clicks are made</title>", f"<desc>{escape(about)}</desc>"]
    body.append(f'<rect width="{WIDTH}" height="{height}" rx="8" fill="#ffffff"/>')
    return "\n".join([head, *body, *parts, "</svg>"]) + "\n"


def _panel(
    box: tuple[float, float, float, float, float],
    title: str,
    curves: Mapping[str, Sequence[Point]],
    methods: Sequence[str],
    *,
    named: bool,
) -> list[str]:
    left, top, width, low, high = box
    values = sorted({value for each in curves.values() for value, _, _ in each})
    span = max(values[-1] - values[0], 1e-9)

    def x(value: float) -> float:
        return left + 8 + (width - 16) * (value - values[0]) / span

    def y(accuracy: float) -> float:
        return top + HEIGHT * (1 - (accuracy - low) / (high - low))

    parts = []
    for share in (0.0, 0.5, 1.0):
        level = low + share * (high - low)
        parts.append(_line(left, y(level), left + width, y(level), LINES))
        if named:
            parts.append(_text(left - 6, y(level) + 4, f"{level:.2f}", size=11, anchor="end", fill=SOFT))
    shown = -1e9
    for value in values:
        if x(value) - shown > 26:
            parts.append(
                _text(x(value), top + HEIGHT + 16, f"{value:g}", size=11, anchor="middle", fill=SOFT)
            )
            shown = x(value)
    parts.append(_text(left + width / 2, top + HEIGHT + 34, title, size=12, anchor="middle"))
    for method, each in curves.items():
        colour = COLOURS[methods.index(method) % len(COLOURS)]
        places = " ".join(f"{x(value):.1f},{y(mean):.1f}" for value, mean, _ in each)
        parts.append(f'<polyline points="{places}" fill="none" stroke="{colour}" stroke-width="2"/>')
        for value, mean, sd in each:
            parts.append(_line(x(value), y(mean - sd), x(value), y(mean + sd), colour))
            parts.append(f'<circle cx="{x(value):.1f}" cy="{y(mean):.1f}" r="3" fill="{colour}"/>')
    return parts


def _text(x: float, y: float, words: str, *, size: int = 12, anchor: str = "start", fill: str = INK) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" fill="{fill}" text-anchor="{anchor}">'
        f"{escape(words)}</text>"
    )


def _line(x1: float, y1: float, x2: float, y2: float, stroke: str) -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{stroke}"/>'
