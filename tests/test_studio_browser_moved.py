"""Two projects, one after the other at one address: what waits for the first never lands in the second."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from studio_browser import until
from studio_server import Server

pytest.importorskip("playwright.sync_api", reason="needs Playwright, of hrpro[dev]")
from playwright.sync_api import expect

pytest_plugins = ["studio_browser"]


def names(server: Server) -> list[str]:
    return [one["name"] for one in server.get("/api/project")["classes"]]


def test_a_folder_that_cannot_be_listed_any_more_is_told(page: Any, server: Server) -> None:
    page.locator("#video-list .video").first.wait_for()
    first = min(server.project.glob("*.mp4"))
    first.with_suffix(".avi").write_bytes(b"")
    server.ops({"op": "add_class", "id": "jump", "name": "jump", "color": "#aa00ff", "key": "1"})
    video = first.stem
    server.ops({"op": "add_click", "id": "k1", "video": video, "time": 1.0, "class": "jump"})
    expect(page.locator(".toast.error")).to_contain_text(f"would both be called '{video}'")
    expect(page.locator("#video-list .video")).to_have_count(3)


def test_an_edit_that_waits_is_stored_in_its_own_project_only(
    page: Any, server: Server, tmp_path: Path
) -> None:
    page.complaints.allow("Failed to load resource|ERR_")
    first, second = server.project, tmp_path / "second"
    shutil.copytree(first, second, ignore=shutil.ignore_patterns(".hrpro-studio"))
    page.get_by_label("New class").fill("jump")
    page.keyboard.press("Enter")
    expect(page.locator("#classes")).to_contain_text("jump")
    server.kill()
    page.get_by_label("New class").fill("run")
    page.keyboard.press("Enter")
    until(page, "() => Object.values(sessionStorage).some((text) => text.includes('run'))")

    server.project = second
    server.start()
    expect(page.locator(".toast")).to_contain_text("An edit of another project")
    expect(page.locator("#classes")).not_to_contain_text("jump")
    page.get_by_label("New class").fill("sit")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Place click sit", exact=False).wait_for()
    assert names(server) == ["sit"]

    server.kill()
    server.project = first
    server.start()
    page.get_by_role("button", name="Place click run", exact=False).wait_for()
    assert names(server) == ["jump", "run"]
    assert page.evaluate("() => Object.values(sessionStorage).every((text) => text === '[]')")
