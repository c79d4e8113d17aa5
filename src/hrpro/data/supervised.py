"""What only the fully supervised upper bound receives: a training set and where its actions start and end.

Nothing else may import this: a test proves it. Methods that learn from clicks get the ``training_set`` alone.
"""

from __future__ import annotations

import warnings
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from hrpro.core.annotations import Segment
from hrpro.core.errors import DataError
from hrpro.data.faults import some_of
from hrpro.data.formats.activitynet import read_ground_truth
from hrpro.data.training_set import TrainingSet


@dataclass(frozen=True)
class SupervisedSet:
    """A training set with the segments (seconds) of every recording's id, possibly none, of its classes."""

    training_set: TrainingSet
    segments: Mapping[str, tuple[Segment, ...]]

    def __post_init__(self) -> None:
        missing = [r.id for r in self.training_set.recordings if r.id not in self.segments]
        if missing:
            raise DataError(f"recordings without ground truth: {some_of(missing)}")

    def subset(self, ids: Collection[str]) -> SupervisedSet:
        """As ``TrainingSet.subset``."""
        kept = self.training_set.subset(ids)
        return SupervisedSet(kept, {item.id: self.segments[item.id] for item in kept.recordings})

    def coarser(self, every: int) -> SupervisedSet:
        """As ``TrainingSet.coarser``."""
        return SupervisedSet(self.training_set.coarser(every), self.segments)


def supervised(training_set: TrainingSet, path: Path) -> SupervisedSet:
    """With the segments of the ground truth file ``path``.

    Segments of labels that are none of the set's classes are left out with a warning. Raises DataError for a
    file that cannot be read, a recording that it does not hold, and if no segment is left.
    """
    truth = read_ground_truth(path).videos
    ids = [recording.id for recording in training_set.recordings]
    if missing := [id for id in ids if id not in truth]:
        what = f"{len(missing)} of {len(ids)} recordings have no entry: {some_of(missing)}"
        raise DataError(what, where=path, mend="give one with [] to a recording that shows no action")
    strange = sorted({s.label for id in ids for s in truth[id]} - set(training_set.classes))
    segments = {
        id: tuple(sorted((s for s in truth[id] if s.label not in strange), key=lambda s: (s.start, s.end)))
        for id in ids
    }
    if not any(segments.values()):
        mend = f"its classes are: {some_of(training_set.classes)}"
        raise DataError("there is no segment of the set's classes", where=path, mend=mend)
    if strange:
        warnings.warn(f"{path}: left out segments of no class of the set: {some_of(strange)}", stacklevel=2)
    return SupervisedSet(training_set, segments)
