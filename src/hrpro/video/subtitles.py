"""Detections of one video as tables and subtitles: .csv, .srt and .vtt, in order of time."""

from __future__ import annotations

import csv
import html
import io
from collections.abc import Sequence
from pathlib import Path

from hrpro.core.annotations import Detection, Detections
from hrpro.video.whole import write_text

SUFFIXES = (".csv", ".srt", ".vtt")
HEADER = "video,start,end,label,score"


def write_shown(base: Path, id: str, found: Detections, min_score: float) -> list[Detection]:
    """Write ``base`` + .csv, .srt and .vtt; returns what they show.

    That is the detections with a score of at least ``min_score``, by start. RunError: cannot be written.
    """
    shown = sorted((d for d in found if d.score >= min_score), key=lambda d: (d.start, d.end, -d.score))
    for suffix, text in zip(SUFFIXES, (as_csv(id, shown), as_srt(shown), as_vtt(shown)), strict=True):
        write_text(base.with_name(base.name + suffix), text)
    return shown


def as_csv(id: str, shown: Sequence[Detection]) -> str:
    """HEADER and a row for each; seconds to the millisecond, scores in full."""
    text = io.StringIO(newline="")
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(HEADER.split(","))
    rows.writerows((id, f"{d.start:.3f}", f"{d.end:.3f}", d.label, d.score) for d in shown)
    return text.getvalue()


def as_srt(shown: Sequence[Detection]) -> str:
    """SubRip; empty where nothing is shown."""
    cues = (
        f"{number}\n{_time(d.start, ',')} --> {_time(d.end, ',')}\n{_said(d)}\n\n"
        for number, d in enumerate(shown, start=1)
    )
    return "".join(cues)


def as_vtt(shown: Sequence[Detection]) -> str:
    """WebVTT, with what is special to it in a label escaped."""
    cues = (
        f"{_time(d.start, '.')} --> {_time(d.end, '.')}\n{html.escape(_said(d), quote=False)}\n\n"
        for d in shown
    )
    return "WEBVTT\n\n" + "".join(cues)


def _said(detection: Detection) -> str:
    return f"{' '.join(detection.label.split())} {detection.score:.2f}"


def _time(seconds: float, point: str) -> str:
    whole = round(seconds * 1000)
    minutes, rest = divmod(whole, 60_000)
    return f"{minutes // 60:02d}:{minutes % 60:02d}:{rest // 1000:02d}{point}{rest % 1000:03d}"
