"""FiftyOne's temporal detections: ``labels.json`` of a FiftyOneTemporalDetectionDataset.

A detection's span is ``timestamps`` [start, stop] in seconds, which are written, or ``support`` [first,
last] in frames counted from 1, each standing for the moment at which it begins: so FiftyOne's own
``from_timestamps`` and ``to_timestamps`` take them, the last one too. Its label is text, or a place in
``classes`` where there is such a list.
"""

from __future__ import annotations

import json
from typing import Any

from hrpro.core.annotations import Detection
from hrpro.core.errors import DataError
from hrpro.data.formats.form import Format, Source
from hrpro.data.formats.jsonkeys import listing, mapping, pair
from hrpro.data.formats.jsonplace import Place
from hrpro.data.formats.neutral import Annotations, Collector, number

_TITLE = "FiftyOne's temporal detections"


def looks(source: Source) -> bool:
    labels = source.json.get("labels") if isinstance(source.json, dict) else None
    if not isinstance(labels, dict):
        return False
    rows = [row for rows in labels.values() for row in (rows if isinstance(rows, list) else [rows])]
    kept = [row for row in rows if row is not None]
    return not kept or any(isinstance(row, dict) and {"support", "timestamps"} & row.keys() for row in kept)


def read(source: Source) -> Annotations:
    found, top = Collector(), Place(source.path)
    content = mapping(source.json, top)
    classes = content.get("classes")
    if classes is not None:
        listing(classes, top.at("classes"))
    for id, rows in mapping(content.get("labels"), top.at("labels")).items():
        video = found.video(id, top.at("labels", id))
        for i, value in enumerate(listing(rows or [], top.at("labels", id))):
            where = top.at("labels", id, i)
            row = mapping(value, where)
            label = _label(row.get("label"), classes, where)
            if row.get("timestamps") is not None:
                start, end = pair(row["timestamps"], where.at("timestamps"))
            else:
                first, last = pair(row.get("support"), where.at("support"))
                fps = source.fps(video, where)
                start = (number(first, "the first frame", where) - 1) / fps
                end = (number(last, "the last frame", where) - 1) / fps
            found.segment(video, start, end, label, where, row.get("confidence"))
            if row.get("attributes"):
                found.leave_out("attribute", len(mapping(row["attributes"], where.at("attributes"))))
    return found.finish()


def _label(target: Any, classes: list[Any] | None, where: Place) -> Any:
    if classes is None or isinstance(target, str):
        return target
    if isinstance(target, bool) or not isinstance(target, int) or not 0 <= target < len(classes):
        raise DataError(f"{target!r} is no place in the list of {len(classes)} classes", where=where)
    return classes[target]


def write(annotations: Annotations) -> str:
    labels = {
        id: [
            {"label": s.label, "timestamps": [s.start, s.end]}
            | ({"confidence": s.score} if isinstance(s, Detection) else {})
            for s in video.segments
        ]
        for id, video in annotations.videos.items()
    }
    return json.dumps({"labels": labels}, allow_nan=False, ensure_ascii=False) + "\n"


_HOLDS = frozenset({"segment", "detection", "empty video"})
FORMAT = Format("fiftyone", _TITLE, ".json", _HOLDS, looks, read, write)
