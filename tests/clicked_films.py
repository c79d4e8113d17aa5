"""A folder of short films, clicks in them, and a run that ``train --videos`` made of both."""

from __future__ import annotations

from pathlib import Path

import pytest

from commands import SMALL, run
from rendered_videos import even_times, render


@pytest.fixture(scope="session")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("videos") / "videos"
    for name, fps, seconds in (
        ("a.mp4", 25, 12),
        ("day/a.mkv", 30, 9),
        ("day/b.mp4", 12, 10),
        ("c.mp4", 25, 5),
    ):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        render(folder / name, even_times(fps, seconds), fps=fps)
    return folder


@pytest.fixture(scope="session")
def clicks(videos: Path) -> Path:
    path = videos.parent / "clicks.csv"
    path.write_text(
        "video,seconds,class\na.mp4,3.2,wave\na,8,jump\nday/a,4,jump\nday/a.mkv,7.5,wave\nb,5,wave\n"
    )
    return path


@pytest.fixture(scope="session")
def taught(videos: Path, clicks: Path) -> Path:
    folder = videos.parent / "run"
    assert run("train", "--videos", videos, "--clicks", clicks, "--run", folder, *SMALL) == 0
    return folder


def names(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
