"""Frames a second while a timeline of three hours and ten thousand clicks is zoomed and panned.

    python benchmarks/studio_timeline.py [--seconds 5] [--clicks 10000] [--hours 3]

Measured in the browser (Debian's chromium, headless, so drawn without a graphics card): at every frame the
wheel turns once, and what counts is the time from frame to frame. Prints the mean rate, the rate that 95 % of
the frames reach, and the longest frame. Exits with 1 where a mean rate is below 30.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from playwright.sync_api import sync_playwright

from studio_project import seeded_project

ENOUGH = 30.0
# Turns the wheel at each frame for some seconds; answers the ms between frames.
TURN = """async ([seconds, move, factor]) => {
  const canvas = document.querySelector("#timeline canvas.over");
  const box = canvas.getBoundingClientRect();
  const at = {clientX: box.left + 0.6 * box.width, clientY: box.top + 0.7 * box.height};
  const turn = (more) => canvas.dispatchEvent(
    new WheelEvent("wheel", {...at, bubbles: true, cancelable: true, deltaMode: 0, ...more}));
  const frame = () => new Promise((done) => requestAnimationFrame(done));
  for (let n = 0; n < 40; n++) turn({deltaY: 400});
  for (let n = 0; n < factor; n++) turn({deltaY: -100});
  await frame();
  const began = await frame();
  const times = [];
  for (let now = began, n = 0; now < began + 1000 * seconds; n++) {
    const back = Math.floor(n / 90) % 2 ? -1 : 1;
    turn(move === "zoom" ? {deltaY: -40 * back} : {deltaX: 25 * back, deltaY: 0});
    const next = await frame();
    times.push(next - now);
    now = next;
  }
  return times;
}"""
# What is done, wheel notches zoomed in before it (each about a fifth).
PHASES = (
    ("zoom from all of it", "zoom", 0),
    ("pan, an hour in sight", "pan", 5),
    ("pan, ten minutes in sight", "pan", 13),
    ("pan, twenty seconds in sight", "pan", 29),
)


def measure(url: str, seconds: float) -> dict[str, list[float]]:
    """ms between frames of each phase."""
    executable = next(
        filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
    )
    if executable is None:
        sys.exit("there is no chromium on the path")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 720})
        page.goto(url)
        page.wait_for_selector("#timeline canvas.over")
        page.wait_for_timeout(2000)
        found = {name: page.evaluate(TURN, [seconds, move, factor]) for name, move, factor in PHASES}
        browser.close()
    return found


def figures(times: list[float]) -> dict[str, float]:
    """Frames a second, from the ms between frames."""
    return {
        "mean": round(1000 * len(times) / sum(times), 1),
        "reached by 95 %": round(1000 / float(np.percentile(times, 95)), 1),
        "longest frame, ms": round(max(times), 1),
    }


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=5, help="of each phase")
    parser.add_argument("--clicks", type=int, default=10_000)
    parser.add_argument("--hours", type=float, default=3)
    parser.add_argument("--json", action="store_true", help="one line of JSON instead of the table")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        server: Any = seeded_project(Path(folder), hours=args.hours, clicks=args.clicks)
        try:
            rates = {name: figures(times) for name, times in measure(server.url, args.seconds).items()}
        finally:
            server.stop()
    if args.json:
        print(json.dumps(rates))
    else:
        print(f"{args.clicks} clicks, {args.hours:g} h")
        print("frames a second: mean, reached by 95 %; longest frame in ms")
        for name, row in rates.items():
            print(f"{name:30s}" + "".join(f"{value:8.1f}" for value in row.values()))
    return int(any(row["mean"] < ENOUGH for row in rates.values()))


if __name__ == "__main__":
    sys.exit(main())
