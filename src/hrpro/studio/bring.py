"""A data set's classes and clicks put beside what a project holds already, none of them twice.

A folder that was clicked as one of videos may become a data set later, even by an export of its own clicks
into it; so a class of the same name is the same class, and a click of it at the same moment the same click.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence

from hrpro.core.annotations import Click
from hrpro.studio.batch import Batch, plain
from hrpro.studio.colors import color_of
from hrpro.studio.reading import View

SAME = 0.01  # s; files round times


def bring(batch: Batch, classes: Sequence[str], clicks: Mapping[str, Sequence[Click]], author: str) -> None:
    """Write those that are new: ``classes``, then the labels of ``clicks`` (by video), then the clicks."""
    view = View(batch.db)
    there = view.classes()
    ids = {plain(item["name"]): item["id"] for item in there}
    for label in [*classes, *(click.label for held in clicks.values() for click in held)]:
        if plain(label) not in ids:
            value = {"name": label, "color": color_of(len(ids)), "key": batch.free_key()}
            ids[plain(label)] = uuid.uuid4().hex
            batch.write("class", ids[plain(label)], value)
    times: dict[tuple[str, str], list[float]] = {}
    for item in view.clicks():
        times.setdefault((item["video"], item["class"]), []).append(item["time"])
    for video, held in clicks.items():
        for click in held:
            of_class = ids[plain(click.label)]
            if any(abs(time - click.time) <= SAME for time in times.get((video, of_class), ())):
                continue
            value = {"video": video, "time": click.time, "class": of_class, "author": author}
            batch.write("click", uuid.uuid4().hex, value)
