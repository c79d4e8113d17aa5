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


def test_a_video_that_cannot_be_read_is_tried_again(open_page: Callable[..., Any], trained: Server) -> None:
    page = open_page("about:blank")
    page.complaints.allow("ERR_FAILED")
    page.route("**/api/video?*", lambda route: route.abort())
    page.goto(trained.url)
    message = page.locator(".toast.error", has_text="its clicks could not be read")
    expect(message).to_be_visible()
    titles = page.locator("#timeline .lane-titles")
    expect(titles).to_contain_text("Clicks")
    expect(titles).not_to_contain_text("Activation")  # no room is kept for what is not on its way
    page.unroute("**/api/video?*")
    message.get_by_role("button", name="Try again").click()
    expect(titles).to_contain_text("Activation")
    expect(message).to_have_count(0)


def test_the_message_goes_with_its_video(open_page: Callable[..., Any], trained: Server) -> None:
    page = open_page("about:blank")
    page.complaints.allow("ERR_FAILED")
    page.route("**/api/video?*", lambda route: route.abort())
    page.goto(trained.url)
    message = page.locator(".toast.error", has_text="its clicks could not be read")
    expect(message).to_be_visible()
    page.unroute("**/api/video?*")
    page.keyboard.press("n")
    expect(page.locator("#timeline .lane-titles")).to_contain_text("Activation")
    expect(message).to_have_count(0)


def test_a_click_waits_for_a_server_that_knows_the_page_no_more(
    open_page: Callable[..., Any], trained: Server
) -> None:
    """As after a restart with a new token: what was clicked is kept until the new address is opened."""
    page = open_page(trained.url)
    page.complaints.allow("401")
    expect(page.locator("#timeline .lane-titles")).to_contain_text("Activation")
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
