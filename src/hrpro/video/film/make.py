"""A folder of films to learn from and to be tested on, with clicks and the true actions."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import numpy as np

from hrpro.core.errors import DataError, RunError
from hrpro.data.formats.activitynet import GroundTruth, write_ground_truth
from hrpro.data.whole import write_text
from hrpro.video.film.script import RATE
from hrpro.video.film.shoot import Film, shoot
from hrpro.video.jobs import here
from hrpro.video.progress import board
from hrpro.video.workers import in_processes

CLICKED, SPREAD = 0.5, 0.15  # of an action's length: where people click, and its standard deviation


def make_films(
    out: str | Path,
    *,
    seed: int = 0,
    train: int = 20,
    test: int = 10,
    seconds: float = 50.0,
    workers: int = 0,
    quiet: bool = True,
) -> Path:
    """Shoot films into the folder ``out``, which must not hold any, and return it.

    train, test: how many, of ``seconds`` on average, 320 x 240 at 25 frames a second, H.264. They lie in
    videos/train and videos/test; clicks.csv has a moment inside each action of the training films, and
    gt_full.json the true actions of all. workers: processes, 0: this one. The same seed and numbers give the
    same pictures, clicks and truth. Raises DataError for no films or a folder in use, RunError or ConfigError
    if they cannot be written.
    """
    out = Path(out)
    if min(train, test) < 1 or not 20 <= seconds <= 3600:
        raise DataError("needs a film in each split, of 20 to 3600 seconds", where=out)
    if (out / "videos").exists():
        raise DataError("this folder holds videos already", where=out, mend="choose another, or remove it")
    rng = np.random.default_rng(seed)
    films: list[Film] = []
    for split, count in (("train", train), ("test", test)):
        for i in range(count):
            path = out / "videos" / split / f"{split}_{i:03d}.mp4"
            length = round(RATE * seconds * rng.uniform(0.75, 1.25)) / RATE
            films.append(Film(path.stem, path, (seed, split == "test", i), length))
    _shoot_all(films, workers, quiet)
    truth = {film.id: film.segments() for film in films}
    lines = ["video_id,timestamp,label"]
    for film in films:
        for action in truth[film.id] if film.video.parent.name == "train" else ():
            share = float(np.clip(rng.normal(CLICKED, SPREAD), 0.05, 0.95))
            lines.append(f"{film.id},{action.start + share * (action.end - action.start):.2f},{action.label}")
    write_text(out / "clicks.csv", "\n".join(lines) + "\n")
    durations = {film.id: film.seconds for film in films}
    subsets = {film.id: film.video.parent.name.capitalize() for film in films}
    write_ground_truth(out / "gt_full.json", GroundTruth(truth, durations, subsets))
    return out


def _shoot_all(films: Sequence[Film], workers: int, quiet: bool) -> None:
    engine = in_processes(workers) if workers else here
    pictures = [round(film.seconds * RATE) for film in films]
    with (
        board([film.id for film in films], pictures, "pictures", quiet=quiet) as shown,
        closing(engine(shoot, films, shown.part)) as ended,
    ):
        for number, entry in ended:
            if entry.state == "failed":
                raise RunError(f"this film could not be shot: {entry.reason}", where=entry.video)
            shown.end(number, entry)
