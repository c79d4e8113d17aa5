"""What a job is to do: fixed when it is asked for, so that clicking on while it runs changes nothing.

In the job's folder, job.json holds this, and clicks.csv (video,seconds,class) the clicks as they were.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from hrpro.core.annotations import Click
from hrpro.core.errors import DataError, RunError
from hrpro.data.clicks import ClickRow
from hrpro.data.whole import write_text

SPEC, CLICKS, RUNS, FEATURES, JOBS = "job.json", "clicks.csv", "runs", "features", "jobs"
OPENED = "opened"
"""The run that the project's folder itself is."""


@dataclass(frozen=True)
class Spec:
    """kind: train or predict. root: the project's folder, own: the studio's corner in it. dataset: whether
    features come from a data set. videos: (id, file or None) of all to predict. run: the run's id."""

    kind: str
    root: str
    own: str
    dataset: bool
    run: str
    videos: tuple[tuple[str, str | None], ...]
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def run_folder(self) -> Path:
        """Where the studio keeps the run's results."""
        return run_folder(Path(self.own), self.run)

    @property
    def trained_folder(self) -> Path:
        """The folder that the run was trained into."""
        return trained_folder(Path(self.root), Path(self.own), self.run)

    def write(self, folder: Path) -> None:
        """RunError if it cannot be written."""
        write_text(folder / SPEC, json.dumps(asdict(self), indent=1))

    @classmethod
    def read(cls, folder: Path) -> Spec:
        """RunError if it is not there or damaged."""
        try:
            stored = json.loads((folder / SPEC).read_text(encoding="utf-8"))
            videos = tuple((str(id), path) for id, path in stored.pop("videos"))
            return cls(**stored, videos=videos)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise RunError(
                f"the job cannot be read: {error}", where=folder / SPEC, mend="start a new one"
            ) from error


def run_folder(own: Path, run: str) -> Path:
    """Where the studio keeps the results of a run."""
    return own / RUNS / run


def trained_folder(root: Path, own: Path, run: str) -> Path:
    """The folder that a run was trained into."""
    return root if run == OPENED else run_folder(own, run)


def write_clicks(folder: Path, clicks: Mapping[str, Sequence[Click]]) -> None:
    """The snapshot. RunError if it cannot be written."""
    text = io.StringIO(newline="")
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(("video", "seconds", "class"))
    for video in sorted(clicks):
        rows.writerows((video, repr(float(click.time)), click.label) for click in clicks[video])
    write_text(folder / CLICKS, text.getvalue())


def read_snapshot(folder: Path) -> tuple[tuple[str, ClickRow], ...]:
    """(video, row) of each click. DataError if the snapshot is not there or damaged."""
    path = folder / CLICKS
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.reader(file))[1:]
        return tuple(
            (video, ClickRow(video, float(time), label, line))
            for line, (video, time, label) in enumerate(rows, 2)
        )
    except (OSError, ValueError, csv.Error) as error:
        raise DataError(f"the clicks of this job cannot be read: {error}", where=path) from error
