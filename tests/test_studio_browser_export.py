"""The page's export: the file that comes down, and in words what its format leaves out."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from hrpro.cli import main
from hrpro.data.formats.registry import FORMATS
from studio_browser import hold_first, release
from studio_server import Server
from test_studio_browser_click import VIDEO

pytest.importorskip("playwright.sync_api", reason="needs Playwright, of hrpro[dev]")
from playwright.sync_api import expect

pytest_plugins = ["studio_browser"]


def opened(page: Any) -> Any:
    page.get_by_role("button", name="Export clicks").click()
    return page.get_by_role("dialog", name="Export")


def exported(page: Any, dialog: Any, name: str) -> str:
    with page.expect_download() as coming:
        dialog.get_by_role("button", name=name).click()
    return coming.value.path().read_text()


def fill(server: Server, *, segment: bool) -> None:
    jump = uuid4().hex
    ops: list[dict[str, Any]] = [
        {"op": "add_class", "id": jump, "name": "jump", "color": "#406090", "key": "1"}
    ]
    ops.append({"op": "add_click", "id": uuid4().hex, "video": VIDEO, "time": 2.0, "class": jump})
    if segment:
        drawn = {"video": VIDEO, "start": 1.0, "end": 3.0, "class": jump, "origin": "drawn"}
        ops.append({"op": "add_segment", "id": uuid4().hex, **drawn})
    server.ops(*ops)


def test_what_a_format_leaves_out_is_told_and_stays_told(page: Any, server: Server) -> None:
    fill(server, segment=True)
    dialog = opened(page)
    rows = list(csv.DictReader(exported(page, dialog, "CSV in seconds").splitlines()))
    assert rows == [{"video_id": VIDEO, "timestamp": "2", "label": "jump"}]
    told = dialog.get_by_role("status")
    expect(told).to_contain_text("Exported project.csv")
    expect(told).to_contain_text("1 segment")
    expect(told.locator(".warning")).to_contain_text("Left out, as")

    found = json.loads(exported(page, dialog, "ActivityNet JSON"))
    assert [one["segment"] for one in found["database"][VIDEO]["annotations"]] == [[1, 3]]
    expect(told).to_contain_text("1 click")
    expect(told).not_to_contain_text("1 segment")

    exported(page, dialog, "VIA 3 project")
    expect(told).to_contain_text("Exported project.json")
    expect(told.locator(".warning")).to_have_count(0)  # it holds all


def test_a_format_that_holds_nothing_of_it_says_so_in_words_of_the_page(page: Any, server: Server) -> None:
    page.complaints.allow("422")
    fill(server, segment=False)
    dialog = opened(page)
    dialog.get_by_role("button", name="ActivityNet JSON").click()
    told = dialog.get_by_role("status")
    expect(told).to_contain_text("can hold nothing of it")
    assert "--" not in told.inner_text()


def test_what_a_run_found_comes_out_without_what_was_rejected(
    open_page: Callable[..., Any], trained: Server, tmp_path: Path
) -> None:
    page = open_page(trained.url)
    items = trained.get("/api/review?limit=500&verdict=all")["items"]
    run, least = items[0]["run"], trained.get(f"/api/predictions?video={items[0]['video']}")["min_score"]
    shown = [one for one in items if one["score"] >= least]
    no = shown[0]
    trained.ops(
        {"op": "judge", "id": no["id"], "video": no["video"], "run": run, "verdict": "rejected", "version": 0}
    )
    wanted = sorted((one["video"], one["start"], one["end"], one["label"]) for one in shown if one is not no)
    assert wanted

    page.locator("#video-list .video").first.wait_for()
    held = hold_first(page, "**/api/project")
    page.reload()
    dialog = opened(page)
    what = dialog.get_by_label("What to export")
    expect(what).to_be_hidden()  # nothing is known of any run yet
    release(page, held, "/api/project")
    what.select_option(run)
    expect(dialog.get_by_role("button", name="CSV in seconds")).to_have_count(0)  # it holds clicks
    text = exported(page, dialog, "CSV of segments")
    rows = list(csv.DictReader(text.splitlines()))
    found = sorted((row["video"], float(row["start"]), float(row["end"]), row["label"]) for row in rows)
    assert found == wanted
    assert all(float(row["score"]) >= least for row in rows)
    expect(dialog.get_by_role("status")).to_contain_text(f"run-{run}.csv")
    results = json.loads(exported(page, dialog, "ActivityNet JSON"))["results"]
    assert sum(map(len, results.values())) == len(wanted)

    # The command writes the same, and knows which runs there are.
    out = tmp_path / "found.csv"
    assert main(["studio", str(trained.project), f"--export={out}", "--found=latest"]) == 0
    assert out.read_text() == text
    assert main(["studio", str(trained.project), f"--export={out}", "--found=7", "--force"]) == 2
    assert out.read_text() == text
    assert main(["studio", str(trained.project), "--found=latest"]) == 2


def test_each_format_that_clicks_or_segments_can_be_written_in_is_offered(page: Any) -> None:
    rows = opened(page).locator(".export-row")
    holding = [one for one in FORMATS.values() if one.write and {"click", "segment"} & one.holds]
    expect(rows).to_have_count(len(holding))
