"""What a dataset folder says about itself, in either of the two layouts, without touching features or clicks.

The field's layout (as released with LACP and HR-Pro): ``gt_full.json``, ``split_train.txt`` and
``split_test.txt``, ``point_labels/*.csv``, ``features/<split>/<video>.npy``, and, when present, ``meta.json``
with ``classes``, ``fps``, ``snippet_stride_frames`` and ``snippet_frames``. Without ``meta.json`` the
convention of the published features holds: 16 frames a snippet of video resampled to 25 frames a second.

Our own, written by hand: ``clicks.csv``, ``features/`` and ``dataset.yaml``, whose keys are
    features: {stride: 0.64, window: 1.28, offset: 0}    seconds; window and offset are optional
              {fps: 25, stride: 16, window: 16}          or all in frames, with fps
              key: NAME                                  the array's name, for files that hold several
    classes: [jump, run]                                 optional; else the labels of the clicks
    splits: {train: [id, ...], test: test.txt}           optional; lists, or files of one id a line

``gt_full.json`` is read for durations and frames a second only; its annotations are not looked at.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

from hrpro.core.errors import DataError
from hrpro.core.timeline import Timeline
from hrpro.data.faults import OnError, did_you_mean, raise_error
from hrpro.data.formats.jsonfile import read_json
from hrpro.data.formats.jsonplace import Place, Where
from hrpro.data.formats.yamlplace import YamlPlace
from hrpro.data.yaml_once import OnceLoader

DATASET_FILE, GROUND_TRUTH, META_FILE = "dataset.yaml", "gt_full.json", "meta.json"
_CONVENTION_FPS, _CONVENTION_STRIDE = 25.0, 16.0
_KEYS = {"": ("features", "classes", "splits"), "features": ("stride", "window", "offset", "fps", "key")}


@dataclass(frozen=True)
class Member:
    """A recording's id as a split lists it, and where."""

    id: str
    where: Where


@dataclass(frozen=True)
class VideoFacts:
    """Duration in seconds and native frames a second, None where unknown."""

    duration: float | None = None
    fps: float | None = None


@dataclass(frozen=True)
class Layout:
    """A dataset folder's own description; ``splits`` is what files list, ``clicks`` the default table."""

    root: Path
    timeline: Timeline
    clicks: Path | None
    classes: tuple[str, ...] | None = None
    splits: Mapping[str, tuple[Member, ...]] = field(default_factory=dict)
    videos: Mapping[str, VideoFacts] = field(default_factory=dict)
    fps: float | None = None
    fps_if_unknown: float | None = None
    feature_key: str | None = None


def read_layout(root: Path, on_error: OnError = raise_error) -> Layout:
    """Read either layout; ``on_error`` takes what can be stepped over, the rest raises DataError."""
    if not root.is_dir():
        raise DataError("there is no such dataset folder", where=root)
    truth = root / GROUND_TRUTH
    videos = _read_videos(truth, on_error) if truth.is_file() else {}
    if (root / DATASET_FILE).is_file():
        return replace(_own_layout(root, on_error), videos=videos)
    split_files = {path.stem.removeprefix("split_"): path for path in sorted(root.glob("split_*.txt"))}
    if not (truth.is_file() or split_files or (root / "point_labels").is_dir()):
        mend = f"write {DATASET_FILE}, or add {GROUND_TRUTH}, split_train.txt, point_labels/ and features/"
        raise DataError("this folder is not a data set", where=root, mend=mend)
    meta_path = root / META_FILE
    place = Place(meta_path)
    meta = _mapping(read_json(meta_path), place) if meta_path.is_file() else {}
    fps = _number(meta, "fps", place, None)
    window = _number(meta, "snippet_frames", place, None)
    stride = _number(meta, "snippet_stride_frames", place, _CONVENTION_STRIDE)
    assert stride is not None
    with_classes = meta.get("classes") is not None
    return Layout(
        root,
        Timeline.from_frames(fps=fps or _CONVENTION_FPS, stride=stride, window=window),
        clicks=_default_points(root / "point_labels"),
        classes=_names(meta["classes"], place.at("classes")) if with_classes else None,
        splits={name: _split_file(path) for name, path in split_files.items()},
        videos=videos,
        fps=fps,
        fps_if_unknown=fps or _CONVENTION_FPS,
    )


