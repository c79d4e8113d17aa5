"""A narrow page, as on a tablet held upright, stands still while it loads: taps meet what was there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from studio_browser import until
from studio_server import Server

pytest_plugins = ["studio_browser"]
NARROW = {"viewport": {"width": 820, "height": 1180}, "has_touch": True}
# Where the tabs, and what can be pressed above them, stood in each frame in which a finger could meet them.
PLACES = """() => {
  const marks = [".tabs", ".transport", "#timeline"];
  const spots = (window.spots = new Map(marks.map((mark) => [mark, new Set()])));
  const look = () => {
    for (const mark of marks) {
      const one = document.querySelector(mark);
      if (one?.checkVisibility({visibilityProperty: true}) && one.offsetHeight)
        spots.get(mark).add(Math.round(one.getBoundingClientRect().top));
    }
    requestAnimationFrame(look);
  };
  look();
}"""
LOADED = """() => document.querySelector("video.picture")?.readyState >= 2
  && !document.querySelector("[aria-busy=true]") && !!document.querySelector(".video[aria-current]")"""


@pytest.mark.parametrize("which", ["server", "trained_server"])
def test_nothing_moves_while_a_narrow_page_loads(
    open_page: Callable[..., Any], request: pytest.FixtureRequest, which: str
) -> None:
    server: Server = request.getfixturevalue(which)
    page = open_page("about:blank", **NARROW)
    page.add_init_script(f"({PLACES})()")
    awaited = "**/api/predictions*" if which == "trained_server" else "**/api/video?*"
    with page.expect_response(awaited):
        page.goto(server.url)
    until(page, LOADED)
    page.wait_for_timeout(500)
    places = dict(page.evaluate("() => [...window.spots].map(([mark, tops]) => [mark, [...tops]])"))
    assert [len(tops) for tops in places.values()] == [1, 1, 1], places
    assert page.evaluate("() => scrollY") == 0


def test_the_list_shows_the_open_video_and_the_page_stays(
    open_page: Callable[..., Any], server: Server
) -> None:
    """The rail is below everything on a narrow page: to scroll to its current row would hide the player."""
    page = open_page(server.url, **NARROW)
    until(page, LOADED)
    page.keyboard.press("n")
    until(page, "() => document.querySelectorAll('.video')[1].hasAttribute('aria-current')")
    assert page.evaluate("() => scrollY") == 0
    wide = open_page(server.url)
    until(wide, LOADED)
    wide.evaluate("""() => {  // room for one row; the panel above it may come late, and take some
      document.getElementById("panel-next").remove();
      const list = document.getElementById("video-list");
      list.style.flex = "none";
      list.style.height = "60px";
    }""")
    hidden = """() => {
      const [row, list] = [".video[aria-current]", "#video-list"].map((one) =>
        document.querySelector(one).getBoundingClientRect());
      return Math.max(list.top - row.top, row.bottom - list.bottom);
    }"""
    for key, place in (("n", 1), ("n", 2), ("Shift+N", 1), ("Shift+N", 0)):
        wide.keyboard.press(key)
        until(wide, "(i) => document.querySelectorAll('.video')[i].hasAttribute('aria-current')", place)
        assert wide.evaluate(hidden) <= 1
