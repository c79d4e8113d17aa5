"""What lies in the folder that is opened: videos, a data set, or a run; and the studio's own corner of it.

The listing is taken anew whenever the page asks, so that files may come and go. A file is looked into once;
what it says is kept in the corner.
"""

from __future__ import annotations

import math
import os
import threading
import time
from collections.abc import Mapping
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from hrpro.core.annotations import Click, Segment
from hrpro.core.errors import ConfigError, DataError, HRProError
from hrpro.data.clicks import read_clicks
from hrpro.data.folder import Dataset, open_dataset
from hrpro.data.formats.activitynet import read_ground_truth
from hrpro.data.layout import DATASET_FILE, GROUND_TRUTH
from hrpro.model_folder import is_trained
from hrpro.studio.checks import SLACK, is_text
from hrpro.studio.ops import LABEL
from hrpro.studio.paths import no_link
from hrpro.studio.recordings import ProjectVideo, described, joined, learned, recorded, recordings
from hrpro.video.sources import by_name, find_videos

if TYPE_CHECKING:
    from hrpro.studio.playable import FactsBook, Tell

OWN, DATABASE, _BOOK = ".hrpro-studio", "studio.db", "playable.json"
EMPTY = "There is no video in this folder yet: put video files (.mp4, .mov, .mkv, ...) into it, and reload."
NO_READER = "Nothing here reads video files: pip install hrpro[video]."


