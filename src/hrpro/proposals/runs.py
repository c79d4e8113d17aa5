"""Runs: the maximal stretches of true snippets in each row of a mask."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Runs(NamedTuple):
    """row [n]; start [n], end [n]: the run is ``row[start:end]``. In order of row, then of start."""

    row: NDArray[np.int64]
    start: NDArray[np.int64]
    end: NDArray[np.int64]


def find_runs(mask_rt: NDArray[np.bool_]) -> Runs:
    """All runs of every row of mask [R, T]."""
    edged = np.zeros((mask_rt.shape[0], mask_rt.shape[1] + 2), np.bool_)
    edged[:, 1:-1] = mask_rt
    # A row starts and ends outside every run, so its changes are in turn starts and ends.
    row, at = np.nonzero(edged[:, 1:] != edged[:, :-1])
    return Runs(row[::2], at[::2], at[1::2])
