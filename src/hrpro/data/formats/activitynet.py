"""ActivityNet's JSON: ground truth (``database``) and detections (``results``).

Everything is checked on the way in, so that what leaves here is finite, ordered in time and has a name;
faults name the file, the line and the key.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hrpro.core.annotations import Detections, Segment
from hrpro.core.errors import DataError
from hrpro.data.formats.jsonfile import read_json, write_atomic
from hrpro.data.formats.jsonplace import Place


@dataclass(frozen=True)
class GroundTruth:
    """The true segments (seconds) of each video, in file order. For evaluation only, never for training.

    ``durations`` (seconds) and ``subsets`` hold the videos whose entry gives them; ``excluded_unknown`` the
    ids that were to be left out but were not there in the first place, ``dropped_unknown`` the labels.
    """

    videos: Mapping[str, tuple[Segment, ...]]
    durations: Mapping[str, float] = field(default_factory=dict)
    subsets: Mapping[str, str] = field(default_factory=dict)
    excluded_unknown: tuple[str, ...] = ()
    dropped_unknown: tuple[str, ...] = ()

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names that have a segment, sorted."""
        return tuple(sorted({segment.label for segments in self.videos.values() for segment in segments}))


def read_ground_truth(
    path: str | Path,
    subset: str | None = None,
    exclude: Collection[str] = (),
    drop_labels: Collection[str] = (),
) -> GroundTruth:
    """Read the videos of ``subset`` (any case; None: all) but ``exclude``; no segments of ``drop_labels``.

    Segments must be finite, not negative and not reversed; of length zero they are kept, as the field's tools
    keep them (ActivityNet has some: they can be missed but not found). Only the videos asked for are checked.
    ``drop_labels=("Ambiguous",)`` leaves out entries that are no class. Raises DataError.
    """
    file = Place(path)
    database = _mapping(_mapping(read_json(path), file).get("database"), file.at("database"))
    if subset is not None:
        names = {
            str(entry["subset"])
            for entry in database.values()
            if isinstance(entry, dict) and "subset" in entry
        }
        if subset.lower() not in {name.lower() for name in names}:
            mend = f"the subsets are: {', '.join(sorted(names))}" if names else "no video names its subset"
            raise DataError(f"there is no subset '{subset}'", where=path, mend=mend)
    videos: dict[str, tuple[Segment, ...]] = {}
    durations: dict[str, float] = {}
    subsets: dict[str, str] = {}
    found, labels = set[str](), set[str]()
    for video, value in database.items():
        where = file.at("database", video)
        entry = _mapping(value, where)
        if subset is not None and str(entry.get("subset", "")).lower() != subset.lower():
            continue
        found.add(video)
        if video in exclude:
            continue
        rows = entry.get("annotations")
        if not isinstance(rows, list):
            raise DataError(
                "'annotations' must be a list", where=where, mend="write [] for a video without any"
            )
        segments = [_segment(row, where.at("annotations", i)) for i, row in enumerate(rows)]
        labels.update(segment.label for segment in segments)
        videos[video] = tuple(segment for segment in segments if segment.label not in drop_labels)
        if entry.get("duration") is not None:
            durations[video] = _seconds(entry["duration"], where.at("duration"))
        if "subset" in entry:
            subsets[video] = str(entry["subset"])
    strange = tuple(video for video in exclude if video not in found)
    never = tuple(label for label in drop_labels if label not in labels)
    return GroundTruth(videos, durations, subsets, strange, never)


def write_ground_truth(path: str | Path, truth: GroundTruth, version: str = "1") -> None:
    """Write ``truth`` so that read_ground_truth gives it back (numbers in full)."""
    database: dict[str, dict[str, Any]] = {}
    for video, segments in truth.videos.items():
        entry: dict[str, Any] = {}
        if video in truth.subsets:
            entry["subset"] = truth.subsets[video]
        if video in truth.durations:
            entry["duration"] = float(truth.durations[video])
        entry["annotations"] = [
            {"label": s.label, "segment": [float(s.start), float(s.end)]} for s in segments
        ]
        database[video] = entry
    write_atomic(path, json.dumps({"version": version, "database": database}, allow_nan=False) + "\n")


def read_detections(path: str | Path) -> dict[str, Detections]:
    """Read the detections of each video; all share one tuple of classes, the labels met, sorted.

    Raises DataError where a score or a segment is missing, not a number, not finite or reversed.
    """
    return parse_detections(read_json(path), Place(path))


def parse_detections(payload: Any, where: Place | str = "detections") -> dict[str, Detections]:
    """From JSON already parsed: ``{"results": {video: [{"segment": [s, e], "label": c, "score": p}]}}``.

    Peaks are those of the files of ours, where each row has a ``peak`` (seconds) too; of others, None.
    where: the file, or a name for what is in none.
    """
    where = where if isinstance(where, Place) else Place(where, in_file=False)
    results = _mapping(_mapping(payload, where).get("results"), where.at("results"))
    try:
        every = _columns(results)
    except (TypeError, KeyError, ValueError, OverflowError):
        raise _first_fault(results, where) from None
    detections: dict[str, Detections] = {}
    first = 0
    for video, per_video in results.items():
        detections[video] = every[first : first + len(per_video)]
        first += len(per_video)
    return detections


