"""Audacity's label track: lines ``start<TAB>end<TAB>label`` in seconds; a point label has its end at its
start.

As in the manual's "Importing and Exporting Labels". The file's name is the video's id, for nothing in it
is. Lines that start with a backslash are the frequency range of the label above them.
"""

from __future__ import annotations

import re

from hrpro.core.errors import DataError
from hrpro.data.formats.form import Format, Source, one_line
from hrpro.data.formats.neutral import Annotations, Collector

_TITLE = "Audacity's labels"
_NUMBER = r"\s*[-+]?\d[\d.eE+-]*\s*"


def looks(source: Source) -> bool:
    first = [line for _, line in source.lines if not line.startswith("\\")][:5]
    return any(re.match(f"{_NUMBER}\t{_NUMBER}(\t|$)", line, re.ASCII) for line in first)


def read(source: Source) -> Annotations:
    found, video = Collector(), source.path.stem
    for where, line in source.lines:
        if line.startswith("\\"):
            found.leave_out("frequency range")
            continue
        start, *rest = line.split("\t", 2)
        if not rest:
            raise DataError("start, end and label, with tabs between, are expected", where=where)
        label = rest[1] if len(rest) == 2 else ""
        if _same(start, rest[0]):
            found.click(video, start, label, where)
        else:
            found.segment(video, start, rest[0], label, where)
    return found.finish()


def _same(start: str, end: str) -> bool:
    """Equal as numbers; of what is none the fault is told later."""
    try:
        return float(start) == float(end)
    except ValueError:
        return start.strip() == end.strip()


def write(annotations: Annotations) -> str:
    (video,) = annotations.videos.values()
    rows = [(c.time, c.time, c.label) for c in video.clicks]
    rows += [(s.start, s.end, s.label) for s in video.segments]
    lines = (
        f"{start:.6f}\t{end:.6f}\t{one_line(text, 'the label', _TITLE)}\n"
        for start, end, text in sorted(rows)
    )
    return "".join(lines)


FORMAT = Format(
    "audacity",
    _TITLE,
    ".txt",
    frozenset({"click", "segment"}),
    looks,
    read,
    write,
    unit="us",
    shortest=1,
    file_of=lambda video: video,
    named_by_file=True,
)
