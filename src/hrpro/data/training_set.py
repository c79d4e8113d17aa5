"""What training receives: recordings and clicks, and no way to where an action starts or ends."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from hrpro.core.annotations import Click
from hrpro.core.errors import DataError
from hrpro.core.timeline import Timeline
from hrpro.data.averaged import AveragedFile
from hrpro.data.faults import some_of
from hrpro.data.features import FeatureFile


@dataclass(frozen=True)
class Recording:
    """One recording: its features, the grid they lie on, and its duration in seconds if a file states it."""

    id: str
    features: FeatureFile
    timeline: Timeline
    duration: float | None = None

    @property
    def seconds(self) -> float:
        """The stated duration, else the seconds that the features cover."""
        return self.timeline.duration_of(self.features.shape[0]) if self.duration is None else self.duration

    def coarser(self, every: int) -> Recording:
        """The same with ``every`` snippets averaged to one."""
        if every == 1:
            return self
        file = AveragedFile(self.features.path, self.features.key, every)
        return replace(self, features=file, timeline=self.timeline.coarser(every))

    def latest_click(self, length: int) -> float:
        """Latest moment in seconds that a click may have when the features hold ``length`` snippets.

        The end and a stride, for roundings; a window where windows are longer, for the last one did not fit.
        """
        timeline = self.timeline
        latest = timeline.duration_of(length) + max(timeline.stride, timeline.window or 0.0)
        return latest if self.duration is None else min(latest, self.duration + timeline.stride)

    def misfit(self, length: int) -> DataError | None:
        """What is wrong if ``length`` snippets are not what the stated duration holds; roundings pass, and
        windows that do not fit at the end."""
        timeline = self.timeline
        if self.duration is None:
            return None
        expected = timeline.length_for(self.duration)
        if abs(length - expected) <= max(2.0, (timeline.window or 0.0) / timeline.stride + 1):
            return None
        rate = f"{timeline.rate:.5g} snippets a second"
        return DataError(
            f"{length} snippets, but {self.duration:g} s hold {expected:.1f} at {rate}",
            where=self.features.path,
            mend=f"a stride of {self.duration / length:.4g} s would fit: check stride, fps and duration",
        )


@dataclass(frozen=True)
class TrainingSet:
    """All that training ever receives.

    clicks: for every recording's id its clicks in order of time, possibly none.
    """

    classes: tuple[str, ...]
    recordings: tuple[Recording, ...]
    clicks: Mapping[str, tuple[Click, ...]]

    @property
    def dimension(self) -> int:
        """Feature dimension D."""
        return self.recordings[0].features.shape[1]

    def check_clicks(self) -> None:
        """DataError: one lies at no moment of its recording."""
        for item in self.recordings:
            first = item.timeline.offset - max(item.timeline.stride, item.timeline.window or 0.0)
            latest = item.latest_click(item.features.shape[0])
            for click in self.clicks[item.id]:
                if not first <= click.time <= latest:  # nor is NaN
                    raise DataError(f"a click at {click.time:g} s does not lie in {item.id!r}")

    def misfits(self) -> tuple[int, DataError] | None:
        """How many recordings have another length than their duration says, and the first; None if none."""
        found = [fault for item in self.recordings if (fault := item.misfit(item.features.shape[0]))]
        return (len(found), found[0]) if found else None

    def subset(self, ids: Collection[str]) -> TrainingSet:
        """The recordings named, in this set's order, with all its classes; DataError if one is not in it."""
        strangers = [id for id in ids if id not in self.clicks]
        if strangers:
            raise DataError(f"not in this training set: {some_of(strangers)}")
        wanted = set(ids)
        kept = tuple(recording for recording in self.recordings if recording.id in wanted)
        return TrainingSet(self.classes, kept, {item.id: self.clicks[item.id] for item in kept})

    def coarser(self, every: int) -> TrainingSet:
        """The same with ``every`` snippets averaged to one."""
        return replace(self, recordings=tuple(item.coarser(every) for item in self.recordings))
