"""SF-Net's single-frame labels: text lines ``video,seconds,class`` without a header, blank lines allowed.

As released with SF-Net (Ma et al., ECCV 2020, data/*-Annotations/single_frames/*.txt), whose code strips
each cell; the clicks of THUMOS14, GTEA and BEOID made by people are published in this form.
"""

from __future__ import annotations

from contextlib import suppress

from hrpro.core.errors import DataError
from hrpro.data.formats.form import Format, Source
from hrpro.data.formats.neutral import Annotations, number
from hrpro.data.formats.tables import cells_if_any, plain, read_table, write_table

_TITLE = "SF-Net's text"


def looks(source: Source) -> bool:
    return any(_is_row(line, where) for where, line in source.lines[:5])


def _is_row(line: str, where: str) -> bool:
    cells = cells_if_any(line)
    with suppress(DataError):
        return len(cells) == 3 and number(cells[1], "", where) is not None
    return False


def write(annotations: Annotations) -> str:
    rows = ((id, plain(c.time), c.label) for id, video in annotations.videos.items() for c in video.clicks)
    return write_table(rows, _TITLE)


FORMAT = Format("sfnet", _TITLE, ".txt", frozenset({"click"}), looks, read_table, write)
