"""The pictures of the studio in the documentation: docs/images/studio-*.webp, from a real training.

    python benchmarks/studio_screenshots.py [--project DIR] [--out docs/images]

Without --project: shoots films, clicks what is in four of six, trains. With it: a folder that has been
trained on in a studio already; it is copied, not changed. Each picture is 1280 x 720.
"""

from __future__ import annotations

import argparse
import csv
import io
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any
from uuid import uuid4

from PIL import Image
from playwright.sync_api import sync_playwright

from studio_project import COLORS, Server

ROOT = Path(__file__).resolve().parents[1]
QUALITY = 85  # of WebP: text stays sharp, and no class changes its colour as in a picture of few colours


def trained_project(folder: Path) -> Any:
    """A studio over six films of which four are clicked and learned from, more shortly than usual."""
    from hrpro.video.film.make import make_films

    films = make_films(folder / "films", seed=11, train=4, test=2, seconds=40.0)
    project = folder / "gymnastics"
    project.mkdir()
    for n, path in enumerate(sorted((films / "videos").rglob("*.mp4"))):
        shutil.copy(path, project / f"session_{n + 1}.mp4")
    names = {
        path.stem: f"session_{n + 1}" for n, path in enumerate(sorted((films / "videos").rglob("*.mp4")))
    }
    server = Server(project, folder / "server.log")
    with (films / "clicks.csv").open() as file:
        rows = list(csv.DictReader(file))
    classes = {label: uuid4().hex for label in sorted({row["label"] for row in rows})}
    ops: list[dict[str, Any]] = [
        {"op": "add_class", "id": id, "name": label, "color": COLORS[n], "key": str(n + 1)}
        for n, (label, id) in enumerate(classes.items())
    ]
    ops += [
        {
            "op": "add_click",
            "id": uuid4().hex,
            "video": names[row["video_id"]],
            "time": float(row["timestamp"]),
            "class": classes[row["label"]],
        }
        for row in rows
    ]
    server.ops(*ops)
    settings = {"snippet": {"members": 1, "steps": 600}, "instance": {"steps": 300}}
    job = server.post("/api/jobs", {"kind": "train", "options": {"settings": settings}})
    while job["state"] in ("queued", "running"):
        time.sleep(1)
        job = server.get(f"/api/jobs/{job['id']}")
    assert job["state"] == "done", job
    return server


def shoot(server: Any, out: Path) -> None:
    """All pictures of a trained project."""
    names = ("chromium", "chromium-browser", "google-chrome")
    executable = next(filter(None, map(shutil.which, names)), None)
    clicked = max(server.get("/api/project")["videos"], key=lambda video: video["clicks"])["id"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox"])
        for scheme in ("light", "dark"):
            context = browser.new_context(viewport={"width": 1280, "height": 720}, color_scheme=scheme)
            context.set_default_timeout(60_000)
            page = context.new_page()
            page.goto(f"{server.url}/#video={clicked}")
            page.wait_for_selector("#clicks li")
            page.get_by_label("Go to time").fill("12")
            page.keyboard.press("Enter")
            take(page, out / f"studio-click-{scheme}.webp")
            page.get_by_role("tab", name="Train").click()
            page.wait_for_selector(".bars-row")
            take(page, out / f"studio-train-{scheme}.webp")
            page.get_by_role("tab", name="Review").click()
            page.locator("#review-here").check()
            page.get_by_label("Order").select_option("score")
            page.wait_for_timeout(1000)
            page.locator("#panel-review [role=option]").nth(1).click()
            page.wait_for_selector(".card:not([hidden])")
            take(page, out / f"studio-review-{scheme}.webp")
            context.close()
        browser.close()


def take(page: Any, path: Path) -> None:
    """A picture of the page once it stands still, small enough for a repository."""
    page.mouse.move(640, 1)
    page.wait_for_timeout(4000)
    picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    picture.save(path, quality=QUALITY, method=6)
    print(f"{path.stat().st_size:7d}  {path}")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--project", type=Path)
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "images")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        if args.project is None:
            server = trained_project(folder)
        else:
            shutil.copytree(args.project, folder / args.project.name)
            server = Server(folder / args.project.name, folder / "server.log")
        try:
            shoot(server, args.out)
        finally:
            server.stop()


if __name__ == "__main__":
    main()
