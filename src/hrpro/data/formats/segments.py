"""CSV of segments in seconds: a header with video, start, end, label and perhaps score, in any order.

As ``hrpro predict --video`` writes them, and as a spreadsheet holds them. A row without a score is a segment
that a person marked.
"""

from __future__ import annotations

from hrpro.core.annotations import Detection
from hrpro.core.errors import DataError
from hrpro.data.formats.form import Format, Source
from hrpro.data.formats.neutral import Annotations, Collector
from hrpro.data.formats.tables import cells_of, plain, table_header, write_table

_TITLE = "a table of segments"
_COLUMNS: tuple[str, ...] = ("video", "start", "end", "label", "score")
_OTHER_NAMES = {"video_id": "video", "class": "label"}


def looks(source: Source) -> bool:
    return set(_columns(source)) >= set(_COLUMNS[:4])


def read(source: Source) -> Annotations:
    found, columns = Collector(), _columns(source)
    if missing := [name for name in _COLUMNS[:4] if name not in columns]:
        where, mend = f"{source.path}:1", f"expected {','.join(_COLUMNS)}"
        raise DataError(f"{_TITLE} has no column {missing[0]!r}", where=where, mend=mend)
    if further := [name for name in columns if name not in _COLUMNS]:
        found.remark(f"not read: the columns {', '.join(further)}")
    for where, line in source.lines[1:]:
        cells = cells_of(line, where)
        if len(cells) != len(columns):
            raise DataError(f"{len(cells)} columns where {len(columns)} are named", where=where)
        row = dict(zip(columns, cells, strict=True))
        score = row.get("score") or None
        found.segment(row["video"], row["start"], row["end"], row["label"], where, score)
    return found.finish()


def _columns(source: Source) -> list[str]:
    return [_OTHER_NAMES.get(name, name) for name in table_header(source)]


def write(annotations: Annotations) -> str:
    rows = [list(_COLUMNS)]
    for id, video in annotations.videos.items():
        for s in video.segments:
            score = plain(s.score) if isinstance(s, Detection) else ""
            rows.append([id, plain(s.start), plain(s.end), s.label, score])
    return write_table(rows, _TITLE)


_HOLDS = frozenset({"segment", "detection"})
FORMAT = Format("segments", _TITLE, ".csv", _HOLDS, looks, read, write)
