"""A video whose clicks could not be read says so and can be tried again: it must not look unclicked."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from studio_browser import WAIT
from studio_fixtures import contents
from studio_server import Server

pytest.importorskip("playwright.sync_api", reason="needs Playwright, of hrpro[dev]")
from playwright.sync_api import expect

pytest_plugins = ["studio_browser"]


@pytest.fixture
def unread(open_page: Callable[..., Any], trained: Server) -> Any:
    """A page that could not read its first video, though it could now."""
    page = open_page("about:blank")
    page.complaints.allow("ERR_FAILED")
    page.route("**/api/video?*", lambda route: route.abort())
    page.goto(trained.url)
    expect(message(page)).to_be_visible()
    page.unroute("**/api/video?*")
    return page


def message(page: Any) -> Any:
    return page.locator(".toast.error", has_text="its clicks could not be read")


def titles(page: Any) -> Any:
    return page.locator("#timeline .lane-titles")


def test_a_video_that_cannot_be_read_is_tried_again(unread: Any) -> None:
    expect(titles(unread)).to_contain_text("Clicks")
    expect(titles(unread)).not_to_contain_text("Activation")  # no room is kept for what is not on its way
    message(unread).get_by_role("button", name="Try again").click()
    expect(titles(unread)).to_contain_text("Activation")
    expect(message(unread)).to_have_count(0)


def test_the_message_goes_with_its_video(unread: Any) -> None:
    unread.keyboard.press("n")
    expect(titles(unread)).to_contain_text("Activation")
    expect(message(unread)).to_have_count(0)


def test_a_click_waits_for_a_server_that_knows_the_page_no_more(
    open_page: Callable[..., Any], trained: Server
) -> None:
    """As after a restart with a new token: what was clicked is kept until the new address is opened."""
    page = open_page(trained.url)
    page.complaints.allow("401")
    expect(titles(page)).to_contain_text("Activation")
    clicks = len(contents(trained)["clicks"])
    known = False
    page.route("**/api/ops", lambda r: r.continue_() if known else r.fulfill(status=401, json={}))
    with page.expect_response("**/api/ops"):
        page.keyboard.press("1")
    page.wait_for_timeout(300)
    assert len(contents(trained)["clicks"]) == clicks
    known = True
    page.reload()
    end = time.monotonic() + WAIT / 1000
    while len(contents(trained)["clicks"]) == clicks and time.monotonic() < end:
        page.wait_for_timeout(50)
    assert len(contents(trained)["clicks"]) == clicks + 1
