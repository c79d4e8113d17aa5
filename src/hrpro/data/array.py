"""Features that are given as an array, and not in a file."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hrpro.core.errors import DataError, NonFiniteError


def feature_array(features: ArrayLike) -> NDArray[np.float32]:
    """One recording's features, as float32 in one piece.

    Raises DataError for what is no array of real numbers, NonFiniteError for NaN or infinite values.
    """
    try:
        with np.errstate(over="ignore"):
            given = np.ascontiguousarray(features)
            if np.iscomplexobj(given):
                raise TypeError("these are complex")
            features_td = np.ascontiguousarray(given, np.float32)
    except (TypeError, ValueError, RuntimeError) as error:  # RuntimeError: a tensor that wants its gradient
        raise DataError(f"features must be an array of numbers [T, D]: {error}") from error
    finite = np.isfinite(features_td)
    if not finite.all():
        first = [int(i) for i in np.unravel_index(int(np.argmin(finite)), finite.shape)]
        raise NonFiniteError(f"the features hold NaN or infinite values, the first at {first}")
    return features_td
