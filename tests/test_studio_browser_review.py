"""Predictions of a real training, judged with keys, pointer and fingers: what each verdict stores."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from studio_browser import hold_first, release, until
from studio_fixtures import contents
from studio_server import Server

pytest.importorskip("playwright.sync_api", reason="needs Playwright, of hrpro[dev]")
from playwright.sync_api import expect

pytest_plugins = ["studio_browser"]
ROW = "#panel-review [role=option]"
CHOSEN = f"{ROW}[aria-selected=true]"
# Where the film was each time that it told so while it played.
MOMENTS = """() => {
  const film = document.querySelector("video.picture");
  window.moments = [];
  film.addEventListener("timeupdate", () => film.paused || window.moments.push(film.currentTime));
}"""


@pytest.fixture
def page(open_page: Callable[..., Any], trained: Server) -> Any:
    opened = open_page(trained.url)
    start(opened)
    return opened


def start(page: Any) -> None:
    """The page Review, with its first item chosen and shown."""
    page.get_by_role("tab", name="Review").click()
    expect(page.locator(ROW).first).to_be_visible()
    page.keyboard.press("ArrowDown")
    chosen(page)


def chosen(page: Any) -> str:
    """Id of the prediction under review, once its video is there."""
    option = page.locator(CHOSEN)
    expect(option).to_have_count(1)
    return option.get_attribute("data-id")


def item_of(server: Server, id: str) -> dict[str, Any]:
    (found,) = [one for one in server.get("/api/review?verdict=all&limit=500")["items"] if one["id"] == id]
    return found


def stored(server: Server, kind: str) -> list[dict[str, Any]]:
    return contents(server)[kind]


def left(page: Any, server: Server, number: int) -> None:
    """Waits until so many are left to review, on the page and in the store."""
    total = server.get("/api/review?verdict=all")["total"]
    expect(page.locator(".review-left")).to_have_text(f"{number} of {total} left to review")
    assert server.get("/api/review?limit=0")["total"] == number


def free_item(server: Server) -> dict[str, Any]:
    """A prediction with no click of its class within it: one is taken away if need be."""
    item = server.get("/api/review")["items"][0]
    for click in server.clicks(item["video"]):
        if click["class"] == item["class"] and item["start"] <= click["time"] <= item["end"]:
            server.ops({"op": "delete_click", "id": click["id"], "version": click["version"]})
    return item


def test_an_accepted_prediction_becomes_a_segment_and_a_click(page: Any, trained: Server) -> None:
    item, total = free_item(trained), trained.get("/api/review")["total"]
    assert chosen(page) == item["id"]  # the most uncertain one
    before = {click["id"] for click in stored(trained, "clicks")}
    page.keyboard.press("a")
    undo = page.locator("#toasts").get_by_role("button", name="Undo")
    undo.hover()  # as long as the pointer is there, the message stays
    left(page, trained, total - 1)
    assert chosen(page) != item["id"]
    assert item_of(trained, item["id"])["verdict"] == "accepted"
    (segment,) = stored(trained, "segments")
    assert {key: segment[key] for key in ("video", "start", "end", "class", "prediction")} == {
        **{key: item[key] for key in ("video", "start", "end", "class")},
        "prediction": item["id"],
    }
    assert segment["origin"] == "accepted"
    (click,) = [one for one in stored(trained, "clicks") if one["id"] not in before]
    assert (click["video"], click["class"], click["time"]) == (item["video"], item["class"], item["moment"])
    # One undo takes all three back, and the prediction is there to review again.
    undo.click()
    left(page, trained, total)
    assert stored(trained, "segments") == []
    assert {one["id"] for one in stored(trained, "clicks")} == before
    # Judging it anew is no conflict with the verdict that was taken back.
    page.locator(f"[role=option][data-id='{item['id']}']").click()
    page.keyboard.press("a")
    left(page, trained, total - 1)


def test_where_a_click_is_already_none_is_added(page: Any, trained: Server) -> None:
    item = trained.get("/api/review")["items"][0]
    time = round(item["start"] + 0.25 * (item["end"] - item["start"]), 3)
    op = {"op": "add_click", "id": "mine", "video": item["video"], "time": time, "class": item["class"]}
    trained.ops(op)
    before, total = len(stored(trained, "clicks")), trained.get("/api/review")["total"]
    page.get_by_role("button", name="Accept", exact=True).click()
    left(page, trained, total - 1)
    assert len(stored(trained, "clicks")) == before


def test_a_rejected_prediction_leaves_nothing_but_its_verdict(page: Any, trained: Server) -> None:
    item, total = free_item(trained), trained.get("/api/review")["total"]
    before = len(stored(trained, "clicks"))
    page.keyboard.press("r")
    left(page, trained, total - 1)
    assert item_of(trained, item["id"])["verdict"] == "rejected"
    assert (len(stored(trained, "clicks")), stored(trained, "segments")) == (before, [])
    # Accepted after all, and rejected once more: segment and click come and go.
    page.get_by_label("Reviewed too").check()
    option = page.locator(f"[role=option][data-id='{item['id']}']")
    option.click()
    page.keyboard.press("a")
    expect(option).to_have_class(re.compile("accepted"))
    assert (len(stored(trained, "clicks")), len(stored(trained, "segments"))) == (before + 1, 1)
    option.click()
    page.keyboard.press("r")
    expect(option).to_have_class(re.compile("rejected"))
    assert (len(stored(trained, "clicks")), stored(trained, "segments")) == (before, [])


def test_boundaries_and_class_are_corrected_by_keyboard(page: Any, trained: Server) -> None:
    item, total = free_item(trained), trained.get("/api/review")["total"]
    other = next(one for one in trained.get("/api/project")["classes"] if one["id"] != item["class"])
    for _ in range(3):
        page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("Control+Shift+ArrowLeft")
    expect(page.get_by_label("Start, seconds")).to_have_value(f"{item['start'] + 0.3:.2f}")
    expect(page.get_by_label("End, seconds")).to_have_value(f"{item['end'] - 0.1:.2f}")
    page.keyboard.press("c")
    page.keyboard.press(other["key"])
    expect(page.locator("#review-title")).to_contain_text(other["name"])
    assert stored(trained, "segments") == []  # nothing counts before it is accepted
    page.keyboard.press("a")
    left(page, trained, total - 1)
    (segment,) = stored(trained, "segments")
    assert (segment["origin"], segment["class"]) == ("corrected", other["id"])
    assert segment["start"] == pytest.approx(item["start"] + 0.3, abs=1e-5)
    assert segment["end"] == pytest.approx(item["end"] - 0.1, abs=1e-5)
    assert item_of(trained, item["id"])["verdict"] == "corrected"
    clicks = [click for click in trained.clicks(item["video"]) if click["class"] == other["id"]]
    assert any(segment["start"] <= click["time"] <= segment["end"] for click in clicks)


def test_a_correction_can_be_given_up(page: Any, trained: Server) -> None:
    item = trained.get("/api/review")["items"][0]
    page.keyboard.press("Shift+ArrowRight")
    expect(page.locator(".card .badge")).to_have_text("edited")
    page.get_by_role("button", name="Back to the prediction").click()
    expect(page.get_by_label("Start, seconds")).to_have_value(f"{item['start']:.2f}")
    expect(page.locator(".card .badge")).to_be_hidden()
    page.keyboard.press("a")
    expect(page.locator("#toasts")).to_contain_text("Accepted")
    assert item_of(trained, item["id"])["verdict"] == "accepted"


def test_an_edge_is_dragged_on_the_timeline(page: Any, trained: Server) -> None:
    item, total = item_of(trained, chosen(page)), trained.get("/api/review")["total"]
    expect(page.locator(".timeline-view")).to_have_attribute("aria-valuenow", f"{item['start']:.3f}")
    expect(page.locator(".reach button", has_text="Predicted segment").first).to_be_attached()
    title = page.locator(".lane-titles span", has_text="Predicted")
    lane = page.locator("#timeline canvas.over").bounding_box()
    y = title.evaluate("(span) => span.getBoundingClientRect().top") + 5  # the first of its rows
    edge = find_edge(page, lane, y)
    page.mouse.down()
    page.mouse.move(edge + 40, y, steps=4)
    page.mouse.up()
    expect(page.locator(".card .badge")).to_have_text("edited")
    item = item_of(trained, chosen(page))  # what is dragged is what is under review
    page.keyboard.press("a")
    left(page, trained, total - 1)
    (segment,) = stored(trained, "segments")
    assert segment["origin"] == "corrected"
    assert (segment["start"], segment["end"]) != (item["start"], item["end"])
    assert segment["prediction"] == item["id"]


def test_a_verdict_is_for_what_was_chosen_on_the_timeline(page: Any, trained: Server) -> None:
    first, total = item_of(trained, chosen(page)), trained.get("/api/review")["total"]
    same = [
        one
        for one in trained.get("/api/review?verdict=all&limit=500")["items"]
        if one["video"] == first["video"]
    ]
    same.sort(key=lambda one: one["start"])
    other = next(number for number, one in enumerate(same) if one["id"] != first["id"])
    bars = page.locator(".reach button", has_text="Predicted segment")
    expect(bars).to_have_count(len(same))
    bars.nth(other).evaluate("(button) => button.click()")  # as a press on its bar does
    expect(page.locator(CHOSEN)).to_have_attribute("data-id", same[other]["id"])
    page.keyboard.press("a")
    left(page, trained, total - 1)
    assert item_of(trained, same[other]["id"])["verdict"] == "accepted"
    assert item_of(trained, first["id"])["verdict"] is None


def test_a_verified_segment_is_deleted_by_its_key_and_comes_back(page: Any, trained: Server) -> None:
    item = item_of(trained, chosen(page))
    same = {key: item[key] for key in ("video", "start", "end", "class")}
    trained.ops({"op": "add_segment", "id": "s" * 20, "origin": "drawn", **same})
    bar = page.locator(".reach button", has_text="Verified segment")
    expect(bar).to_have_count(1)
    bar.evaluate("(button) => button.click()")
    page.keyboard.press("Delete")
    expect(bar).to_have_count(0)
    assert stored(trained, "segments") == []
    page.keyboard.press("Control+z")
    expect(bar).to_have_count(1)
    (segment,) = stored(trained, "segments")
    assert (segment["start"], segment["end"]) == (item["start"], item["end"])


def test_what_is_chosen_by_hand_while_predictions_come_stays_chosen(page: Any, trained: Server) -> None:
    item = item_of(trained, chosen(page))
    other = next(
        one
        for one in trained.get("/api/review?verdict=all&limit=500")["items"]
        if one["video"] != item["video"]
    )
    same = {key: other[key] for key in ("video", "start", "end", "class")}
    trained.ops({"op": "add_segment", "id": "t" * 20, "origin": "drawn", **same})
    held = hold_first(page, "**/api/predictions?*")
    page.locator(f"[role=option][data-id='{other['id']}']").click()
    bar = page.locator(".reach button", has_text="Verified segment")
    expect(bar).to_have_count(1)
    bar.evaluate("(button) => button.click()")
    release(page, held, "/api/predictions")
    expect(page.locator(".reach button", has_text="Predicted segment").first).to_be_attached()
    page.keyboard.press("Delete")
    expect(bar).to_have_count(0)
    assert stored(trained, "segments") == []


def find_edge(page: Any, canvas: dict[str, float], y: float) -> float:
    """x of the selected segment's end: where, from the middle of the view, the pointer turns to a resizer."""
    x = canvas["x"] + canvas["width"] / 2
    while x < canvas["x"] + canvas["width"]:
        page.mouse.move(x, y)
        if page.evaluate("document.querySelector('#timeline canvas.over').style.cursor") == "ew-resize":
            return x
        x += 5
    raise AssertionError("no edge on the timeline")


