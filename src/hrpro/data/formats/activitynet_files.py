"""ActivityNet's two files for ``hrpro convert``: ground truth (``database``) and detections (``results``).

Reading is that of activitynet.py. Both hold segments only; the second has a score with each, and nothing
else of a video than its id.
"""

from __future__ import annotations

import json
from typing import Any

from hrpro.core.annotations import Detection
from hrpro.data.formats.activitynet import parse_detections, read_ground_truth
from hrpro.data.formats.form import Format, Source
from hrpro.data.formats.jsonplace import Place
from hrpro.data.formats.neutral import Annotations, Collector


def looks_true(source: Source) -> bool:
    return isinstance(source.json, dict) and isinstance(source.json.get("database"), dict)


def looks_found(source: Source) -> bool:
    return isinstance(source.json, dict) and isinstance(source.json.get("results"), dict)


def read_true(source: Source) -> Annotations:
    found, top = Collector(), Place(source.path, ("database",))
    truth = read_ground_truth(source.path)
    unread = {*source.json} - {"database", "version"}
    for video, segments in truth.videos.items():
        where = top.at(video)
        facts = source.json["database"][video]
        unread |= {*facts} - {"subset", "duration", "fps", "annotations"}
        unread.update(*({*row} - {"label", "segment"} for row in facts.get("annotations") or ()))
        fps = facts.get("fps")
        duration, subset = truth.durations.get(video), truth.subsets.get(video) or None
        found.video(video, where, duration=duration, fps=fps, subset=subset)
        for i, s in enumerate(segments):
            found.segment(video, s.start, s.end, s.label, where.at("annotations", i))
    return _told(found, unread)


def read_found(source: Source) -> Annotations:
    found, file = Collector(), Place(source.path)
    results = parse_detections(source.json, file)
    unread = {*source.json} - {"results", "version", "external_data"}
    for video, detections in results.items():
        where = file.at("results", video)
        found.video(video, where)
        unread.update(
            *({*row} - {"label", "segment", "score"} for row in source.json["results"][video] or ())
        )
        for i, d in enumerate(detections):
            found.segment(video, d.start, d.end, d.label, where.at(i), d.score)
    return _told(found, unread)


def _told(found: Collector, unread: set[str]) -> Annotations:
    if unread:
        found.remark(f"not read: {', '.join(sorted(map(str, unread)))}")
    return found.finish()


def write_true(annotations: Annotations) -> str:
    database: dict[str, dict[str, Any]] = {}
    for id, video in annotations.videos.items():
        facts = {"subset": video.subset, "duration": video.duration, "fps": video.fps}
        rows = [{"label": s.label, "segment": [s.start, s.end]} for s in video.segments]
        database[id] = {key: fact for key, fact in facts.items() if fact is not None} | {"annotations": rows}
    return _dump({"version": "hrpro", "database": database})


def write_found(annotations: Annotations) -> str:
    results = {
        id: [
            {"label": d.label, "score": d.score, "segment": [d.start, d.end]}
            for d in video.segments
            if isinstance(d, Detection)
        ]
        for id, video in annotations.videos.items()
    }
    return _dump({"version": "hrpro", "results": results, "external_data": {}})


def _dump(payload: dict[str, Any]) -> str:
    return json.dumps(payload, allow_nan=False, ensure_ascii=False) + "\n"


TRUTH = Format(
    "activitynet",
    "ActivityNet's ground truth",
    ".json",
    frozenset({"segment", "duration", "fps", "subset", "empty video"}),
    looks_true,
    read_true,
    write_true,
)
RESULTS = Format(
    "activitynet-results",
    "ActivityNet's results",
    ".json",
    frozenset({"detection", "empty video"}),
    looks_found,
    read_found,
    write_found,
)