def _own_layout(root: Path, on_error: OnError) -> Layout:
    path = root / DATASET_FILE
    try:
        content = yaml.load(path.read_text(encoding="utf-8-sig"), Loader=OnceLoader)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        where = path if mark is None else f"{path}:{mark.line + 1}"
        what = getattr(error, "problem", None) or error
        mend = "save it as UTF-8" if isinstance(error, UnicodeDecodeError) else None
        raise DataError(f"not a YAML file: {what}", where=where, mend=mend) from error
    place = YamlPlace(path)
    settings = _mapping(content, place)
    _known_keys(settings, "", place, on_error)
    if settings.get("features") is None:
        mend = "write features: {stride: SECONDS}, or {fps: 25, stride: 16} for a stride in frames"
        raise DataError("the snippets' stride is missing", where=path, mend=mend)
    where = place.at("features")
    features = _mapping(settings["features"], where)
    _known_keys(features, "features", where, on_error)
    fps = _number(features, "fps", where, None)
    stride = _number(features, "stride", where, None)
    window = _number(features, "window", where, None)
    offset = _number(features, "offset", where, 0.0, positive=False)
    if stride is None or offset is None:
        mend = "give the seconds from one snippet to the next"
        raise DataError("stride is missing", where=where, mend=mend)
    timeline = Timeline(stride, window, offset)
    if fps is not None:
        timeline = replace(Timeline.from_frames(fps=fps, stride=stride, window=window), offset=offset / fps)
    key = features.get("key")
    if key is not None and not isinstance(key, str):
        raise DataError(f"must be a name, not {key!r}", where=where.at("key"), mend="put it in quotes")
    splits = {}
    for name, listed in _mapping(settings.get("splits") or {}, place.at("splits")).items():
        at = place.at("splits", name)
        if isinstance(listed, str):
            splits[str(name)] = _split_file(root / listed)
        else:
            ids = _names(listed, at, unique=False)
            splits[str(name)] = tuple(Member(id, at.at(i)) for i, id in enumerate(ids))
    table = root / "clicks.csv"
    with_classes = settings.get("classes") is not None
    return Layout(
        root,
        timeline,
        clicks=table if table.is_file() else _default_points(root / "point_labels"),
        classes=_names(settings["classes"], place.at("classes")) if with_classes else None,
        splits=splits,
        fps=fps,
        fps_if_unknown=fps,
        feature_key=key,
    )


def _default_points(folder: Path) -> Path | None:
    tables = sorted(folder.glob("*.csv"))
    usual = folder / "point_gaussian.csv"
    return usual if usual in tables else tables[0] if len(tables) == 1 else None


def _split_file(path: Path) -> tuple[Member, ...]:
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        mend = "a split file is UTF-8 text, one recording's id a line"
        raise DataError(f"the split file cannot be read: {error}", where=path, mend=mend) from error
    listed = ((line.strip(), number) for number, line in enumerate(lines, start=1))
    return tuple(Member(id, f"{path}:{number}") for id, number in listed if id)


def _read_videos(path: Path, on_error: OnError) -> dict[str, VideoFacts]:
    place = Place(path).at("database")
    database = _mapping(_mapping(read_json(path), Place(path)).get("database"), place)
    videos = {}
    for id, entry in database.items():
        facts: dict[str, float | None] = {}
        for name in ("duration", "fps"):
            try:
                facts[name] = _number(_mapping(entry, place.at(id)), name, place.at(id), None)
            except DataError as error:
                on_error(error)
        videos[id] = VideoFacts(**facts)
    return videos


def _mapping(value: Any, where: Place) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise DataError("must be a mapping of names to values", where=where)
    return value


def _known_keys(settings: Mapping[str, Any], section: str, place: Place, on_error: OnError) -> None:
    for key in settings:
        if key not in _KEYS[section]:
            mend = did_you_mean(str(key), _KEYS[section]) or f"known keys: {', '.join(_KEYS[section])}"
            on_error(DataError(f"unknown key {str(key)!r}", where=place.at(key), mend=mend))


def _number(
    values: Mapping[str, Any], key: str, place: Place, default: float | None, positive: bool = True
) -> float | None:
    """A finite number, > 0 unless ``positive`` is off. YAML reads 1e-1 as text, hence the float()."""
    value = values.get(key)
    if value is None:
        return default
    try:
        number = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number) or (positive and number <= 0):
        kind = "a positive number" if positive else "a number"
        raise DataError(f"must be {kind}, not {value!r}", where=place.at(key))
    return number


def _names(value: Any, where: Place, unique: bool = True) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise DataError(f"must be a list of names, not {value!r}", where=where)
    for name in value:
        if not isinstance(name, str) or not name.strip():
            raise DataError(f"{name!r} is not a name", where=where, mend="put it in quotes")
    names = tuple(name.strip() for name in value)
    twice = [name for name in names if names.count(name) > 1] if unique else []
    if twice:
        raise DataError(f"{twice[0]!r} is listed twice", where=where)
    if unique and not names:
        raise DataError("the list is empty", where=where)
    return names
