"""From a folder of films to predicted segments with the page alone, in a real browser on a real server."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from studio_browser import hold_first, nameless, no_sideways_scroll
from studio_fixtures import SHORT, click_all, wait_for_job
from studio_server import Server

pytest.importorskip("playwright.sync_api", reason="needs Playwright, of hrpro[dev]")
from playwright.sync_api import expect

pytest_plugins = ["studio_browser"]
ROW = "#panel-review [role=option]"


def rows_of(films: Path) -> list[dict[str, str]]:
    with (films / "clicks.csv").open() as file:
        return list(csv.DictReader(file))


def shorten(page: Any) -> None:
    """The page's own request for a training, with settings that make it a matter of seconds."""

    def short(route: Any) -> None:
        if route.request.method != "POST":
            return route.continue_()
        body = json.loads(route.request.post_data)
        body["options"]["settings"] = SHORT
        return route.continue_(post_data=json.dumps(body))

    page.route("**/api/jobs", short)


def open_tab(page: Any, name: str) -> None:
    page.get_by_role("tab", name=name).click()


def click_moment(page: Any, video: str, seconds: str, key: str, name: str) -> None:
    """As a person does: open the video, go to the moment, press the class's key; wait until it is stored."""
    page.locator("#video-list").get_by_text(video, exact=True).click()
    expect(page).to_have_url(re.compile(f"video={video}"))
    page.get_by_label("Go to time").fill(seconds)
    page.keyboard.press("Enter")
    page.locator("#stage").focus()
    page.keyboard.press(key)
    expect(page.locator("#toasts")).to_contain_text(f"{name} at ")


def test_from_films_to_an_accepted_segment(page: Any, server: Server, films: Path) -> None:
    rows = rows_of(films)
    keys = {label: str(n + 1) for n, label in enumerate(dict.fromkeys(row["label"] for row in rows))}
    for label in keys:
        page.get_by_placeholder("New class, then Enter").fill(label)
        page.keyboard.press("Enter")
        expect(page.locator("#classes")).to_contain_text(label)
    for row in rows:
        click_moment(page, row["video_id"], row["timestamp"], keys[row["label"]], row["label"])
    names = {one["id"]: one["name"] for one in server.get("/api/project")["classes"]}
    stored = {
        (video, names[click["class"]], click["time"])
        for video in {row["video_id"] for row in rows}
        for click in server.clicks(video)
    }
    assert stored == {(row["video_id"], row["label"], float(row["timestamp"])) for row in rows}

    shorten(page)
    open_tab(page, "Train")
    panel = page.locator("#panel-train")
    expect(panel).to_contain_text(f"{len(rows)} clicks of {len(keys)} classes in 2 of 3 videos")
    panel.get_by_role("button", name="Train", exact=True).click()
    expect(panel.get_by_role("heading", name="Training is running")).to_be_visible()
    expect(panel.locator("li[aria-current=step]")).to_be_visible(timeout=90_000)
    page.reload()
    open_tab(page, "Train")
    expect(panel.get_by_role("heading", name="Training is running")).to_be_visible()
    (job,) = server.get("/api/jobs")["jobs"]
    assert wait_for_job(server, job["id"])["state"] == "done"
    expect(panel.get_by_text("Run 1")).to_be_visible()
    expect(panel.get_by_role("button", name="Train again")).to_be_enabled()
    page.locator("#toasts").get_by_role("button", name="Review").click()

    total = server.get("/api/review")["total"]
    assert total > 0
    expect(page.locator("#panel-review")).to_contain_text(f"{total} of {total} left to review")
    page.locator(ROW).first.click()
    page.keyboard.press("a")
    expect(page.locator("#panel-review")).to_contain_text(f"{total - 1} of {total} left to review")
    videos = server.get("/api/project")["videos"]
    assert sum(video["segments"] for video in videos) == 1


