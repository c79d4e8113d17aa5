"""Two classes that are one, and a video that has another name now: put in order on the page."""

from __future__ import annotations

from typing import Any

import pytest

from studio_server import Server
from test_studio_browser_click import VIDEO, add_classes, click_at, ready, see, stored

pytest.importorskip("playwright.sync_api", reason="needs Playwright, of hrpro[dev]")
from playwright.sync_api import expect

pytest_plugins = ["studio_browser"]


def names(server: Server) -> list[str]:
    return [one["name"] for one in server.get("/api/project")["classes"]]


def test_a_class_is_merged_into_another_by_choice_or_by_its_name(page: Any, server: Server) -> None:
    ready(page)
    add_classes(page, "jump", "leap", "jmup")
    for key, seconds in (("1", 2), ("2", 5), ("3", 8)):
        click_at(page, key, seconds)
    see(page, "jump at 2 s", "leap at 5 s", "jmup at 8 s")
    page.get_by_label("Edit leap").click()
    page.get_by_label("Merge leap into").select_option("jump")
    see(page, "jump at 2 s", "jump at 5 s", "jmup at 8 s")
    page.locator(".toast", has_text="leap is merged into jump").get_by_role("button", name="Undo").click()
    see(page, "jump at 2 s", "leap at 5 s", "jmup at 8 s")
    assert names(server) == ["jump", "leap", "jmup"]

    page.get_by_label("Edit jmup").click()
    page.get_by_label("Name of jmup").fill("jump")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Merge the two").click()
    see(page, "jump at 2 s", "leap at 5 s", "jump at 8 s")
    assert names(server) == ["jump", "leap"]
    page.get_by_label("Edit leap").click()
    assert page.get_by_label("Merge leap into").locator("option").all_inner_texts() == [
        "merge into …",
        "jump",
    ]


def test_by_keys_one_walks_past_what_one_does_not_choose(page: Any, server: Server) -> None:
    ready(page)
    add_classes(page, "jump", "leap", "hop")
    click_at(page, "2", 2)
    see(page, "leap at 2 s")
    page.get_by_label("Edit leap").click()
    page.get_by_label("Key of leap").focus()
    for _ in range(2):
        page.keyboard.press("ArrowDown")  # past key 3, which is hop's
    page.keyboard.press("Enter")
    stored(page)
    page.get_by_label("Place click leap, key 4").wait_for()
    assert [one["key"] for one in server.get("/api/project")["classes"]] == ["1", "4", "3"]
    into = page.get_by_label("Merge leap into")
    into.focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Escape")
    expect(into).to_have_value("")
    into.focus()  # Esc leaves a field
    for _ in range(2):
        page.keyboard.press("ArrowDown")
    assert names(server) == ["jump", "leap", "hop"]
    page.keyboard.press("Enter")
    see(page, "hop at 2 s")
    expect(page.locator(".class-press").first).to_be_focused()
    assert names(server) == ["jump", "hop"]

    page.get_by_label("Edit hop").click()
    page.get_by_label("Name of hop").fill("bounce")
    page.keyboard.press("Enter")
    see(page, "bounce at 2 s")
    page.keyboard.press("Escape")
    page.locator("#undo").click()  # one edit, though Enter and leaving the field both tell of it
    see(page, "hop at 2 s")


def test_a_class_in_use_is_said_to_be(page: Any, server: Server) -> None:
    page.complaints.allow("409")
    ready(page)
    add_classes(page, "jump")
    click_at(page, "1", 2)
    see(page, "jump at 2 s")
    page.get_by_label("Edit jump").click()
    page.get_by_label("Delete class jump").click()
    expect(page.locator(".toast.error")).to_contain_text("This class is in use")


def test_what_was_clicked_follows_a_renamed_video(page: Any, server: Server) -> None:
    page.complaints.allow("404")  # of a picture asked for just before it was renamed
    ready(page)
    add_classes(page, "jump")
    for seconds in (2, 5):
        click_at(page, "1", seconds)
    see(page, "jump at 2 s", "jump at 5 s")
    (server.project / f"{VIDEO}.mp4").rename(server.project / "better name.mp4")
    page.reload()
    page.get_by_role("button", name=VIDEO).click()
    choice = page.get_by_label("What it is called now")
    expect(choice).to_have_value("better name")  # by its size and time
    page.get_by_role("button", name="Move them there").click()
    expect(page.locator(".toast", has_text="2 clicks and segments are of better name now")).to_be_visible()
    ready(page)
    see(page, "jump at 2 s", "jump at 5 s")
    expect(page.locator("#video-list [aria-current]")).to_contain_text("better name")
    expect(page.get_by_role("button", name=VIDEO)).to_have_count(0)
    assert len(server.clicks("better name")) == 2

    page.get_by_role("button", name="Undo", exact=True).last.click()
    see(page)
    stored(page)
    assert len(server.clicks(VIDEO)) == 2