def write_detections(
    path: str | Path,
    detections: Mapping[str, Detections],
    *,
    version: str = "hrpro",
    external_data: Mapping[str, Any] | None = None,
    through: bool = False,
) -> None:
    """Write ``detections``, best score first within a video; through: as of ``write_text``.

    Beside label, score and segment a row has its peak, if it is known. Times are rounded to a microsecond
    (19.2, not 19.200000000000003), scores kept in full, as their order decides the mAP. What was written is
    read back exactly, and writing that again gives the same bytes.
    """
    results: dict[str, list[dict[str, Any]]] = {}
    for video, columns in detections.items():
        ranked = columns.ranked()
        segments, scores = np.round(ranked.segments, 6).tolist(), ranked.scores.tolist()
        names = [ranked.classes[label] for label in ranked.labels.tolist()]
        results[video] = rows = [
            {"label": name, "score": score, "segment": segment}
            for name, score, segment in zip(names, scores, segments, strict=True)
        ]
        if ranked.peaks is not None:
            for row, peak in zip(rows, np.round(ranked.peaks, 6).tolist(), strict=True):
                row["peak"] = peak
    payload = {"version": version, "results": results, "external_data": dict(external_data or {})}
    try:
        text = json.dumps(payload, allow_nan=False)
    except ValueError:
        raise _first_fault(results, Place(path, in_file=False)) from None
    write_atomic(path, text + "\n", through=through)


def _mapping(value: Any, where: Place) -> dict[str, Any]:
    if not isinstance(value, dict):
        found = "is missing" if value is None else f"is a {type(value).__name__}"
        raise DataError(f"an object {{...}} is expected here, but it {found}", where=where)
    return value


def _columns(results: Mapping[str, Any]) -> Detections:
    """All rows, video after video; raises if any row is at fault."""
    if not all(isinstance(per_video, list) for per_video in results.values()):
        raise TypeError
    rows = list(chain.from_iterable(results.values()))
    names = [row["label"] for row in rows]
    pairs = [row["segment"] for row in rows]
    # Lengths 1 and 3 would pass as two pairs once they are flat.
    if {type(name) for name in names} - {str} or set(map(len, pairs)) - {2}:
        raise TypeError
    scores = _numbers([row["score"] for row in rows])
    segments = _numbers(list(chain.from_iterable(pairs))).reshape(-1, 2)
    if not (np.isfinite(scores).all() and np.isfinite(segments).all()):
        raise ValueError
    if (segments[:, 0] > segments[:, 1]).any():
        raise ValueError
    classes = tuple(sorted(set(names)))
    index = {name: i for i, name in enumerate(classes)}
    peaks = None
    if rows and all("peak" in row for row in rows):
        peaks = _numbers([row["peak"] for row in rows])
        if not np.isfinite(peaks).all():
            raise ValueError
    labels = np.array([index[name] for name in names], np.int64)
    return Detections(segments, labels, scores, classes, peaks)


def _numbers(values: list[Any]) -> NDArray[np.float64]:
    # NumPy alone would quietly read "0.5", true and null as numbers.
    if set(map(type, values)) - {int, float}:
        raise TypeError
    return np.array(values, np.float64)


def _seconds(value: Any, where: Place) -> float:
    number = not isinstance(value, bool) and isinstance(value, int | float)
    if not number or not 0 <= value <= sys.float_info.max:
        raise DataError(f"seconds, 0 or more, are expected, not {value!r}", where=where)
    return float(value)


def _segment(row: Any, where: Place) -> Segment:
    row = _mapping(row, where)
    label, pair = row.get("label"), row.get("segment")
    if not isinstance(label, str):
        raise DataError(f"'label' must be a class name, not {label!r}", where=where)
    if not isinstance(pair, list) or len(pair) != 2:
        raise DataError(f"'segment' must be [start, end] in seconds, not {pair!r}", where=where)
    where = where.at("segment")
    start, end = _seconds(pair[0], where), _seconds(pair[1], where)
    if end < start:
        raise DataError(f"the segment ends ({end:g} s) before it starts ({start:g} s)", where=where)
    return Segment(start, end, label)


def _first_fault(results: Mapping[str, Any], where: Place) -> DataError:
    """Walk again, row by row, to say which detection is at fault."""
    for video, rows in results.items():
        if not isinstance(rows, list):
            return DataError("a list of detections is expected", where=where.at("results", video))
        for i, row in enumerate(rows):
            if fault := _fault(row):
                return DataError(fault, where=where.at("results", video, i))
    return DataError("the detections cannot be read", where=where)


def _fault(row: Any) -> str | None:
    if not isinstance(row, dict):
        return "an object with 'segment', 'label' and 'score' is expected"
    missing = [name for name in ("segment", "label", "score") if name not in row]
    if missing:
        return f"'{missing[0]}' is missing"
    if not isinstance(row["label"], str):
        return f"'label' must be a class name, not {row['label']!r}"
    if not _are_numbers([row["score"]]):
        return f"'score' must be a finite number, not {row['score']!r}"
    if not _are_numbers([row.get("peak", 0)]):
        return f"'peak' must be seconds, a finite number, not {row['peak']!r}"
    pair = row["segment"]
    if not isinstance(pair, list) or len(pair) != 2 or not _are_numbers(pair):
        return f"'segment' must be [start, end] in seconds, not {pair!r}"
    return f"the segment ends ({pair[1]:g} s) before it starts ({pair[0]:g} s)" if pair[1] < pair[0] else None


def _are_numbers(values: Iterable[Any]) -> bool:
    return all(
        isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= sys.float_info.max
        for value in values
    )
