"""Small SVG pictures for these pages: a sheet of fixed width with an axis of time."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

WIDTH, LEFT, RIGHT = 960, 132, 940
INK, SOFT, PAPER = "#1b1f24", "#6b7280", "#ffffff"
# After Okabe and Ito: told apart by eyes of every kind.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#b8860b", "#56b4e9")


class Sheet:
    """A picture of a recording of ``seconds``; ``x`` turns a moment into a place."""

    def __init__(self, seconds: float, title: str, about: str) -> None:
        self.seconds, self.title, self.about = seconds, title, about
        self.parts: list[str] = []

    def x(self, second: float) -> float:
        return LEFT + (RIGHT - LEFT) * min(max(second / self.seconds, 0.0), 1.0)

    def text(
        self, x: float, y: float, words: str, *, size: int = 13, fill: str = INK, anchor: str = "start"
    ) -> None:
        self.parts.append(
            f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" fill="{fill}" text-anchor="{anchor}">'
            f"{escape(words)}</text>"
        )

    def row(self, y: float, words: str, under: str = "") -> None:
        """The name of a row, at its left."""
        self.text(LEFT - 10, y, words, anchor="end")
        if under:
            self.text(LEFT - 10, y + 15, under, size=11, fill=SOFT, anchor="end")

    def bar(
        self,
        start: float,
        end: float,
        y: float,
        height: float,
        fill: str,
        *,
        opacity: float = 1.0,
    ) -> None:
        """A stretch of time, seconds."""
        left = self.x(start)
        width = max(self.x(end) - left, 1)
        self.parts.append(
            f'<rect x="{left:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" rx="2" '
            f'fill="{fill}" fill-opacity="{opacity:.2f}"/>'
        )

    def line(self, x1: float, y1: float, x2: float, y2: float, stroke: str = SOFT, width: float = 1) -> None:
        self.parts.append(
            f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{stroke}" '
            f'stroke-width="{width}"/>'
        )

    def dot(self, x: float, y: float, radius: float, fill: str, opacity: float = 1.0) -> None:
        self.parts.append(
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:.1f}" fill="{fill}" fill-opacity="{opacity:.2f}"/>'
        )

    def curve(
        self, values: Sequence[float], stride: float, top: float, height: float, stroke: str, width: float = 2
    ) -> None:
        """Values 0 to 1, one a snippet, drawn at the middle of each snippet's cell."""
        points = " ".join(
            f"{self.x((t + 0.5) * stride):.1f},{top + height * (1 - value):.1f}"
            for t, value in enumerate(values)
        )
        self.parts.append(
            f'<polyline points="{points}" fill="none" stroke="{stroke}" stroke-width="{width}"/>'
        )

    def picture(self, x: float, y: float, width: float, height: float, jpeg: str) -> None:
        """A JPEG in base64."""
        self.parts.append(
            f'<image x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" '
            f'href="data:image/jpeg;base64,{jpeg}"/>'
        )

    def axis(self, y: float, step: float = 10) -> None:
        """Seconds below everything."""
        self.line(LEFT, y, RIGHT, y)
        second = 0.0
        while second <= self.seconds:
            self.line(self.x(second), y, self.x(second), y + 4)
            self.text(self.x(second), y + 17, f"{second:g} s", size=11, fill=SOFT, anchor="middle")
            second += step

    def key(self, y: float, entries: Sequence[tuple[str, str]]) -> None:
        """What the colours mean: (words, colour)."""
        x = float(LEFT)
        for words, colour in entries:
            self.parts.append(
                f'<rect x="{x:.1f}" y="{y - 9}" width="10" height="10" rx="2" fill="{colour}"/>'
            )
            self.text(x + 15, y, words, size=12)
            x += 34 + 6.6 * len(words)

    def render(self, height: float) -> str:
        head = (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:.0f}" role="img" '
            'font-family="system-ui, sans-serif">'
        )
        body = [f"<title>{escape(self.title)}</title>", f"<desc>{escape(self.about)}</desc>"]
        body.append(f'<rect width="{WIDTH}" height="{height:.0f}" rx="8" fill="{PAPER}"/>')
        return "\n".join([head, *body, *self.parts, "</svg>"]) + "\n"
