"""``hrpro inspect``: look at a dataset folder without training, and find all that is wrong with it at once.

Every check collects and goes on. One feature file is open at a time.
"""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from hrpro.core.errors import DataError, HRProError
from hrpro.data.clicks import ClickRow, few_enough_to_skip, outside, read_clicks, unknown_name
from hrpro.data.faults import some_of
from hrpro.data.findings import Problem, Report, SplitSummary, render
from hrpro.data.folder import Dataset, Recording
from hrpro.data.formats.jsonplace import Where
from hrpro.data.layout import VideoFacts, read_layout
from hrpro.data.splits import FEATURES

__all__ = ["Problem", "Report", "inspect_dataset", "render"]

_LARGE_MISMATCH = 0.1


@dataclass(frozen=True)
class _Seen:
    """What a feature file's header says of a recording."""

    recording: Recording
    length: int
    dimension: int
    dtype: str


def inspect_dataset(path: str | Path, points: str | Path | None = None, check_values: bool = True) -> Report:
    """Everything that can be found wrong with a dataset folder, and its figures. Raises nothing for bad data.

    points: click table as in ``Dataset.points_path``; check_values: look at every feature for NaN and Inf.
    """
    report = Report(Path(path))
    try:
        dataset = Dataset(read_layout(Path(path), report.add))
        if points is not None:
            with suppress(DataError):  # there is no such table: it is said below
                dataset = dataset.by(points)
        report.timeline = dataset.layout.timeline
        _check_members(dataset, report)
        seen = {split: _check_features(dataset, split, check_values, report) for split in dataset.splits}
        _check_extra(dataset, report)
        _check_dimensions([s for held in seen.values() for s in held.values()], report)
    except HRProError as error:
        report.add(error)
        return report
    clicks = _check_clicks(dataset, points, seen, report)
    for split, members in dataset.members.items():
        held = seen[split].values()
        ids = {member.id for member in members}
        stated = (dataset.layout.videos.get(id, VideoFacts()).duration for id in ids - seen[split].keys())
        seconds = sum(_seconds(s) for s in held) + sum(duration or 0.0 for duration in stated)
        lengths = [s.length for s in held]
        summary = SplitSummary(
            name=split,
            recordings=len(ids),
            with_features=len(held),
            hours=seconds / 3600,
            lengths=(min(lengths), max(lengths)) if lengths else None,
            dimensions=tuple(sorted({s.dimension for s in held})),
            dtypes=tuple(sorted({s.dtype for s in held})),
            clicks=Counter(row.label for row in clicks if row.video in ids),
        )
        report.splits.append(summary)
    return report


def _seconds(seen: _Seen) -> float:
    stated = seen.recording.duration
    return seen.recording.timeline.duration_of(seen.length) if stated is None else stated


def _check_members(dataset: Dataset, report: Report) -> None:
    """Ids listed twice, in one split or in two."""
    first: dict[str, tuple[str, Where]] = {}
    if not dataset.members:
        mend = f"put feature files into {FEATURES}/"
        report.find("error", "no split holds any recording", dataset.path, mend)
    for split, members in dataset.members.items():
        if not members:
            report.find("error" if split == "train" else "warning", f"split {split!r} is empty", dataset.path)
        for member in members:
            other, where = first.setdefault(member.id, (split, member.where))
            if where == member.where:
                continue
            if other == split:
                what, mend = f"{member.id!r} is listed twice in split {split!r}", f"first in {where}"
            else:
                what = f"{member.id!r} is in split {split!r} and in split {other!r}"
                mend = f"splits must not overlap; the other: {where}"
            report.find("error", what, member.where, mend)


def _check_features(dataset: Dataset, split: str, check_values: bool, report: Report) -> dict[str, _Seen]:
    """Missing, doubled, unreadable, empty, non-finite, too short or too long: file by file."""
    seen: dict[str, _Seen] = {}
    members = {member.id: member for member in dataset.members[split]}
    files = {id: dataset.features.find(id, split) for id in members}
    missing = [id for id, paths in files.items() if not paths]
    folder = dataset.path / FEATURES / split
    if missing and len(missing) == len(files):
        report.find("error", f"none of the {len(files)} recordings of split {split!r} has features", folder)
        return seen
    for id in missing:
        mend = f"expected {folder / id}.npy, .npz or .safetensors"
        report.find("error", f"{id!r} of split {split!r} has no feature file", members[id].where, mend)
    for id, paths in files.items():
        if not paths:
            continue
        if len(paths) > 1:
            what = f"{id!r} has {len(paths)} feature files: {some_of([path.name for path in paths])}"
            report.find("warning", what, paths[0], f"{paths[0].name} is used: remove the others")
        recording = dataset.recording(id, paths[0])
        try:
            length, dimension = recording.features.shape
            seen[id] = _Seen(recording, length, dimension, str(recording.features.dtype))
            _check_length(seen[id], report)
            if check_values:
                recording.features.check_finite()
        except HRProError as error:
            report.add(error)
    return seen


