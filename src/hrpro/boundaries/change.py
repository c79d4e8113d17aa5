"""How well one boundary parts the snippets around it, for every place that it may be moved to.

Snippet t of a recording with a boundary at x shows the one side for a part w_t of its cell, and the other for
1 - w_t. So its features should be ``w_t * a + (1 - w_t) * b`` and noise, a and b the means of both sides: the
less is left of the features after the best a and b are taken away, the better the place.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_FEWEST = 4  # snippets; two means leave nothing of fewer


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
