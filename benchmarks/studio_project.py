"""A studio of one long video with thousands of clicks in it, for the benchmarks of the studio."""

from __future__ import annotations

import random
import sys
from pathlib import Path
from typing import Any
from uuid import uuid4

import av
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

# The tests' own:
import studio_browser  # pyright: ignore[reportMissingImports]
import studio_server  # pyright: ignore[reportMissingImports]

__all__ = ["Server", "long_video", "seeded_project", "until"]

Server: Any = studio_server.Server
until: Any = studio_browser.until
COLORS = ("#d1495b", "#2e86ab", "#3b8f4b", "#b37400", "#7d5ba6", "#00798c", "#8a5a44", "#5c6b73")
MOST = 1000  # operations in one request


def long_video(path: Path, hours: float) -> Path:
    """An H.264 file of that length, 96 x 54, one picture a second of a slowly changing grey."""
    with av.open(str(path), "w") as out:
        stream: Any = out.add_stream(
            "libx264", rate=1, options={"preset": "ultrafast", "crf": "40", "g": "60"}
        )
        stream.width, stream.height, stream.pix_fmt = 96, 54, "yuv420p"
        picture = np.empty((54 * 3 // 2, 96), np.uint8)
        for second in range(round(3600 * hours)):
            picture[:] = 128
            picture[:54] = 32 + second // 30 % 192
            out.mux(stream.encode(av.VideoFrame.from_ndarray(picture, "yuv420p")))
        out.mux(stream.encode(None))
    return path


def seeded_project(folder: Path, *, hours: float, clicks: int, classes: int = 8) -> Any:
    """A running studio over ``folder``, whose video "long" has ``clicks`` clicks of ``classes`` classes."""
    project = folder / "project"
    project.mkdir()
    long_video(project / "long.mp4", hours)
    server = Server(project, folder / "server.log")
    rng = random.Random(0)
    made = [uuid4().hex for _ in range(classes)]
    ops: list[dict[str, Any]] = [
        {
            "op": "add_class",
            "id": id,
            "name": f"class {n + 1}",
            "color": COLORS[n % len(COLORS)],
            "key": str(n + 1),
        }
        for n, id in enumerate(made)
    ]
    ops += [
        {
            "op": "add_click",
            "id": uuid4().hex,
            "video": "long",
            "time": round(time, 3),
            "class": rng.choice(made),
        }
        for time in sorted(rng.uniform(0, 3600 * hours) for _ in range(clicks))
    ]
    for first in range(0, len(ops), MOST):
        server.ops(*ops[first : first + MOST])
    return server
