"""HTML that cannot be broken out of: whatever is no ``Markup`` is escaped on its way in."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape


class Markup(str):
    """HTML, safe to stand on the page as it is."""


def tag(name: str, *inside: str, **attributes: str | None) -> Markup:
    """One element. Text inside is escaped, Markup is not; attributes are escaped, None leaves one out.

    ``class_`` writes class, ``data_seek`` data-seek; an empty value writes the bare name.
    """
    words = [name]
    for key, value in attributes.items():
        if value is not None:
            words.append(
                f'{key.rstrip("_").replace("_", "-")}="{escape(value)}"' if value else key.rstrip("_")
            )
    opening = f"<{' '.join(words)}>"
    return Markup(opening if name in ("meta", "br") else f"{opening}{joined(inside)}</{name}>")


def joined(parts: Iterable[str]) -> Markup:
    """Parts one after the other, text escaped."""
    return Markup("".join(part if isinstance(part, Markup) else escape(part) for part in parts))


def name_of(text: str) -> Markup:
    """A name from outside (a label, a video's id): apart from the direction of the text around it."""
    return tag("bdi", text)


def paragraph(*inside: str, class_: str | None = None) -> Markup:
    return tag("p", *inside, class_=class_)


def table(
    header: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    caption: str | None = None,
    text_columns: int = 1,
    last: Sequence[str] | None = None,
) -> Markup:
    """A table whose first ``text_columns`` columns are text and the others figures; ``last`` is set apart."""

    def row(cells: Sequence[str], kind: str = "td") -> Markup:
        return tag(
            "tr",
            *(
                cell
                if isinstance(cell, Markup) and cell.startswith("<td")
                else tag(
                    "th" if i == 0 and kind == "td" else kind,
                    cell,
                    class_=None if i < text_columns else "n",
                    scope="col" if kind == "th" else "row" if i == 0 else None,
                )
                for i, cell in enumerate(cells)
            ),
        )

    parts = [tag("caption", caption)] if caption else []
    parts.append(tag("thead", row(header, "th")))
    parts.append(tag("tbody", *map(row, rows)))
    if last is not None:
        parts.append(tag("tfoot", row(last)))
    return tag("div", tag("table", *parts), class_="scroll")


def shaded(value: float, text: str) -> Markup:
    """A cell of a figure from 0 to 1, the darker the higher."""
    level = min(max(round(value * 10), 0), 10)
    return tag("td", text, class_=f"n h{level}")
