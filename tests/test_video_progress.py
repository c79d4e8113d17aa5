"""The board: what is done of all videos together, and the time left that follows from it."""

from __future__ import annotations

import io
import time
from pathlib import Path

import pytest
from rich.console import Console

from hrpro.video.film import make
from hrpro.video.jobs import Outcome
from hrpro.video.progress import Board, size_of


def ended(id: str, state: str = "done", reason: str = "") -> Outcome:
    return Outcome(id, f"{id}.mp4", state, reason, 60.0, 7)  # type: ignore[arg-type]


def test_the_whole_is_weighed_by_the_videos_sizes() -> None:
    shown = Board(["a", "b", "c"], [100, 300, 400], "snippets", Console(file=io.StringIO()))
    whole = shown.bars.tasks[0]
    assert (whole.completed, whole.total) == (0, 800)
    shown.part(1, None)
    shown.part(1, 0.5)
    assert (whole.completed, whole.total) == (150, 800)
    shown.end(1, ended("b"))
    assert (whole.completed, whole.total) == (300, 800)
    shown.end(0, ended("a", "kept"))
    assert (whole.completed, whole.total) == (300, 700), "what took no time says nothing of the time left"
    shown.end(2, ended("c", "failed", "no video"))
    assert whole.finished
    assert whole.description == "3 of 3 videos"


def test_a_line_for_each_where_there_is_no_terminal() -> None:
    text = io.StringIO()
    shown = Board(["a", "b", "c"], [1, 1, 1], "snippets", Console(file=text))
    for number, entry in enumerate((ended("a"), ended("b", "kept"), ended("c", "failed", "[no] video"))):
        shown.end(number, entry)
    assert text.getvalue().splitlines() == [
        "[1/3] a: 7 snippets",
        "[2/3] b: 7 snippets, as before",
        "[3/3] c: [no] video",
    ]


def test_bytes_of_a_video(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(b"12345")
    assert (size_of(tmp_path / "a.mp4"), size_of(tmp_path / "b.mp4")) == (5, 0)


def test_films_that_are_not_there_yet_have_a_time_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a terminal, before the first of two films is done."""
    boards: list[Board] = []
    left: list[float | None] = []

    class Watched(Board):
        def part(self, number: int, part: float | None) -> None:
            boards.append(self)
            super().part(number, part)
            time.sleep(0.02)  # two moments at the least, to tell a speed from
            left.append(self.bars.tasks[0].time_remaining)

    monkeypatch.setattr("hrpro.video.progress.Board", Watched)
    make.make_films(tmp_path, train=1, test=1, seconds=20.0)
    assert boards[0].bars.tasks[0].total == pytest.approx(2 * 20 * 25, rel=0.25)
    assert any(left[: len(left) // 2])
