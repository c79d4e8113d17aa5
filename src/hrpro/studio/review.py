"""What there is to review: a run's predictions with what people said of them, most doubtful first."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from hrpro.studio.predictions import read_predicted
from hrpro.studio.reading import View
from hrpro.studio.runs_of import Run, class_ids

SORTS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "uncertainty": lambda item: -item["uncertainty"],
    "class": lambda item: (item["label"].casefold(), -item["uncertainty"]),
    "score": lambda item: -item["score"],
    "time": lambda item: (item["video"], item["start"]),
}


def items_of(
    run: Run, video: str, view: View, known: Mapping[str, str | None] | None = None
) -> list[dict[str, Any]]:
    """A run's predictions of a video as JSON, best first, each with its verdict (None: not judged)."""
    found = read_predicted(run.folder, video)
    if found is None:
        return []
    known = class_ids(run, view.classes()) if known is None else known
    said = {verdict["id"]: verdict["verdict"] for verdict in view.verdicts(video)}
    return [
        {
            **asdict(one),
            "class": known.get(one.label),
            "video": video,
            "run": run.id,
            "verdict": said.get(one.id),
        }
        for one in found.shown
    ]


def worklist(
    run: Run,
    videos: Sequence[str],
    view: View,
    *,
    sort: str = "uncertainty",
    wanted_class: str | None = None,
    open_only: bool = True,
) -> list[dict[str, Any]]:
    """The predictions of all videos in the order asked for; ties by video, then by time.

    open_only: those without a verdict. wanted_class: id of the only class to show.
    """
    known = class_ids(run, view.classes())
    items = [item for video in videos for item in items_of(run, video, view, known)]
    kept = [
        item
        for item in items
        if (wanted_class is None or item["class"] == wanted_class) and not (open_only and item["verdict"])
    ]
    return sorted(kept, key=lambda item: (SORTS[sort](item), item["video"], item["start"], item["id"]))
