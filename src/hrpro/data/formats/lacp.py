"""The field's click table, ``class,start_frame,stop_frame,video_id,point``: point in frames of the native
video.

As released with LACP (Lee and Byun, ICCV 2021) and HR-Pro. The columns start_frame and stop_frame are
ground truth: they are not read, and not written. The frames a second are not in the table.
"""

from __future__ import annotations

from hrpro.data.formats.form import Format, Source
from hrpro.data.formats.neutral import Annotations
from hrpro.data.formats.tables import read_table, table_header, write_table

_TITLE = "LACP's click table in frames"


def looks(source: Source) -> bool:
    header = set(table_header(source))
    return "point" in header and bool(header & {"video_id", "video"}) and bool(header & {"label", "class"})


def write(annotations: Annotations) -> str:
    rows = [["class", "video_id", "point"]]
    for id, video in annotations.videos.items():
        assert video.fps is not None
        rows += [[c.label, id, str(round(c.time * video.fps))] for c in video.clicks]
    return write_table(rows, _TITLE)


FORMAT = Format("lacp", _TITLE, ".csv", frozenset({"click"}), looks, read_table, write, unit="frame")
