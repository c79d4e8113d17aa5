"""A real browser on a real studio: Debian's chromium, and a page that fails its test on any complaint.

Fixtures: ``browser``, ``open_page`` (a window of its own, as another person has it) and ``page`` (one window
on the studio of ``server``). Chromium is looked for on the path; tests skip, saying so, where there is none.
"""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from studio_server import Server

pytest_plugins = ["studio_fixtures"]

WAIT = 30_000  # ms: machines are busy, and nothing here is about speed
SIZE = {"width": 1280, "height": 720}
# A breach of the policy is a console error in Chromium; the event names the directive and the element's text.
WATCH = """document.addEventListener("securitypolicyviolation", (event) => {
  const {violatedDirective, blockedURI, sourceFile, lineNumber} = event;
  console.error(`CSP: ${violatedDirective} ${blockedURI} ${sourceFile}:${lineNumber}`);
})
"""


class Complaints:
    """All that a page complained of. ``allow`` takes what a test provokes, such as a conflict's 409."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.allowed: list[re.Pattern[str]] = []

    def allow(self, pattern: str) -> None:
        self.allowed.append(re.compile(pattern))

    def watch(self, page: Any) -> None:
        page.on("console", lambda message: message.type == "error" and self._hear(message))
        page.on("pageerror", lambda error: self.said.append(f"uncaught: {error}\n{error.stack or ''}"))

    def _hear(self, message: Any) -> None:
        place = message.location
        self.said.append(f"{message.text} ({place.get('url')}:{place.get('lineNumber')})")

    def check(self) -> None:
        left = [line for line in self.said if not any(known.search(line) for known in self.allowed)]
        assert not left, "\n".join(left)


def chromium() -> str:
    names = ("chromium", "chromium-browser", "google-chrome")
    found = next(filter(None, map(shutil.which, names)), None)
    if found is None:
        pytest.skip(f"needs a browser: none of {', '.join(names)} is on the path")
    return found


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """One for a file of tests: while it is open, its event loop stands in the way of any other."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="needs Playwright, of hrpro[dev]")
    executable = chromium()
    sync_api.expect.set_options(timeout=WAIT)
    with sync_api.sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture
def open_page(browser: Any, windows: list[Callable[[], None]]) -> Iterator[Callable[..., Any]]:
    """open_page(url, **context options) -> Page with ``.complaints``; checked when the test has ended."""
    heard = []

    def opened(url: str, **options: Any) -> Any:
        context = browser.new_context(**{"viewport": SIZE, "color_scheme": "light"} | options)
        context.add_init_script(WATCH)
        context.set_default_timeout(WAIT)
        page = context.new_page()
        page.complaints = Complaints()
        page.complaints.watch(page)
        windows.append(context.close)
        heard.append(page.complaints)
        page.goto(url)
        return page

    yield opened
    while windows:
        windows.pop()()
    for complaints in heard:
        complaints.check()


@pytest.fixture
def page(open_page: Callable[..., Any], server: Server) -> Any:
    return open_page(server.url)


def until(page: Any, condition: str, arg: Any = None) -> None:
    """Waits until a JavaScript condition, an expression or a function of ``arg``, holds in the page.

    Asked from outside each time: Playwright's own ``wait_for_function`` asks by an eval inside the page, and
    the studio's policy forbids that as soon as the condition does not hold at once.
    """
    end = time.monotonic() + WAIT / 1000
    while not page.evaluate(condition, arg):
        assert time.monotonic() < end, f"still not so after {WAIT / 1000:g} s: {condition}"
        page.wait_for_timeout(20)


def hold_first(page: Any, url: str) -> list[Any]:
    """Keeps the first answer back that is there; once it is, the list holds its route and the answer."""
    held: list[Any] = []
    asked: list[Any] = []  # while one is fetched, others come in

    def hold(route: Any) -> None:
        if held or asked or route.request.method != "GET":
            return route.continue_()
        asked.append(route)
        try:
            held.extend((route, route.fetch()))
        except Exception:  # the server is away
            asked.clear()
            route.abort()

    page.route(url, hold)
    return held


def until_held(page: Any, held: list[Any]) -> None:
    """Waits until ``hold_first`` holds an answer."""
    for _ in range(1500):
        if held:
            return
        page.wait_for_timeout(20)
    raise AssertionError("nothing was asked for")


def release(page: Any, held: list[Any], path: str) -> None:
    """Let the page have what was held back, once it is, and the time to show it."""
    until_held(page, held)
    route, answer = held
    with page.expect_response(lambda response: path in response.url):
        route.fulfill(response=answer)
    page.wait_for_timeout(200)


def settled(page: Any) -> None:
    """Waits until the page shows what it drew last."""
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


def no_sideways_scroll(page: Any) -> None:
    """Fails where the page is wider than the window."""
    wide, window = page.evaluate(
        "() => [document.documentElement.scrollWidth, document.documentElement.clientWidth]"
    )
    assert wide <= window, f"the page is {wide} px wide in a window of {window} px"


def nameless(page: Any) -> list[str]:
    """Visible buttons, fields and links that say nothing to a screen reader."""
    return page.evaluate(
        """() => [...document.querySelectorAll(
          "button, input, select, textarea, a[href], [role=button], [tabindex='0']")]
      .filter((part) => part.checkVisibility({visibilityProperty: true}))
      .filter((part) => {
        const held = part.getAttribute("aria-labelledby");
        const named = held && held.split(" ").some((id) => document.getElementById(id)?.textContent.trim());
        const label = [...(part.labels ?? [])].some((one) => one.textContent.trim());
        return !(part.getAttribute("aria-label")?.trim() || named || label || part.title?.trim() ||
                 (part.tagName !== "INPUT" && part.tagName !== "SELECT" && part.textContent.trim()));
      }).map((part) => part.outerHTML.slice(0, 160))"""
    )