def test_an_action_that_no_prediction_shows_is_marked_by_hand(page: Any, trained: Server) -> None:
    clicks = stored(trained, "clicks")
    video = page.evaluate("() => new URLSearchParams(location.hash.slice(1)).get('video')")
    classes = trained.get("/api/project")["classes"]
    # A class that nobody clicked in these seconds of this video.
    start, end = 2.0, 3.5
    taken = {c["class"] for c in clicks if c["video"] == video and start <= c["time"] <= end}
    label = next(one for one in classes if one["id"] not in taken)

    def to(seconds: float) -> None:
        page.get_by_label("Go to time").fill(str(seconds))
        page.keyboard.press("Enter")
        page.keyboard.press("Escape")  # leaves the field

    page.get_by_text("Missed one?").click()
    page.get_by_label("Class of the missed action").select_option(label["id"])
    page.keyboard.press("Escape")
    page.locator("#stage").focus()
    to(end)
    page.keyboard.press("m")
    expect(page.get_by_text("From 3.5 s on")).to_be_visible()
    page.keyboard.press("m")  # it would have no length
    expect(page.locator("#toasts")).to_contain_text("It must end after it starts")
    to(start)  # what is marked backwards is meant forwards
    page.get_by_role("button", name="Ends here").click()
    expect(page.locator("#toasts")).to_contain_text(f"Verified: {label['name']} from 2 s to 3.5 s")
    (segment,) = stored(trained, "segments")
    assert (segment["video"], segment["start"], segment["end"]) == (video, start, end)
    assert (segment["class"], segment["origin"], segment["prediction"]) == (label["id"], "drawn", None)
    (click,) = [one for one in stored(trained, "clicks") if one not in clicks]
    assert (click["video"], click["class"]) == (video, label["id"])
    assert start <= click["time"] <= end
    page.get_by_role("tab", name="Click").click()
    page.keyboard.press("Control+z")  # both at once
    expect(page.locator("#toasts")).to_contain_text("Undone")
    assert stored(trained, "segments") == []
    assert stored(trained, "clicks") == clicks