def test_a_training_stops_goes_on_and_outlives_the_server(page: Any, server: Server, films: Path) -> None:
    click_all(server, films)
    page.complaints.allow("ERR_|Failed to load resource")  # while the server is away
    shorten(page)
    page.reload()
    open_tab(page, "Train")
    panel = page.locator("#panel-train")
    panel.get_by_role("button", name="Train", exact=True).click()
    expect(panel.locator("li[aria-current=step]")).to_be_visible(timeout=90_000)
    panel.get_by_role("button", name="Stop").click()
    expect(panel.get_by_role("heading", name="Training is stopped")).to_be_visible(timeout=60_000)
    server.kill()
    server.start()
    expect(page.locator("#banner")).to_be_hidden(timeout=30_000)
    panel.get_by_role("button", name="Resume").click()
    expect(panel.get_by_role("heading", name="Training is running")).to_be_visible(timeout=60_000)
    server.kill()
    late = hold_first(page, "**/api/project")
    server.start()
    expect(page.get_by_text("Training is done.").first).to_be_attached(timeout=120_000)
    shown = panel.get_by_role("button", name="Show run 1")
    expect(shown).to_be_visible(timeout=30_000)
    (route, answer) = late
    assert "running" in answer.text()
    with page.expect_response("**/api/project"):
        route.fulfill(response=answer)
    page.evaluate("() => new Promise((done) => setTimeout(done, 300))")
    expect(shown).to_be_visible()


def test_what_is_too_little_is_told_before(page: Any, server: Server, films: Path) -> None:
    open_tab(page, "Train")
    panel = page.locator("#panel-train")
    expect(panel.get_by_role("button", name="Train", exact=True)).to_be_disabled()
    expect(panel).to_contain_text("Place at least one click")
    evil = '<img src=x onerror="document.title=1">, "so"'
    server.ops({"op": "add_class", "id": "evil", "name": evil, "color": "#808080", "key": None})
    server.ops({"op": "add_class", "id": "unused", "name": "unused", "color": "#608080", "key": None})
    server.ops({"op": "add_click", "id": "one", "video": "train_000", "time": 2.0, "class": "evil"})
    expect(panel).to_contain_text("1 click of 1 class in 1 of 3 videos")
    expect(panel.get_by_role("button", name="Train", exact=True)).to_be_enabled()
    rows = panel.locator(".bars-row")
    expect(rows.filter(has_text=evil)).to_contain_text("few")
    expect(rows.filter(has_text="unused")).to_contain_text("not learned")
    expect(panel.locator(".warning").first).to_contain_text("fewer than 5 clicks")
    expect(panel.locator(".warning").nth(1)).to_contain_text("test_000, train_001 have no click")
    assert panel.locator("img").count() == 0
    assert page.title() != "1"


def test_a_fault_is_one_clear_sentence(page: Any, server: Server, films: Path) -> None:
    click_all(server, films)
    page.complaints.allow("422")
    open_tab(page, "Train")
    panel = page.locator("#panel-train")
    panel.get_by_text("Options").click()
    expect(panel.get_by_label("Optical flow")).to_be_hidden()
    expect(panel.get_by_label("Precision")).to_be_hidden()
    panel.get_by_label("Backbone", exact=True).fill("i3d")
    panel.get_by_label("Optical flow").select_option("dis")
    panel.get_by_label("Precision").select_option("bf16")
    panel.get_by_role("button", name="Train", exact=True).click()
    expect(panel.get_by_role("alert")).to_contain_text("weights", timeout=90_000)
    said = panel.get_by_role("alert").inner_text()
    assert "Traceback" not in said
    assert "\n" not in said
    assert str(server.project) not in said
    panel.get_by_label("Weights of the backbone").fill("../secret")
    with page.expect_request("**/api/jobs") as asked:
        panel.get_by_role("button", name="Train", exact=True).click()
    options = asked.value.post_data_json["options"]
    assert (options["flow"], options["precision"]) == ("dis", "bf16")
    expect(page.locator("#toasts .error").last).to_contain_text("weights must lie in the project's folder")
    # What was chosen is still there after a reload.
    page.reload()
    open_tab(page, "Train")
    panel.get_by_text("Options").click()
    expect(panel.get_by_label("Backbone", exact=True)).to_have_value("i3d")
    expect(panel.get_by_label("Optical flow")).to_have_value("dis")
    expect(panel.get_by_label("Precision")).to_have_value("bf16")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("width", "height", "touch"), [(1280, 720, False), (820, 1180, True)])
