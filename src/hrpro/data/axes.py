"""The directions in which snippets differ most: principal components of the features of many recordings."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from hrpro.data.batches import varies


def principal_axes(recordings: Iterable[NDArray[np.float32]], number: int) -> NDArray[np.float64]:
    """Features [T, D] of many recordings -> [D, k]: x @ axes are their first k <= number components.

    Each dimension is standardised before. One pass, one recording at a time; there must be a snippet.
    """
    count, shift, total, products = 0, np.zeros(0), np.zeros(0), np.zeros((0, 0))
    for features_td in recordings:
        if not count:
            shift = features_td.mean(
                0, dtype=np.float64
            )  # products about a value near the mean do not cancel
            total, products = np.zeros_like(shift), np.zeros((len(shift), len(shift)))
        moved_td = features_td - shift
        count += len(moved_td)
        total += moved_td.sum(0)
        products += moved_td.T @ moved_td
    assert count
    mean = total / count
    covariance = products / count - np.outer(mean, mean)
    deviation = np.sqrt(np.maximum(covariance.diagonal(), 0))
    scale = 1 / np.where(varies(shift + mean, deviation), deviation, np.inf)
    _, axes = np.linalg.eigh(covariance * np.outer(scale, scale))
    return scale[:, None] * axes[:, ::-1][:, :number]
