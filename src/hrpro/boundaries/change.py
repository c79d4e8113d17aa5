"""How well one boundary parts the snippets around it, for every place that it may be moved to.

Snippet t of a recording with a boundary at x shows the one side for a part w_t of its cell, and the other for
1 - w_t. So its features should be ``w_t * a + (1 - w_t) * b`` and noise, a and b the means of both sides: the
less is left of the features after the best a and b are taken away, the better the place.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from hrpro.data.batches import varies

_FEWEST = 4  # snippets; two means leave nothing of fewer


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


def edge_costs(
    reduced_tk: NDArray[np.float64], edge: float, inner: float, outer: float, offsets: NDArray[np.floating]
) -> NDArray[np.float64] | None:
    """n log of what is left of n snippets, those between ``inner`` and ``outer``, for a boundary at edge and
    each of the offsets [g].

    In snippet coordinates of the recording reduced_tk [T, k]; inner lies inside the action, outer outside, on
    whichever side. None where there are too few snippets, or one side would be empty at some offset.
    """
    first, last = max(round(min(inner, outer)), 0), min(round(max(inner, outer)), len(reduced_tk))
    x_nk = reduced_tk[first:last]
    if len(x_nk) < _FEWEST:
        return None
    place_g1 = (edge + offsets)[:, None]
    weight_gn = np.clip(np.arange(first, last) + 1 - place_g1, 0, 1)  # the part that lies after the boundary
    rest_gn = 1 - weight_gn
    if min(weight_gn.sum(1).min(), rest_gn.sum(1).min()) < 0.5:
        return None
    own_g, cross_g, other_g = (
        (weight_gn**2).sum(1),
        (weight_gn * rest_gn).sum(1),
        (rest_gn**2).sum(1),
    )
    after_gk, before_gk = weight_gn @ x_nk, rest_gn @ x_nk
    explained_g = (
        other_g * (after_gk**2).sum(1)
        - 2 * cross_g * (after_gk * before_gk).sum(1)
        + own_g * (before_gk**2).sum(1)
    ) / (own_g * other_g - cross_g**2)
    whole = float((x_nk**2).sum())
    return len(x_nk) * np.log(np.maximum(whole - explained_g, 1e-6 * max(whole, 1e-12)))
