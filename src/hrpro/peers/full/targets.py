"""What is to be learned: which positions answer for which segment, and what part of a snippet a class covers.

Ranges by level and centre sampling are those of FCOS (Tian et al. 2019), in one dimension.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hrpro.peers.full.config import DenseConfig
from hrpro.peers.full.network import Points

SHORTEST = 1e-3  # snippets; a segment of length 0 can be missed but not found, and teaches nothing


class Actions(NamedTuple):
    """The true actions of a recording: segments_m2 [m, 2] in snippets, labels_m [m]."""

    segments_m2: NDArray[np.float64]
    labels_m: NDArray[np.int64]

    def scaled(self, factor: float) -> Actions:
        return Actions(self.segments_m2 * factor, self.labels_m)

    def within(self, first: int, length: int) -> Actions:
        """What of them lies in ``length`` snippets from ``first`` on, counted from there."""
        segments_m2 = np.clip(self.segments_m2 - first, 0, length)
        there_m = segments_m2[:, 1] - segments_m2[:, 0] > SHORTEST
        return Actions(segments_m2[there_m], self.labels_m[there_m])


class Targets(NamedTuple):
    """Of all positions: class_nc [N, C] 0/1; distances_n2 [N, 2] to start and end of the segment that it
    answers for, in strides, 0 where positive_n [N] says that there is none."""

    class_nc: NDArray[np.float32]
    distances_n2: NDArray[np.float32]
    positive_n: NDArray[np.bool_]


def assign(place: Points, actions: Actions, classes: int, config: DenseConfig) -> Targets:
    """Targets of the positions of a recording.

    A position is positive for a segment if it lies in it, near its middle, and its level is that of the
    farther end. Of several segments it takes the shortest, and the classes of all with that very span. A
    segment without a position of its own takes, of those that nobody needs, the one nearest to its middle on
    the level of its half length.
    """
    n = len(place.centre_n)
    class_nc, distances_n2 = np.zeros((n, classes), np.float32), np.zeros((n, 2), np.float32)
    segments_m2, labels_m = actions
    if len(labels_m) == 0:
        return Targets(class_nc, distances_n2, np.zeros(n, np.bool_))
    middle_m, half_m = segments_m2.mean(1), np.diff(segments_m2)[:, 0] / 2
    away_nm = np.abs(place.centre_n[:, None] - middle_m)
    top = config.levels - 1
    reach_n1, level_n1 = config.reach * place.stride_n[:, None], place.level_n[:, None]
    fits_nm = ((half_m + away_nm <= reach_n1) | (level_n1 == top)) & (
        (half_m + away_nm > reach_n1 / 2) | (level_n1 == 0)
    )
    match_nm = fits_nm & (away_nm < half_m) & (away_nm <= config.radius * place.stride_n[:, None])
    own_nm = _own(match_nm, half_m)
    for m in np.flatnonzero(~own_nm.any(0)):
        alike_m = (segments_m2 == segments_m2[m]).all(-1)
        if own_nm[:, alike_m].any():
            continue
        level = min(place.level_n[half_m[m] <= reach_n1[:, 0]], default=top)
        needed_n = own_nm[:, own_nm.sum(0) == 1].any(1)
        free_n = (place.level_n == level) & ~needed_n
        if free_n.any():
            nearest = np.where(free_n, away_nm[:, m], np.inf).argmin()
            own_nm[nearest] = np.arange(len(half_m)) == m
    positive_n, chosen_n = np.asarray(own_nm.any(1)), own_nm.argmax(1)
    same_nm = (segments_m2[chosen_n][:, None] == segments_m2).all(-1) & positive_n[:, None]
    row, m = np.nonzero(same_nm)
    class_nc[row, labels_m[m]] = 1
    centre_n1, stride_n1 = place.centre_n[:, None], place.stride_n[:, None]
    signed_n2 = (segments_m2[chosen_n] - centre_n1) * (-1, 1) / stride_n1
    distances_n2[positive_n] = signed_n2[positive_n]
    return Targets(class_nc, distances_n2, positive_n)


def _own(match_nm: NDArray[np.bool_], half_m: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Of the segments that a position matches only the shortest (the first of equal ones)."""
    chosen_n = np.where(match_nm, half_m, np.inf).argmin(1)
    return match_nm & (np.arange(len(half_m)) == chosen_n[:, None])


def shown(length: int, actions: Actions, classes: int) -> NDArray[np.float32]:
    """The part of each snippet's cell that actions of each class cover [T, C], in [0, 1]."""
    first_t = np.arange(length)
    shown_tc = np.zeros((length, classes))
    for (start, end), label in zip(actions.segments_m2, actions.labels_m, strict=True):
        shown_tc[:, label] += np.clip(np.minimum(end, first_t + 1) - np.maximum(start, first_t), 0, 1)
    return np.minimum(shown_tc, 1).astype(np.float32)
