"""VGG Image Annotator 3: its project (JSON) read and written, its CSV export read.

In both, an annotation's temporal coordinates (``z`` in the project) are [t], a moment, or [start, end], in
seconds; spatial coordinates (``xy``) make it a region in the picture. Its text is that of the attributes: a
choice stands there by the option's id. Written after VIA's CodeDoc.md and its own exporter, whose file_list
is not quite CSV.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from hrpro.core.errors import DataError
from hrpro.data.formats.form import Format, Source, media_name, video_of
from hrpro.data.formats.jsonkeys import listing, mapping
from hrpro.data.formats.jsonplace import Place, Where
from hrpro.data.formats.neutral import Annotations, Collector
from hrpro.data.formats.tables import cells_of

_TITLE = "VIA 3"
_SELECT, _VIDEO, _LOCAL, _DELETED, _CHECKBOX = 4, 4, 1, 1, 2
_HEADER, _ATTRIBUTES = "# CSV_HEADER = ", ("# ATTRIBUTE = ", "# ATTRIBUTES = ")
_COLUMNS = ["metadata_id", "file_list", "flags", "temporal_coordinates", "spatial_coordinates", "metadata"]


def looks(source: Source) -> bool:
    if isinstance(source.json, dict):
        return {"metadata", "file", "attribute"} <= source.json.keys()
    return any(line.lstrip('"').startswith(_HEADER) for _, line in source.lines[:20])


def read(source: Source) -> Annotations:
    return _read_csv(source) if source.json is None else _read_project(source)


def _read_project(source: Source) -> Annotations:
    found, top = Collector(), Place(source.path)
    project = mapping(source.json, top)
    parts = {key: mapping(project.get(key), top.at(key)) for key in ("file", "view", "attribute", "metadata")}
    videos: dict[str, str] = {}
    for id, value in parts["view"].items():
        where = top.at("view", id)
        files = listing(mapping(value, where).get("fid_list"), where.at("fid_list"))
        if len(files) != 1:
            raise DataError(f"a view of {len(files)} files is not that of one video", where=where)
        file_at = top.at("file", str(files[0]))
        file = mapping(parts["file"].get(str(files[0])), file_at)
        videos[id] = found.video(video_of(str(file.get("fname") or "")), file_at.at("fname"))
    for id, value in parts["metadata"].items():
        where = top.at("metadata", id)
        entry = mapping(value, where)
        video = videos.get(str(entry.get("vid")))
        if video is None:
            raise DataError(f"there is no view {entry.get('vid')!r}", where=where)
        if entry.get("flg") == _DELETED:
            found.leave_out("deleted annotation")
            continue
        given = {"z": entry.get("z"), "xy": entry.get("xy") or [], "av": entry.get("av")}
        places = {key: where.at(key) for key in given}
        _annotation(found, video, given, parts["attribute"], where, places)
    return found.finish()


def _read_csv(source: Source) -> Annotations:
    found, attributes, columns = Collector(), {}, None
    for where, line in source.lines:
        plain = line.lstrip('"')
        if plain.startswith("#"):
            for start in _ATTRIBUTES:
                if plain.startswith(start):
                    attributes = mapping(_json(plain.removeprefix(start), where), where)
            if plain.startswith(_HEADER):
                columns = [cell.strip() for cell in plain.removeprefix(_HEADER).rstrip(',"').split(",")]
                if missing := set(_COLUMNS) - set(columns):
                    raise DataError(
                        f"no column {min(missing)!r}", where=where, mend="export it with VIA 3.0.5 or later"
                    )
            continue
        cells = cells_of(line, where)
        if columns is None or len(cells) < len(columns):
            raise DataError(f"{len(cells)} columns, fewer than the header names", where=where)
        row = dict(zip(columns, cells, strict=False))
        files = row["file_list"].strip('[]" ')
        if '","' in files.replace('""', '"'):
            raise DataError("a view of several files is not that of one video", where=where)
        video = found.video(video_of(files), where)
        names = {"z": "temporal_coordinates", "xy": "spatial_coordinates", "av": "metadata"}
        places = {key: f"{where} ({column})" for key, column in names.items()}
        given = {key: _json(row[column], places[key]) for key, column in names.items()}
        _annotation(found, video, given, attributes, where, places)
    if columns is None:
        raise DataError(f"neither a project nor a table with a line {_HEADER!r}", where=source.path)
    return found.finish()


def _annotation(
    found: Collector,
    video: str,
    given: Mapping[str, Any],
    attributes: Mapping[str, Any],
    where: Where,
    places: Mapping[str, Where],
) -> None:
    times = listing(given["z"], places["z"])
    if listing(given["xy"], places["xy"]):
        found.leave_out("picture region")
    elif not times:
        found.leave_out("whole file's text")
    elif len(times) > 2:
        raise DataError(f"{len(times)} times where one or two are expected", where=places["z"])
    else:
        for label in _labels(found, mapping(given["av"], places["av"]), attributes, where):
            if len(times) == 1:
                found.click(video, times[0], label, where)
            else:
                found.segment(video, times[0], times[1], label, where)


def _labels(
    found: Collector, values: Mapping[str, Any], attributes: Mapping[str, Any], where: Where
) -> Iterator[str]:
    """The text of the first attribute, by id, that has one: for time if there are such; several if ticked."""
    given = sorted((id for id, value in values.items() if str(value).strip()), key=lambda id: (len(id), id))
    defined = {id: value for id, value in attributes.items() if isinstance(value, dict)}
    given.sort(key=lambda id: "XY0" not in str(defined.get(id, {}).get("anchor_id", "XY0")))
    if not given:
        raise DataError("the annotation has no text", where=where, mend="label it in VIA, or delete it")
    found.leave_out("further attribute's value", len(given) - 1)
    attribute, value = defined.get(given[0], {}), str(values[given[0]])
    options = attribute.get("options")
    for choice in value.split(",") if attribute.get("type") == _CHECKBOX else [value]:
        yield str(options.get(choice, choice)) if isinstance(options, dict) else choice


def _json(text: str, where: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DataError(f"not JSON in this cell: {text[:60]!r}", where=where) from error


def write(annotations: Annotations) -> str:
    options = {str(i): label for i, label in enumerate(annotations.labels, start=1)}
    option_of = {label: id for id, label in options.items()}
    ids = [str(i) for i in range(1, len(annotations.videos) + 1)]
    files, metadata = {}, {}
    for id, (name, video) in zip(ids, annotations.videos.items(), strict=True):
        files[id] = {"fid": id, "fname": media_name(name), "type": _VIDEO, "loc": _LOCAL, "src": ""}
        times = [([c.time], c.label) for c in video.clicks] + [
            ([s.start, s.end], s.label) for s in video.segments
        ]
        for i, (z, label) in enumerate(times, start=1):
            metadata[f"{id}_{i}"] = {"vid": id, "flg": 0, "z": z, "xy": [], "av": {"1": option_of[label]}}
    project = {
        "project": {
            "pid": "__VIA_PROJECT_ID__",
            "rev": "__VIA_PROJECT_REV_ID__",
            "rev_timestamp": "__VIA_PROJECT_REV_TIMESTAMP__",
            "pname": "hrpro",
            "creator": "hrpro",
            "created": 0,
            "vid_list": ids,
        },
        "config": {
            "file": {"loc_prefix": {str(i): "" for i in range(1, 5)}},
            "ui": {
                "file_content_align": "center",
                "file_metadata_editor_visible": True,
                "spatial_metadata_editor_visible": True,
                "temporal_segment_metadata_editor_visible": True,
                "spatial_region_label_attribute_id": "",
                "gtimeline_visible_row_count": "4",
            },
        },
        "attribute": {
            "1": {
                "aname": "action",
                "anchor_id": "FILE1_Z2_XY0",
                "type": _SELECT,
                "desc": "",
                "options": options,
                "default_option_id": "",
            }
        },
        "file": files,
        "metadata": metadata,
        "view": {id: {"fid_list": [id]} for id in ids},
    }
    return json.dumps(project, allow_nan=False, ensure_ascii=False) + "\n"


FORMAT = Format("via", _TITLE, ".json", frozenset({"click", "segment", "empty video"}), looks, read, write)
