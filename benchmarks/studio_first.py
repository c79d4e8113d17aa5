"""The shortest way of a new user: from a folder with three videos to the first predicted segments, timed.

    python benchmarks/studio_first.py [--seconds 30]

Shoots three films, opens the studio over them in a real browser, and does what a person would who wastes no
time: names the classes, plays two of the films at twice the speed and presses a class's key in the midst of
each action, presses Train, and waits for the first segments of the film nobody clicked. Prints the seconds
since the command of each step. The training is the one the page makes, with no setting changed.
"""

from __future__ import annotations

import argparse
import csv
import shutil
import tempfile
import time
from itertools import groupby
from pathlib import Path
from typing import Any

from playwright.sync_api import expect, sync_playwright

from hrpro.video.film.make import make_films
from studio_project import Server, until

NAMES = ("chromium", "chromium-browser", "google-chrome")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=30.0, help="length of each film, about")
    seconds = parser.parse_args().seconds
    with tempfile.TemporaryDirectory() as place:
        films = make_films(Path(place) / "films", seed=5, train=2, test=1, seconds=seconds)
        project = Path(place) / "my_videos"
        project.mkdir()
        for path in sorted((films / "videos").rglob("*.mp4")):
            shutil.copy(path, project)
        with (films / "clicks.csv").open() as file:
            rows = sorted(csv.DictReader(file), key=lambda row: (row["video_id"], float(row["timestamp"])))
        way(project, rows, Path(place) / "server.log")


def way(project: Path, rows: list[dict[str, str]], log: Path) -> None:
    began = time.perf_counter()

    def tell(step: str) -> None:
        print(f"{time.perf_counter() - began:7.1f} s  {step}", flush=True)

    server = Server(project, log)
    executable = next(filter(None, map(shutil.which, NAMES)), None)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox"])
        page = browser.new_context(viewport={"width": 1280, "height": 720}).new_page()
        page.set_default_timeout(60_000)
        page.goto(server.url)
        expect(page.locator("#video-list")).to_contain_text(rows[0]["video_id"])
        tell("the page shows the videos")
        keys = {label: str(n + 1) for n, label in enumerate(sorted({row["label"] for row in rows}))}
        for label in keys:
            page.get_by_placeholder("New class, then Enter").fill(label)
            page.keyboard.press("Enter")
            expect(page.locator("#classes")).to_contain_text(label)
        tell(f"{len(keys)} classes named")
        for video, own in groupby(rows, key=lambda row: row["video_id"]):
            watch(page, video, [(float(row["timestamp"]), keys[row["label"]]) for row in own])
        tell(f"{len(rows)} actions clicked in two videos, played at twice the speed")
        page.get_by_role("tab", name="Train").click()
        page.locator("#panel-train").get_by_role("button", name="Train", exact=True).click()
        wait_for_training(server)
        page.get_by_role("tab", name="Review").click()
        page.wait_for_selector("#panel-review [role=option]", timeout=60_000)
        tell("first predicted segments to review")
        browser.close()
    server.stop()


def watch(page: Any, video: str, moments: list[tuple[float, str]]) -> None:
    """Play a film at twice the speed, and press each class's key as its moment comes."""
    page.locator("#video-list").get_by_text(video, exact=True).click()
    until(
        page, "name => location.hash.includes(name) && document.querySelector('video').readyState > 2", video
    )
    page.locator("#stage").focus()
    page.keyboard.press("l")
    page.keyboard.press("l")
    for moment, key in moments:
        until(page, "moment => document.querySelector('video').currentTime >= moment", moment)
        page.keyboard.press(key)
    page.keyboard.press("k")


def wait_for_training(server: Any) -> None:
    while True:
        states = [job["state"] for job in server.get("/api/jobs")["jobs"]]
        if states == ["done"]:
            return
        assert set(states) <= {"queued", "running"}, states
        time.sleep(0.5)


if __name__ == "__main__":
    main()