def test_enter_plays_the_segment_once(page: Any, trained: Server) -> None:
    item = trained.get("/api/review")["items"][0]
    slider = page.locator(".timeline-view")
    expect(slider).to_have_attribute("aria-valuenow", f"{item['start']:.3f}")
    page.get_by_label("Speed").select_option("1")
    page.locator("#stage").focus()
    page.keyboard.press("Enter")
    player = page.get_by_role("group", name="Playback")
    expect(player.get_by_role("button", name="Pause")).to_be_visible()
    expect(player.get_by_role("button", name="Play", exact=True)).to_be_visible()
    stopped = float(slider.get_attribute("aria-valuenow"))
    assert item["end"] - 0.05 <= stopped < item["end"] + 1.0


@pytest.mark.parametrize("late", ["/api/predictions?*", "/media?*"], ids=["predictions", "film"])
def test_enter_pressed_before_the_film_is_there_plays_it_then(page: Any, trained: Server, late: str) -> None:
    items = trained.get("/api/review")["items"]
    place = next(n for n, one in enumerate(items) if one["video"] != items[0]["video"])
    item, film = items[place], "document.querySelector('video.picture')"
    for _ in range(place - 1):
        page.keyboard.press("ArrowDown")
    until(page, f"{film}.readyState > 0")
    page.evaluate(MOMENTS)
    page.get_by_label("Speed").select_option("2")
    page.locator("#stage").focus()
    held, on_its_way = list[Any](), True

    def hold(route: Any) -> None:
        if on_its_way:
            held.append(route)
        else:
            route.continue_()

    page.route(f"**{late}", hold)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    assert chosen(page) == item["id"]
    while not held:
        page.wait_for_timeout(20)
    slider = page.locator(".timeline-view")
    expect(slider).to_have_attribute("aria-valuenow", f"{item['start']:.3f}")  # and it stays there
    page.wait_for_timeout(300)
    expect(slider).to_have_attribute("aria-valuenow", f"{item['start']:.3f}")
    on_its_way = False
    for route in held:
        route.continue_()
    player = page.get_by_role("group", name="Playback")
    until(page, f"window.moments.some((moment) => moment > {item['start'] + 0.1})")  # the film itself played
    expect(player.get_by_role("button", name="Play", exact=True)).to_be_visible()
    assert item["end"] - 0.05 <= float(slider.get_attribute("aria-valuenow")) < item["end"] + 1.0


