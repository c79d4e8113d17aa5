"""A dataset folder: its classes, its recordings by split, and the clicks to train on."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from dataclasses import replace
from functools import cached_property
from pathlib import Path

from hrpro.core.annotations import Click
from hrpro.core.errors import DataError
from hrpro.data.clicks import ClickRow, few_enough_to_skip, outside, read_clicks, unknown_name
from hrpro.data.faults import did_you_mean, some_of
from hrpro.data.features import FeatureFile
from hrpro.data.layout import GROUND_TRUTH, Layout, Member, VideoFacts, read_layout
from hrpro.data.splits import FEATURES, FeatureFolder, members_by_split
from hrpro.data.supervised import SupervisedSet, supervised
from hrpro.data.training_set import Recording, TrainingSet

__all__ = ["Dataset", "Recording", "TrainingSet", "open_dataset"]


def open_dataset(path: str | Path) -> Dataset:
    """Open a folder in the field's layout or our own (see ``layout``); DataError if neither or broken."""
    return Dataset(read_layout(Path(path)))


class Dataset:
    """A dataset folder; features and click tables are read when they are asked for, not before."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.path = layout.root
        truth = layout.root / GROUND_TRUTH
        self.ground_truth_path: Path | None = truth if truth.is_file() else None

    @cached_property
    def classes(self) -> tuple[str, ...]:
        """The declared classes, else the labels of the default click table, sorted (none without a table)."""
        if self.layout.classes is not None:
            return self.layout.classes
        if self.layout.clicks is None or "train" not in self.splits:
            return ()
        return _labels(self._rows(self.layout.clicks, "train"))

    @property
    def splits(self) -> tuple[str, ...]:
        """Names of the splits, train and test first."""
        return tuple(self.members)

    def recordings(self, split: str) -> tuple[Recording, ...]:
        """The split's recordings in listed order. DataError: no such split, or a missing feature file."""
        files = {member.id: self.features.find(member.id, split) for member in self._split(split)}
        missing = [id for id, paths in files.items() if not paths]
        if missing:
            count = f"{len(missing)} of {len(files)} recordings of split {split!r}"
            mend = f"expected {FEATURES}/{split}/<id>.npy or {FEATURES}/<id>.npy (or .npz, .safetensors)"
            where = self.path / FEATURES
            raise DataError(f"{count} have no feature file: {some_of(missing)}", where=where, mend=mend)
        return tuple(self.recording(id, paths[0]) for id, paths in files.items())

    def recording(self, id: str, path: Path) -> Recording:
        """The recording ``id`` with the features in ``path``."""
        features = FeatureFile(path, self.layout.feature_key)
        return Recording(id, features, self.layout.timeline, self._facts(id).duration)

    def training_set(self, points: str | Path | None = None, split: str = "train") -> TrainingSet:
        """Recordings and clicks of ``split``; ``points`` as in ``points_path``.

        Raises DataError for all that cannot be trained on: what ``clicks`` raises, a missing feature file,
        features of different dimensions, a click beyond the features' end, not a single click.
        """
        if points is not None:
            return self.by(points).training_set(split=split)
        table = self.points_path()
        rows = self._rows(table, split)
        recordings = self.recordings(split)
        if not rows:
            mend = "check that the table's ids are those of the split"
            raise DataError(f"no click lies on a recording of split {split!r}", where=table, mend=mend)
        lengths = _lengths(recordings)
        by_id = {recording.id: recording for recording in recordings}
        for row in rows:
            item = by_id[row.video]
            if fault := outside(row, table, item.timeline, item.latest_click(lengths[row.video])):
                raise fault
        return TrainingSet(self.layout.classes or _labels(rows), recordings, _grouped(rows, by_id))

    def supervised_set(self, points: str | Path | None = None, split: str = "train") -> SupervisedSet:
        """``training_set`` with the true segments: for the fully supervised upper bound, and nothing else.

        Raises DataError as ``training_set`` and ``supervised`` do, and without gt_full.json.
        """
        if self.ground_truth_path is None:
            what = f"there is no {GROUND_TRUTH}: nothing says where actions start and end"
            raise DataError(what, where=self.path, mend="take a method that learns from clicks")
        return supervised(self.training_set(points, split), self.ground_truth_path)

    def by(self, points: str | Path) -> Dataset:
        """The same with this click table in place of the default one; ``points`` as in ``points_path``.

        Where nothing is listed, it then says which recordings are to be learned from.
        """
        return Dataset(replace(self.layout, clicks=self.points_path(points)))

    def clicks(self, points: str | Path | None = None, split: str = "train") -> dict[str, tuple[Click, ...]]:
        """Every recording's clicks in order of time, needing no features; ``points`` as in ``points_path``.

        Clicks on recordings outside the split are left out. Raises DataError for a row that cannot be read, a
        click beyond the stated duration or of an undeclared class, and for clicks on recordings that the data
        set does not know; if these are no more than one in a hundred, as misspelt ids in published tables
        are, they are skipped with a warning instead.
        """
        if points is not None:
            return self.by(points).clicks(split=split)
        rows = self._rows(self.points_path(), split)
        return _grouped(rows, [member.id for member in self._split(split)])

    def points_path(self, points: str | Path | None = None) -> Path:
        """A click table: one of point_labels/ or of the folder by its name, or any path.

        By default clicks.csv, or point_labels/point_gaussian.csv, or the only table of point_labels/. Raises
        DataError if there is none.
        """
        tables = sorted(path.name for path in (self.path / "point_labels").glob("*.csv"))
        mend = f"point_labels/ holds {', '.join(tables)}" if tables else "write clicks.csv, or name a table"
        if points is None:
            if self.layout.clicks is None:
                raise DataError("there is no default click table", where=self.path, mend=mend)
            return self.layout.clicks
        for path in (self.path / "point_labels" / points, self.path / points, Path(points)):
            if path.is_file():
                return path
        raise DataError(f"there is no click table {str(points)!r}", where=self.path, mend=mend)

    def fps_of(self, video: str) -> float | None:
        """Native frames a second: the video's own, else the data set's, else the convention's, else None."""
        return self._facts(video).fps or self.layout.fps_if_unknown

    @cached_property
    def features(self) -> FeatureFolder:
        """The feature files there are, whether a split names them or not."""
        return FeatureFolder.scan(self.path)

    @cached_property
    def members(self) -> dict[str, tuple[Member, ...]]:
        """The recordings of every split as listed (see ``splits``)."""

        def clicked() -> set[str]:
            if self.layout.clicks is None:
                return set()
            # A bad table is no reason not to open the folder: training will read and raise it.
            try:
                return {row.video for row in read_clicks(self.layout.clicks, self.fps_of, lambda _: None)}
            except DataError:
                return set()

        return members_by_split(self.layout, self.features, clicked)

    @cached_property
    def known_ids(self) -> frozenset[str]:
        """Every recording that a split, gt_full.json or a feature file names."""
        files = (id for folder in self.features.files.values() for id in folder)
        members = (member.id for split in self.members.values() for member in split)
        return frozenset((*self.layout.videos, *files, *members))

    def _facts(self, id: str) -> VideoFacts:
        return self.layout.videos.get(id, VideoFacts())

    def _split(self, split: str) -> tuple[Member, ...]:
        if split not in self.members:
            mend = did_you_mean(split, self.splits) or f"there are: {', '.join(self.splits) or 'none'}"
            raise DataError(f"there is no split {split!r}", where=self.path, mend=mend)
        return self.members[split]

    def _rows(self, table: Path, split: str) -> list[ClickRow]:
        rows = read_clicks(table, self.fps_of)
        strays = [row for row in rows if row.video not in self.known_ids]
        if strays and few_enough_to_skip(len(strays), len(rows)):
            lines = some_of([f"{row.video!r} (line {row.line})" for row in strays])
            warnings.warn(f"{table}: skipped clicks on unknown recordings: {lines}", stacklevel=3)
        elif strays and (fault := unknown_name(strays[0], table, self.known_ids, None)):
            raise fault
        if not rows and split not in self.members:  # it would have said which recordings those are
            raise DataError("there is no click in it", where=table, mend="a row for each click")
        ids = {member.id for member in self._split(split)}
        rows = sorted((row for row in rows if row.video in ids), key=lambda row: row.time)
        for row in rows:
            duration = self._facts(row.video).duration
            latest = None if duration is None else duration + self.layout.timeline.stride
            unknown = unknown_name(row, table, self.known_ids, self.layout.classes)
            if fault := unknown or outside(row, table, self.layout.timeline, latest):
                raise fault
        return rows


def _labels(rows: list[ClickRow]) -> tuple[str, ...]:
    return tuple(sorted({row.label for row in rows}))


def _grouped(rows: list[ClickRow], ids: Iterable[str]) -> dict[str, tuple[Click, ...]]:
    groups: dict[str, list[Click]] = {id: [] for id in ids}
    for row in rows:
        groups[row.video].append(Click(row.time, row.label))
    return {id: tuple(clicks) for id, clicks in groups.items()}


def _lengths(recordings: tuple[Recording, ...]) -> dict[str, int]:
    """Snippets of every recording, making sure that all have the same dimension."""
    shapes = {recording.id: recording.features.shape for recording in recordings}
    first = recordings[0]
    dimension = shapes[first.id][1]
    for recording in recordings:
        if shapes[recording.id][1] != dimension:
            what = f"{shapes[recording.id][1]} feature dimensions where {first.id!r} has {dimension}"
            mend = "extract both with the same model and settings"
            raise DataError(what, where=recording.features.path, mend=mend)
    return {id: shape[0] for id, shape in shapes.items()}