class Project:
    """An opened folder (see ``open_project``).

    own: the studio's corner. files: the video files by id. book: what is known of them (None: nothing here
    reads them). inside: the folder that no video may lie outside of; None: those of a run, which
    its manifest names. remarks: what was found and left out, in words.
    """

    def __init__(
        self, root: Path, kind: Literal["videos", "dataset", "run"], tell: Tell | None = None
    ) -> None:
        self.root, self.kind = root, kind
        self.own, self.database = root / OWN, root / OWN / DATABASE
        no_link(self.own)
        self.inside = None if kind == "run" else root
        self.remarks: list[str] = []
        self._lock, self._listed = threading.Lock(), -math.inf
        self.book = _open_book(self.own / _BOOK)
        self.videos: Mapping[str, ProjectVideo] = {}
        self.files: Mapping[str, Path] = {}
        self.rescan(tell)

    @property
    def name(self) -> str:
        """The folder's own name."""
        return (self.root.name or str(self.root)).encode("utf-8", "replace").decode()

    @property
    def id(self) -> str:
        """What tells it from other folders that a studio may open at the same address."""
        return sha256(os.fsencode(self.root)).hexdigest()[:16]

    def durations(self) -> Mapping[str, float | None]:
        """s of each video, by id (None: not known); without those of which nothing can be seen."""
        seen = (video for video in self.videos.values() if not (video.problem and video.duration is None))
        return {video.id: video.duration for video in seen}

    def rescan(self, tell: Tell | None = None) -> None:
        """List the folder anew. tell: told how many of the files not yet known have been looked into, and how
        many there are. DataError if the folder can no longer be read."""
        asked = time.monotonic()
        with self._lock:
            if self._listed > asked:  # begun by another while this one waited: as new as its own would be
                return
            began = time.monotonic()
            files = self._files()
            found = self._look(files, tell)
            if self.dataset is not None:
                listed = self._recordings
                found = {id: joined(listed.get(id), found.get(id)) for id in [*listed, *found]}
            self.videos = found
            self._listed = began
            self.files = {id: video.path for id, video in found.items() if video.path is not None}

    def renamed(self, id: str) -> str | None:
        """The video that one whose file is gone seems to be now; None: it cannot be told."""
        return None if self.book is None else self.book.renamed(id, self.files)

    def truth(self, id: str) -> tuple[Segment, ...]:
        """A video's true segments, where the data set has them: to be shown, never to be learned from."""
        return self._truth.get(id, ())

    def first_clicks(self) -> tuple[tuple[str, ...], dict[str, list[Click]]]:
        """Classes, and clicks by video, that the data set brings; what cannot be taken is told in remarks.

        Of a run the classes that its model knows, without clicks.
        """
        if self.kind == "run":
            return tuple(label for label in learned(described(self.root)) if is_text(label, LABEL)), {}
        if self.dataset is None:
            return (), {}
        faults: list[HRProError] = []
        try:
            table = self.dataset.layout.clicks
            rows = [] if table is None else read_clicks(table, self.dataset.fps_of, faults.append)
        except DataError as error:
            self.remarks.append(f"no clicks were taken from the data set: {error}")
            return (), {}
        labels = self.dataset.layout.classes or sorted({row.label for row in rows})
        classes = tuple(label for label in labels if is_text(label, LABEL))
        clicks: dict[str, list[Click]] = {}
        strays = 0
        for row in rows:
            video = self.videos.get(row.video)
            end = None if video is None else video.duration
            if video is None or not is_text(row.label, LABEL) or (end is not None and row.time > end + SLACK):
                strays += 1
                continue
            time = row.time if end is None else min(row.time, end)
            clicks.setdefault(row.video, []).append(Click(time, row.label))
        if strays or faults:
            first = f", as {faults[0]}" if faults else ""
            self.remarks.append(f"{strays + len(faults)} rows of {table} were not taken as clicks{first}")
        return classes, clicks

    @cached_property
    def dataset(self) -> Dataset | None:
        """The data set, if the folder is one."""
        return open_dataset(self.root) if self.kind == "dataset" else None

    @cached_property
    def _truth(self) -> Mapping[str, tuple[Segment, ...]]:
        path = None if self.dataset is None else self.dataset.ground_truth_path
        if path is None:
            return {}
        try:
            return read_ground_truth(path).videos
        except DataError as error:
            self.remarks.append(f"the ground truth is not shown: {error}")
            return {}

    def _files(self) -> dict[str, Path]:
        """Video files by the id that they go by here."""
        if self.kind == "run":
            return recorded(self.root)
        sources = find_videos(self.root, may_be_empty=True, links=False)  # none may leave the folder
        files = {source.id: source.path for source in sources}
        if self.dataset is None:
            return files
        names = by_name(sources)
        matched = {id: found for id in sorted(self.dataset.known_ids) if (found := names.get(id)) is not None}
        taken = {source.id for source in matched.values()}
        return {id: source.path for id, source in matched.items()} | {
            id: path for id, path in files.items() if id not in taken and id not in matched
        }

    @cached_property
    def _recordings(self) -> dict[str, ProjectVideo]:
        assert self.dataset is not None
        return recordings(self.dataset)

    def _look(self, files: Mapping[str, Path], tell: Tell | None) -> dict[str, ProjectVideo]:
        """What the files say of themselves, or the problem with them."""
        if self.book is None:
            return {id: ProjectVideo(id, path, problem=NO_READER) for id, path in files.items()}
        found = {}
        for id, facts in self.book.of_all(files, tell).items():
            size = facts.duration, facts.fps, facts.width, facts.height
            problem = f"This file cannot be shown: {facts.why}." if facts.playable == "no" else None
            found[id] = ProjectVideo(id, files[id], *size, problem=problem)
        return found


def open_project(path: str | Path, tell: Tell | None = None) -> Project:
    """Open a folder of videos (it may still be empty), a data set's folder, or a run's.

    tell: as of ``Project.rescan``.
    Raises ConfigError or DataError: there is no such folder, or it cannot be read; two videos would have one
    id; the run does not say where its videos are.
    """
    root = Path(path)
    if not root.is_dir():
        what = "is a file, not a folder" if root.exists() else "there is no such folder"
        raise ConfigError(what, where=path, mend="name the folder that your videos are in")
    root = root.resolve()
    if OWN in root.parts:  # a run of the studio's own, say: it belongs to the project around it
        root = Path(*root.parts[: root.parts.index(OWN)])
    if is_trained(root) or (root / "checkpoints").is_dir():
        if not recorded(root):
            what = "this run does not say where its videos are"
            raise ConfigError(what, where=path, mend="open the folder with its videos or data set instead")
        return Project(root, "run", tell)
    marks = (DATASET_FILE, GROUND_TRUTH, "split_train.txt", "split_test.txt", "point_labels")
    return Project(root, "dataset" if any((root / mark).exists() for mark in marks) else "videos", tell)


def _open_book(file: Path) -> FactsBook | None:
    try:
        from hrpro.studio.playable import FactsBook
    except ImportError:
        return None
    return FactsBook(file)
