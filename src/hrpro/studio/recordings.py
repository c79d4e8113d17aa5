"""A project's recordings: what a data set, a run's manifest and a video's own file say of each."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path

from hrpro.core.errors import HRProError
from hrpro.data.folder import Dataset
from hrpro.model_folder import DESCRIPTION, FOLDER, model_folder
from hrpro.video.jobs import manifest_path


@dataclass(frozen=True)
class ProjectVideo:
    """A recording. path: its file, None for one of features alone. duration in s, None where not known.

    problem: why it cannot be shown or used, in words.
    """

    id: str
    path: Path | None = None
    duration: float | None = None
    fps: float | None = None
    width: int | None = None
    height: int | None = None
    problem: str | None = None


def recordings(dataset: Dataset) -> dict[str, ProjectVideo]:
    """The data set's own recordings, in the order of its splits, with what it says of them."""
    features = {id: paths[0] for folder in dataset.features.files.values() for id, paths in folder.items()}
    ids = [member.id for members in dataset.members.values() for member in members]
    found = {}
    for id in dict.fromkeys([*ids, *sorted(dataset.known_ids)]):
        facts = dataset.layout.videos.get(id)
        duration, problem = (None if facts is None else facts.duration), None
        if duration is None and id in features:
            try:
                duration = dataset.recording(id, features[id]).seconds
            except HRProError as error:
                problem = f"Its features cannot be read: {error.what}."
        if id not in features:
            problem = "There is neither a video of it here, nor features."
        fps = None if facts is None else facts.fps
        found[id] = ProjectVideo(id, None, duration, fps, problem=problem)
    return found


def recorded(run: Path) -> dict[str, Path]:
    """The videos that a run's features were extracted from and that are still there, by id.

    Files are written under these ids: one that leads out of its folder is left out.
    """
    path = manifest_path(run / "features")
    files = {}
    for line in path.read_text("utf-8", "replace").splitlines() if path.is_file() else ():
        try:
            entry = json.loads(line)
            id, video = entry["id"], Path(entry["video"])
        except (ValueError, KeyError, TypeError):
            continue
        if isinstance(id, str) and _inside(id) and video.is_absolute() and video.is_file():
            files[id] = video
    return files


def _inside(id: str) -> bool:
    """Whether it is a path below a folder, as ids of videos are."""
    parts = id.split("/")
    return "\\" not in id and "\0" not in id and all(part not in ("", ".", "..") for part in parts)


def described(run: Path) -> Path:
    """The description of a run's model."""
    return model_folder(run / FOLDER) / DESCRIPTION


def learned(description: Path) -> tuple[str, ...]:
    """The classes that a model knows; none if its description cannot be read."""
    try:
        return tuple(map(str, json.loads(description.read_text(encoding="utf-8"))["classes"]))
    except (OSError, ValueError, KeyError, TypeError):
        return ()


def joined(listed: ProjectVideo | None, file: ProjectVideo | None) -> ProjectVideo:
    """One recording of what the data set and its video's file say; the file knows best how long it is."""
    if listed is None or file is None:
        found = listed or file
        assert found is not None
        return found
    return replace(
        file, duration=file.duration or listed.duration, fps=file.fps or listed.fps, problem=file.problem
    )
