"""The clock without a video: which picture is shown when, damaged timestamps, the thread ahead."""

from __future__ import annotations

import gc
import math
import threading
import time
from bisect import bisect_right
from collections.abc import Generator
from fractions import Fraction
from itertools import count, pairwise, takewhile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hrpro.video.ahead import Ahead
from hrpro.video.clock import ROUNDING, Clock, evenly

RATES = st.sampled_from(
    [Fraction(25), Fraction(30000, 1001), Fraction(1, 3), Fraction(10), Fraction(60), Fraction(120)]
)
TICKS = st.sampled_from([Fraction(1, 90000), Fraction(1, 1000), Fraction(1001, 30000), Fraction(1, 25)])
steps = st.lists(st.one_of(st.integers(0, 5), st.integers(0, 60)), max_size=20)


@given(steps, TICKS, RATES, st.integers(1, 100))
def test_every_interval_shows_the_picture_of_its_moment(
    gaps: list[int], tick: Fraction, rate: Fraction, length: int
) -> None:
    times = [0]
    for gap in gaps:
        times.append(times[-1] + gap)
    end = times[-1] + length
    shown = list(evenly([(t, i) for i, t in enumerate(times)], tick=tick, rate=rate, end=lambda: end))
    got = [index for index, many in shown for _ in range(many)]
    early = min(ROUNDING, 1 / (4 * rate))
    moments = takewhile(lambda m: m < end, (((k + Fraction(1, 2)) / rate - early) / tick for k in count(0)))
    expected = [bisect_right(times, moment) - 1 for moment in moments]
    assert got == (expected or [len(times) - 1])
    assert all(many > 0 for _, many in shown)
    # No picture twice: the even clock never runs backwards, and a repeated picture is one entry.
    assert [index for index, _ in shown] == sorted({index for index, _ in shown})


def test_no_picture_gives_no_frame() -> None:
    assert list(evenly([], tick=Fraction(1, 25), rate=Fraction(25), end=lambda: 0)) == []


@pytest.mark.parametrize(
    ("fps", "rate", "step"), [(60, 30, 2), (50, 25, 2), (120, 30, 4), (30, 30, 1), (100, 25, 4)]
)
def test_millisecond_timestamps_do_not_make_an_even_video_uneven(fps: int, rate: int, step: int) -> None:
    pictures = [(round(1000 * index / fps), index) for index in range(fps * 20)]
    shown = list(evenly(pictures, tick=Fraction(1, 1000), rate=Fraction(rate), end=lambda: 20_000))
    indices = [index for index, many in shown if many == 1]
    assert len(indices) == 20 * rate
    assert {b - a for a, b in pairwise(indices)} == {step}


def test_a_day_of_pictures_does_not_drift() -> None:
    """24 h of 30000/1001 shown at 30: the last frame shows the last picture."""
    tick = Fraction(1001, 30000)
    total = math.floor(24 * 3600 / tick)
    pictures = ((index, index) for index in range(total))
    shown = list(evenly(pictures, tick=tick, rate=Fraction(30), end=lambda: total))
    assert {times for _, times in shown} == {1, 2}
    assert shown[-1][0] == total - 1
    assert sum(times for _, times in shown) == round(total * tick * 30)


def clock(**changes: object) -> Clock:
    settings: dict = {"tick": Fraction(1, 1000), "step": 40, "reach": 10_000, "promised": None} | changes
    return Clock(settings.pop("origin", 0), **settings)


def test_the_clock_begins_at_its_origin_and_keeps_irregular_times() -> None:
    watch = clock(origin=5000)
    assert [watch.place(t) for t in (5000, 5003, 5900, 5900, 9000)] == [0, 3, 900, 900, 4000]
    assert watch.joints == []


def test_jitter_backwards_is_held_and_does_not_shift_what_follows() -> None:
    watch = clock()
    assert [watch.place(t) for t in (0, 40, 20, 120, 160)] == [0, 40, 40, 120, 160]
    assert watch.joints == []


def test_missing_timestamps_follow_at_the_usual_step() -> None:
    watch = clock()
    assert [watch.place(t) for t in (None, None, 80, None, 160)] == [0, 40, 80, 120, 160]


