"""One HTML file that holds all it needs: it opens offline, prints, and runs no script but its own.

The content security policy names the page's two scripts by their hashes, so that no other could run even if
one got onto the page; it allows no address on any network.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from importlib.resources import files

from hrpro.core.errors import ConfigError
from hrpro.report.figure import HALF, Figure, Section
from hrpro.report.markup import Markup, paragraph, tag

GENERATOR = "hrpro report"


def render(title: str, subtitle: str, sections: Sequence[Section]) -> str:
    """The page. ConfigError if Plotly is not installed."""
    plotly, own = plotly_script(), _asset("page.js")
    policy = "; ".join(
        (
            "default-src 'none'",
            f"script-src {' '.join(map(_hash, (plotly, own)))}",
            "style-src 'unsafe-inline'",
            "img-src data: blob:",
            "media-src 'self' file:",
            "base-uri 'none'",
            "form-action 'none'",
        )
    )
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name_="generator", content=GENERATOR),
        tag("meta", http_equiv="Content-Security-Policy", content=policy),
        tag("meta", name_="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name_="color-scheme", content="light dark"),
        tag("title", title),
        tag("style", Markup(_asset("page.css"))),
    )
    contents = tag("nav", *(tag("a", s.title, href=f"#{s.id}") for s in sections), aria_label="Contents")
    header = tag("header", tag("h1", title), paragraph(subtitle), contents)
    main = tag("main", *map(_section, sections))
    scripts = [tag("script", Markup(script)) for script in (plotly, own)]
    note = tag("noscript", paragraph("The figures are drawn by a script, which this browser does not run."))
    body = tag("body", header, note, main, *scripts)
    page = "<!DOCTYPE html>\n" + tag("html", head, body, lang="en")
    return page.encode("utf-8", "replace").decode()  # half a surrogate pair in a name must not spoil it all


def plotly_script() -> str:
    """Plotly's own JavaScript from the installed package."""
    try:
        script = files("plotly").joinpath("package_data/plotly.min.js").read_text(encoding="utf-8")
    except (ModuleNotFoundError, OSError) as error:
        mend = "pip install 'hrpro[report]'"
        raise ConfigError("the report's figures need Plotly, which is not installed", mend=mend) from error
    assert "</script" not in script.lower()
    return script


def embedded(data: Mapping[str, object]) -> Markup:
    """JSON that cannot end the element it stands in."""
    text = json.dumps(data, allow_nan=False, separators=(",", ":"))
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)


def _section(section: Section) -> Markup:
    parts: list[Markup] = []
    for part in section.body:
        parts.append(_figure(part) if isinstance(part, Figure) else part)
    return tag("section", tag("h2", section.title), *parts, id=section.id)


def _figure(figure: Figure) -> Markup:
    size = f"width:{figure.width}px;height:{figure.layout['height']}px"
    return tag(
        "figure",
        tag("div", class_="plot", role="img", aria_label=figure.about, style=size),
        tag("script", embedded(figure.as_dict()), type="application/json"),
        class_="wide" if figure.width > HALF else None,
        data_name=figure.name,
    )


def _asset(name: str) -> str:
    return files("hrpro.report").joinpath("assets").joinpath(name).read_text(encoding="utf-8")


def _hash(script: str) -> str:
    digest = hashlib.sha256(script.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"
