"""The address with the token, opened from elsewhere, by a real browser; what else another site may set off.

Two names of this machine stand for two machines on a network, over plain HTTP: there a browser sends none of
the Sec-Fetch headers that it sends to loopback, and the cookie and Origin have to do.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from rendered_videos import even_times, render
from studio_browser import WAIT, chromium
from studio_raw import Site, serving
from studio_site import TOKEN, add_class

sync_api = pytest.importorskip("playwright.sync_api", reason="needs Playwright, of hrpro[dev]")

STUDIO, ELSEWHERE = "studio.test", "elsewhere.test"


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("locked")
    render(folder / "one.mp4", even_times(25, 1), codec="libx264")
    with serving(folder, token=TOKEN, host=STUDIO) as site:
        yield site


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[Any]:
    """write(html) -> address of a page of another site."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(tmp_path)))
    threading.Thread(target=server.serve_forever, daemon=True).start()

    # Asked whether a file has changed, the server knows whole seconds: a name written twice could be stale.
    names = (f"page-{number}.html" for number in count())

    def write(html: str) -> str:
        name = next(names)
        (tmp_path / name).write_text(f"<!doctype html><title>elsewhere</title>{html}")
        return f"http://{ELSEWHERE}:{server.server_port}/{name}"

    yield write
    server.shutdown()
    server.server_close()


@pytest.fixture
def page() -> Iterator[Any]:
    words = ["--no-sandbox", "--host-resolver-rules=MAP *.test 127.0.0.1"]
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=words)
        page = browser.new_context().new_page()
        page.set_default_timeout(WAIT)
        yield page
        browser.close()


def test_the_address_opens_from_a_mail(page: Any, locked: Site, elsewhere: Any) -> None:
    own = f"http://{STUDIO}:{locked.port}"
    link = '<a href="{}" {}>open</a>'
    for words in ("", 'target="_blank"', 'target="_blank" rel="noreferrer"'):
        page.context.clear_cookies()
        page.goto(elsewhere(link.format(f"{own}/?token={TOKEN}", words)))
        if words:
            with page.context.expect_page() as opening:
                page.get_by_text("open").click()
            opened = opening.value
        else:
            page.get_by_text("open").click()
            opened = page
        opened.locator("#video-list .video").first.wait_for()
        assert TOKEN not in opened.url
        assert TOKEN not in opened.evaluate("() => document.cookie + document.referrer")
        if opened is not page:
            opened.close()
    # Whoever has been in comes in by a link without the token, too, and no one else does.
    page.goto(elsewhere(link.format(f"{own}/#video=one", "")))
    page.get_by_text("open").click()
    page.locator("#video-list .video").first.wait_for()
    page.context.clear_cookies()
    page.goto(elsewhere(link.format(f"{own}/", "")))
    page.get_by_text("open").click()
    page.get_by_text("open the address with ?token=").wait_for()


def test_another_site_sets_nothing_off_with_the_cookie(page: Any, locked: Site, elsewhere: Any) -> None:
    own = f"http://{STUDIO}:{locked.port}"
    page.goto(f"{own}/?token={TOKEN}")
    page.locator("#video-list .video").first.wait_for()
    project = f"{own}/api/project"
    before = page.evaluate("async () => (await (await fetch('/api/project')).json()).revision")
    downloads: list[str] = []
    page.on("download", lambda one: downloads.append(one.url))

    page.goto(elsewhere("<form method=post enctype=text/plain><input name=x></form><p>here"))
    tried = page.evaluate(
        """async ([own, body]) => {
          const text = async (answer) => answer.type + (await answer.text());
          const tell = (url, more) =>
            fetch(own + url, {credentials: "include", ...more}).then(text, () => "failed");
          const headers = {"Content-Type": "application/json", "X-Hrpro-Client": "evil"};
          const loads = (tag, src) => new Promise((done) => {
            const part = document.createElement(tag);
            part.onload = part.onloadeddata = () => done("loaded");
            part.onerror = () => done("failed");
            part.src = src;
            document.body.append(part);
            if (tag === "video") part.load();
          });
          return {
            read: await tell("/api/project"),
            blind: await tell("/api/project", {mode: "no-cors"}),
            write: await tell("/api/ops", {method: "POST", body, headers}),
            blindly: await tell("/api/ops", {method: "POST", body, mode: "no-cors"}),
            picture: await loads("img", own + "/thumb?id=one&t=0"),
            video: await loads("video", own + "/media?id=one"),
            script: await loads("script", own + "/static/dom.js"),
          };
        }""",
        [own, json.dumps(add_class(6))],
    )
    blind = {"opaque"}  # neither read nor known to have come through
    assert tried["read"] == tried["write"] == "failed"
    assert {tried["blind"], tried["blindly"]} <= blind | {"failed"}
    assert tried["picture"] == tried["video"] == tried["script"] == "failed"

    # A form sent by the visitor, and links to what is no page.
    page.evaluate(
        """([own, body]) => {
          const form = document.querySelector("form");
          form.action = own + "/api/ops";
          form.firstElementChild.name = body.slice(0, -1) + ', "x": "';
          form.firstElementChild.value = '"}';
        }""",
        [own, json.dumps(add_class(6))],
    )
    with page.expect_navigation() as sent:
        page.evaluate("() => document.querySelector('form').submit()")
    assert sent.value.status in (401, 403)
    for target in ("/api/export", "/api/project", "/media?id=one"):
        page.goto(elsewhere(f'<a href="{own}{target}">open</a>'))
        with page.expect_navigation() as followed:
            page.get_by_text("open").click()
        assert followed.value.status in (401, 403), target
    assert downloads == []

    # The page in a frame would let clicks of the visitor be stolen.
    page.goto(elsewhere(f'<iframe src="{own}/"></iframe>'))
    page.wait_for_timeout(500)
    assert all(not frame.locator("#video-list").count() for frame in page.frames)

    page.goto(own)
    page.locator("#video-list .video").first.wait_for()
    after = page.evaluate("async (url) => (await (await fetch(url)).json()).revision", project)
    assert after == before
