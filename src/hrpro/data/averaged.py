"""Features on a coarser grid: the mean of every few neighbouring snippets."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hrpro.data.features import FeatureFile


def averaged(features_td: NDArray[np.float32], every: int) -> NDArray[np.float32]:
    """Means of ``every`` snippets each [ceil(T / every), D]; the last of those that are left."""
    if every == 1:
        return features_td
    starts = np.arange(0, len(features_td), every)
    held = np.diff(np.append(starts, len(features_td)))[:, None]
    return (np.add.reduceat(features_td, starts, axis=0) / held).astype(np.float32)


@dataclass(frozen=True)
class AveragedFile(FeatureFile):
    """A feature file as networks read it: ``every`` of its snippets count as one."""

    every: int = 1

    @property
    def shape(self) -> tuple[int, int]:
        length, dimension = super().shape
        return -(-length // self.every), dimension

    def read(self) -> NDArray[np.floating]:
        return self.read_float32()

    def read_float32(self, start: int = 0, stop: int | None = None) -> NDArray[np.float32]:
        whole = None if stop is None else stop * self.every
        return averaged(super().read_float32(start * self.every, whole), self.every)
