"""The annotated video: equal pictures and detections give equal bytes, whatever else the machine does."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np

from hrpro.core.annotations import Detection
from hrpro.video.film.shoot import Film, shoot
from hrpro.video.render import render

SHOWN = (Detection(0.5, 3.0, "jump", 0.75), Detection(2.0, 4.5, "run", 0.5))


def test_equal_inputs_give_equal_bytes(tmp_path: Path) -> None:
    film = Film("film", tmp_path / "film.mp4", (7,), 5.0)
    assert shoot(film, lambda part: None).state == "done"
    rng, target, found = np.random.default_rng(0), tmp_path / "annotated.mp4", set()
    for attempt in range(6):
        # Memory that is handed out again with something else in it.
        held = [rng.integers(0, 255, size, dtype=np.uint8) for size in rng.integers(1 << 12, 1 << 19, 64)]
        render(film.video, SHOWN, target, duration=5.0, threads=attempt % 3)
        del held[::2]
        found.add(hashlib.sha256(target.read_bytes()).hexdigest())
    assert len(found) == 1
    render(film.video, SHOWN[:1], target, duration=5.0)
    assert hashlib.sha256(target.read_bytes()).hexdigest() not in found
