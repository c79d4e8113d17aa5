"""Dense optical flow between two grey pictures: DIS (any OpenCV), or TV-L1 (opencv-contrib only).

DIS: Kroeger et al., ECCV 2016. TV-L1: Zach et al., DAGM 2007, what published I3D features were made with.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from hrpro.core.errors import ConfigError

Gray = NDArray[np.uint8]
METHODS = ("dis", "dis-quick", "tvl1")
_SMALLEST = 16  # DIS takes no picture smaller than its patches of 8 pixels at half the resolution


def has_tvl1() -> bool:
    """Whether this OpenCV was built with the contrib modules."""
    return hasattr(cv2, "optflow") and hasattr(cv2.optflow, "DualTVL1OpticalFlow_create")


class Flow:
    """``Flow(method)(first, second)`` -> flow [H, W, 2] float32, pixels to the right and down.

    first, second: uint8 [H, W], of one size, from 1 x 1. The pixel at (y, x) of ``first`` is found at
    (y, x) + flow in ``second``. The result depends on the two pictures alone, not on those before or on
    threads. method: "dis" (OpenCV's medium preset), "dis-quick" (for small pictures: patches of 8 pixels, 5
    apart, 5 rounds, not refined), or "tvl1"; ConfigError if it is none of them, or this OpenCV has no TV-L1.
    """

    def __init__(self, method: str = "dis") -> None:
        if method not in METHODS:
            raise ConfigError(f"there is no optical flow {method!r}", mend=f"one of {', '.join(METHODS)}")
        if method == "tvl1" and not has_tvl1():
            mend = "pip install opencv-contrib-python-headless, or extract all features anew with dis"
            raise ConfigError("this OpenCV has no TV-L1 optical flow", mend=mend)
        self.method = method
        if method == "tvl1":
            self._engine = cv2.optflow.DualTVL1OpticalFlow_create()  # pyright: ignore[reportAttributeAccessIssue]
        elif method == "dis":
            self._engine = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
        else:
            self._engine = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)
            self._engine.setFinestScale(0)
            self._engine.setPatchStride(5)
            self._engine.setGradientDescentIterations(5)

    def __call__(self, first: Gray, second: Gray) -> NDArray[np.float32]:
        assert first.shape == second.shape
        assert first.dtype == second.dtype == np.uint8
        height, width = first.shape
        if min(height, width) < _SMALLEST:
            first, second = _padded(first), _padded(second)
        flow = self._engine.calc(first, second, np.empty(0, np.float32))
        return np.ascontiguousarray(flow[:height, :width], np.float32)


def _padded(image: Gray) -> Gray:
    below, right = (max(0, _SMALLEST - side) for side in image.shape)
    return np.pad(image, ((0, below), (0, right)), mode="edge")
