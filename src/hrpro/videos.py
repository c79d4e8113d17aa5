"""From a folder of videos and a table of clicks in them to a training set."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from hrpro.core.annotations import Click
from hrpro.core.errors import DataError
from hrpro.data.clicks import ClickRow, beyond_end, few_enough_to_skip, read_clicks, unknown_name
from hrpro.data.faults import some_of
from hrpro.data.features import FeatureFile
from hrpro.data.training_set import Recording, TrainingSet
from hrpro.video.jobs import Outcome
from hrpro.video.sources import Source, by_name, find_videos
from hrpro.video.store import SUFFIX, read_about

ANY_RATE = 25.0


@dataclass(frozen=True)
class ClickedVideos:
    """The videos that have a click, and the table's rows: (id of the video, row)."""

    table: Path
    sources: tuple[Source, ...]
    rows: tuple[tuple[str, ClickRow], ...]

    def training_set(self, features: Path, outcomes: Sequence[Outcome]) -> TrainingSet:
        """Those of them whose features were extracted into ``features``, with their clicks.

        DataError: there is none, or a click lies beyond its video's end; of a file that was found broken such
        clicks are skipped with a warning.
        """
        recordings, broken = [], set[str]()
        for entry in outcomes:
            path = features / f"{entry.id}{SUFFIX}"
            about = None if entry.state == "failed" else read_about(path)
            if about is not None:
                if about.broken:
                    broken.add(entry.id)
                recordings.append(Recording(entry.id, FeatureFile(path), about.timeline, about.duration))
        if not recordings:
            raise DataError("not one of the videos with clicks could be read", where=self.table)
        latest = {item.id: item.latest_click(item.features.shape[0]) for item in recordings}
        clicks: dict[str, list[Click]] = {item.id: [] for item in recordings}
        for id, row in self.rows:
            if id in latest:
                if fault := beyond_end(row, self.table, latest[id]):
                    if id not in broken:
                        raise fault
                    what = f"{self.table}:{row.line}: skipped the click at {row.time:.6g} s"
                    warnings.warn(
                        f"{what}, of which the broken file of {row.video!r} shows nothing", stacklevel=2
                    )
                    continue
                clicks[id].append(Click(row.time, row.label))
        # Without a click it would pass for a recording in which nothing happens.
        recordings = [item for item in recordings if clicks[item.id]]
        if not recordings:
            raise DataError("not one click lies within what could be read", where=self.table)
        clicks = {item.id: clicks[item.id] for item in recordings}
        classes = tuple(sorted({click.label for held in clicks.values() for click in held}))
        ordered = {id: tuple(sorted(held, key=lambda click: click.time)) for id, held in clicks.items()}
        return TrainingSet(classes, tuple(recordings), ordered)


def clicked_videos(videos: str | Path, table: str | Path) -> ClickedVideos:
    """The videos of a folder, list or file (see ``find_videos``) that ``table`` has a click on.

    A row names its video by its id, its path below the folder, or its file's name with or without the ending.
    Times in frames, as in the published tables, are of the video's own pictures. Raises DataError for a row
    that cannot be read or names no video or several; rows on unknown videos that are no more than one in a
    hundred are skipped with a warning instead.
    """
    table = Path(table)
    names = by_name(find_videos(videos))
    films = _Films(names)
    rows = [films.on_time(row) for row in read_clicks(table, films.rate)]
    strays = [row for row in rows if row.video not in names]
    if strays and few_enough_to_skip(len(strays), len(rows)):
        told = some_of([f"{row.video!r} (line {row.line})" for row in strays])
        warnings.warn(f"{table}: skipped clicks on unknown videos: {told}", stacklevel=2)
    elif strays and (fault := unknown_name(strays[0], table, names, None)):
        mend = fault.mend if "did you mean" in (fault.mend or "") else "correct it, or add the video's file"
        raise DataError(f"a click on an unknown video {strays[0].video!r}", where=fault.where, mend=mend)
    found: list[tuple[Source, ClickRow]] = []
    for row in rows:
        if row.video in names:
            source = names[row.video]
            if source is None:
                what = f"there are several videos {row.video!r}"
                raise DataError(what, where=f"{table}:{row.line}", mend="write its path below the folder")
            found.append((source, row))
    if not found:
        raise DataError("there is no click in this table", where=table)
    sources = {source.id: source for source, _ in found}
    return ClickedVideos(
        table, tuple(sources[id] for id in sorted(sources)), tuple((source.id, row) for source, row in found)
    )


class _Films:
    """The pictures of videos, by name; asked only for clicks in frames, and each file once."""

    def __init__(self, sources: Mapping[str, Source | None]) -> None:
        self._sources = sources
        self._rates: dict[str, float | None] = {}
        self._times: dict[str, Sequence[float]] = {}

    def rate(self, name: str) -> float | None:
        """Pictures a second; None for an unknown video."""
        if name not in self._rates:
            source = self._sources.get(name)
            self._rates[name] = None if source is None else self._read(name, source)
        return self._rates[name]

    def _read(self, name: str, source: Source) -> float | None:
        from hrpro.video.decode import probe
        from hrpro.video.frame_times import frame_times

        try:
            rate, pictures = probe(source.path).fps, frame_times(source.path)
        except DataError:
            return ANY_RATE  # nothing is learned from its clicks: its extraction tells what is wrong
        if pictures.times is not None:
            self._times[name] = pictures.times
        elif pictures.vfr:
            what = "its pictures come at a changing rate, and clicks in frames are placed by the mean one"
            warnings.warn(f"{source.path}: {what} (give seconds)", stacklevel=2)
        return rate or pictures.fps

    def on_time(self, row: ClickRow) -> ClickRow:
        """The row with the time of its very picture, where pictures come at a changing rate."""
        times, rate = self._times.get(row.video), self._rates.get(row.video)
        if times is None or rate is None:
            return row
        frame = row.time * rate
        whole = min(int(frame + 1e-6), len(times) - 1)  # the division by the rate has rounded
        return replace(row, time=times[whole] + (frame - whole) / rate)