def test_files_joined_end_to_end_go_on_without_a_pause() -> None:
    watch = clock()
    first = [watch.place(t) for t in range(0, 5000, 40)]
    second = [watch.place(t) for t in range(0, 5000, 40)]
    third = [watch.place(t) for t in range(900_000, 905_000, 40)]
    assert first + second + third == list(range(0, 15_000, 40))
    assert watch.joints == [5000, 10_000]


@pytest.mark.parametrize("wrong", [0, 7_000_000, 2**33 // 90, -(10**9)])
@pytest.mark.parametrize("pictures", [1, 5, 20])
def test_a_damaged_timestamp_does_not_move_the_clock(wrong: int, pictures: int) -> None:
    watch, times = clock(), list(range(0, 60_000, 40))
    damaged = times.copy()
    damaged[700 : 700 + pictures] = range(wrong, wrong + 40 * pictures, 40)
    assert [watch.place(t) for t in damaged] == times
    assert watch.joints == []


def test_a_picture_may_be_held_as_long_as_the_file_promises() -> None:
    assert clock(promised=600_000).place(0) == 0
    held = clock(promised=600_000)
    assert [held.place(t) for t in (0, 590_000)] == [0, 590_000]
    leap = clock(promised=600_000)
    assert [leap.place(t) for t in (0, 700_000)] == [0, 40]
    assert leap.joints == [40]
    absurd = clock(promised=10**15)
    assert [absurd.place(t) for t in (0, 3_600_000, 10**9)] == [0, 3_600_000, 3_600_040]


def test_the_last_picture_stays_as_long_as_its_packet_says_if_that_can_be() -> None:
    watch = clock(origin=500)
    assert watch.place(500) == 0
    assert watch.end(500, 70) == 70
    assert watch.end(500, 0) == watch.end(500, 10**12) == watch.end(9000, 70) == 40


@given(st.lists(st.one_of(st.none(), st.integers(-(2**62), 2**62), st.integers(0, 10_000)), max_size=60))
def test_whatever_the_timestamps_time_never_runs_back_nor_leaps(timestamps: list[int | None]) -> None:
    watch = clock(origin=timestamps[0] or 0) if timestamps else clock()
    times = [watch.place(t) for t in timestamps]
    assert all(0 <= b - a <= 10_000 for a, b in pairwise(times))


class Source:
    """A generator that counts what was taken from it and knows whether it was closed."""

    def __init__(self, length: int, *, fail_at: int | None = None) -> None:
        self.taken, self.closed_by, self.length, self.fail_at = 0, "", length, fail_at

    def items(self) -> Generator[int]:
        try:
            for index in range(self.length):
                if index == self.fail_at:
                    raise RuntimeError("broken here")
                self.taken += 1
                yield index
        finally:
            self.closed_by = threading.current_thread().name


def settle(source: Source) -> int:
    """Number taken once it no longer rises."""
    before = -1
    while source.taken != before:
        before = source.taken
        time.sleep(0.05)
    return before


def test_ahead_gives_everything_in_order() -> None:
    with Ahead(Source(1000).items(), room=3) as ahead:
        assert list(ahead) == list(range(1000))


def test_ahead_runs_ahead_but_no_further_than_its_room() -> None:
    source = Source(1000)
    with Ahead(source.items(), room=5) as ahead:
        assert settle(source) == 6  # five wait, one is in the thread's hand
        assert [next(ahead) for _ in range(10)] == list(range(10))
        assert settle(source) == 16
    assert source.taken == 16


def test_closing_ends_the_thread_and_closes_the_source_in_it() -> None:
    source = Source(1000)
    with Ahead(source.items(), room=2, name="its own") as ahead:
        next(ahead)
    assert source.closed_by == "its own"
    assert "its own" not in {thread.name for thread in threading.enumerate()}
    assert list(ahead) == []
    ahead.close()


def test_an_error_arrives_after_the_items_before_it_and_only_once() -> None:
    source = Source(10, fail_at=4)
    with Ahead(source.items(), room=8) as ahead:
        assert [next(ahead) for _ in range(4)] == [0, 1, 2, 3]
        with pytest.raises(RuntimeError, match="broken here"):
            next(ahead)
        assert list(ahead) == []


def test_an_error_nobody_waits_for_does_not_disturb_closing() -> None:
    source = Source(10, fail_at=1)
    with Ahead(source.items(), room=8) as ahead:
        assert next(ahead) == 0
        settle(source)
    gc.collect()
    assert source.closed_by
