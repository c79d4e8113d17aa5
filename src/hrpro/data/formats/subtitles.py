"""WebVTT and SRT subtitles, to watch clicks and segments over the video in any player; written, not read.

A click shows for a second. A score stands after the label.
"""

from __future__ import annotations

import html

from hrpro.core.annotations import Detection
from hrpro.data.formats.form import Format, one_line
from hrpro.data.formats.neutral import Annotations

_CLICK_SHOWS_MS = 1000


def write_vtt(annotations: Annotations) -> str:
    cues = (
        f"{_clock(a, '.')} --> {_clock(b, '.')}\n{html.escape(text, False)}\n"
        for a, b, text in _cues(annotations)
    )
    return "\n".join(["WEBVTT\n", *cues])


def write_srt(annotations: Annotations) -> str:
    cues = (
        f"{i}\n{_clock(a, ',')} --> {_clock(b, ',')}\n{text}\n"
        for i, (a, b, text) in enumerate(_cues(annotations), start=1)
    )
    return "\n".join(cues)


def _cues(annotations: Annotations) -> list[tuple[int, int, str]]:
    """Start and end in milliseconds and text, in the order of their start."""
    (video,) = annotations.videos.values()
    cues = [(round(c.time * 1000), round(c.time * 1000) + _CLICK_SHOWS_MS, c.label) for c in video.clicks]
    for s in video.segments:
        score = f" ({s.score:.2f})" if isinstance(s, Detection) else ""
        cues.append((round(s.start * 1000), round(s.end * 1000), s.label + score))
    return sorted((start, end, one_line(text, "the label", "a subtitle")) for start, end, text in cues)


def _clock(ms: int, point: str) -> str:
    seconds, ms = divmod(ms, 1000)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}{point}{ms:03}"


_HOLDS = frozenset({"click", "segment", "detection"})
VTT = Format(
    "webvtt",
    "WebVTT",
    ".vtt",
    _HOLDS,
    lambda source: source.text.startswith("WEBVTT"),
    None,
    write_vtt,
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
    write_srt,
    unit="ms",
    shortest=1,
    file_of=lambda video: video,
    named_by_file=True,
)
