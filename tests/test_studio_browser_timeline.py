"""Playing and the timeline in a real browser: J, K, L, wheel, fingers, thumbnails, ground truth, theme."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from studio_browser import until
from studio_server import Server
from test_studio_browser_click import VIDEO, add_classes, click_at, length, pin, ready, see, stored

pytest.importorskip("playwright.sync_api", reason="needs Playwright, of hrpro[dev]")
from playwright.sync_api import expect

pytest_plugins = ["studio_browser"]
RATE = "() => document.querySelector('video.picture').playbackRate"
PAUSED = "() => document.querySelector('video.picture').paused"
# The colour of a pixel of the still canvas, at CSS pixels of it.
PIXEL = """([x, y]) => {
  const canvas = document.querySelector(".lanes:not(.over)");
  const scale = canvas.width / canvas.clientWidth;
  return [...canvas.getContext("2d").getImageData(x * scale, y * scale, 1, 1).data].join();
}"""


def now(page: Any) -> float:
    hours, minutes, seconds = str(page.locator(".now-time").text_content()).split(":")
    return 3600 * int(hours) + 60 * int(minutes) + float(seconds)


def later(page: Any, than: float) -> None:
    page.wait_for_timeout(50)
    until(page, "(t) => document.querySelector('video.picture').currentTime > t", than)


def time_at(page: Any, x: float) -> float:
    """The time below a pixel of the timeline, as a press on the ruler tells it."""
    box = page.locator(".lanes.over").bounding_box()
    page.mouse.click(box["x"] + x, box["y"] + 10)
    return now(page)


def test_j_k_and_l_play_both_ways_and_faster(page: Any) -> None:
    ready(page)
    page.keyboard.press("l")
    later(page, 0.2)
    assert (page.evaluate(RATE), page.evaluate(PAUSED)) == (1, False)
    for faster in (2, 4, 4):
        page.keyboard.press("l")
        until(page, "(rate) => document.querySelector('video.picture').playbackRate === rate", faster)
    expect(page.get_by_label("Speed")).to_have_value("4")
    page.keyboard.press("k")
    assert page.evaluate(PAUSED)
    stopped = now(page)
    page.wait_for_timeout(300)
    assert now(page) == stopped

    page.keyboard.press("Home")
    for _ in range(10):
        page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("j")
    until(page, "() => document.querySelector('.now-time').value < '0:00:09.8'")
    expect(page.get_by_label("Speed")).to_have_value("1")
    page.keyboard.press("j")
    expect(page.get_by_label("Speed")).to_have_value("2")
    until(page, "() => document.querySelector('.now-time').value < '0:00:08'")
    page.keyboard.press("k")
    stopped = now(page)
    assert stopped > 0
    page.wait_for_timeout(300)
    assert now(page) == stopped
    until(page, "() => !document.querySelector('video.picture').seeking")
    picture = page.evaluate("() => document.querySelector('video.picture').currentTime")
    assert picture == pytest.approx(stopped, abs=0.06)  # the picture on show is the one at the playhead


def test_the_wheel_zooms_where_it_is_and_moves_along(page: Any, server: Server) -> None:
    ready(page)
    box = page.locator(".lanes.over").bounding_box()
    wide = box["width"]
    x = wide * 0.6
    before, across = time_at(page, x), length(server) / wide * 100
    page.mouse.move(box["x"] + x, box["y"] + 60)
    page.mouse.wheel(0, -600)
    assert time_at(page, x) == pytest.approx(before, abs=0.05)
    closer = time_at(page, x + 100) - before
    assert closer < across / 2
    # Shift and the wheel, or a wheel that turns sideways, move along.
    for turned, held in ((60, None), (60, "Shift")):
        at = time_at(page, x)
        page.mouse.move(box["x"] + x, box["y"] + 60)
        if held:
            page.keyboard.down(held)
            page.mouse.wheel(0, turned)
            page.keyboard.up(held)
        else:
            page.mouse.wheel(turned, 0)
        assert time_at(page, x) - at == pytest.approx(closer * turned / 100, rel=0.1, abs=0.02)
    page.keyboard.press("0")
    assert time_at(page, x) == pytest.approx(before, abs=0.05)


def fingers(page: Any) -> Callable[..., None]:
    """touch("touchMove", (x, y), ...): all the fingers that are down, at pixels of the page."""
    session = page.context.new_cdp_session(page)

    def touch(kind: str, *at: tuple[float, float]) -> None:
        points = [{"x": x, "y": y, "id": id} for id, (x, y) in enumerate(at)]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    return touch


def test_fingers_drag_a_click_and_pinch(open_page: Callable[..., Any], server: Server) -> None:
    page = open_page(
        server.url,
        viewport={"width": 1024, "height": 768},
        has_touch=True,
        is_mobile=True,
        device_scale_factor=2,
    )
    ready(page)
    add_classes(page, "jump")
    click_at(page, "1", 4)
    see(page, "jump at 4 s")
    duration = length(server)
    box = page.locator(".lanes.over").bounding_box()
    second = box["width"] / duration
    x, y = pin(page, 4, duration)
    touch = fingers(page)
    touch("touchStart", (x + 8, y + 6))  # a finger is not as sure as a mouse
    for part in range(1, 7):
        touch("touchMove", (x + 8 + part * second, y + 6))
    touch("touchEnd")
    stored(page)
    (click,) = server.clicks(VIDEO)
    assert click["time"] == pytest.approx(10, abs=0.15)

    # A second finger makes it a pinch, and the click stays where it was.
    x, y = pin(page, 10, duration)
    touch("touchStart", (x, y))
    touch("touchMove", (x + 20, y))
    touch("touchStart", (x + 20, y), (x + 120, y))
    for far in range(0, 101, 20):
        touch("touchMove", (x + 20 - far, y), (x + 120 + far, y))
    touch("touchEnd")
    stored(page)
    assert server.clicks(VIDEO)[0]["time"] == click["time"]
    middle = x + 70 - box["x"]
    assert time_at(page, middle) == pytest.approx(middle / second, abs=0.1)
    assert time_at(page, middle + 90) - time_at(page, middle) == pytest.approx(30 / second, rel=0.1)

    # One finger on the ground moves along; the page does not scroll away below it.
    at = time_at(page, middle)
    ground = box["y"] + 45
    touch("touchStart", (x, ground))
    for part in range(1, 6):
        touch("touchMove", (x - 12 * part, ground))
    touch("touchEnd")
    assert time_at(page, middle) - at == pytest.approx(20 / second, rel=0.25)
    assert page.evaluate("() => scrollY + visualViewport.offsetTop + (visualViewport.scale - 1)") == 0


def test_a_thumbnail_that_did_not_come_is_asked_for_again(page: Any) -> None:
    ready(page)
    page.keyboard.press("0")
    asked: list[str] = []
    page.complaints.allow("Failed to load resource|ERR_")

    def fail(route: Any) -> None:
        asked.append(route.request.url)
        route.abort()

    page.route("**/thumb?*", fail)
    page.reload()
    ready(page)
    until(page, "() => document.querySelector('.lanes').width > 300")
    box = page.locator(".lanes.over").bounding_box()
    place = [box["width"] / 2, 24 + 4 + 22]
    page.wait_for_timeout(500)
    empty = page.evaluate(PIXEL, place)
    assert asked
    page.unroute("**/thumb?*")
    until(page, f"([place, empty]) => ({PIXEL})(place) !== empty", [place, empty])


def test_the_theme_is_chosen_kept_and_drawn(page: Any) -> None:
    ready(page)
    ground = "() => getComputedStyle(document.body).backgroundColor"
    drawn = "() => document.querySelector('.minimap').toDataURL()"
    light, light_map = page.evaluate(ground), page.evaluate(drawn)
    button = page.locator("#theme")
    for name in ("light", "dark"):
        button.click()
        expect(button).to_have_attribute("aria-label", f"Colours: {name}")
    until(page, f"(light) => ({ground})() !== light", light)
    until(page, f"(light) => ({drawn})() !== light", light_map)  # the canvases, too
    dark = page.evaluate(ground)
    page.reload()
    ready(page)
    assert page.evaluate(ground) == dark
    page.locator("#theme").click()
    expect(page.locator("#theme")).to_have_attribute("aria-label", "Colours: as the system")
    until(page, f"(light) => ({ground})() === light", light)
    page.emulate_media(color_scheme="dark")
    until(page, f"(dark) => ({ground})() === dark", dark)


def test_the_ground_truth_of_a_data_set_is_shown_told_and_reached(
    films: Path, tmp_path: Path, open_page: Callable[..., Any], windows: list[Callable[[], None]]
) -> None:
    folder = tmp_path / "set"
    shutil.copytree(films, folder)
    database = json.loads((folder / "gt_full.json").read_text())["database"]
    first = min(database[VIDEO]["annotations"], key=lambda one: one["segment"][0])
    (start, end), label = first["segment"], first["label"]
    server = Server(folder, tmp_path / "server.log")
    try:
        page = open_page(f"{server.url}/#video={VIDEO}")
        ready(page)
        expect(page.locator(".lane-titles span", has_text="Ground truth")).to_have_count(1)
        until(page, "() => document.querySelectorAll('.reach li').length > 0")
        box = page.locator(".lanes.over").bounding_box()
        lane = page.evaluate("() => [...document.querySelectorAll('.lane-titles span')].at(-1).offsetTop")
        x = box["width"] * (start + end) / 2 / length(server)
        assert page.evaluate(PIXEL, [x, lane + 8]) != page.evaluate(PIXEL, [1, lane + 8])
        page.mouse.move(box["x"] + x, box["y"] + lane + 8)
        expect(page.locator(".tip")).to_contain_text(label)
        expect(page.locator(".tip")).to_contain_text("ground truth")
        # Without a mouse: Enter goes there, and no key changes what is true.
        item = page.locator(".reach button", has_text=f"True segment {label} from").first
        item.focus()
        page.keyboard.press("Delete")
        page.keyboard.press("ArrowRight")
        page.keyboard.press("Enter")
        until(page, "(t) => Math.abs(document.querySelector('video.picture').currentTime - t) < 0.1", start)
        assert len(server.get(f"/api/video?id={VIDEO}")["truth"]) == len(database[VIDEO]["annotations"])
    finally:
        while windows:
            windows.pop()()
        server.stop()