def _check_length(seen: _Seen, report: Report) -> None:
    """Snippets against seconds."""
    recording = seen.recording
    if (fault := recording.misfit(seen.length)) and recording.duration is not None:
        expected = recording.timeline.length_for(recording.duration)
        far = abs(seen.length - expected) > _LARGE_MISMATCH * expected
        report.add(fault, "error" if far else "warning")


def _check_extra(dataset: Dataset, report: Report) -> None:
    """Feature files that no split uses."""
    ids = {split: {member.id for member in members} for split, members in dataset.members.items()}
    everyone = set().union(*ids.values())
    for folder, files in dataset.features.files.items():
        if folder and folder not in ids:
            what = f"{len(files)} feature files in a folder that is no split"
            report.find("warning", what, dataset.path / FEATURES / folder, f"splits: {', '.join(ids)}")
            continue
        for id in sorted(files.keys() - ids.get(folder, everyone)):
            report.find("warning", f"features of {id!r}, which is in no split that looks here", files[id][0])


def _check_dimensions(held: list[_Seen], report: Report) -> None:
    if not held:
        return
    usual = Counter(seen.dimension for seen in held).most_common(1)[0][0]
    for seen in held:
        if seen.dimension != usual:
            what = f"{seen.dimension} feature dimensions, the other recordings have {usual}"
            turned = seen.length == usual
            mend = "it looks transposed: save it as [T, D]" if turned else "extract it as the others were"
            report.find("error", what, seen.recording.features.path, mend)


def _check_clicks(
    dataset: Dataset, points: str | Path | None, seen: dict[str, dict[str, _Seen]], report: Report
) -> list[ClickRow]:
    """The table's rows that can be read; their faults and gaps are noted."""
    unstated: dict[str, None] = {}

    def fps_of(video: str) -> float | None:
        if dataset.layout.videos.get(video, VideoFacts()).fps is None and dataset.layout.fps is None:
            unstated[video] = None
        return dataset.fps_of(video)

    if points is None and dataset.layout.clicks is None and "train" not in dataset.splits:
        near = sorted(path.name for path in dataset.path.glob("*.csv"))
        if near:  # a folder to predict on has none
            what = f"nothing can be learned from this folder: {some_of(near)} is not read as its click table"
            report.find("warning", what, dataset.path, "call it clicks.csv, a file, or name it with --points")
        return []
    try:
        table = report.points = dataset.points_path(points)
        rows = read_clicks(table, fps_of, report.add)
    except HRProError as error:
        report.add(error)
        return []
    if unstated and (assumed := dataset.layout.fps_if_unknown):
        what = f"{assumed:g} frames a second are assumed for clicks on {some_of(list(unstated))}"
        report.find("warning", what, table, "state fps in gt_full.json or meta.json")
    train = {member.id: member for member in dataset.members.get("train", ())}
    strays = [row for row in rows if row.video not in dataset.known_ids]
    skipped = few_enough_to_skip(len(strays), len(rows))
    lines: dict[tuple[str, float, str], int] = {}
    for row in rows:
        stray = row.video not in dataset.known_ids
        if not stray and row.video not in train:
            continue
        if fault := unknown_name(row, table, dataset.known_ids, dataset.layout.classes):
            report.add(fault, "warning" if stray and skipped else "error")
        else:
            latest = _latest(dataset, seen["train"].get(row.video), row.video)
            if fault := outside(row, table, dataset.layout.timeline, latest):
                report.add(fault)
        line = lines.setdefault((row.video, row.time, row.label), row.line)
        if line != row.line:
            report.find("warning", f"the same click as in line {line}", f"{table}:{row.line}", "delete one")
    others = [row for row in rows if row.video in dataset.known_ids and row.video not in train]
    if others:
        what = f"{len(others)} clicks on recordings outside split 'train', from this line on, train nothing"
        report.find("warning", what, f"{table}:{others[0].line}")
    _check_gaps(dataset, table, [row for row in rows if row.video in train], report)
    return rows


def _latest(dataset: Dataset, seen: _Seen | None, video: str) -> float | None:
    if seen is not None:
        return seen.recording.latest_click(seen.length)
    duration = dataset.layout.videos.get(video, VideoFacts()).duration
    return None if duration is None else duration + dataset.layout.timeline.stride


def _check_gaps(dataset: Dataset, table: Path, rows: list[ClickRow], report: Report) -> None:
    """Recordings and classes without a click."""
    report.classes = dataset.layout.classes or tuple(sorted({row.label for row in rows}))
    if not rows:
        report.find("error", "no click lies on a recording of split 'train'", table)
        return
    labels, videos = {row.label for row in rows}, {row.video for row in rows}
    for label in report.classes:
        if label not in labels:
            report.find("warning", f"class {label!r} has no click", table, "it can never be predicted")
    for member in dataset.members.get("train", ()):
        if member.id not in videos:
            mend = "leave it out of the split if there are actions in it"
            report.find("warning", f"{member.id!r} has no click", member.where, mend)
