"""Where a job's features come from: extracted from video files and kept by content, or a data set's own."""

from __future__ import annotations

import hashlib
import json
import os
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from hrpro.core.annotations import Click
from hrpro.core.errors import DataError, RunError
from hrpro.data.clicks import ClickRow, beyond_end
from hrpro.data.features import FeatureFile
from hrpro.data.folder import Dataset, open_dataset
from hrpro.data.training_set import Recording, TrainingSet
from hrpro.data.whole import make_folder
from hrpro.localizer import HRPro
from hrpro.predictions import origin_of
from hrpro.runs import check_features
from hrpro.studio.progress_file import Teller
from hrpro.studio.spec import FEATURES, Spec
from hrpro.video.extract import ExtractJob, Parts, begin, decoder, finish
from hrpro.video.jobs import Outcome, Tell, manifest_path, write_manifest
from hrpro.video.origin import Origin, choose, rebuild
from hrpro.video.sources import Source
from hrpro.video.store import SUFFIX, read_about
from hrpro.videos import ClickedVideos

Rows = tuple[tuple[str, ClickRow], ...]


class Material(ABC):
    """Features of the project's recordings."""

    @abstractmethod
    def training_set(self, rows: Rows, table: Path, tell: Teller) -> TrainingSet:
        """Those that have a click, with their clicks. Raises DataError, ConfigError or RunError."""

    @abstractmethod
    def ready(self, model: HRPro) -> None:
        """Make sure that features for this model can be had, and raise what is wrong if not."""

    @abstractmethod
    def recording(self, id: str, tell: Tell) -> Recording:
        """One recording's features, for the model of ``ready``. DataError, and the others go on, if it has
        none; RunError or ConfigError if none will."""

    def size(self, id: str) -> int:
        """How much work it is, against others."""
        return 1


class Videos(Material):
    """Features extracted from video files into a folder of the backbone's own."""

    def __init__(self, spec: Spec, weights: str | None) -> None:
        self._files = {id: Path(path) for id, path in spec.videos if path is not None}
        self._own, self._weights = Path(spec.own), weights
        self._backbone = str(spec.options.get("backbone") or "classic")
        choices = {word: spec.options.get(word) for word in ("flow", "precision")}
        self._choices = {word: value for word, value in choices.items() if value is not None}
        self._origin: Origin | None = None

    def training_set(self, rows: Rows, table: Path, tell: Teller) -> TrainingSet:
        self._use(choose(self._backbone, self._weights, self._choices))
        ids = sorted({id for id, _ in rows} & self._files.keys())
        if not ids:
            raise DataError("none of the clicked videos is in the folder any more")
        outcomes = []
        for id, told in in_turn(tell, "extract", ids, self.size):
            outcomes.append(self._extract(id, told))
        write_manifest(manifest_path(self._folder), outcomes)
        failed = [entry for entry in outcomes if entry.state == "failed"]
        if len(failed) == len(outcomes):
            raise DataError(f"not one of the clicked videos could be read: {failed[0].reason}")
        sources = tuple(Source(id, self._files[id]) for id in ids)
        known = tuple((id, row) for id, row in rows if id in self._files)
        return ClickedVideos(table, sources, known).training_set(self._folder, outcomes)

    def ready(self, model: HRPro) -> None:
        origin = origin_of(model)
        rebuild(origin, self._weights)
        self._use(origin)

    def recording(self, id: str, tell: Tell) -> Recording:
        if id not in self._files:
            raise DataError("its file is not in the folder any more", where=id)
        outcome = self._extract(id, tell)
        if outcome.state == "failed":
            raise DataError(outcome.reason)
        path = self._folder / f"{id}{SUFFIX}"
        about = read_about(path)
        assert about is not None
        return Recording(id, FeatureFile(path), about.timeline, about.duration)

    def size(self, id: str) -> int:
        path = self._files.get(id)
        return path.stat().st_size if path is not None and path.is_file() else 1

    def _use(self, origin: Origin) -> None:
        decoder()
        self._origin, self._folder = origin, features_folder(self._own, origin)
        make_folder(self._folder)

    def _extract(self, id: str, tell: Tell) -> Outcome:
        assert self._origin is not None
        weights = None if self._weights is None else Path(self._weights)
        target = self._folder / f"{id}{SUFFIX}"
        self._borrow(target)
        job = ExtractJob(id, self._files[id], target, self._origin)
        outcome = Parts(begin, finish, self._origin, weights)(job, tell)
        if outcome.stop:
            raise RunError(outcome.reason)
        return outcome

    def _borrow(self, target: Path) -> None:
        """Where a run is opened: the features that it was trained on, if they are made in the same way. Of
        which content they are is seen to as for any others."""
        made = self._own.parent / FEATURES / target.relative_to(self._folder)
        with suppress(DataError, OSError):
            about = read_about(made)
            if about is not None and about.origin == self._origin and not target.exists():
                target.parent.mkdir(parents=True, exist_ok=True)
                os.link(made, target)


