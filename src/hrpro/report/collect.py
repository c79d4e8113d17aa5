"""What a report is about: the data, each run's detections on them, and how good these are."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hrpro.core.annotations import Click, Detections, Segment
from hrpro.core.timeline import Timeline
from hrpro.methods import SEEN, Method, method_of
from hrpro.metrics.columns import Bools, Columns, Floats, align, overlapping
from hrpro.metrics.detection import MAPResult, mean_average_precision
from hrpro.metrics.errors import Diagnosis, diagnose
from hrpro.metrics.matching import match

TIOUS = "0.1:0.7"
GOOD = 0.5
"""The tIoU from which on a detection is called right, where one has to be chosen."""

Truth = Mapping[str, tuple[Segment, ...]]


@dataclass(frozen=True)
class Subject:
    """The data of a report, by video id: seconds; clicks; true segments; files.

    truth: None where nothing is known of any video; else the videos that it knows. training: clicks of each
    class in the training's recordings. remarks: what the reader should know.
    """

    name: str
    split: str | None
    seconds: Mapping[str, float]
    clicks: Mapping[str, tuple[Click, ...]]
    truth: Truth | None
    files: Mapping[str, Path] = field(default_factory=dict)
    training: Mapping[str, int] = field(default_factory=dict)
    remarks: Sequence[str] = ()


@dataclass(frozen=True, eq=False)
class Traces:
    """Scores of one video's snippets: P [T, C] and A [T], on their grid."""

    activation_tc: NDArray[np.float32]
    attention_t: NDArray[np.float32]
    timeline: Timeline


@dataclass(frozen=True, eq=False)
class RunResult:
    """A run and what it found in each video of the subject, best first.

    before: what stage 1 alone finds (None: there is no other stage). usual: the defaults of its settings.
    logs: rows by the log's name. about: versions and such, in words. traces: P and A of one video.
    ambiguous: how many detections were taken out before, as they touch an ambiguous stretch.
    """

    name: str
    classes: tuple[str, ...]
    settings: Mapping[str, Any]
    usual: Mapping[str, Any]
    about: Mapping[str, str]
    min_score: float
    logs: Mapping[str, Sequence[Mapping[str, float]]]
    found: Mapping[str, Detections]
    before: Mapping[str, Detections] | None
    traces: Callable[[str], Traces]
    ambiguous: int = 0

    @property
    def method(self) -> Method:
        return method_of(str(self.settings["method"]))

    @property
    def label(self) -> str:
        """Its name, and what it saw if that was not clicks: then it is a bound and no rival."""
        sees = self.method.sees
        return self.name if sees == "clicks" else f"{self.name} (saw {SEEN[sees]})"

    def shown(self) -> dict[str, Detections]:
        """The detections that are worth showing: those that reach the model's own score."""
        return {id: each[each.scores >= self.min_score] for id, each in self.found.items()}


@dataclass(frozen=True, eq=False)
class Judged:
    """Ranked detections and who finds whom at the tIoU thresholds: hit [N, K], found [G, K]."""

    columns: Columns
    tious: tuple[float, ...]
    hit: Bools
    found: Bools

    def per_class(self, label: int) -> NDArray[np.int64]:
        """Places of the detections of a class, best first."""
        return np.flatnonzero(self.columns.labels == label)


def judge(truth: Truth, detections: Mapping[str, Detections], tious: Sequence[float]) -> Judged:
    """Match as for the mAP (see metrics/detection.py). Raises as ``align`` does."""
    columns = align(truth, detections)
    pairs = overlapping(columns, least=tious[0], same_class=True)
    hit, found = match(pairs, tious, len(columns), len(columns.true_labels))
    return Judged(columns, tuple(tious), hit, found)


def true_tiou(columns: Columns) -> Floats:
    """Each detection's highest tIoU with a true segment of its class and video, [N]; 0: it meets none."""
    pairs = overlapping(columns, least=1e-9, same_class=True)
    best = np.zeros(len(columns))
    np.maximum.at(best, pairs.detection, pairs.tiou)
    return best


class Result:
    """A run's detections held against the truth."""

    def __init__(self, subject: Subject, run: RunResult) -> None:
        assert subject.truth is not None
        self.subject, self.run, self.truth = subject, run, subject.truth

    @cached_property
    def detection(self) -> MAPResult:
        made = mean_average_precision(self.truth, self.run.found, TIOUS)
        return replace(made, coverage=replace(made.coverage, ambiguous_detections=self.run.ambiguous))

    @cached_property
    def diagnosis(self) -> Diagnosis:
        return diagnose(self.truth, self.run.found, tiou=GOOD, durations=self.subject.seconds)

    @cached_property
    def judged(self) -> Judged:
        return judge(self.truth, self.run.found, self.detection.tious)

    @cached_property
    def shown(self) -> Judged:
        """The shown detections alone, at ``GOOD``."""
        return judge(self.truth, self.run.shown(), (GOOD,))

    @cached_property
    def f1(self) -> dict[str, float]:
        """F1 of the shown detections of each video of the truth at ``GOOD``; 1 where there is nothing to find
        and nothing was found."""
        columns, n_videos = self.shown.columns, len(self.shown.columns.videos)
        hits = np.bincount(columns.video_index[self.shown.hit[:, 0]], minlength=n_videos)
        held = np.bincount(columns.true_videos, minlength=n_videos)
        shown = self.run.shown()
        return {
            video: float(2 * hits[i] / total) if (total := held[i] + len(shown.get(video, ()))) else 1.0
            for i, video in enumerate(columns.videos)
        }
