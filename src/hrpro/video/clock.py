"""Which picture a player shows at each moment: presentation timestamps to pictures at an even rate.

Interval ``k`` of the target rate is ``[k, k + 1) / rate`` seconds; it gets the picture that is on show in its
middle, whose own middle is then at most half a picture's length away (and ROUNDING). Times are integers in
ticks of the file and the arithmetic is exact, so an hour at 30000/1001 pictures a second does not drift.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from fractions import Fraction
from math import ceil
from typing import TypeVar

Picture = TypeVar("Picture")

# Matroska and FLV round timestamps to the millisecond. Looking that much before the middle keeps 60 -> 30 or
# 50 -> 25 pictures a second even, where the middle falls on the border between two pictures.
ROUNDING = Fraction(1, 1000)
# As FFmpeg: steps back by less are jitter, by more a new beginning (files joined end to end).
STEP_BACK = Fraction(1, 10)
HOLD = 3600  # s; no picture is held for longer, whatever a damaged file says
TRIAL = 1  # s; where the old clock fits again by then, it was no new beginning but a damaged timestamp


def evenly(
    pictures: Iterable[tuple[int, Picture]], *, tick: Fraction, rate: Fraction, end: Callable[[], int]
) -> Generator[tuple[Picture, int]]:
    """Each picture that is shown at all, with the number (>= 1) of intervals it is shown in.

    pictures: (time in ticks, never decreasing, picture); the first is on show from time 0 on.
    end: asked after the last picture, the time in ticks until which that one is on show. A video of one
    picture or more has at least one interval.
    """
    # Number of intervals whose moment lies before time t: ceil((t * tick + early) * rate - 1/2).
    early = min(ROUNDING, 1 / (4 * rate))
    slope, base = tick * rate, early * rate - Fraction(1, 2)
    scale = slope.denominator * base.denominator
    times, plus = int(slope * scale), int(base * scale)
    done, shown = 0, None
    for time, picture in pictures:
        upto = -(-(time * times + plus) // scale)
        if shown is not None and upto > done:
            yield shown[0], upto - done
            done = upto
        shown = (picture,)
    if shown is not None:
        upto = max(-(-(end() * times + plus) // scale), 1)
        if upto > done:
            yield shown[0], upto - done


class Clock:
    """Timestamps as a file gives them -> times that never run backwards, 0 at ``origin``; in ticks.

    tick: s. step: usual length of a picture, in ticks, where timestamps are missing or begin anew. A leap
    ahead is a picture held that long, if it stays within ``reach`` ticks after the picture before, or within
    ``promised`` (the length the file claims; None: no claim) and HOLD; a longer one is a damaged timestamp or
    a joint, and a lasting one is kept in ``joints``: the times, in ticks, of pictures joined without a pause.
    """

    def __init__(self, origin: int, *, tick: Fraction, step: int, reach: int, promised: int | None) -> None:
        self.shift, self.step, self.reach, self.promised = -origin, max(step, 1), reach, promised or 0
        self.slack, self.trial, self.hold = (ceil(time / tick) for time in (STEP_BACK, TRIAL, HOLD))
        self.last: int | None = None
        self.joints: list[int] = []
        self.earlier: list[int] = []  # for each joint, the shift before it

    def place(self, timestamp: int | None) -> int:
        """Time of the next picture in the order of presentation."""
        if self.last is None:
            self.last = 0 if timestamp is None else max(timestamp + self.shift, 0)
            return self.last
        follow = self.last + self.step
        time = follow if timestamp is None else timestamp + self.shift
        if timestamp is not None and self.joints and self.last < self.joints[-1] + self.trial:
            old = timestamp + self.earlier[-1]
            if abs(old - follow) < abs(time - follow):
                self.shift, time = self.earlier.pop(), old
                self.joints.pop()
        if time < self.last - self.slack or time > self._limit(self.last):
            self.earlier.append(self.shift)
            self.joints.append(follow)
            self.shift += follow - time
            time = follow
        self.last = max(time, self.last)
        return self.last

    def end(self, timestamp: int, length: int) -> int:
        """Time until which the last placed picture is on show, if that is the one of ``timestamp``."""
        last = self.last or 0
        if length > 0 and timestamp + self.shift == last and last + length <= self._limit(last):
            return last + length
        return last + self.step

    def _limit(self, last: int) -> int:
        return max(last + self.reach, min(self.promised, last + self.hold))
