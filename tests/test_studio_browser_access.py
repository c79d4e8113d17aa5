"""Names and keyboard: what the browser tells assistive technology, and where Tab leads, on every tab."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from studio_browser import until
from studio_server import Server

pytest.importorskip("playwright.sync_api", reason="needs Playwright, of hrpro[dev]")
from playwright.sync_api import expect

pytest_plugins = ["studio_browser"]
TABS = pytest.mark.parametrize("tab", ["Click", "Train", "Review"])
# Roles that one acts on, or that stand for a picture or a part of the page.
NAMED = {
    *(
        "button",
        "link",
        "textbox",
        "searchbox",
        "combobox",
        "spinbutton",
        "slider",
        "checkbox",
        "tab",
        "option",
    ),
    *(
        "listbox",
        "image",
        "progressbar",
        "ProgressIndicator",
        "meter",
        "dialog",
        "ColorWell",
        "Video",
        "tabpanel",
    ),
    *("DisclosureTriangle", "region", "navigation"),
}
# All that Tab should reach; of a list with a roving focus that is one, and the arrows do the rest.
MEANT = """() => [...document.querySelectorAll("button, input, select, a[href], summary, [tabindex='0']")]
  .filter((one) => one.tabIndex >= 0 && !one.disabled && one.checkVisibility({visibilityProperty: true}))
  .map((one, index) => (one.dataset.walk = index, one.outerHTML.slice(0, 120)))"""
FOCUS = """() => {
  const one = document.activeElement;
  const style = getComputedStyle(one);
  const drawn = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0;
  return one === document.body ? null : [one.dataset.walk ?? "", drawn || style.boxShadow !== "none",
    one.outerHTML.slice(0, 120)];
}"""

IN_REACH = (
    "(html) => [...document.querySelectorAll('.reach button')].some((one) => one.outerHTML.startsWith(html))"
)


def shown(open_page: Callable[..., Any], server: Server, tab: str) -> Any:
    page = open_page(f"{server.url}/#video=train_000")
    page.locator("#clicks .row-main").first.wait_for()
    page.get_by_role("tab", name=tab).click()
    if tab == "Review":
        page.locator("#panel-review [role=option]").first.click()
        expect(page.locator(".card")).to_be_visible()
    until(page, "() => document.getElementById('saved').textContent === 'All stored'")
    return page


def unnamed(page: Any) -> list[str]:
    session = page.context.new_cdp_session(page)
    found = []
    for node in session.send("Accessibility.getFullAXTree")["nodes"]:
        role = node.get("role", {}).get("value")
        if not node.get("ignored") and role in NAMED and not node.get("name", {}).get("value", "").strip():
            html = session.send("DOM.describeNode", {"backendNodeId": node["backendDOMNodeId"]})["node"]
            found.append(f"{role}: {html['nodeName']} {html.get('attributes')}")
    return found


@TABS
def test_all_that_one_acts_on_has_a_name_in_the_accessibility_tree(
    open_page: Callable[..., Any], trained: Server, tab: str
) -> None:
    page = shown(open_page, trained, tab)
    assert unnamed(page) == []
    for button in ("Export clicks", "Help and keys"):
        page.get_by_role("button", name=button).click()
        expect(page.get_by_role("dialog")).to_be_visible()
        assert unnamed(page) == []
        page.keyboard.press("Escape")
        expect(page.get_by_role("dialog")).to_have_count(0)


@TABS
def test_tab_leads_to_everything_and_out_again_and_is_seen(
    open_page: Callable[..., Any], trained: Server, tab: str
) -> None:
    page = shown(open_page, trained, tab)
    meant = page.evaluate(MEANT)
    assert len(meant) > 25
    reached: set[str] = set()
    unseen, steps, round_ends = [], 0, 0
    while round_ends < 2:  # it begins where the last press was, and goes on at the top
        page.keyboard.press("Tab")
        steps += 1
        assert steps < 400, "Tab never leaves the page"
        focus = page.evaluate(FOCUS)
        if focus is None:
            round_ends += 1
            continue
        place, drawn, html = focus
        reached.add(place)
        if not drawn:
            unseen.append(html)
    assert [html for index, html in enumerate(meant) if str(index) not in reached] == []
    # The timeline's unseen list shows its focus on the canvas.
    assert [html for html in unseen if page.evaluate(IN_REACH, html)] == unseen
