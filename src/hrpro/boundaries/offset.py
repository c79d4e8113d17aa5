"""By how much all starts, and all ends, of a model's candidates lie off: found without a true segment.

Where P crosses a threshold, and which crossing has the highest OIC, depends on how a network's scores fall
off at the rim of an action: they reach over it where features change within a snippet, and stop short of it
where nobody taught the rim, for pseudo labels leave it out. Of one data set, and one network, the error is
much the same everywhere. So it can be measured: the reliable proposals of the training recordings are placed
about right, and the features on either side of their boundaries differ. The offset at which, summed over all
of them, they differ most is where boundaries belong (``docs/findings.md`` holds the measurements).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from hrpro.boundaries.change import edge_costs
from hrpro.proposals.generate import Proposals

_STEP = 0.125  # snippets between the offsets that are tried
_LEAST = 0.1  # gain in n log of the residual, of a mean boundary, from which on moving is worth it
_MOST_OFF_LENGTH = 0.25  # of a candidate's length, by which each of its ends may be moved inwards


@dataclass(frozen=True)
class Offset:
    """What is added to all starts and to all ends, in snippets."""

    start: float = 0.0
    end: float = 0.0

    def moved(self, proposals: Proposals, length: int) -> Proposals:
        """The candidates of a recording of ``length`` snippets, moved; its own two ends stay boundaries."""
        if not (self.start or self.end):
            return proposals
        start_n, end_n = proposals.segments.T
        most_n = _MOST_OFF_LENGTH * (end_n - start_n)
        first_n = np.where(start_n > 0, np.maximum(start_n + np.minimum(self.start, most_n), 0), start_n)
        last_n = np.where(end_n < length, np.minimum(end_n + np.maximum(self.end, -most_n), length), end_n)
        return replace(proposals, segments=np.stack([first_n, last_n], 1))


@dataclass(frozen=True, eq=False)
class Placed:
    """Reliable proposals of one recording: its reduced features [T, k], segments [m, 2] in snippets, and the
    neighbouring clicks [m, 2] that each lies between."""

    reduced_tk: NDArray[np.float64]
    segments_m2: NDArray[np.float64]
    limits_m2: NDArray[np.float64]


def neighbours(time_m: NDArray[np.floating], length: int) -> NDArray[np.float64]:
    """Of each click, in snippets, the last one before it and the first one after it, else the recording's
    ends [m, 2]. Clicks in one snippet are no neighbours."""
    moments = np.unique(time_m)
    place_m = np.searchsorted(moments, time_m)
    around = np.concatenate([[0.0], moments, [float(length)]])
    return np.stack([around[place_m], around[place_m + 2]], 1)


def find_offset(recordings: Iterable[Placed], reach: float) -> Offset:
    """The offset of starts and of ends, each within ``reach`` snippets; 0 where features hardly tell, and the
    less the more short, medium and long proposals disagree about it."""
    steps = int(reach / _STEP)
    offsets = np.arange(-steps, steps + 1) * _STEP
    costs_2: tuple[list[NDArray[np.float64]], ...] = ([], [])
    length_2: tuple[list[float], ...] = ([], [])
    for placed in recordings:
        for (start, end), (low, high) in zip(placed.segments_m2, placed.limits_m2, strict=True):
            length = end - start
            inside = max(length / 2, min(length, 2.0))
            around = max(length, 2.0) + reach
            for side, (edge, inner, outer) in enumerate(
                (
                    (start, start + inside, max(start - around, low)),
                    (end, end - inside, min(end + around, high)),
                )
            ):
                costs = edge_costs(placed.reduced_tk, edge, inner, outer, offsets)
                if costs is not None:
                    costs_2[side].append(costs)
                    length_2[side].append(length)
    return Offset(*(_agreed(offsets, *side) for side in zip(costs_2, length_2, strict=True)))


def _agreed(offsets_g: NDArray[np.floating], costs: list[NDArray[np.float64]], length: list[float]) -> float:
    """The best offset of all boundaries, times how far the thirds of them by length go the same way.

    Where actions change slowly, as from sitting to standing, features put the boundary of a short one
    inside it and that of a long one outside: which of them are more says nothing about either.
    """
    if not costs:
        return 0.0
    costs_mg, length_m = np.array(costs), np.array(length)
    third_m = np.searchsorted(np.quantile(length_m, [1 / 3, 2 / 3]), length_m, side="right")
    whole = _best(offsets_g, costs_mg)
    ways = [(third_m == i).sum() * _best(offsets_g, costs_mg[third_m == i]) for i in range(3)]
    same = np.sign(whole) * sum(ways)
    return float(whole * same / np.abs(ways).sum()) if same > 0 else 0.0


def _best(offsets_g: NDArray[np.floating], costs_mg: NDArray[np.float64]) -> float:
    """The offset that costs least, 0 where that is hardly less than none does."""
    total_g = costs_mg.sum(0)
    gain = total_g[len(total_g) // 2] - total_g.min()
    return float(offsets_g[total_g.argmin()]) if gain > _LEAST * len(costs_mg) else 0.0
