"""Figures as files for a paper: PNG or SVG, drawn by kaleido in a headless Chromium."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from hrpro.core.errors import ConfigError, DataError
from hrpro.report.figure import Figure

FORMATS = ("png", "svg")
_SCALE = {"png": 3, "svg": 1}
"""Of PNG, so that a figure half a page wide has 300 dots an inch."""


def export(figures: Iterable[Figure], folder: Path, format: str = "png") -> list[Path]:
    """Write each figure as ``folder``/<name>.<format>, on white, and return the files.

    Raises ConfigError without kaleido or Chromium, DataError where they cannot be written.
    """
    if format not in FORMATS:
        raise ConfigError(f"must be one of {', '.join(FORMATS)}, not {format!r}", where="--format")
    try:
        import kaleido
        from choreographer.errors import BrowserFailedError, ChromeNotFoundError
    except ImportError as error:
        raise ConfigError(
            "figures as files need kaleido, which is not installed",
            where="--figures",
            mend="pip install 'hrpro[report]', or leave --figures out: the page holds them all",
        ) from error
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f"cannot be made: {error.strerror}", where=folder) from error
    drawn = list(figures)
    paths = [folder / f"{figure.name}.{format}" for figure in drawn]
    jobs: list[dict[str, Any]] = [
        {
            "fig": _whole(figure),
            "path": path,
            "opts": {
                "format": format,
                "width": figure.width,
                "height": int(figure.layout["height"]),
                "scale": _SCALE[format],
            },
        }
        for figure, path in zip(drawn, paths, strict=True)
    ]
    offline = {"page_generator": kaleido.PageGenerator(mathjax=False)}
    try:
        kaleido.write_fig_from_object_sync(jobs, kopts=offline)
    except (ChromeNotFoundError, BrowserFailedError) as error:
        raise ConfigError(
            "figures as files are drawn by Chromium or Chrome, and there is none that starts",
            where="--figures",
            mend="install it, or name it in BROWSER_PATH; the page needs none",
        ) from error
    except OSError as error:
        raise DataError(f"cannot be written: {error.strerror}", where=folder) from error
    return paths


def _whole(figure: Figure) -> dict[str, Any]:
    """On white, as paper is."""
    made = figure.as_dict()
    made["layout"] |= {"paper_bgcolor": "#ffffff", "plot_bgcolor": "#ffffff"}
    return made
