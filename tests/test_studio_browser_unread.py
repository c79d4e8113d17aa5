"""A video whose clicks could not be read says so and can be tried again: it must not look unclicked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

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
