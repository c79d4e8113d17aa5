"""What formats of rows share: cells of lines, clicks through ``read_clicks``, and writing rows as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

from hrpro.core.errors import DataError
from hrpro.data.clicks import read_clicks
from hrpro.data.formats.form import Source, one_line
from hrpro.data.formats.neutral import Annotations, Collector

_KNOWN = {"video_id", "video", "label", "class", "class_index", "timestamp", "seconds", "time", "point"}
_KNOWN |= {"start_frame", "stop_frame"}  # told by themselves


def read_table(source: Source) -> Annotations:
    """The clicks of a table in any of its three forms; frames become seconds by ``source.fps``."""
    found = Collector()
    header = table_header(source)
    if {"start_frame", "stop_frame"} & set(header):
        found.remark("not read: start_frame and stop_frame, which are ground truth and no clicks")
    named = {"video_id", "video"} & set(header) and {"label", "class"} & set(header)
    if named and (further := [name for name in header if name not in _KNOWN]):
        found.remark(f"not read: the columns {', '.join(further)}")
    path = source.path
    for row in read_clicks(path, lambda video: source.fps(video, str(path))):
        found.click(row.video, row.time, row.label, f"{path}:{row.line}")
    return found.finish()


def table_header(source: Source) -> list[str]:
    """The cells of the first line, in lower case."""
    for _, line in source.lines[:1]:
        return [cell.lower() for cell in cells_if_any(line)]
    return []


def cells_of(line: str, where: str, delimiter: str = ",") -> list[str]:
    """The cells of a line, stripped; DataError if csv cannot take it (a cell of a megabyte, say)."""
    try:
        return [cell.strip() for cell in next(csv.reader([line], delimiter=delimiter), [])]
    except csv.Error as error:
        raise DataError(f"not a row of separated values: {error}", where=where) from error


def cells_if_any(line: str, delimiter: str = ",") -> list[str]:
    """The cells of a line that may be anything; none if it is no row."""
    try:
        return cells_of(line, "", delimiter)
    except DataError:
        return []


def write_table(rows: Iterable[Sequence[str]], title: str, delimiter: str = ",") -> str:
    """Rows as CSV, with quotes where a cell needs them; DataError for a cell with a line break."""
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, lineterminator="\n")
    for row in rows:
        writer.writerow([one_line(cell, "the text", title) for cell in row])
    return text.getvalue()


def plain(number: float) -> str:
    """The shortest digits that give the number back: 12 and not 12.0."""
    return repr(int(number)) if float(number).is_integer() and abs(number) < 1e15 else repr(number)
