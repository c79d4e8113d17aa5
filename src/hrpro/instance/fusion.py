"""One score for what is said of a candidate: by stage 1 its OIC, by stage 2 its completeness, told twice."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hrpro.instance.config import Fusion

_LEAST = 1e-3  # what counts as nothing: a factor of 0 would leave nothing for the others to say


def fused(
    oic_n: NDArray[np.float64],
    likeness_n: NDArray[np.float64],
    completeness_n: NDArray[np.float64],
    *,
    like: float,
    weight: float,
    fusion: Fusion,
) -> NDArray[np.float64]:
    """Score [n] of candidates by OIC, which weighs 1, likeness (``like``) and completeness (``weight``).

    sum: OIC + like * likeness + weight * completeness. product: their weighted geometric mean, at most 1.
    """
    if fusion == "sum":
        return oic_n + like * likeness_n + weight * completeness_n
    logs = [np.log(np.maximum(part_n, _LEAST)) for part_n in (oic_n, likeness_n, completeness_n)]
    return np.exp((logs[0] + like * logs[1] + weight * logs[2]) / (1 + like + weight))
