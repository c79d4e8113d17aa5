"""WebVTT and SRT subtitles, to watch clicks and segments over the video in any player; written, not read.

A click shows for a second. A score stands after the label.
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from hrpro.core.annotations import Detection, Segment
from hrpro.data.formats.form import Format, one_line
from hrpro.data.formats.neutral import Annotations

_CLICK_SHOWS = 1.0


class Cue(NamedTuple):
    """What shows from ``start`` to ``end``, in seconds; the text has one line."""

    start: float
    end: float
    text: str


def cue_of(segment: Segment | Detection) -> Cue:
    """A segment's cue: its label, and a detection's score after it."""
    score = f" ({segment.score:.2f})" if isinstance(segment, Detection) else ""
    return Cue(segment.start, segment.end, segment.label + score)


def as_vtt(cues: Iterable[Cue]) -> str:
    """WebVTT, in the order given, with what is special to it in a text escaped."""
    parts = (f"{_times(cue, '.')}\n{html.escape(cue.text, quote=False)}\n" for cue in cues)
    return "\n".join(["WEBVTT\n", *parts])


def as_srt(cues: Iterable[Cue]) -> str:
    """SubRip, in the order given; empty without cues."""
    return "\n".join(f"{i}\n{_times(cue, ',')}\n{cue.text}\n" for i, cue in enumerate(cues, start=1))


def _cues(annotations: Annotations) -> Iterator[Cue]:
    """In order of their start, as it is written: to the millisecond."""
    (video,) = annotations.videos.values()
    cues = [Cue(click.time, click.time + _CLICK_SHOWS, click.label) for click in video.clicks]
    cues += map(cue_of, video.segments)
    for cue in sorted(cues, key=lambda cue: (_ms(cue.start), _ms(cue.end), cue.text)):
        yield cue._replace(text=one_line(cue.text, "the label", "a subtitle"))


def _times(cue: Cue, point: str) -> str:
    return f"{_clock(cue.start, point)} --> {_clock(cue.end, point)}"


def _clock(seconds: float, point: str) -> str:
    whole, ms = divmod(_ms(seconds), 1000)
    return f"{whole // 3600:02}:{whole // 60 % 60:02}:{whole % 60:02}{point}{ms:03}"


def _ms(seconds: float) -> int:
    return round(seconds * 1000)


_HOLDS = frozenset({"click", "segment", "detection"})
VTT = Format(
    "webvtt",
    "WebVTT",
    ".vtt",
    _HOLDS,
    lambda source: source.text[:7].rstrip() == "WEBVTT",
    None,
    lambda annotations: as_vtt(_cues(annotations)),
    unit="ms",
    shortest=1,
    file_of=lambda video: video,
    named_by_file=True,
)
SRT = Format(
    "srt",
    "SubRip (SRT)",
    ".srt",
    _HOLDS,
    lambda source: any(" --> " in line for _, line in source.lines[:3]),
    None,
    lambda annotations: as_srt(_cues(annotations)),
    unit="ms",
    shortest=1,
    file_of=lambda video: video,
    named_by_file=True,
)
