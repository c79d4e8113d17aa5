"""Clicks that a training did not believe: listed with the run, and one press away."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from studio_browser import until
from studio_server import Server

pytest.importorskip("playwright.sync_api", reason="needs Playwright, of hrpro[dev]")
from playwright.sync_api import expect

pytest_plugins = ["studio_browser"]


def test_a_doubted_click_is_told_and_shown(open_page: Callable[..., Any], trained: Server) -> None:
    videos = [one["id"] for one in trained.get("/api/project")["videos"]]
    run = trained.get("/api/project")["runs"][-1]
    click = next(one for one in trained.clicks(videos[-1]))
    label = next(one["name"] for one in trained.get("/api/project")["classes"] if one["id"] == click["class"])
    table = trained.project / ".hrpro-studio/runs" / run["id"] / "doubted_clicks.csv"
    before = table.read_bytes() if table.exists() else None
    try:
        table.write_text(f"video_id,timestamp,label\n{videos[-1]},{click['time']},{label}\n")
        told = trained.get("/api/project")["runs"][-1]["doubted"]
        assert told == [{"video": videos[-1], "time": click["time"], "label": label}]
        page = open_page(trained.url)
        page.locator("#video-list .video").first.wait_for()
        page.get_by_role("tab", name="Train").click()
        page.get_by_text("1 click may be a slip").click()
        for number in (1, 0):  # what is predicted there comes, and the runs are drawn anew
            with page.expect_response(lambda response: "/api/predictions" in response.url):
                page.locator("#video-list .video").nth(number).click()
        page.wait_for_timeout(300)
        expect(page.get_by_role("button", name=f"{label} at")).to_be_visible()
        page.get_by_role("button", name=f"{label} at").click()
        expect(page.get_by_role("tab", name="Click")).to_have_attribute("aria-selected", "true")
        until(page, "(id) => location.hash.includes(encodeURIComponent(id))", videos[-1])
        until(
            page,
            f"() => Math.abs(document.querySelector('video.picture').currentTime - {click['time']}) < 0.2",
        )
        table.write_text("nonsense\n")  # tells nothing, and breaks nothing
        assert trained.get("/api/project")["runs"][-1]["doubted"] == []
    finally:
        table.unlink()
        if before is not None:
            table.write_bytes(before)
