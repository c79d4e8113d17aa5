"""Marks in a class's colour, drawn by a real browser, stand out from what they lie on at 3:1 (WCAG 1.4.11).

Whatever the colour: those that the page and the server choose by themselves, and the worst that one can pick.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from hrpro.studio.colors import color_of
from studio_browser import settled, until
from studio_contrast import MEASURE, faint
from studio_server import Server
from test_studio_browser_click import add_classes, click_at, length, pin, ready, see, stored

pytest.importorskip("playwright.sync_api", reason="needs Playwright, of hrpro[dev]")
from playwright.sync_api import expect

pytest_plugins = ["studio_browser"]
SCHEMES = pytest.mark.parametrize("scheme", ["light", "dark"])
WHITE, BLACK, PALE = "#ffffff", "#000000", "#ffffcc"
WORST = [WHITE, BLACK, PALE, "#808080", "#eceff3", "#101317"]  # the last two are the grounds themselves

# Each kind of mark on a lane of its own; what is looked at are the places that tell where it is.
DRAWN = """async (given) => {
  const {ratio} = (SCRIPT)();
  const load = (name) => import(`/static/timeline/${name}.js`);
  const [{readColours}, clicks, segments, {drawCurves}] =
    await Promise.all(["colours", "draw_clicks", "draw_segments", "draw_curves"].map(load));
  const {COLOURS} = await import("/static/classes.js");
  const colours = readColours(document.getElementById("timeline"));
  const [width, height] = [300, 60];
  const pen = new OffscreenCanvas(width, height).getContext("2d", {willReadFrequently: true});
  const lane = {y: 0, h: 40};
  const view = {start: 0, span: 30, end: 30, width, duration: 30, scale: 10, x: (time) => time * 10};
  const at = (x, y) => [...pen.getImageData(x, y, 1, 1).data].slice(0, 3);
  const upTo = (n, f) => Math.max(...Array.from({length: n}, (_, k) => f(k)));
  /* The strongest of n pixels from (x, y) on, to the right or downwards, against the lane's ground. */
  const across = (x, y, n, ground) => upTo(n, (k) => ratio(at(x + k, y), ground));
  const down = (x, y, n, ground) => upTo(n, (k) => ratio(at(x, y + k), ground));
  /* The same over some rows: dashes leave some out. */
  const dashed = (x, y, n, ground) => upTo(6, (k) => across(x, y + k, n, ground));
  const least = {};
  const told = (kind, color, found) => {
    if (!least[kind] || found < least[kind][0]) least[kind] = [found, color];
  };
  const palette = [...COLOURS, ...given];
  for (const color of palette) {
    const classes = new Map([["c", {color, name: "run", key: "1", place: 0}]]);
    const fresh = () => pen.clearRect(0, 0, width, height);
    const bottom = () => at(width - 2, 38);  // nothing is drawn there
    for (const pending of [false, true]) {
      fresh();
      clicks.drawClicks(pen, lane, view, colours, {clicks: [{time: 10.13, class: "c", pending}], classes});
      const kind = pending ? "waiting click" : "click";
      told(`${kind}: head`, color, dashed(90, 6, 6, bottom()));
      told(`${kind}: stem`, color, dashed(98, 24, 6, bottom()));
    }
    fresh();
    const many = Array.from({length: 40}, (_, n) => ({time: 0.1 * n, class: "c"}));
    clicks.drawClicks(pen, lane, view, colours, {clicks: many, classes});
    told("small clicks", color, across(20, 38, 6, bottom()));
    fresh();
    const crowd = Array.from({length: 400}, (_, n) => ({time: 10 + n / 1000, class: "c"}));
    clicks.drawClicks(pen, lane, view, colours, {clicks: crowd, classes});
    told("columns of clicks", color, across(99, 30, 4, bottom()));
    const stretch = {start: 10, end: 20, class: "c", label: "run"};
    const ends = (kind, y) => {
      told(`${kind}: start`, color, across(98, y, 6, bottom()));
      told(`${kind}: end`, color, across(196, y, 6, bottom()));
    };
    for (const score of [0.01, 0.5, 1]) {
      fresh();
      const short = {...stretch, start: 25, end: 25.2};
      const predicted = [stretch, short].map((one) => ({item: {...one, score}, row: 0}));
      segments.drawPredicted(pen, lane, view, colours, {predicted, classes});
      ends(`predicted with ${score}`, 5);
      told("narrow predicted", color, across(248, 5, 6, bottom()));
    }
    fresh();
    segments.drawPredicted(pen, lane, view, colours,
      {predicted: [{item: {...stretch, score: 0.5, verdict: "rejected"}, row: 0}], classes});
    told("rejected", color, down(150, 0, 11, bottom()));
    for (const pending of [false, true]) {
      fresh();
      segments.drawVerified(pen, lane, view, colours, {segments: [{...stretch, pending}], classes});
      const sides = [98, 196].map((x) => dashed(x, 10, 6, bottom()));
      told(pending ? "waiting segment" : "verified", color, Math.min(...sides));
    }
    fresh();
    segments.drawTruth(pen, lane, view, colours, {truth: [stretch], colourOf: () => color});
    ends("truth", 30);
    for (const attention of [0, 1]) {
      fresh();
      const all = (value) => new Array(30).fill(value);
      const grid = {classes: ["run"], stride: 1, offset: 0};
      const activations = {attention: all(attention), activation: [all(0.5)], ...grid};
      drawCurves(pen, lane, view, colours, {activations, colourOf: () => color});
      told(`activation on attention ${attention}`, color, down(150, 10, 20, at(150, 36)));
      if (attention) told("attention", color, down(150, 0, 6, at(297, 38)));
    }
  }
  return {least, colours: palette.length};
}""".replace("SCRIPT", MEASURE)

# The strongest pixel near a place of a canvas, against the pixel at another place of it.
NEAR = """([selector, x, y, groundX, groundY, reach]) => {
  const {ratio} = (SCRIPT)();
  const canvas = document.querySelector(selector);
  const scale = canvas.width / canvas.clientWidth;
  const pen = canvas.getContext("2d");
  const read = (x, y) => pen.getImageData(Math.round(x * scale), Math.round(y * scale), 1, 1);
  const at = (x, y) => [...read(x, y).data].slice(0, 3);
  const ground = at(groundX, groundY);
  let most = 0;
  for (let by = -reach; by <= reach; by++) most = Math.max(most, ratio(at(x + by, y), ground));
  return most;
}""".replace("SCRIPT", MEASURE)


@SCHEMES
def test_every_mark_of_the_timeline_stands_out_in_any_colour(
    open_page: Callable[..., Any], server: Server, scheme: str
) -> None:
    page = open_page(server.url, color_scheme=scheme)
    found = page.evaluate(DRAWN, [*WORST, *map(color_of, range(24))])
    assert found["colours"] >= 40
    assert len(found["least"]) >= 15
    assert {kind: least for kind, least in found["least"].items() if least[0] < 2.995} == {}


@SCHEMES
def test_colours_that_one_picks_are_seen_where_they_are_used(
    open_page: Callable[..., Any], server: Server, scheme: str
) -> None:
    page = open_page(server.url, color_scheme=scheme)
    ready(page)
    add_classes(page, "jump")
    click_at(page, "1", 10)
    see(page, "jump at 10 s")
    page.keyboard.press("Home")  # takes the playhead away from the click
    box = page.locator(".lanes.over").bounding_box()
    x, y = pin(page, 10, length(server))
    x, y = x - box["x"], y - box["y"]
    map_width = page.locator(".minimap").bounding_box()["width"]
    on_map = map_width * 10 / length(server)
    for color in (WHITE, BLACK, PALE):
        page.get_by_label("Colour of jump").fill(color)
        stored(page)
        until(page, "(color) => document.querySelector('#classes input[type=color]').value === color", color)
        dot = "(color) => getComputedStyle(document.querySelector('#clicks .dot')).backgroundColor"
        expected = ", ".join(str(int(color[n : n + 2], 16)) for n in (1, 3, 5))
        until(page, f"(color) => ({dot})() === `rgb(${{color}})`", expected)
        settled(page)
        seen = {
            "stem": page.evaluate(NEAR, [".lanes:not(.over)", x, y + 22, x + 60, y + 22, 2]),
            "head": page.evaluate(NEAR, [".lanes:not(.over)", x, y, x + 60, y + 22, 9]),
            "map": page.evaluate(NEAR, [".minimap", on_map, 5, on_map + 60, 5, 2]),
        }
        assert {part: ratio for part, ratio in seen.items() if ratio < 2.995} == {}, color
        assert faint(page) == [], color
    expect(page.locator("#clicks .dot")).to_have_count(1)
