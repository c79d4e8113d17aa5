"""A data set's folder for jobs without video, and a worker on it as the server starts one."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from data_folders import own_layout
from hrpro.core.annotations import Click
from hrpro.studio.progress_file import Told
from hrpro.studio.spec import Spec, write_clicks

CLICKS = {
    "a one": (Click(10.0, "jump"), Click(22.0, "run"), Click(31.0, "jump")),
    "b": (Click(5.0, "run"), Click(30.0, "jump")),
}
TINY = {
    f"{stage}.{name}": value
    for stage in ("snippet", "instance")
    for name, value in {
        "steps": 6,
        "hidden": 16,
        "batch_size": 2,
        "log_every": 1,
        "accelerator": "cpu",
    }.items()
} | {"snippet.members": 1}


def dataset(root: Path, *segments: tuple[float, float]) -> Path:
    """Recordings with features, no video; ``segments`` as the ground truth of each."""
    own_layout(root)
    truth = [{"label": "jump", "segment": list(pair)} for pair in segments]
    database = {id: {"subset": "train", "duration": 40.0, "annotations": truth} for id in ("a one", "b")}
    if segments:
        (root / "gt_full.json").write_text(json.dumps({"version": "1", "database": database}))
    return root


def job(root: Path, settings: Mapping[str, Any] | None = None) -> Path:
    """A training to be done, as the server writes it down; its folder."""
    own = root / ".hrpro-studio"
    folder = own / "jobs" / "job"
    folder.mkdir(parents=True)
    (own / "runs" / "1").mkdir(parents=True)
    videos = tuple((id, None) for id in ("a one", "b", "c"))
    write_clicks(folder, CLICKS)
    Spec("train", str(root), str(own), True, "1", videos, {"settings": {**TINY, **(settings or {})}}).write(
        folder
    )
    return folder


def start(
    folder: Path, attempt: int = 1, before: Callable[[], None] | None = None
) -> subprocess.Popen[bytes]:
    """The worker, one thread wide, so that bits can be compared."""
    with (folder / "worker.log").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "hrpro.studio.worker", str(folder), str(attempt)],
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            start_new_session=True,
            stdout=log,
            stderr=log,
            preexec_fn=before,  # noqa: PLW1509  (no thread runs here)
        )


def wait_for(folder: Path, process: subprocess.Popen[bytes], ready: Callable[[Told], bool]) -> Told:
    """What was told once ``ready`` holds."""
    told, end = Told(folder), time.monotonic() + 120
    while True:
        told.read()
        if ready(told):
            return told
        assert process.poll() is None, (folder / "worker.log").read_text()
        assert time.monotonic() < end
        time.sleep(0.002)


def finish(folder: Path, process: subprocess.Popen[bytes]) -> Told:
    """Wait for its end; all that it told."""
    process.wait(180)
    told = Told(folder)
    told.read()
    return told


def reached(stage: str, step: int) -> Callable[[Told], bool]:
    return lambda told: any(row["stage"] == stage and row["step"] >= step for row in told.rows)


def interrupt(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGINT)


def results(root: Path) -> dict[str, bytes]:
    """All that a run leaves: model, predictions, activations."""
    folder = root / ".hrpro-studio" / "runs" / "1"
    paths = [*folder.glob("model/*.safetensors"), *folder.glob("activations/*")]
    found = {str(path.relative_to(folder)): path.read_bytes() for path in paths}
    for path in folder.glob("predictions/*.json"):
        found[path.name] = json.dumps(json.loads(path.read_text())["results"]).encode()
    return found
