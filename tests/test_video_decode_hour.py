"""Snippet ``t`` of the default clock shows its own seconds, at the end of an hour as at its beginning."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("av", reason="the extra [video] is not installed")
from hrpro.core.timeline import Timeline
from hrpro.video.decode import frames
from rendered_videos import even_times, read_stamp, render

RATE, WINDOW, STRIDE = 25, 16, 16
ROUNDED = 1.5e-3  # s: the stamp's half millisecond and the clock's one


@pytest.mark.parametrize("fps", [Fraction(30000, 1001), Fraction(24000, 1001)], ids=["29.97", "23.98"])
def test_every_snippet_of_an_hour_shows_its_own_seconds_within_half_a_frame(
    tmp_path: Path, fps: Fraction
) -> None:
    """3603.6 s: counting its pictures at 30, 24 or 25 a second would be wrong by seconds."""
    times = even_times(fps, Fraction(3600) * 1001 / 1000)
    video = render(tmp_path / "hour.mp4", times, fps=fps, size=(48, 32))
    shown = np.array([read_stamp(frame) for frame in frames(video, rate=RATE)]) / 1000
    assert len(shown) == round(3603.6 * RATE)
    timeline = Timeline.from_frames(fps=RATE, stride=STRIDE, window=WINDOW)
    snippets = len(shown) // STRIDE
    starts = timeline.to_seconds(np.arange(snippets))
    assert starts[-1] > 3602
    length = float(1 / fps)
    half = 0.5 / RATE + max(0, length - 1 / RATE)  # a picture may last longer than a frame of the clock
    # Every frame, not only the snippets' ends: the middle of its picture's time on show against its own.
    middles = (np.arange(len(shown)) + 0.5) / RATE
    assert np.abs(shown + length / 2 - middles).max() <= length / 2 + ROUNDED
    first, last = shown[: snippets * STRIDE : STRIDE], shown[WINDOW - 1 : snippets * STRIDE : STRIDE]
    assert np.abs(first - starts).max() <= half + ROUNDED
    assert np.abs(last + length - (starts + WINDOW / RATE)).max() <= half + ROUNDED


def test_an_hour_of_irregular_pictures_is_on_time(tmp_path: Path) -> None:
    """A screen recording: pauses of up to 14 s, bursts of 100 pictures a second; milliseconds (Matroska)."""
    random = np.random.default_rng(7)
    gaps_ms = np.where(
        random.random(8000) < 0.06, random.integers(1000, 14000, 8000), random.integers(10, 60, 8000)
    )
    times_ms = np.concatenate([[0], np.cumsum(gaps_ms)])
    assert times_ms[-1] > 3_600_000
    times = [Fraction(int(t), 1000) for t in times_ms]
    video = render(tmp_path / "hour.mkv", times, tick=Fraction(1, 1000), size=(48, 32))
    shown_ms = np.array([read_stamp(frame) for frame in frames(video, rate=RATE)])
    moments_ms = (np.arange(len(shown_ms)) + 0.5) * 1000 / RATE - 1
    expected_ms = times_ms[np.searchsorted(times_ms, moments_ms, "right") - 1]
    np.testing.assert_array_equal(shown_ms, expected_ms)
    assert abs(len(shown_ms) * 1000 / RATE - times_ms[-1]) <= 100
