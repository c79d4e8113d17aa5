"""The moment within each detection where the activation P of its class is highest."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hrpro.core.compiled import compiled


def peaks(activation_tc: ArrayLike, segments: ArrayLike, labels: ArrayLike) -> NDArray[np.float64]:
    """P [T, C], segments [n, 2] in snippets and their classes [n] -> peaks [n], each within its segment.

    The peak is the middle of the snippet with the highest P among those whose middle lies in the segment
    (of equal ones the first); a segment without any middle has its own.
    """
    return _peaks(
        np.ascontiguousarray(activation_tc, np.float32),
        np.ascontiguousarray(segments, np.float64).reshape(-1, 2),
        np.ascontiguousarray(labels, np.int64),
    )


@compiled
def _peaks(
    activation_tc: NDArray[np.float32], segments_n2: NDArray[np.float64], label_n: NDArray[np.int64]
) -> NDArray[np.float64]:
    length = len(activation_tc)
    peak_n = np.empty(len(label_n))
    for n in range(len(label_n)):
        start, end, label = segments_n2[n, 0], segments_n2[n, 1], label_n[n]
        peak_n[n] = (start + end) / 2
        highest = np.float32(-np.inf)
        for t in range(max(int(np.ceil(start - 0.5)), 0), min(int(np.floor(end - 0.5)), length - 1) + 1):
            if activation_tc[t, label] > highest:
                highest, peak_n[n] = activation_tc[t, label], t + 0.5
    return peak_n