def test_order_filter_and_arrows(page: Any, trained: Server) -> None:
    def shown() -> list[str]:
        return [one.get_attribute("data-id") for one in page.locator(ROW).all()]

    for name, sort in (("Uncertain first", "uncertainty"), ("By score", "score"), ("By time", "time")):
        page.get_by_label("Order").select_option(label=name)
        wanted = [one["id"] for one in trained.get(f"/api/review?sort={sort}")["items"]]
        expect(page.locator(ROW).first).to_have_attribute("data-id", wanted[0])
        assert shown() == wanted
    page.keyboard.press("Escape")
    page.get_by_label("Order").blur()
    for id in wanted[:2]:
        page.keyboard.press("ArrowDown")
        expect(page.locator(CHOSEN)).to_have_attribute("data-id", id)
    page.keyboard.press("ArrowUp")
    expect(page.locator(CHOSEN)).to_have_attribute("data-id", wanted[0])
    item = item_of(trained, wanted[0])
    expect(page).to_have_url(re.compile(f"video={item['video']}"))
    page.get_by_label("Class", exact=True).first.select_option(item["class"])
    same = [one["id"] for one in trained.get(f"/api/review?sort=time&class={item['class']}")["items"]]
    expect(page.locator(ROW)).to_have_count(len(same))
    assert shown() == same


