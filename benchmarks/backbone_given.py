"""The 672 numbers beside ucf_untrimmed's videos, made again as far as they can be read off, to time them.

Their code is not at hand; said is "HOG, colour, HOF, MBH of DIS flow, standardised". Which pictures, which
flow and which histograms was looked for among some dozens of readings, by the correlation with the numbers
themselves, value for value: eight pictures of 160 x 120, DIS at its quickest between each and the next,
4 x 4 cells of 8 hard bins, roots, means over time and deviations. ``told`` prints how near that comes; what
it leaves open (how the 31 of colour are made, how histograms of motion are scaled) costs next to nothing.
``backbones.py --speed`` prints the time beside that of ``classic``.
"""

from __future__ import annotations

from itertools import islice, pairwise
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from hrpro.video.backbones.base import Frame
from hrpro.video.decode import frames

PICTURES = np.linspace(0, 15, 8).astype(int)
CELLS, BINS, COLOURS = 4, 8, 31
BLOCK = CELLS * CELLS * BINS
# Where each block begins.
BLOCKS = {
    "HOG": 0,
    "HOF, mean": BLOCK + COLOURS,
    "MBH, mean": 2 * BLOCK + COLOURS,
    "HOF, deviation": 3 * BLOCK + COLOURS,
    "MBH, deviation": 4 * BLOCK + COLOURS,
}


class Given:
    """A snippet's 16 frames, RGB [120, 160, 3], to its 672 numbers, not standardised."""

    def __init__(self) -> None:
        self._flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)

    def __call__(self, window: list[Frame]) -> NDArray[np.float32]:
        pictures = [window[k] for k in PICTURES]
        greys = [cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY) for picture in pictures]
        gradients = [_of_gradients(grey) for grey in greys]
        shapes = np.sqrt([each / (each.sum() + 1e-6) for each in gradients])
        flows = [self._flow.calc(one, two, None) for one, two in pairwise(greys)]  # pyright: ignore[reportArgumentType,reportCallIssue]
        motion = np.sqrt([_histogram(flow[..., 0], flow[..., 1]) for flow in flows])
        borders = np.sqrt([_of_gradients(flow[..., 0]) for flow in flows])
        over_time = (motion.mean(0), borders.mean(0), motion.std(0), borders.std(0))
        said = np.concatenate([shapes.mean(0), _colours(pictures), *over_time, [0]])
        return said.astype(np.float32)


def _of_gradients(picture: NDArray) -> NDArray[np.float64]:
    along_x = cv2.Sobel(picture, cv2.CV_32F, 1, 0, ksize=3)
    return _histogram(along_x, cv2.Sobel(picture, cv2.CV_32F, 0, 1, ksize=3))


def _histogram(x: NDArray, y: NDArray) -> NDArray[np.float64]:
    """Lengths [4 x 4 cells x 8 directions], a mean over the picture."""
    length, angle = cv2.cartToPolar(np.ascontiguousarray(x), np.ascontiguousarray(y))
    bins = np.minimum((angle * (BINS / (2 * np.pi))).astype(np.int64), BINS - 1)
    bins += _places(*length.shape)
    return np.bincount(bins.ravel(), length.ravel(), CELLS * CELLS * BINS) / length.size


def _places(height: int, width: int) -> NDArray[np.int64]:
    row, column = np.arange(height) * CELLS // height, np.arange(width) * CELLS // width
    return (row[:, None] * CELLS + column) * BINS


def _colours(pictures: list[Frame]) -> NDArray[np.float64]:
    """31 of some kind: histograms of hue, saturation and value, and the mean brightness."""
    seen = np.stack([cv2.cvtColor(picture, cv2.COLOR_RGB2HSV) for picture in pictures]).reshape(-1, 3)
    shares = [np.bincount(channel * 10 // 256, minlength=10) for channel in seen.T.astype(np.int64)]
    return np.append(np.concatenate(shares) / len(seen), seen[:, 2].mean())


def told(data: Path, recordings: int = 4, snippets: int = 60) -> None:
    """Print the mean correlation, value for value, with what lies beside the videos."""
    ours, beside, make = [], [], Given()
    for name in (data / "split_train.txt").read_text().split()[:recordings]:
        given = np.load(data / "features" / "train" / f"{name}.npy")[:snippets]
        source = islice(frames(data / "videos" / f"{name}.mp4", rate=25.0, size=(160, 120)), 16 * len(given))
        pictures = list(source)
        made = [make(pictures[16 * t : 16 * t + 16]) for t in range(len(pictures) // 16)]
        ours.append(made)
        beside.append(given[: len(made)])
    made, given = np.concatenate(ours), np.concatenate(beside)
    said = [f"{block} {_alike(made, given, first):.2f}" for block, first in BLOCKS.items()]
    print(f"  made again; correlation with the given, {len(made)} snippets: {', '.join(said)}")


def _alike(made: NDArray, given: NDArray, first: int) -> float:
    one, two = (each[:, first : first + BLOCK].astype(np.float64) for each in (made, given))
    one, two = ((each - each.mean(0)) / (each.std(0) + 1e-9) for each in (one, two))
    return float((one * two).mean())