def test_all_has_a_name_and_room(
    open_page: Callable[..., Any], trained: Server, scheme: str, width: int, height: int, touch: bool
) -> None:
    page = open_page(
        trained.url, viewport={"width": width, "height": height}, color_scheme=scheme, has_touch=touch
    )
    for tab in ("Train", "Review"):
        open_tab(page, tab)
        if tab == "Review":
            page.locator(ROW).first.click()
            expect(page.get_by_role("button", name="Accept", exact=True)).to_be_visible()
        for fold in page.locator("summary:visible").all():
            fold.click()
        assert nameless(page) == []
        no_sideways_scroll(page)
        cut = page.evaluate(
            """() => [...document.querySelectorAll("#panel-train button, #panel-review button")]
          .filter((one) => one.checkVisibility() && one.scrollWidth > one.clientWidth + 1)
          .map((one) => one.textContent)"""
        )
        assert cut == []


def test_the_next_most_useful_video_is_one_press_away(page: Any, server: Server, films: Path) -> None:
    proposed = server.get("/api/next?limit=2")["videos"]
    expected = next(one for one in proposed if one["id"] != "test_000")  # that one is on show
    button = page.locator("#panel-next").get_by_role("button")
    expect(button).to_contain_text(expected["id"])
    expect(button).to_contain_text(expected["why"])
    open_tab(page, "Train")
    button.click()
    expect(page).to_have_url(re.compile(f"video={expected['id']}"))
    expect(page.get_by_role("tab", name="Click")).to_have_attribute("aria-selected", "true")
    expect(button).not_to_contain_text(expected["id"])


def test_curves_are_drawn_and_spoken(page: Any) -> None:
    """Values of a known curve: where the chart puts them, and what it says to those who do not see it."""
    said = page.evaluate(
        """async () => {
      const {lineChart} = await import("/static/charts.js");
      const chart = lineChart("Loss");
      document.body.append(chart.element);
      const points = Array.from({length: 1000}, (_, step) => [step, 100 * Math.exp(-step / 100)]);
      chart.show([points.slice(0, 1).concat([[10, NaN]]), points]);
      const path = chart.element.querySelectorAll("path");
      const marks = [...path[0].getAttribute("d").matchAll(/[ML]([\\d.]+) ([\\d.]+)/g)];
      const numbers = marks.map((mark) => [+mark[1], +mark[2]]);
      const empty = lineChart("Nothing");
      empty.show([[[0, 1]]]);
      return {
        label: chart.element.querySelector("svg").getAttribute("aria-label"),
        lines: path.length, numbers, hidden: empty.element.hidden,
        styled: chart.element.querySelectorAll("[style]").length,
      };
    }"""
    )
    assert said["label"].startswith("Loss: from ")
    assert said["label"].endswith("after 999 steps")
    assert said["lines"] == 1  # a line of one point is none
    assert said["hidden"] is True
    assert said["styled"] == 0
    xs, ys = zip(*said["numbers"], strict=True)
    assert len(xs) <= 240
    assert list(xs) == sorted(xs)
    # Exponential decay over several decades is a straight line on the logarithmic scale.
    slope = (ys[-1] - ys[0]) / (xs[-1] - xs[0])
    assert all(abs(y - (ys[0] + slope * (x - xs[0]))) < 1.5 for x, y in zip(xs, ys, strict=True))