def test_the_certain_ones_at_once_and_back(page: Any, trained: Server) -> None:
    items = trained.get("/api/review?limit=500")["items"]
    limit = sorted(one["uncertainty"] for one in items)[1]
    percent = -int(-100 * limit // 1)
    wanted = {one["id"] for one in items if one["uncertainty"] <= percent / 100}
    before = len(stored(trained, "clicks"))
    page.get_by_text("Accept the certain ones").click()
    page.locator("#bulk-limit").fill(str(percent))
    page.get_by_role("button", name=f"Accept {len(wanted)}…").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text(f"Accept {len(wanted)} predictions?")
    dialog.get_by_role("button", name="Cancel").click()
    assert trained.get("/api/review?limit=0")["total"] == len(items)
    page.get_by_role("button", name=f"Accept {len(wanted)}…").click()
    dialog.get_by_role("button", name=f"Accept {len(wanted)}").click()
    left(page, trained, len(items) - len(wanted))
    assert {one["prediction"] for one in stored(trained, "segments")} == wanted
    page.locator("#toasts").get_by_role("button", name="Undo").click()
    left(page, trained, len(items))
    assert stored(trained, "segments") == []
    assert len(stored(trained, "clicks")) == before


def test_a_message_offers_no_undo_of_what_came_after_it(page: Any, trained: Server) -> None:
    offer = page.locator("#toasts").get_by_role("button", name="Undo")
    page.keyboard.press("a")
    expect(offer).to_have_count(1)
    offer.hover()  # as long as the pointer is there, no time takes it away
    page.keyboard.press("1")  # a click at the playhead, whose own Undo knows which it is
    expect(page.locator("#toasts .toast", has_text="Accepted")).to_have_count(0)


def test_an_answer_that_comes_after_a_later_edit_offers_no_undo(page: Any, trained: Server) -> None:
    waiting: list[Any] = []

    def hold(route: Any) -> None:
        if waiting:
            route.continue_()
        else:
            waiting.append(route)

    page.get_by_text("Accept the certain ones").click()
    page.locator("#bulk-limit").fill("100")
    button = page.locator(".review-bulk").get_by_role("button", name=re.compile("Accept [0-9]+…"))
    button.click()
    page.route("**/api/ops", hold)
    page.get_by_role("dialog").get_by_role("button", name=re.compile("Accept [0-9]+")).click()
    until(page, "() => document.getElementById('saved').textContent === 'Storing …'")
    clicks = len(stored(trained, "clicks"))
    page.keyboard.press("1")  # waits behind it
    assert len(stored(trained, "clicks")) == clicks
    waiting[0].continue_()
    done = page.locator("#toasts .toast", has_text=re.compile("Accepted [0-9]+ predictions"))
    expect(done).to_have_count(1)
    expect(done.get_by_role("button", name="Undo")).to_have_count(0)
    expect(page.locator("#saved")).to_have_text("All stored")


def test_fingers_on_a_tablet(open_page: Callable[..., Any], trained: Server) -> None:
    page = open_page(trained.url, viewport={"width": 820, "height": 1180}, has_touch=True)
    total = trained.get("/api/review")["total"]
    page.get_by_role("tab", name="Review").tap()
    page.locator(ROW).first.tap()
    page.get_by_role("button", name="Reject").tap()
    left(page, trained, total - 1)


def test_two_reviewers_see_each_other(open_page: Callable[..., Any], trained: Server) -> None:
    one, other = open_page(trained.url), open_page(trained.url)
    other.complaints.allow("409")
    start(one)
    start(other)
    first, total = chosen(one), trained.get("/api/review")["total"]
    one.keyboard.press("r")
    left(one, trained, total - 1)
    left(other, trained, total - 1)
    expect(other.locator(f"[role=option][data-id='{first}']")).to_have_count(0)
    assert chosen(other) == chosen(one)


def test_a_list_read_anew_while_a_verdict_is_on_its_way_keeps_its_place(page: Any, trained: Server) -> None:
    items = trained.get("/api/review?limit=500")["items"]
    assert len(items) > 2
    waiting: list[Any] = []

    def wait(route: Any) -> None:  # Playwright takes no builtin
        waiting.append(route)

    page.route("**/api/ops", wait)
    page.keyboard.press("r")
    held = trained.get("/api/project")["classes"][0]
    with page.expect_response("**/api/review?*limit=100*"):
        trained.ops({"op": "edit_class", "id": held["id"], "version": held["version"], "color": "#123456"})
    page.wait_for_timeout(300)
    waiting[0].continue_()
    left(page, trained, len(items) - 1)
    assert chosen(page) == items[1]["id"]


def test_the_surest_moment(page: Any) -> None:
    """Of a click that comes with a correction: the peak inside, the middle where nothing is known."""
    moments = page.evaluate(
        """async () => {
      const {surest} = await import("/static/review_ops.js");
      const facts = (activation) => ({
        names: new Map([["k", "jump"]]),
        activations: {stride: 0.5, offset: 1, classes: ["other", "jump"], activation: [[], activation]},
      });
      const segment = (start, end) => ({start, end, class: "k"});
      return [
        surest(segment(1, 4), facts([0, 0.2, 0.9, 0.1, 0.3, 0])),   // cell 2 is [2, 2.5)
        surest(segment(3, 4), facts([0, 0.2, 0.9, 0.1, 0.3, 0])),   // the peak outside does not count
        surest(segment(1, 4), facts([1, 1, 1, 1, 1, 1])),           // all alike: nearest the middle
        surest(segment(2.3, 2.4), facts([0, 0.2, 0.9, 0.1])),       // between two cells' middles
        surest(segment(2, 4), {names: new Map(), activations: null}),
      ];
    }"""
    )
    assert moments == [2.25, 3.25, pytest.approx(2.25, abs=0.51), 2.35, 3]


def test_what_was_verified_before_is_not_doubled_and_no_click_contradicts(page: Any) -> None:
    """The operations of a verdict, from facts that runs trained one after the other leave behind."""
    told = page.evaluate(
        """async () => {
      const {acceptance, rejection} = await import("/static/review_ops.js");
      const item = {id: "r2-v-0", run: "r2", video: "v", start: 10, end: 20, class: "a", moment: 14};
      const verified = {id: "s", version: 3, start: 11, end: 20, class: "a", prediction: "r1-v-5"};
      const segment = (more) => ({...verified, ...more});
      const click = {id: "k", version: 2, time: 14, class: "a"};
      const facts = (segments) => ({
        clicks: [click], segments, verdicts: [], names: new Map(), duration: 60, activations: null,
      });
      const told = (ops) => ops.map((op) => [op.op, op.id ?? null, op.start ?? null, op.class ?? null]);
      const own = segment({prediction: item.id, start: 10});
      const draft = (more) => ({start: 10, end: 20, class: "a", ...more});
      return [
        acceptance(item, null, facts([segment({})]), () => "new"),
        acceptance(item, draft({start: 10.5}), facts([segment({})]), () => "new"),
        acceptance(item, null, facts([segment({end: 13})]), () => "new"),
        acceptance(item, null, facts([segment({class: "b"})]), () => "new"),
        acceptance(item, draft({class: "b"}), facts([own]), () => "new"),
        acceptance(item, draft({start: 15}), facts([own]), () => "new"),
        acceptance(item, draft({start: 24, end: 30}), facts([segment({})]), () => "new"),
        rejection({...item, verdict: "accepted"}, facts([segment({})])),
        rejection({...item, verdict: null}, facts([segment({})])),
      ].map(told);
    }"""
    )
    judged = ["judge", "r2-v-0", None, None]
    added = ["add_segment", "new", 10, "a"]
    assert told[0] == [judged]  # the boundaries verified before stay
    assert told[1] == [judged, ["edit_segment", "s", 10.5, "a"]]
    assert told[2] == told[3] == [judged, added]  # another action, another class
    swap = [["delete_click", "k", None, None], ["add_click", "new", None, "b"]]
    assert told[4] == [judged, ["edit_segment", "s", 10, "b"], *swap]
    moved = [["delete_click", "k", None, None], ["add_click", "new", None, "a"]]
    assert told[5] == [judged, ["edit_segment", "s", 15, "a"], *moved]
    elsewhere = [["add_segment", "new", 24, "a"], ["add_click", "new", None, "a"]]
    assert told[6] == [judged, *elsewhere]  # corrected to the next action: what was verified is not moved
    gone = [["delete_segment", "s", None, None], ["delete_click", "k", None, None]]
    assert told[7] == [judged, *gone]
    assert told[8] == [judged]  # a doubling one is rejected, and what it doubles stays
