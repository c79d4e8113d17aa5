"""Click tables: one row a click, in the three forms the field uses, told apart by what stands in them.

    class,[class_index,]start_frame,stop_frame,video_id,point     point in frames of the native video
    video_id,timestamp,label                                      seconds, with a header
    v1,12.5,jump                                                  seconds, no header, blank lines allowed

Columns are found by name, so their order is free. The published tables of the first form carry the segment's
ends beside the click; these columns are dropped at reading and never leave ``read_clicks``.
"""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

from hrpro.core.errors import DataError
from hrpro.core.timeline import Timeline
from hrpro.data.faults import OnError, did_you_mean, raise_error

_VIDEO, _LABEL = ("video_id", "video"), ("label", "class")
_SECONDS, _FRAME = ("timestamp", "seconds", "time"), ("point",)
_FORMS = "expected video_id,timestamp,label (seconds), class,video_id,point (frames), or no header"
_STRAY_SHARE = 0.01


@dataclass(frozen=True)
class ClickRow:
    """A click as its table has it: time in seconds >= 0, label and video stripped, line counted from 1."""

    video: str
    time: float
    label: str
    line: int


def read_clicks(
    path: Path, fps_of: Callable[[str], float | None], on_error: OnError = raise_error
) -> list[ClickRow]:
    """All clicks of a table, in its order; a bad row goes to ``on_error``, with file:line, and is left out.

    fps_of: native frames a second of a video, or None where unknown; asked only by tables in frames.
    Raises DataError if the file cannot be read as text or its form is not one of the three.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise DataError(f"the click table cannot be read: {error.strerror}", where=path) from error
    except UnicodeDecodeError as error:
        mend = "save it as CSV UTF-8"
        raise DataError("the click table is not UTF-8 text", where=path, mend=mend) from error
    columns: dict[str, int] | None = None
    rows: list[ClickRow] = []
    # Line by line, so that one forgotten quote spoils one row and not the rest of the table.
    for line, content in enumerate(re.split(r"\r\n|\r|\n", text), start=1):
        try:
            cells = [cell.strip() for cell in next(csv.reader([content], strict=True), [])]
        except csv.Error as error:
            on_error(DataError(f"not a row of comma-separated values: {error}", where=f"{path}:{line}"))
            continue
        if not any(cells):
            continue
        if columns is None:
            columns, is_header = _columns(cells, f"{path}:{line}")
            if is_header:
                continue
        try:
            rows.append(_row(cells, columns, fps_of, line))
        except ValueError as error:
            on_error(DataError(str(error), where=f"{path}:{line}", mend="correct or delete the row"))
    return rows


def _columns(cells: list[str], where: str) -> tuple[dict[str, int], bool]:
    """Where video, label and time stand, and whether this first row was the header that says so."""
    names = [cell.lower() for cell in cells]
    found = {
        role: names.index(name)
        for role, choices in (("video", _VIDEO), ("label", _LABEL), ("seconds", _SECONDS), ("frame", _FRAME))
        for name in reversed(choices)
        if name in names
    }
    if {"video", "label"} <= found.keys() and ("seconds" in found) != ("frame" in found):
        return {**found, "width": len(cells)}, True
    if len(cells) == 3 and _is_number(cells[1]):
        return {"video": 0, "seconds": 1, "label": 2, "width": 3}, False
    raise DataError(f"neither a known header nor a click: {','.join(cells)!r}", where=where, mend=_FORMS)


def _row(
    cells: list[str], columns: dict[str, int], fps_of: Callable[[str], float | None], line: int
) -> ClickRow:
    """Raises ValueError with the fault in words."""
    if len(cells) != columns["width"]:
        raise ValueError(f"{len(cells)} columns where {columns['width']} are expected")
    video, label = cells[columns["video"]], cells[columns["label"]]
    if not video or not label:
        raise ValueError(f"the {'label' if video else 'video'} is empty")
    unit = "seconds" if "seconds" in columns else "frame"
    written = cells[columns[unit]]
    if not _is_number(written):
        raise ValueError(f"the click's time is not a number: {written!r}")
    time = float(written)
    if not (math.isfinite(time) and time >= 0):
        raise ValueError(f"the click's time must be a finite number from 0 on, not {written}")
    if unit == "frame":
        fps = fps_of(video)
        if fps is None:
            raise ValueError(f"the click is in frames, and the frames a second of {video!r} are not known")
        time /= fps
    return ClickRow(video, time, label, line)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return "_" not in text


def unknown_name(
    row: ClickRow, table: Path, known: Collection[str], classes: Collection[str] | None
) -> DataError | None:
    """The fault of a click on a recording or of a class that the data set does not know (None: any class)."""
    where = f"{table}:{row.line}"
    if row.video not in known:
        mend = did_you_mean(row.video, known) or "correct the id, or add the recording to a split"
        return DataError(f"a click on an unknown recording {row.video!r}", where=where, mend=mend)
    if classes is not None and row.label not in classes:
        mend = did_you_mean(row.label, classes) or "correct it, or add it to the data set's list of classes"
        return DataError(f"a click of an unknown class {row.label!r}", where=where, mend=mend)
    return None


def outside(row: ClickRow, table: Path, timeline: Timeline, latest: float | None) -> DataError | None:
    """The fault of a click before the first snippet, by more than one, or as of ``beyond_end``."""
    if row.time >= timeline.offset - max(timeline.stride, timeline.window or 0.0):
        return beyond_end(row, table, latest)
    what = f"the click at {row.time:.6g} s lies before the first snippet of {row.video!r}"
    mend = f"check the click's unit, and the features' offset, {timeline.offset:.6g} s"
    return DataError(what, where=f"{table}:{row.line}", mend=mend)


def beyond_end(row: ClickRow, table: Path, latest: float | None) -> DataError | None:
    """The fault of a click later than ``latest`` seconds (None: the recording's end is not known)."""
    if latest is None or row.time <= latest:
        return None
    what = f"the click at {row.time:.6g} s lies beyond the end of {row.video!r}, {latest:.6g} s at the latest"
    mend = "check the click's unit, the frames a second, and the features' stride"
    return DataError(what, where=f"{table}:{row.line}", mend=mend)


def few_enough_to_skip(strays: int, total: int) -> bool:
    """Whether clicks on unknown recordings are slips of the pen, as published tables have, or a wrong one."""
    return strays <= _STRAY_SHARE * total
