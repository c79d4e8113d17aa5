"""Label Studio's timeline labels: frames counted from 1, both ends of a range inside it; JSON and JSON-MIN
exports.

Frame n shows from (n - 1) / fps to n / fps, so a range {start, end} lasts from (start - 1) / fps to end /
fps. A range of one frame is what one click on the timeline makes: it is a click, at the frame's start. The
frame rate is not in the export, but a task's data may have it as ``fps`` (for ``<Video
framerate="$fps">``), as those written here do.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from hrpro.core.annotations import Detection
from hrpro.core.errors import DataError
from hrpro.data.formats.form import Format, Source, media_name, video_of
from hrpro.data.formats.jsonkeys import listing, mapping
from hrpro.data.formats.jsonplace import Place
from hrpro.data.formats.neutral import Annotations, Collector, Video, number, rate

_TITLE = "Label Studio's timeline labels"
_TYPE = "timelinelabels"


def looks(source: Source) -> bool:
    tasks = source.json if isinstance(source.json, list) else [source.json]
    return any(_is_task(task) for task in tasks[:50])


def _is_task(task: Any) -> bool:
    if not isinstance(task, dict):
        return False
    if isinstance(task.get("data"), dict):
        return isinstance(task.get("annotations", task.get("predictions")), list)
    return any(_is_minimal(value) for value in task.values())


def _is_minimal(value: Any) -> bool:
    return isinstance(value, list) and any(isinstance(r, dict) and _TYPE in r for r in value)


def read(source: Source) -> Annotations:
    found, top, several = Collector(), Place(source.path), isinstance(source.json, list)
    for i, value in enumerate(source.json if several else [source.json]):
        where = top.at(i) if several else top
        task = mapping(value, where)
        data, data_at = _inside(task, "data", where)
        own = None if data.get("fps") is None else rate(data["fps"], data_at.at("fps"))
        video = found.video(_video(data, where), where, fps=own)
        for place, region, score in _regions(found, task, where):
            if region.get("type", _TYPE) != _TYPE:
                found.leave_out("other region")
                continue
            box, box_at = _inside(region, "value", place)
            labels = listing(box.get(_TYPE), box_at.at(_TYPE))
            for j, span in enumerate(listing(box.get("ranges"), box_at.at("ranges"))):
                here = box_at.at("ranges", j)
                first, last = (_frame(mapping(span, here).get(end), end, here) for end in ("start", "end"))
                if last < first:
                    raise DataError(f"the range ends (frame {last}) before it starts ({first})", where=here)
                fps = source.fps(video, here, own)
                for label in labels:
                    if first == last and score is None:
                        found.click(video, (first - 1) / fps, label, place)
                    else:
                        found.segment(video, (first - 1) / fps, last / fps, label, place, score)
    return found.finish()


def _inside(value: dict[str, Any], key: str, where: Place) -> tuple[dict[str, Any], Place]:
    """What a full export has under ``key`` and a minimal one at once."""
    return (mapping(value[key], where.at(key)), where.at(key)) if key in value else (value, where)


def _video(data: Mapping[str, Any], where: Place) -> str:
    texts = {key: value for key, value in data.items() if isinstance(value, str)}
    media = texts.get("video") or next((t for t in texts.values() if "." in t.rpartition("/")[2]), None)
    if media is None:
        raise DataError("the task's data names no video", where=where, mend='expected "video": "FILE"')
    return video_of(media)


def _regions(
    found: Collector, task: dict[str, Any], where: Place
) -> Iterator[tuple[Place, dict[str, Any], Any]]:
    """Each region with its place and score: of the first annotation that counts, else of the first
    prediction."""
    if "data" not in task:
        for key, value in task.items():
            for j, region in enumerate(value if _is_minimal(value) else ()):
                yield where.at(key, j), mapping(region, where.at(key, j)), None
        return
    for key in ("annotations", "predictions"):
        drafts = [
            (where.at(key, j), mapping(draft, where.at(key, j)))
            for j, draft in enumerate(listing(task.get(key) or [], where.at(key)))
        ]
        kept = [(place, draft) for place, draft in drafts if not draft.get("was_cancelled")]
        found.leave_out("cancelled annotation", len(drafts) - len(kept))
        for place, draft in kept[:1]:
            found.leave_out("further annotation", len(kept) - 1)
            for j, region in enumerate(listing(draft.get("result"), place.at("result"))):
                entry = mapping(region, place.at("result", j))
                score = entry.get("score", draft.get("score") if key == "predictions" else None)
                yield place.at("result", j), entry, score
            if key == "annotations":
                guesses = listing(task.get("predictions") or [], where.at("predictions"))
                found.leave_out("annotated task's prediction", len(guesses))
            return


def _frame(value: Any, end: str, where: Place) -> int:
    frame = number(value, f"the {end} frame", where)
    if frame < 1 or not frame.is_integer():
        raise DataError(f"the {end} frame must be a whole number from 1 on, not {value!r}", where=where)
    return int(frame)


def write(annotations: Annotations) -> str:
    tasks = []
    for i, (id, video) in enumerate(annotations.videos.items(), start=1):
        assert video.fps is not None
        only_found = not video.clicks and any(isinstance(s, Detection) for s in video.segments)
        key = "predictions" if only_found else "annotations"
        draft = {"result": _results(video, video.fps)}
        tasks.append({"id": i, "data": {"video": media_name(id), "fps": video.fps}, key: [draft]})
    return json.dumps(tasks, allow_nan=False, ensure_ascii=False) + "\n"


def _results(video: Video, fps: float) -> list[dict[str, Any]]:
    results: list[dict[str, Any]] = []

    def add(first: int, last: int, label: str, score: float | None = None) -> None:
        box = {"ranges": [{"start": first, "end": last}], _TYPE: [label]}
        result = {
            "id": f"r{len(results) + 1}",
            "type": _TYPE,
            "from_name": "timelineLabels",
            "to_name": "video",
        }
        results.append(result | {"value": box} | ({} if score is None else {"score": score}))

    for click in video.clicks:
        add(round(click.time * fps) + 1, round(click.time * fps) + 1, click.label)
    for segment in video.segments:
        score = segment.score if isinstance(segment, Detection) else None
        add(round(segment.start * fps) + 1, round(segment.end * fps), segment.label, score)
    return results


_HOLDS = frozenset({"click", "segment", "detection", "fps", "empty video"})
FORMAT = Format("label-studio", _TITLE, ".json", _HOLDS, looks, read, write, unit="frame", shortest=2)
