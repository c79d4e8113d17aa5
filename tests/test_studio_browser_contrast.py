"""All that the studio shows, light and dark, is strong enough to be read: WCAG AA, by the browser itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from studio_contrast import faint, faint_rings
from studio_server import Server

pytest.importorskip("playwright.sync_api", reason="needs Playwright, of hrpro[dev]")
from playwright.sync_api import expect

pytest_plugins = ["studio_browser"]
SCHEMES = pytest.mark.parametrize("scheme", ["light", "dark"])


@SCHEMES
def test_nothing_is_too_faint(open_page: Callable[..., Any], trained: Server, scheme: str) -> None:
    clicked = max(trained.get("/api/project")["videos"], key=lambda video: video["clicks"])["id"]
    page = open_page(f"{trained.url}/#video={clicked}", color_scheme=scheme, reduced_motion="reduce")
    found: dict[str, list[str]] = {}

    def look(name: str, rings: bool = True) -> None:
        found[name] = faint(page) + (faint_rings(page) if rings else [])

    expect(page.locator("#clicks .row-main").first).to_be_visible()
    page.locator("#clicks .row-main").first.click()
    look("click")
    page.locator("#clicks .row-main").first.hover()
    look("under the pointer", rings=False)
    page.get_by_role("tab", name="Train").click()
    page.locator("#panel-train summary").first.click()
    expect(page.locator(".bars-row").first).to_be_visible()
    look("train")
    page.get_by_role("tab", name="Review").click()
    page.locator("#panel-review [role=option]").first.click()
    expect(page.locator(".card")).to_be_visible()
    page.keyboard.press("Shift+ArrowRight")
    look("review")
    page.get_by_role("button", name="Back to the prediction").click()
    page.keyboard.press("r")
    expect(page.locator("#toasts .toast")).to_be_visible()
    look("a message", rings=False)
    for name in ("Help and keys", "Export clicks"):
        page.get_by_role("button", name=name).click()
        expect(page.get_by_role("dialog")).to_be_visible()
        look(name)
        page.keyboard.press("Escape")
    assert {name: parts for name, parts in found.items() if parts} == {}


@SCHEMES
def test_what_waits_and_what_fails_is_not_too_faint(
    open_page: Callable[..., Any], server: Server, scheme: str
) -> None:
    page = open_page(server.url, color_scheme=scheme, reduced_motion="reduce")
    page.complaints.allow("Failed to load resource|ERR_")
    page.locator("#video-list .video").first.wait_for()
    page.get_by_label("New class").fill("jump")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Place click jump, key 1").wait_for()
    page.keyboard.press("Escape")
    assert faint(page) == []  # with the first steps
    server.kill()
    page.keyboard.press("1")
    expect(page.locator("#clicks .row.pending")).to_be_visible()
    expect(page.locator("#banner")).to_be_visible()
    assert faint(page) == []


@SCHEMES
def test_names_on_the_timeline_are_read_on_any_class_colour(
    open_page: Callable[..., Any], server: Server, scheme: str
) -> None:
    """They are drawn on a canvas: the inks and grounds that it draws with are measured."""
    page = open_page(server.url, color_scheme=scheme)
    worst = page.evaluate(
        """async () => {
      const {inkOn, readColours} = await import("/static/timeline/colours.js");
      const number = (text) => (text[0] === "#" ? [1, 3, 5].map((n) => parseInt(text.slice(n, n + 2), 16))
        : text.match(/[\\d.]+/g).slice(0, 3).map(Number));
      const light = (rgb) => {
        const [r, g, b] = rgb.map((value) => value / 255)
          .map((value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4));
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
      };
      const ratio = (one, other) => {
        const [high, low] = [light(one), light(other)].sort((a, b) => b - a);
        return (high + 0.05) / (low + 0.05);
      };
      const tokens = readColours(document.getElementById("timeline"));
      const steps = [0, 51, 102, 128, 153, 204, 255];
      const hex = (rgb) => "#" + rgb.map((value) => value.toString(16).padStart(2, "0")).join("");
      const ground = number(tokens.sunken);
      const [muted, text, surface, accent, edge] = ["muted", "text", "surface", "accent", "edge"]
        .map((name) => number(tokens[name]));
      const found = {ruler: ratio(muted, ground), time: ratio(surface, text), head: ratio(accent, ground),
        ticks: ratio(edge, ground), name: 21, faint: 21};
      for (const r of steps) for (const g of steps) for (const b of steps) {
        const black = inkOn(hex([r, g, b])) === "#000";
        found.name = Math.min(found.name, ratio([r, g, b], black ? [0, 0, 0] : [255, 255, 255]));
        const mixed = [r, g, b].map((value, n) => 0.25 * value + 0.75 * ground[n]);
        found.faint = Math.min(found.faint, ratio(text, mixed));
      }
      return found;
    }"""
    )
    least = {"ruler": 4.5, "time": 4.5, "head": 3, "ticks": 3, "name": 4.5, "faint": 4.5}
    assert {name: value for name, value in worst.items() if value < least[name]} == {}
