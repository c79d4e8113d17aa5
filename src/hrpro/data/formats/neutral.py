"""What every foreign format is read into and written from: clicks and segments of videos, in seconds.

Names and times are checked here, once for all formats: a label has a visible character and none that a text
file cannot hold, a time is finite and not negative, a segment does not end before it starts.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from hrpro.core.annotations import Click, Detection, Segment
from hrpro.core.errors import DataError
from hrpro.data.formats.jsonplace import Where

LATEST = 1e9
"""Seconds, some 30 years: whatever lies later is a slip of the unit."""

# Lone surrogates and most control characters cannot be written as UTF-8 or in XML.
_UNWRITABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")


@dataclass(frozen=True)
class Video:
    """A recording's clicks and segments (a Detection is one with a score), and what is known of it."""

    clicks: tuple[Click, ...] = ()
    segments: tuple[Segment | Detection, ...] = ()
    duration: float | None = None
    fps: float | None = None
    subset: str | None = None


@dataclass(frozen=True)
class Annotations:
    """Videos by id, in file order; ``remarks`` say what the file held that has no place here."""

    videos: Mapping[str, Video]
    remarks: tuple[str, ...] = ()

    @property
    def labels(self) -> tuple[str, ...]:
        """Every label met, sorted."""
        return tuple(sorted({a.label for v in self.videos.values() for a in (*v.clicks, *v.segments)}))


@dataclass
class Collector:
    """Gathers what a reader finds, checked; a fault raises DataError with the place that the reader gives."""

    _clicks: dict[str, list[Click]] = field(default_factory=dict)
    _segments: dict[str, list[Segment | Detection]] = field(default_factory=dict)
    _facts: dict[str, dict[str, Any]] = field(default_factory=dict)
    _left_out: Counter[str] = field(default_factory=Counter)
    _remarks: dict[str, None] = field(default_factory=dict)

    def video(
        self, id: Any, where: Where, *, duration: Any = None, fps: Any = None, subset: str | None = None
    ) -> str:
        """Note that a video is there, and what is known of it (None: nothing); returns its id, stripped."""
        id = name(id, "the video's id", where)
        self._clicks.setdefault(id, [])
        self._segments.setdefault(id, [])
        facts = self._facts.setdefault(id, {})
        if duration is not None:
            facts["duration"] = seconds(duration, "the duration", where)
        if fps is not None:
            facts["fps"] = rate(fps, where)
        if subset is not None:
            facts["subset"] = name(subset, "the subset", where)
        return id

    def click(self, video: Any, time: Any, label: Any, where: Where) -> None:
        id = self.video(video, where)
        at = seconds(time, "the click's time", where)
        self._clicks[id].append(Click(at, name(label, "the label", where)))

    def segment(self, video: Any, start: Any, end: Any, label: Any, where: Where, score: Any = None) -> None:
        id = self.video(video, where)
        first, last = seconds(start, "the start", where), seconds(end, "the end", where)
        if last < first:
            raise DataError(f"the segment ends ({last:g} s) before it starts ({first:g} s)", where=where)
        label = name(label, "the label", where)
        if score is None:
            self._segments[id].append(Segment(first, last, label))
        else:
            self._segments[id].append(Detection(first, last, label, number(score, "the score", where)))

    def leave_out(self, noun: str, count: int = 1) -> None:
        """Count something that has no place here: a noun in the singular, whose plural ends in s."""
        self._left_out[noun] += count

    def remark(self, text: str) -> None:
        """Say something of the file, once."""
        self._remarks[text] = None

    def finish(self) -> Annotations:
        remarks = list(self._remarks)
        if told := [counted(count, noun) for noun, count in self._left_out.items() if count]:
            remarks.append(f"not read: {', '.join(told)}")
        videos = {
            id: Video(tuple(clicks), tuple(self._segments[id]), **self._facts[id])
            for id, clicks in self._clicks.items()
        }
        return Annotations(videos, tuple(remarks))


def counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def name(value: Any, what: str, where: Where) -> str:
    """A label or id without the blanks around it; DataError if it is not text, empty, or unwritable."""
    if not isinstance(value, str):
        raise DataError(f"{what} must be text, not {value!r}", where=where)
    text = value.strip()
    while text.startswith("\ufeff") or text.endswith("\ufeff"):  # a byte order mark, glued on by an editor
        text = text.strip("\ufeff").strip()
    if not text:
        raise DataError(f"{what} is empty", where=where)
    if found := _UNWRITABLE.search(text):
        raise DataError(f"{what} has the character U+{ord(found[0]):04X}, which is no text", where=where)
    return text


def number(value: Any, what: str, where: Where) -> float:
    """A finite number from JSON, or from text as such files write numbers; DataError if it is none."""
    try:
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            raise TypeError
        if isinstance(value, str) and not re.fullmatch(r"\s*[-+.0-9eE]+\s*", value, re.ASCII):
            raise ValueError
        found = float(value)
    except (TypeError, ValueError, OverflowError):
        found = math.nan
    if not math.isfinite(found):
        raise DataError(f"{what} must be a finite number, not {value!r}", where=where)
    return found


def seconds(value: Any, what: str, where: Where) -> float:
    """A time in seconds; DataError if it is no number, negative or absurdly late."""
    time = number(value, what, where)
    if time < 0:
        raise DataError(f"{what} must not be negative, as {value!r} is", where=where)
    if time > LATEST:
        raise DataError(f"{what}, {value!r} s, is longer than 30 years", where=where, mend="check its unit")
    return time + 0.0  # -0.0 and 0.0 are one time


def rate(value: Any, where: Where) -> float:
    """Frames a second; DataError unless a number in (0, 100,000]."""
    fps = number(value, "the frames a second", where)
    if not 0 < fps <= 100_000:
        raise DataError(f"the frames a second must be a positive number, not {value!r}", where=where)
    return fps
