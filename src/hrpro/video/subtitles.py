"""Detections of one video as tables and subtitles: .csv, .srt and .vtt, in order of time."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from hrpro.core.annotations import Detection, Detections
from hrpro.data.formats.subtitles import Cue, as_srt, as_vtt, cue_of
from hrpro.data.whole import write_text

SUFFIXES = (".csv", ".srt", ".vtt")
HEADER = "video,start,end,label,score"


def write_shown(
    base: Path, id: str, found: Detections, min_score: float, late: float = 0.0
) -> list[Detection]:
    """Write ``base`` + .csv, .srt and .vtt; returns what they show.

    That is the detections with a score of at least ``min_score``, by start. late: s by which the pictures
    begin after the file, which a player's clock counts from, and subtitles with it. RunError: cannot be
    written.
    """
    shown = sorted((d for d in found if d.score >= min_score), key=lambda d: (d.start, d.end, -d.score))
    cues = [_cue(d, late) for d in shown]
    for suffix, text in zip(SUFFIXES, (as_csv(id, shown), as_srt(cues), as_vtt(cues)), strict=True):
        write_text(base.with_name(base.name + suffix), text)
    return shown


def as_csv(id: str, shown: Sequence[Detection]) -> str:
    """HEADER and a row for each; seconds to the millisecond, scores in full."""
    text = io.StringIO(newline="")
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(HEADER.split(","))
    rows.writerows((id, f"{d.start:.3f}", f"{d.end:.3f}", d.label, d.score) for d in shown)
    return text.getvalue()


def _cue(detection: Detection, late: float) -> Cue:
    """A label's line breaks and other white space become spaces: a class may well be called so."""
    start, end, text = cue_of(detection)
    return Cue(start + late, end + late, " ".join(text.split()))
