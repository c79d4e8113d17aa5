"""Classes, clicks and segments from elsewhere put beside what a project holds already, none of them twice.

A folder that was clicked as one of videos may become a data set later, even by an export of its own clicks
into it; so a class of the same name is the same class, and a click of it at the same moment the same click.
"""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Mapping, Sequence

from hrpro.core.annotations import Click, Segment
from hrpro.studio.batch import Batch, Value, plain
from hrpro.studio.colors import color_of
from hrpro.studio.reading import View

SAME = 0.01  # s; files round times
_Key = tuple[str, str]  # video, class


def bring(
    batch: Batch,
    classes: Sequence[str],
    clicks: Mapping[str, Sequence[Click]],
    segments: Mapping[str, Sequence[Segment]],
    author: str,
    same: Mapping[str, float] | None = None,
) -> tuple[int, int]:
    """Write what is new, of both by video; how many clicks and segments of the given ones that were.

    same: s, by video, up to which two times are one, where that is more than SAME.
    A segment in which no click of its class lies gets one, as one that is drawn in the review does.
    """
    view = View(batch.db)
    ids = {plain(item["name"]): item["id"] for item in view.classes()}
    given = [one.label for table in (clicks, segments) for held in table.values() for one in held]
    for label in [*classes, *given]:
        if plain(label) not in ids:
            value = {"name": label, "color": color_of(len(ids)), "key": batch.free_key()}
            ids[plain(label)] = uuid.uuid4().hex
            batch.write("class", ids[plain(label)], value)
    times, spans = defaultdict[_Key, list[float]](list), defaultdict[_Key, list[tuple[float, float]]](list)
    for item in view.clicks():
        times[item["video"], item["class"]].append(item["time"])
    for item in view.segments():
        spans[item["video"], item["class"]].append((item["start"], item["end"]))
    before = {key: tuple(held) for key, held in times.items()}

    def near(video: str) -> float:
        return max(SAME, (same or {}).get(video, 0.0))

    def click(video: str, of_class: str, time: float) -> None:
        value: Value = {"video": video, "time": time, "class": of_class, "author": author}
        batch.write("click", uuid.uuid4().hex, value)
        times[video, of_class].append(time)

    new_clicks = new_segments = 0
    for video, held in clicks.items():
        for one in held:
            key = video, ids[plain(one.label)]
            if not any(abs(time - one.time) <= near(video) for time in before.get(key, ())):
                click(*key, one.time)
                new_clicks += 1
    for video, drawn in segments.items():
        for one in drawn:
            key = video, ids[plain(one.label)]
            apart = (max(abs(start - one.start), abs(end - one.end)) for start, end in spans[key])
            if any(each <= near(video) for each in apart):
                continue
            value: Value = {"video": video, "start": one.start, "end": one.end, "class": key[1]}
            batch.write("segment", uuid.uuid4().hex, {**value, "origin": "drawn", "prediction": None})
            new_segments += 1
            if not any(one.start <= time <= one.end for time in times[key]):
                click(*key, (one.start + one.end) / 2)
    return new_clicks, new_segments
