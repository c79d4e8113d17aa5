"""Videos of every kind for the studio: what a browser plays and what not, even, uneven, late, broken."""

from __future__ import annotations

import random
import struct
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import pytest

from rendered_videos import even_times, render
from studio_raw import Site, serving

MILLISECOND = Fraction(1, 1000)


def uneven_times(seconds: float, seed: int = 1) -> list[Fraction]:
    """Times of a screen recording: bursts, and pictures that stay for more than a second."""
    draw, times, now = random.Random(seed), list[Fraction](), Fraction(0)
    while now < seconds:
        times.append(now)
        now += draw.choice([10, 17, 33, 40, 100, 700, 1300]) * MILLISECOND
    return times


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("project")
    render(folder / "even.mp4", even_times(25, 6), codec="libx264", bframes=2)
    render(folder / "uneven.mp4", uneven_times(6), codec="libx264", tick=MILLISECOND, bframes=0)
    render(folder / "old.avi", even_times(Fraction(30000, 1001), 3), fps=Fraction(30000, 1001))
    render(folder / "late.mkv", uneven_times(5, 2), tick=MILLISECOND, start=2.5)
    (folder / "broken.mp4").write_bytes(b"no video at all" * 99)
    with (folder / "huge.mp4").open("wb") as file:  # sparse: it takes no room
        file.truncate(512 * 2**20)
    return folder


@pytest.fixture(scope="module")
def site(folder: Path) -> Iterator[Site]:
    with serving(folder) as site:
        yield site


def turned(path: Path, out: Path) -> Path:
    """The .mp4 as a phone held upright writes it: shown turned by 90 degrees clockwise."""
    data = bytearray(path.read_bytes())
    at = data.index(b"tkhd") + 44
    data[at : at + 36] = struct.pack(">9i", 0, 1 << 16, 0, -1 << 16, 0, 0, 0, 0, 1 << 30)
    out.write_bytes(data)
    return out
