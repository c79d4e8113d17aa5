"""BORIS's tabular events (TSV or CSV): one row a POINT, a START or a STOP, in seconds.

A POINT is a click, START to STOP a segment; they belong together by video, subject and behavior. Exports
before BORIS 8 have lines about the observation above the table, and call the column of the three words
Status. Where an observation runs through several files, its times are those of all of them in a row, so it
is refused. Written after BORIS's user guide ("Export events") and its own exporter.
"""

from __future__ import annotations

from collections.abc import Mapping

from hrpro.core.errors import DataError
from hrpro.data.formats.form import Format, Source, media_name, video_of
from hrpro.data.formats.lanes import lanes
from hrpro.data.formats.neutral import Annotations, Collector, number
from hrpro.data.formats.tables import cells_if_any, cells_of, plain, write_table

_TITLE = "BORIS's tabular events"
_KIND = ("Behavior type", "Status")
_FILE = ("Media file name", "Media file path", "Media file")
_FPS, _LENGTH = ("FPS", "FPS (frame/s)"), ("Media duration (s)", "Total length")
_COLUMNS = [
    "Observation id",
    "Observation date",
    "Description",
    "Observation duration",
    "Observation type",
    "Source",
    "Time offset (s)",
    "Media duration (s)",
    "FPS",
    "Subject",
    "Behavior",
    "Behavioral category",
    "Behavior type",
    "Time",
    "Media file name",
    "Image index",
    "Image file path",
    "Comment",
]
_NOTHING = ("", "NA", "Not found")


def looks(source: Source) -> bool:
    return _header(source) is not None


def _header(source: Source) -> tuple[int, str, list[str]] | None:
    """Where the table starts (an index of ``source.lines``), its delimiter and its columns."""
    for i, (_, line) in enumerate(source.lines[:60]):
        for delimiter in "\t,;":
            cells = cells_if_any(line, delimiter)
            if {"Time", "Behavior"} <= set(cells) and set(_KIND) & set(cells):
                return i, delimiter, cells
    return None


def read(source: Source) -> Annotations:
    header = _header(source)
    if header is None:
        what, mend = (
            "no columns Time, Behavior and Behavior type",
            'export with "Export events", as TSV or CSV',
        )
        raise DataError(what, where=source.path, mend=mend)
    first, delimiter, columns = header
    found, started, files = Collector(), {}, {}
    for _, line in source.lines[:first]:
        _count_left_out(found, dict([[cell.strip() for cell in f"{line}{delimiter}".split(delimiter)][:2]]))
    for where, line in source.lines[first + 1 :]:
        cells = cells_of(line, where, delimiter)
        if len(cells) > len(columns):
            raise DataError(f"{len(cells)} columns where {len(columns)} are named", where=where)
        row = dict(zip(columns, cells, strict=False))
        video = _video(row, source, files, where)
        found.video(video, where, fps=_known(row, _FPS) or None, duration=_known(row, _LENGTH))
        kind, time, label = _first(row, _KIND).upper(), row.get("Time", ""), row.get("Behavior", "")
        _count_left_out(found, row)
        modifiers = tuple(cell for name, cell in row.items() if name.startswith("Modifier"))
        key = (video, row.get("Subject", ""), label, modifiers)
        if kind == "POINT":
            found.click(video, time, label, where)
        elif kind == "START" and key not in started:
            started[key] = (time, where)
        elif kind == "STOP" and key in started:
            found.segment(video, started.pop(key)[0], time, label, where)
        elif kind in ("START", "STOP"):
            other = (
                "second START without a STOP between" if kind == "START" else "STOP without a START before"
            )
            raise DataError(f"a {other}, of {label!r}", where=where, mend="mend the state events in BORIS")
        else:
            raise DataError(f"POINT, START or STOP is expected, not {kind!r}", where=where)
    for (_, _, label, _), (_, where) in started.items():
        raise DataError(
            f"a START of {label!r} without a STOP", where=where, mend="mend the state events in BORIS"
        )
    return found.finish()


def _video(row: Mapping[str, str], source: Source, files: dict[str, str], where: str) -> str:
    media, observation = _first(row, _FILE), row.get("Observation id", "")
    if ";" in row.get("Source", "") or files.setdefault(observation, media) != media:
        mend = "make an observation of each file"
        raise DataError(
            "an observation through several media files, with times of all in a row", where=where, mend=mend
        )
    return video_of(media) if media not in _NOTHING else observation or source.path.stem


def _first(row: Mapping[str, str], columns: tuple[str, ...]) -> str:
    return next((row[column] for column in columns if column in row), "")


def _known(row: Mapping[str, str], columns: tuple[str, ...]) -> float | None:
    """A number of the media, or None where there is none or, of several players, several."""
    try:
        return number(_first(row, columns), "", "")
    except DataError:
        return None


def _count_left_out(found: Collector, row: Mapping[str, str]) -> None:
    for column, value in row.items():
        if value not in _NOTHING and (column in ("Subject", "Comment") or column.startswith("Modifier")):
            found.leave_out({"Subject": "subject", "Comment": "comment"}.get(column, "modifier"))
    if row.get("Time offset (s)", "0") not in ("", "0", "0.0", "0.000", "NA"):
        found.remark("the observation has a time offset; its times are taken as they stand")


def write(annotations: Annotations) -> str:
    rows = [_COLUMNS]
    for id, video in annotations.videos.items():
        same = dict.fromkeys(_COLUMNS, "") | {"Observation id": id, "Media file name": media_name(id)}
        same |= {"Observation type": "Media file(s)", "Time offset (s)": "0"}
        same["FPS"] = "NA" if video.fps is None else plain(video.fps)
        same["Media duration (s)"] = "NA" if video.duration is None else plain(video.duration)
        events = [(c.time, "POINT", c.label, "") for c in video.clicks]
        for label in dict.fromkeys(s.label for s in video.segments):
            spans = [(s.start, s.end, None) for s in video.segments if s.label == label]
            for i, lane in enumerate(lanes(spans)):
                # One subject cannot do the same thing twice at once.
                subject = "" if i == 0 else f"overlapping {i + 1}"
                for start, end, _ in lane:
                    events += [(start, "START", label, subject), (end, "STOP", label, subject)]
        for time, kind, label, subject in sorted(events, key=lambda event: event[0]):
            event = {"Subject": subject, "Behavior": label, "Behavior type": kind, "Time": plain(time)}
            rows.append(list((same | event).values()))
    return write_table(rows, _TITLE, "\t")


_HOLDS = frozenset({"click", "segment", "duration", "fps"})
FORMAT = Format("boris", _TITLE, ".tsv", _HOLDS, looks, read, write)
