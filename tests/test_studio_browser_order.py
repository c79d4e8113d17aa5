"""Answers and events overtake each other on their way to the page: the later one holds."""

from __future__ import annotations

from typing import Any

import pytest

from studio_browser import hold_first, release, until_held
from studio_server import Server

pytest.importorskip("playwright.sync_api", reason="needs Playwright, of hrpro[dev]")
from playwright.sync_api import expect

from test_studio_browser_click import VIDEO, add_classes, see

pytest_plugins = ["studio_browser"]


def add_click(id: str, time: float) -> dict[str, Any]:
    return {"op": "add_click", "id": id, "video": VIDEO, "time": time, "class": "jump"}


def test_a_class_is_not_lost_to_an_older_answer(page: Any, server: Server) -> None:
    page.locator("#video-list .video").first.wait_for()
    held = hold_first(page, "**/api/project")
    page.reload()
    until_held(page, held)
    add_classes(page, "jump")
    page.evaluate("""() => {
      const place = document.getElementById("classes");
      const look = () => (window.lost ||= !place.textContent.includes("jump"));
      new MutationObserver(look).observe(place, {childList: true, subtree: true});
    }""")
    release(page, held, "/api/project")
    assert not page.evaluate("() => Boolean(window.lost)")
    add_classes(page, "run")
    assert [(one["name"], one["key"]) for one in server.get("/api/project")["classes"]] == [
        ("jump", "1"),
        ("run", "2"),
    ]


def test_what_was_deleted_does_not_come_back_with_an_older_answer(page: Any, server: Server) -> None:
    page.locator("#video-list .video").first.wait_for()
    server.ops({"op": "add_class", "id": "jump", "name": "jump", "color": "#aa00ff", "key": "free"})
    server.ops(add_click("first", 1.0))
    held = hold_first(page, "**/api/video?*")
    page.reload()
    until_held(page, held)
    server.ops({"op": "delete_click", "id": "first", "version": 1})
    server.ops(add_click("second", 3.0))
    see(page, "jump at 3 s")
    release(page, held, "/api/video")
    see(page, "jump at 3 s")


def test_classes_typed_faster_than_they_are_stored_all_get_their_key(page: Any, server: Server) -> None:
    page.locator("#video-list .video").first.wait_for()
    waiting: list[Any] = []
    page.route("**/api/ops", lambda route: route.continue_() if waiting else waiting.append(route))
    for name in ("jump", "run", "sit"):
        page.get_by_label("New class").fill(name)
        page.keyboard.press("Enter")
    until_held(page, waiting)
    waiting[0].continue_()
    expect(page.locator("#classes")).to_contain_text("sit")
    classes = server.get("/api/project")["classes"]
    assert [(one["name"], one["key"]) for one in classes] == [("jump", "1"), ("run", "2"), ("sit", "3")]
    assert len({one["color"] for one in classes}) == 3


def test_a_database_that_begins_anew_is_shown_as_it_is(page: Any, server: Server) -> None:
    page.complaints.allow("Failed to load resource|ERR_")
    page.locator("#video-list .video").first.wait_for()
    server.ops({"op": "add_class", "id": "jump", "name": "jump", "color": "#aa00ff", "key": "free"})
    server.ops(*(add_click(f"k{second}", second) for second in range(5)))
    see(page, *(f"jump at {second} s" for second in range(5)))
    server.kill()
    for file in (server.project / ".hrpro-studio").glob("studio.db*"):
        file.unlink()
    server.start()
    expect(page.locator("#classes")).not_to_contain_text("jump")
    expect(page.locator("#clicks .row-main")).to_have_count(0)
    server.ops({"op": "add_class", "id": "jump", "name": "leap", "color": "#aa00ff", "key": "free"})
    server.ops(add_click("k1", 2.0))
    see(page, "leap at 2 s")


def test_news_that_comes_late_changes_nothing(page: Any, server: Server) -> None:
    seen = page.evaluate(
        """async () => {
      const {createState} = await import("/static/state.js");
      const {applyChange} = await import("/static/things.js");
      const state = createState();
      state.set("video", "film");
      const at = (time) => ({id: "one", video: "film", class: "jump", time});
      const come = (revision, value) => {
        applyChange(state, {kind: "click", id: "one", revision, value});
        return [...state.get("clicks").values()].map((one) => one.time).join();
      };
      return [come(4, at(4)), come(3, at(3)), come(6, null), come(5, at(5)), come(7, at(7))];
    }"""
    )
    assert seen == ["4", "4", "", "", "7"]


def test_a_job_that_has_stopped_does_not_run_again_by_an_older_answer(page: Any, server: Server) -> None:
    """The page's own parts, fed in an order that a machine gives only now and then."""
    seen = page.evaluate(
        """async () => {
      const {createState} = await import("/static/state.js");
      const {createProject} = await import("/static/project.js");
      const project = {revision: 0, videos: [], classes: [], runs: []};
      const job = (state) => ({id: "one", state, created: 0});
      const soon = () => new Promise((done) => setTimeout(done, 20));
      const state = createState();
      let stream, jobs, release;
      const get = async (path) => {
        const answer = structuredClone(path === "/api/jobs" ? {jobs} : project);
        if (release !== undefined) await new Promise((done) => (release = done));
        return answer;
      };
      const api = {get, resume() {}, follow: (_, handlers) => (stream = handlers)};
      const shown = () => state.get("jobs").map((one) => one.state).join();
      jobs = [job("running")];
      const {start, reload} = createProject({state, api, notify: (words) => { throw new Error(words); }});
      await start();
      const seen = [shown()];
      const late = async (look) => {
        release = null;
        const looking = look();
        await soon();
        stream.job(job("stopped"));
        const first = release;
        release = undefined;
        first();
        await looking;
        await soon();
        seen.push(shown());
        await stream.job(job("running"));
      };
      await late(reload);
      await late(() => stream.hello({revision: 0}, false));
      jobs = [job("failed")];
      await reload();
      seen.push(shown());
      return seen;
    }"""
    )
    assert seen == ["running", "stopped", "stopped", "failed"]
