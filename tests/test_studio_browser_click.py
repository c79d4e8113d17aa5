"""Clicking in a real browser: keys, dragging, undo, two people, a server that dies, and no mouse at all."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from studio_browser import nameless, no_sideways_scroll, until
from studio_server import Server

pytest.importorskip("playwright.sync_api", reason="needs Playwright, of hrpro[dev]")
from playwright.sync_api import expect

pytest_plugins = ["studio_browser"]

VIDEO = "test_000"
FRAME = 0.001  # s, more than a stored click may differ from what was shown
FOCUSED = (
    "() => document.activeElement.getAttribute('aria-label') || document.activeElement.textContent.trim()"
)


def add_classes(page: Any, *names: str) -> None:
    """By typing, as on the page; waits until the server has stored each."""
    for name in names:
        page.get_by_label("New class").fill(name)
        page.keyboard.press("Enter")
        page.get_by_role("button", name=f"Place click {name}", exact=False).wait_for()
    page.keyboard.press("Escape")  # leaves the field, so that digits are clicks again


def ready(page: Any) -> None:
    """Waits for the open video to show its first picture."""
    until(page, "() => document.querySelector('video.picture').readyState >= 2")


def click_at(page: Any, key: str, seconds: int) -> None:
    """Go to a whole second from the start and place a click of the class with that key."""
    page.keyboard.press("Home")
    for _ in range(seconds):
        page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press(key)


def stored(page: Any) -> None:
    expect(page.locator("#saved")).to_have_text("All stored")


def see(page: Any, *clicks: str) -> None:
    """Waits until the list of clicks says just that, all of it stored."""
    found = page.locator("#clicks .row-main")
    expect(found).to_have_count(len(clicks))
    for index, words in enumerate(clicks):
        expect(found.nth(index)).to_have_attribute("aria-label", f"Click {words}")
    stored(page)


def pin(page: Any, time: float, duration: float) -> tuple[float, float]:
    """Where the head of a click of the first class is, in pixels of the page, with all in sight."""
    box = page.locator(".lanes.over").bounding_box()
    lane = page.evaluate("() => [...document.querySelectorAll('.lane-titles span')][0].offsetTop")
    return box["x"] + box["width"] * time / duration, box["y"] + lane + 9


def length(server: Server, id: str = VIDEO) -> float:
    return next(one["duration"] for one in server.get("/api/project")["videos"] if one["id"] == id)


def test_keys_place_clicks_that_undo_takes_back_and_a_reload_keeps(page: Any, server: Server) -> None:
    ready(page)
    add_classes(page, "jump", "<b>wave</b> & more")
    for key, seconds in (("1", 2), ("2", 5), ("1", 8)):
        click_at(page, key, seconds)
    odd = "<b>wave</b> & more"
    see(page, "jump at 2 s", f"{odd} at 5 s", "jump at 8 s")
    assert [click["time"] for click in server.clicks(VIDEO)] == pytest.approx([2, 5, 8], abs=FRAME)

    page.keyboard.press("Control+z")
    see(page, "jump at 2 s", f"{odd} at 5 s")
    page.keyboard.press("Control+Shift+z")
    see(page, "jump at 2 s", f"{odd} at 5 s", "jump at 8 s")
    page.keyboard.press("Shift+Digit2")  # the redone click is selected: it becomes the other class
    see(page, "jump at 2 s", f"{odd} at 5 s", f"{odd} at 8 s")

    page.reload()
    see(page, "jump at 2 s", f"{odd} at 5 s", f"{odd} at 8 s")
    page.keyboard.press("Control+z")  # undo survives the reload
    see(page, "jump at 2 s", f"{odd} at 5 s", "jump at 8 s")


def test_the_undo_of_a_deletion_goes_with_the_next_edit(page: Any, server: Server) -> None:
    ready(page)
    add_classes(page, "jump", "run")
    for seconds in (2, 5):
        click_at(page, "1", seconds)
    see(page, "jump at 2 s", "jump at 5 s")
    page.keyboard.press("Delete")
    offer = page.locator(".toast", has_text="Deleted").get_by_role("button", name="Undo")
    offer.hover()  # as long as the pointer is there, no time takes it away
    page.keyboard.press("Shift+Digit2")  # the other one becomes the other class, which needs no message
    see(page, "run at 2 s")
    expect(offer).to_have_count(0)


def test_the_undo_of_a_deletion_takes_back_nothing_done_in_another_tab(page: Any, server: Server) -> None:
    """Tabs of one browser are one person, with one history."""
    page.complaints.allow("409")
    ready(page)
    add_classes(page, "jump")
    for seconds in (2, 5):
        click_at(page, "1", seconds)
    see(page, "jump at 2 s", "jump at 5 s")
    page.keyboard.press("Delete")
    see(page, "jump at 2 s")
    offer = page.locator(".toast", has_text="Deleted").get_by_role("button", name="Undo")
    offer.hover()  # as long as the pointer is there, no time takes it away
    other = page.context.new_page()
    other.goto(server.url)
    ready(other)
    click_at(other, "1", 8)
    see(other, "jump at 2 s", "jump at 8 s")
    see(page, "jump at 2 s", "jump at 8 s")
    offer.click()
    page.get_by_text("Something else was done since").first.wait_for()
    see(page, "jump at 2 s", "jump at 8 s")


def test_a_deletion_that_was_refused_offers_no_undo(page: Any, server: Server) -> None:
    page.complaints.allow("409")
    ready(page)
    add_classes(page, "jump")
    click_at(page, "1", 2)
    see(page, "jump at 2 s")
    (click,) = server.clicks(VIDEO)
    moved = {"op": "move_click", "id": click["id"], "version": click["version"], "time": 6.0}

    def overtaken(route: Any) -> None:
        server.ops(moved)
        route.continue_()

    page.route("**/api/ops", overtaken, times=1)
    page.keyboard.press("Delete")
    page.get_by_text("somebody else changed this").first.wait_for()
    see(page, "jump at 6 s")
    expect(page.locator(".toast", has_text="Deleted")).to_have_count(0)


def test_a_dragged_click_moves_and_escape_leaves_it(page: Any, server: Server) -> None:
    ready(page)
    add_classes(page, "jump")
    click_at(page, "1", 4)
    stored(page)
    duration = length(server)
    x, y = pin(page, 4, duration)
    second = page.locator(".lanes.over").bounding_box()["width"] / duration

    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 3 * second, y, steps=4)
    page.keyboard.press("Escape")
    page.mouse.up()
    see(page, "jump at 4 s")

    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 3 * second, y, steps=4)
    page.mouse.up()
    expect(page.locator("#clicks .row-main")).to_have_attribute(
        "aria-label", re.compile("jump at (6.9|7|7.1) s")
    )
    stored(page)
    (click,) = server.clicks(VIDEO)
    assert click["time"] == pytest.approx(7, abs=0.1)
    page.keyboard.press("Delete")
    page.get_by_text("No clicks in this video yet.").wait_for()
    stored(page)
    assert server.clicks(VIDEO) == []


def test_frames_are_stepped_one_by_one_and_the_picture_follows(page: Any) -> None:
    ready(page)
    shown = """() => [
      document.querySelector("video.picture").currentTime, document.querySelector(".now-time").value]"""
    fps = page.evaluate("async () => (await (await fetch('/api/frames?id=test_000')).json()).fps")
    for _ in range(3):
        page.keyboard.press(".")
    page.keyboard.press(",")
    until(page, "() => !document.querySelector('video.picture').seeking")
    picture, words = page.evaluate(shown)
    hours, minutes, seconds = words.split(":")
    assert float(seconds) == pytest.approx(2 / fps, abs=FRAME)
    assert (hours, minutes) == ("0", "00")
    assert 2 / fps <= picture < 3 / fps  # inside the picture that the playhead names


def test_two_people_see_each_other_and_cannot_overwrite_silently(
    open_page: Callable[..., Any], server: Server
) -> None:
    first, second = open_page(server.url), open_page(server.url)
    for page in (first, second):
        page.complaints.allow("409")
        page.locator("#video-list .video").first.wait_for()
    add_classes(first, "jump")
    click_at(first, "1", 3)
    see(second, "jump at 3 s")

    (click,) = server.clicks(VIDEO)

    # Somebody is quicker than the second one's edit, of which the page has not heard when it sends.
    overtook: list[Any] = []

    def overtaken(route: Any) -> None:
        if not overtook:
            overtook.append(
                server.ops({"op": "move_click", "id": click["id"], "version": click["version"], "time": 6.0})
            )
        route.continue_()

    second.route("**/api/ops", overtaken)
    second.locator("#clicks .row-main").first.focus()
    second.keyboard.press("ArrowRight")
    second.get_by_text("somebody else changed this").first.wait_for()
    assert server.clicks(VIDEO)[0]["time"] == 6.0
    see(second, "jump at 6 s")
    see(first, "jump at 6 s")


def test_a_click_made_while_the_server_is_dead_waits_and_is_stored_once(page: Any, server: Server) -> None:
    page.complaints.allow("Failed to load resource|ERR_")
    ready(page)
    add_classes(page, "jump")
    click_at(page, "1", 2)
    stored(page)
    server.kill()
    click_at(page, "1", 5)
    page.get_by_text("No connection to the studio", exact=False).first.wait_for()
    assert page.get_by_role("button", name="Click jump at 5 s, not stored yet").count() >= 1
    server.start()
    until(page, "() => document.getElementById('banner').hidden")
    see(page, "jump at 2 s", "jump at 5 s")
    assert [click["time"] for click in server.clicks(VIDEO)] == pytest.approx([2, 5], abs=FRAME)


def test_everything_is_done_without_a_mouse(page: Any, server: Server) -> None:
    ready(page)
    page.keyboard.press("/")
    assert page.evaluate(FOCUSED) == "Filter videos"
    page.keyboard.press("Escape")
    seen: list[str] = []
    page.reload()  # Tab begins at the top again
    ready(page)
    for _ in range(60):
        page.keyboard.press("Tab")
        seen.append(page.evaluate(FOCUSED))
        if seen[-1] == "New class":
            break
    assert seen[-1] == "New class", seen
    assert {"Play", "One frame on", "Speed", "Click", "Undo", "Help and keys"} <= set(seen)
    page.keyboard.type("jump")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Place click jump, key 1").wait_for()
    page.keyboard.press("Escape")
    click_at(page, "1", 4)
    click_at(page, "1", 6)
    stored(page)

    # The unseen list of the timeline: walk, move by a frame, go there, delete.
    reach = page.locator(".reach button").first
    reach.focus()
    assert page.evaluate(FOCUSED) in {"Click jump at 4 s", "jump at 6 s"}
    page.keyboard.press("Home")
    assert page.evaluate(FOCUSED) == "Click jump at 4 s"
    page.keyboard.press("ArrowRight")
    stored(page)
    times = [click["time"] for click in server.clicks(VIDEO)]
    assert 4 < times[0] < 4.2
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    until(page, "() => document.querySelector('.now-time').value === '0:00:06.000'")
    page.keyboard.press("Delete")
    stored(page)
    assert [click["time"] for click in server.clicks(VIDEO)] == times[:1]
    page.keyboard.press("n")
    until(page, "() => location.hash.includes('train_000')")
    page.keyboard.press("?")
    assert page.get_by_role("dialog", name="Help and keys").is_visible()


@pytest.mark.parametrize(
    "options",
    [
        {"viewport": {"width": 1280, "height": 720}, "color_scheme": "light"},
        {
            "viewport": {"width": 1024, "height": 768},
            "color_scheme": "dark",
            "has_touch": True,
            "is_mobile": True,
        },
    ],
    ids=["desktop", "tablet"],
)
def test_all_has_a_name_and_fits(
    open_page: Callable[..., Any], server: Server, options: dict[str, Any]
) -> None:
    page = open_page(server.url, **options)
    page.locator("#video-list .video").first.wait_for()
    add_classes(page, "jump")
    page.get_by_role("button", name="Place click jump, key 1").click()
    page.locator("#clicks .row-main").first.wait_for()
    for tab in ("Train", "Review", "Click"):
        page.get_by_role("tab", name=tab).click()
        assert nameless(page) == []
        no_sideways_scroll(page)
    if options.get("has_touch"):
        small = page.evaluate(
            """() => [...document.querySelectorAll(
              '.transport button, .class-press, .video, .tabs button, .bar button')]
            .filter((one) => one.checkVisibility() && Math.min(one.offsetHeight, one.offsetWidth) < 40)
            .map((one) => one.getAttribute('aria-label') ?? one.textContent)"""
        )
        assert small == []
