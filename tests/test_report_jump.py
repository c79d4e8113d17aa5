"""The report's way into the video: a press on a bar or on a time plays it from there, in a real browser."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("plotly", reason="the extra [report] is not installed")
pytest.importorskip("playwright.sync_api", reason="needs Playwright, of hrpro[dev]")

from hrpro.report.write import write_report
from report_subjects import detections, result, subject
from studio_browser import settled, until

pytest_plugins = ["studio_browser"]
# Where the film was sent, for by the time that a busy machine looks, it may have played to its end.
WATCH = """() => {
  const video = document.querySelector(".player video");
  window.sent = [];
  video.addEventListener("seeking", () => window.sent.push(video.currentTime));
}"""
PLAYS_FROM = """([start]) => {
  const video = document.querySelector(".player video");
  return window.sent.some((moment) => Math.abs(moment - start) < 0.05) && video.readyState >= 2
    && video.currentTime >= start - 0.05 && (video.played.length > 0);
}"""
# Plotly tells of a press on what it has seen hovered.
HOVERED = """([moment]) => document.querySelector("figure[data-name=timeline-001] .plot")
  ._hoverdata?.some((point) => point.customdata === moment)"""


def test_a_press_on_a_moment_plays_the_video_from_there(
    films: Path, tmp_path: Path, open_page: Callable[..., Any]
) -> None:
    film = next((films / "videos").rglob("test_*.mp4"))
    about = replace(subject(1), files={"video 0": film})
    assert about.truth is not None
    # The film is shorter than the minute that the subject's videos last.
    early = tuple(s for s in about.truth["video 0"] if s.end < 20)
    about = replace(about, truth={"video 0": early}, seconds={"video 0": 24.0})
    found = {"video 0": detections(about, 0.1, false=0)["video 0"]}
    write_report(about, [result(found)], tmp_path / "report.html")
    page = open_page((tmp_path / "report.html").as_uri(), viewport={"width": 1280, "height": 900})
    player = page.locator(".player video")
    assert not player.is_visible()

    page.locator("summary", has_text="Segments").click()
    link = page.locator("a[data-seek]").last
    start = float(link.get_attribute("data-seek"))
    assert start > 1
    page.evaluate(WATCH)
    link.click()
    until(page, PLAYS_FROM, [start])
    assert player.is_visible()
    player.evaluate("(video) => video.pause()")

    figure = page.locator("figure[data-name=timeline-001]")
    figure.scroll_into_view_if_needed()
    figure.locator(".barlayer .point path").first.wait_for()
    settled(page)
    bars = figure.locator(".barlayer .trace").first.locator(".point path")
    data = "(figure) => figure.querySelector('.plot').data.find((one) => one.type === 'bar')"
    moments = figure.evaluate(f"(figure) => ({data})(figure).customdata")
    for number, moment in enumerate(moments):
        box = bars.nth(number).bounding_box()
        place = box["x"] + 0.1 * box["width"], box["y"] + box["height"] / 2  # clicks are near the middle
        page.mouse.move(*place)
        until(page, HOVERED, [moment])
        page.mouse.click(*place)
        until(page, PLAYS_FROM, [moment])
        player.evaluate("(video) => video.pause()")
    assert len(page.context.pages) == 1  # it plays here, in no other tab
