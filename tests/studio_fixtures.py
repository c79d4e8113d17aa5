"""A studio for a test: three small films, a folder of their copies, and a server over it."""

from __future__ import annotations

import csv
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from studio_server import Server


def require_studio() -> None:
    """Skips the test where the extra is missing."""
    for module in ("fastapi", "uvicorn", "av", "cv2"):
        pytest.importorskip(module, reason="needs hrpro[studio,video]")


@pytest.fixture(scope="session")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """videos/{train,test}/*.mp4 with clicks.csv and gt_full.json: three films of 20 to 30 s; read only."""
    require_studio()
    from hrpro.video.film.make import make_films

    return make_films(tmp_path_factory.mktemp("studio") / "films", seed=3, train=2, test=1, seconds=24.0)


@pytest.fixture
def project(films: Path, tmp_path: Path) -> Path:
    """A folder of those three videos and nothing else."""
    folder = tmp_path / "project"
    folder.mkdir()
    for path in sorted((films / "videos").rglob("*.mp4")):
        shutil.copy(path, folder)
    return folder


@pytest.fixture
def windows() -> list[Callable[[], None]]:
    """What closes the open windows: a page complains of a server that goes before it."""
    return []


@pytest.fixture
def server(project: Path, tmp_path: Path, windows: list[Callable[[], None]]) -> Iterator[Server]:
    running = Server(project, tmp_path / "server.log")
    yield running
    while windows:
        windows.pop()()
    running.stop()


SHORT = {
    "snippet": {"steps": 60, "members": 1},
    "instance": {"steps": 40, "completeness_weight": 0.25},
}
"""Settings of a training that is over in seconds, for tests of what becomes of its result."""


def click_all(server: Server, films: Path) -> dict[str, str]:
    """Store the films' clicks, with a class for each label; ids of the classes by label."""
    with (films / "clicks.csv").open() as file:
        rows = list(csv.DictReader(file))
    classes = {label: uuid4().hex for label in sorted({row["label"] for row in rows})}
    ops: list[dict[str, Any]] = [
        {"op": "add_class", "id": id, "name": label, "color": f"#{40 + 30 * n:02x}6090", "key": str(n + 1)}
        for n, (label, id) in enumerate(classes.items())
    ]
    for row in rows:
        video, time = row["video_id"], float(row["timestamp"])
        ops.append(
            {
                "op": "add_click",
                "id": uuid4().hex,
                "video": video,
                "time": time,
                "class": classes[row["label"]],
            }
        )
    server.ops(*ops)
    return classes


def wait_for_job(server: Server, id: str, seconds: float = 240) -> dict[str, Any]:
    """The job once it has ended."""
    end = time.monotonic() + seconds
    while (job := server.get(f"/api/jobs/{id}"))["state"] in ("queued", "running", "stopping"):
        assert time.monotonic() < end, job
        time.sleep(0.2)
    return job


@pytest.fixture(scope="session")
def trained_server(films: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A studio over the three films, clicked and trained on."""
    folder = tmp_path_factory.mktemp("trained") / "project"
    folder.mkdir()
    for path in sorted((films / "videos").rglob("*.mp4")):
        shutil.copy(path, folder)
    running = Server(folder, folder.parent / "server.log")
    try:
        click_all(running, films)
        job = running.post("/api/jobs", {"kind": "train", "options": {"settings": SHORT}})
        ended = wait_for_job(running, job["id"])
        assert ended["state"] == "done", ended
        yield running
    finally:
        running.stop()


@pytest.fixture
def trained(trained_server: Server, windows: list[Callable[[], None]]) -> Iterator[Server]:
    """The same, with nothing judged; what a test stores is taken away after it."""
    before = contents(trained_server)
    yield trained_server
    while windows:
        windows.pop()()
    after = contents(trained_server)
    words = {"clicks": "delete_click", "segments": "delete_segment", "verdicts": "unjudge"}
    ops = [
        {"op": word, "id": one["id"], "version": one["version"]}
        for kind, word in words.items()
        for one in after[kind]
        if one not in before[kind]
    ]
    kept = {one["id"] for one in after["clicks"] if one in before["clicks"]}
    ops += [
        {"op": "add_click", **click, "id": uuid4().hex}
        for click in before["clicks"]
        if click["id"] not in kept
    ]
    if ops:
        trained_server.ops(*ops)


def contents(server: Server) -> dict[str, list[dict[str, Any]]]:
    """All clicks, segments and verdicts of a project."""
    found = [server.get(f"/api/video?id={one['id']}") for one in server.get("/api/project")["videos"]]
    kinds = ("clicks", "segments", "verdicts")
    return {kind: [one for video in found for one in video[kind]] for kind in kinds}
