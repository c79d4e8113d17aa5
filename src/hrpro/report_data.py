"""What a report is about, from disk: recordings, true segments and clicks, of a data set or of videos."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from hrpro.core.annotations import Click
from hrpro.core.errors import DataError
from hrpro.core.timeline import Timeline
from hrpro.data.features import FeatureFile
from hrpro.data.folder import Dataset, open_dataset
from hrpro.data.formats.activitynet import read_ground_truth
from hrpro.data.formats.neutral import counted
from hrpro.data.training_set import Recording
from hrpro.localizer import HRPro
from hrpro.predictions import origin_of
from hrpro.report.collect import Subject, Truth
from hrpro.video.extract import extract
from hrpro.video.sources import by_name, find_videos
from hrpro.video.store import SUFFIX, read_about
from hrpro.videos import clicked_videos

FEATURES, VIDEOS = "features", "videos"


@dataclass(frozen=True)
class Material:
    """Recordings, their snippet grid, their video files by id, and the dataset they are of (None: videos)."""

    recordings: Sequence[Recording]
    timeline: Timeline
    files: Mapping[str, Path]
    dataset: Dataset | None
    remarks: Sequence[str] = ()

    def without(self, ids: Collection[str]) -> Material:
        """The other recordings. DataError if there are none."""
        if not ids:
            return self
        left = [item for item in self.recordings if item.id not in ids]
        if not left:
            raise DataError("leaves out every recording there is", where="--exclude")
        known = {item.id for item in self.recordings}
        out, strange = [id for id in ids if id in known], [id for id in ids if id not in known]
        said = [("left out", out), ("to exclude that are not among the recordings", strange)]
        remarks = [f"{counted(len(each), 'video')} {what}: {', '.join(each)}." for what, each in said if each]
        return replace(self, recordings=left, remarks=[*self.remarks, *remarks])


def of_dataset(data: Path, split: str, videos: Path | None) -> Material:
    """The recordings of a split; ``videos``: where their files are, DATA/videos by default."""
    dataset = open_dataset(data)
    recordings = dataset.recordings(split)
    beside = data / VIDEOS if (data / VIDEOS).is_dir() else None
    files: dict[str, Path] = {}
    if videos or beside:
        try:
            named = by_name(find_videos(videos or str(beside)))
        except DataError:
            if videos:
                raise
            named = {}
        found = ((item.id, named.get(item.id)) for item in recordings)
        files = {id: source.path for id, source in found if source and source.remote is None}
    without = len(recordings) - len(files)
    remarks = [f"{without} of {len(recordings)} recordings have no video file."] if videos and without else []
    return Material(recordings, dataset.layout.timeline, files, dataset, remarks)


def of_videos(videos: Path, run: Path, model: HRPro, quiet: bool) -> Material:
    """The videos themselves, with features in the run's folder; what is missing is extracted as they were."""
    origin, folder = origin_of(model), run / FEATURES
    sources = {source.id: source for source in find_videos(videos)}
    made = extract(
        list(sources.values()), folder, backbone=origin.backbone, options=origin.options, quiet=quiet
    )
    recordings, remarks = [], []
    for entry in made:
        path = folder / f"{entry.id}{SUFFIX}"
        about = None if entry.state == "failed" else read_about(path)
        if about is None:
            remarks.append(f"{entry.id} could not be read: {entry.reason}")
        else:
            recordings.append(Recording(entry.id, FeatureFile(path), about.timeline, about.duration))
    if not recordings:
        raise DataError("not one of the videos could be read", where=videos)
    files = {id: source.path for id, source in sources.items() if source.remote is None}
    return Material(recordings, recordings[0].timeline, files, None, remarks)


def subject_of(
    material: Material,
    split: str | None,
    where: Path | None,
    clicks: Path | None,
    truth: Path | None,
    drop_labels: Collection[str],
) -> Subject:
    """What is known of these recordings; the arguments are those of ``hrpro.reports.report``."""
    assert where is not None
    ids = [item.id for item in material.recordings]
    known, remarks = _truth(material, ids, truth, drop_labels)
    clicked, training = _clicks(material, split, where, clicks)
    return Subject(
        name=where.absolute().name,
        split=split,
        seconds={item.id: item.seconds for item in material.recordings},
        clicks=clicked,
        truth=known,
        files=material.files,
        training=training,
        remarks=[*material.remarks, *remarks],
    )


def _truth(
    material: Material, ids: Sequence[str], file: Path | None, drop_labels: Collection[str]
) -> tuple[Truth | None, list[str]]:
    """True segments of the recordings that the file knows; DataError if a file that was named knows none."""
    own = None if material.dataset is None else material.dataset.ground_truth_path
    path = file or own
    left_out = "what needs the true segments is left out"
    if path is None:
        return None, [f"There is no ground truth, so {left_out}."]
    stored = read_ground_truth(path, drop_labels=drop_labels).videos
    known = {id: stored[id] for id in ids if id in stored}
    if not any(known.values()):
        what = "holds no segment of these recordings"
        if file is not None:
            raise DataError(what, where=path, mend="check the ids, or name another file with --ground-truth")
        return None, [f"{path.name} {what}, so {left_out}."]
    without = len(ids) - len(known)
    return known, [f"{without} of {len(ids)} recordings are not in {path.name}, and not evaluated."] * bool(
        without
    )


def _clicks(
    material: Material, split: str | None, where: Path, table: Path | None
) -> tuple[dict[str, tuple[Click, ...]], dict[str, int]]:
    """Clicks in the recordings, and how many each class had in the split train, where these can be known."""
    dataset = material.dataset
    if dataset is None:
        if table is None:
            return {}, {}
        held: dict[str, list[Click]] = {}
        for id, row in clicked_videos(where, table).rows:
            held.setdefault(id, []).append(Click(row.time, row.label))
        return {id: tuple(sorted(each, key=lambda c: c.time)) for id, each in held.items()}, {}
    assert split is not None
    if table is None and dataset.layout.clicks is None:
        return {}, {}
    own = dataset.clicks(table, split)
    taught = {} if "train" not in dataset.splits else dataset.clicks(table, "train")
    return own, dict(Counter(click.label for each in taught.values() for click in each))
