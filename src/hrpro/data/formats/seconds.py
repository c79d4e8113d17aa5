"""Clicks in seconds, one a row, with the header ``video_id,timestamp,label``: hrpro's own ``clicks.csv``."""

from __future__ import annotations

from hrpro.data.formats.form import Format, Source
from hrpro.data.formats.neutral import Annotations
from hrpro.data.formats.tables import plain, read_table, table_header, write_table

_TITLE = "a click table in seconds"


def looks(source: Source) -> bool:
    header = set(table_header(source))
    named = bool(header & {"video_id", "video"}) and bool(header & {"label", "class"})
    return named and bool(header & {"timestamp", "seconds", "time"})


def write(annotations: Annotations) -> str:
    rows = [["video_id", "timestamp", "label"]]
    rows += [[id, plain(c.time), c.label] for id, video in annotations.videos.items() for c in video.clicks]
    return write_table(rows, _TITLE)


FORMAT = Format("seconds", _TITLE, ".csv", frozenset({"click"}), looks, read_table, write)