class Features(Material):
    """The feature files of a data set; of its annotations, nothing but the snippet grid is used."""

    def __init__(self, dataset: Dataset) -> None:
        self._dataset = dataset
        folders = dataset.features.files.values()
        self._paths = {id: paths[0] for folder in folders for id, paths in folder.items()}

    def training_set(self, rows: Rows, table: Path, tell: Teller) -> TrainingSet:
        clicks: dict[str, list[Click]] = {}
        found: dict[str, Recording] = {}
        for id, row in rows:
            if id not in self._paths:
                continue
            if id not in found:
                found[id] = self._dataset.recording(id, self._paths[id])
            if fault := beyond_end(row, table, found[id].latest_click(found[id].features.shape[0])):
                raise fault
            clicks.setdefault(id, []).append(Click(row.time, row.label))
        if not found:
            raise DataError("none of the clicked recordings has features")
        dimensions = {item.features.shape[1] for item in found.values()}
        if len(dimensions) > 1:
            several = " and ".join(map(str, sorted(dimensions)))
            raise DataError(f"the clicked recordings' features differ in dimension: {several}")
        classes = tuple(sorted({click.label for held in clicks.values() for click in held}))
        ordered = {id: tuple(sorted(held, key=lambda click: click.time)) for id, held in clicks.items()}
        return TrainingSet(classes, tuple(found[id] for id in sorted(found)), ordered)

    def ready(self, model: HRPro) -> None:
        if self._paths:
            id = next(iter(self._paths))
            first = self._dataset.recording(id, self._paths[id])
            check_features([first], self._dataset.layout.timeline, model)

    def recording(self, id: str, tell: Tell) -> Recording:
        if id not in self._paths:
            raise DataError("it has no features", where=id)
        return self._dataset.recording(id, self._paths[id])


def material(spec: Spec, weights: str | None) -> Material:
    """Of a data set that has features, those; else what can be extracted from the videos."""
    if spec.dataset:
        dataset = open_dataset(spec.root)
        if any(dataset.features.files.values()):
            return Features(dataset)
    return Videos(spec, weights)


def features_folder(own: Path, origin: Origin) -> Path:
    """One for each way of making features, so that trying another backbone throws none away."""
    name = re.sub(r"[^A-Za-z0-9]+", "-", origin.backbone).strip("-")[:40]
    print = hashlib.sha256(json.dumps(origin.spec.as_dict(), sort_keys=True).encode()).hexdigest()[:8]
    return own / FEATURES / f"{name}-{print}"


@dataclass
class _Turns:
    """What is done of a stage, in videos, each counting by its size."""

    tell: Teller
    sizes: Mapping[str, int]
    before: int = 0

    def at(self, id: str, part: float | None) -> None:
        whole = max(sum(self.sizes.values()), 1)
        done = (self.before + self.sizes[id] * min(part or 0.0, 1.0)) / whole
        self.tell.at(len(self.sizes) * done)


def in_turn(
    tell: Teller, stage: str, ids: Sequence[str], size: Callable[[str], int]
) -> Iterator[tuple[str, Tell]]:
    """Each video in turn, with what is to be told how far it is; the stage ends with the last one."""
    turns = _Turns(tell, {id: size(id) for id in ids})
    tell.stage(stage, len(ids))
    for number, id in enumerate(ids, 1):
        tell.at(len(ids) * turns.before / max(sum(turns.sizes.values()), 1), f"{number} of {len(ids)}: {id}")
        yield id, partial(turns.at, id)
        turns.before += turns.sizes[id]
    tell.at(len(ids))
