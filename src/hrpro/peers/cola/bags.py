"""What CoLA sees of a training set: for each recording its features and which classes occur, never when.

The moments of the clicks, their order and their number are left behind here, before anything is learned,
checked or summed up: two training sets that agree in the classes of each recording are one.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hrpro.core.errors import DataError
from hrpro.data.batches import Sample, Samples
from hrpro.data.training_set import TrainingSet


class Bags:
    """The recordings of a training set by index. present_bc [B, C]: class c occurs in recording b."""

    def __init__(self, training_set: TrainingSet) -> None:
        classes = training_set.classes
        self.ids = [recording.id for recording in training_set.recordings]
        self.present_bc: NDArray[np.bool_] = np.zeros((len(self.ids), len(classes)), np.bool_)
        for b, id in enumerate(self.ids):
            labels = {click.label for click in training_set.clicks[id]}
            if strange := labels - set(classes):
                raise DataError(f"a click's class {min(strange)!r} is none of the set's", where=id)
            self.present_bc[b] = [name in labels for name in classes]
        bare = TrainingSet(classes, training_set.recordings, dict.fromkeys(self.ids, ()))
        self._samples = Samples(bare)

    def __len__(self) -> int:
        return len(self.ids)

    def features(self, index: int) -> NDArray[np.float32]:
        """Features [T, D]; raises as Samples.features does."""
        return self._samples.features(index)

    def sample(self, index: int) -> Sample:
        """The recording without a single click."""
        return self._samples[index]
