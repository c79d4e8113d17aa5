"""Hand-made descriptors of motion and appearance, 512 values a snippet: no weights, no network, one CPU core.

A snippet is 16 frames at 25 frames a second, brought to 160 x 120. Appearance comes from four of them, motion
from the DIS flow from every second one to the next, less the camera's own (a robust affine fit). Histograms
are pooled over a coarse grid, then each block is square-rooted and brought to length 1, as is customary for
such descriptors. What each block adds is printed by benchmarks/backbones.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from types import MappingProxyType
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from hrpro.video.backbones.base import BackboneSpec, Frame, windows
from hrpro.video.backbones.histograms import (
    Array,
    camera_motion,
    cells,
    derivatives,
    directions,
    pattern_shares,
    rooted,
)
from hrpro.video.flow import Flow

WIDTH, HEIGHT = 160, 120
SMALL_WIDTH, SMALL_HEIGHT = 80, 60
WINDOW = 16
LOOKED_AT = [2, 6, 10, 14]
STEP = 2  # pictures from one measured motion to the next; each is from a picture to the very next
CUT = 30  # mean difference of two pictures, in grey levels, above which they are of different shots
LAB_RANGE = np.array([100, 40, 40], np.float32)


class Window(NamedTuple):
    """One snippet, measured: what the descriptors are made of.

    pictures: uint8 RGB [120, 160, 3], those looked at. gray_nhw [16, 120, 160] and small_nhw [16, 60, 80]:
    uint8. camera_n32 [8, 3, 2], x_nhw and y_nhw [8, 60, 80]: the camera's motion from pictures 0 to 1, 2 to
    3, ..., 14 to 15, and what moves besides, in pixels of the 160 x 120 picture; size_nhw: its length.
    """

    pictures: list[Frame]
    gray_nhw: NDArray[np.uint8]
    small_nhw: NDArray[np.uint8]
    camera_n32: Array
    x_nhw: Array
    y_nhw: Array
    size_nhw: Array


def gradients(window: Window) -> Array:
    """HOG: 6 directions x 4 x 4 cells (dark-to-bright and bright-to-dark apart)."""
    along_x, along_y = derivatives(window.gray_nhw[LOOKED_AT].astype(np.float32))
    return rooted(directions(along_x, along_y, 6, (4, 4), signed=True, sharp=True))


def layout(window: Window) -> Array:
    """HOG of the picture at 20 x 15: 4 directions x 3 x 4 cells."""
    gray_nhw = window.gray_nhw[LOOKED_AT].astype(np.float32)
    along_x, along_y = derivatives(np.stack([_resized(gray, 20, 15) for gray in gray_nhw]))
    return rooted(directions(along_x, along_y, 4, (3, 4), signed=False, sharp=True))


def texture(window: Window) -> Array:
    """Sign patterns at two scales: 2 x 16 codes x 2 x 2 cells."""
    fine = pattern_shares(window.gray_nhw[LOOKED_AT], 6, 2, 2)
    coarse = pattern_shares(window.small_nhw[LOOKED_AT], 10, 2, 2)
    return np.concatenate([rooted(fine), rooted(coarse)])


def colour(window: Window) -> Array:
    """CIELAB: means of 3 x 3 cells, variances within sixteenths of the picture, over 2 x 2 cells."""
    small = [_resized(picture, 40, 32).astype(np.float32) / 255 for picture in window.pictures]
    lab = np.stack([cv2.cvtColor(picture, cv2.COLOR_RGB2LAB) for picture in small]) / LAB_RANGE
    planes = lab.transpose(0, 3, 1, 2)
    variance = np.maximum(cells(planes * planes, 4, 4) - cells(planes, 4, 4) ** 2, 0)
    return np.concatenate([_resized(lab.mean(0), 3, 3).ravel(), rooted(cells(variance, 2, 2).mean(0))])


def texture_in_time(window: Window) -> Array:
    """Sign patterns of the planes (x, time) and (y, time) (LBP-TOP, Zhao and Pietikainen 2007): 2 x 16."""
    planes = (window.small_nhw.transpose(1, 0, 2), window.small_nhw.transpose(2, 0, 1))
    return rooted(np.stack([pattern_shares(plane, 6, 1, 1) for plane in planes]))


def camera(window: Window) -> Array:
    """How the camera moved: mean, usual and mean size, and mean change of 6 affine coefficients."""
    fit_n32 = window.camera_n32
    size, change = np.abs(fit_n32), np.abs(np.diff(fit_n32, axis=0))
    said = np.stack([fit_n32.mean(0), np.median(size, 0), size.mean(0), change.mean(0)]).ravel()
    return np.sign(said) * np.log1p(20 * np.abs(said))


def flow(window: Window) -> Array:
    """HOF: 8 directions x 2 x 2 cells."""
    return rooted(directions(window.x_nhw, window.y_nhw, 8, (2, 2), signed=True, sharp=False))


def motion_boundaries(window: Window) -> Array:
    """MBH: the same of the gradients of the flow's x and of its y."""
    planes = (derivatives(plane) for plane in (window.x_nhw, window.y_nhw))
    return rooted(np.stack([directions(*pair, 8, (2, 2), signed=True, sharp=False) for pair in planes]))


def moving_gradients(window: Window) -> Array:
    """HOG that counts where something moves: 8 directions x 2 x 2 cells."""
    moving = np.minimum(window.size_nhw[[k // STEP for k in LOOKED_AT]], 2)
    along_x, along_y = derivatives(window.small_nhw[LOOKED_AT].astype(np.float32))
    return rooted(directions(along_x * moving, along_y * moving, 8, (2, 2), signed=False, sharp=False))


def rhythm(window: Window) -> Array:
    """Spectra of the motion's size and of its parts, means over 2 x 2 cells: 2 x 8; and how much moves: 1."""
    size_nhw = window.size_nhw
    signals = np.stack([cells(plane, 2, 2) for plane in (size_nhw, window.x_nhw, window.y_nhw)], 1)
    spectrum = np.abs(np.fft.rfft(signals - signals.mean(0), WINDOW, axis=0))[1:].mean((2, 3))
    pair = np.stack([spectrum[:, 0], spectrum[:, 1:].mean(1)]).astype(np.float32)
    return np.append(rooted(pair), np.log(size_nhw.mean() + np.float32(0.02)))


# In the order of the vector, with the number of their values.
BLOCKS: MappingProxyType[Callable[[Window], Array], int] = MappingProxyType(
    {
        gradients: 96,
        layout: 48,
        texture: 128,
        colour: 39,
        texture_in_time: 32,
        camera: 24,
        flow: 32,
        motion_boundaries: 64,
        moving_gradients: 32,
        rhythm: 17,
    }
)


class Classic:
    """The ``classic`` backbone; takes no options."""

    spec = BackboneSpec(
        name="classic",
        version="2",
        dimension=sum(BLOCKS.values()),
        rate=25.0,
        window=WINDOW,
        stride=WINDOW,
        preprocessing={
            "size": f"{WIDTH}x{HEIGHT}",
            "flow": f"dis-quick of {SMALL_WIDTH}x{SMALL_HEIGHT}, less a robust affine fit, none across cuts",
            "flow from": "every second frame to the next",
            "frames looked at": LOOKED_AT,
            "blocks": {block.__name__: values for block, values in BLOCKS.items()},
        },
    )
    frame_size = (WIDTH, HEIGHT)

    def __init__(self) -> None:
        self._flow = Flow("dis-quick")

    def stream(self, frames: Iterable[Frame]) -> Iterator[NDArray[np.float32]]:
        """Frames uint8 RGB [H, W, 3] at 25 a second, any size -> a vector float32 [512] a snippet."""
        for taken in windows(frames, WINDOW, WINDOW):
            window = self.measure(taken)
            parts = [block(window) for block in BLOCKS]
            assert [part.size for part in parts] == list(BLOCKS.values())
            yield np.concatenate(parts)

    def measure(self, frames: list[Frame]) -> Window:
        """What the blocks look at, of 16 frames."""
        pictures = [f if f.shape[:2] == (HEIGHT, WIDTH) else _resized(f, WIDTH, HEIGHT) for f in frames]
        gray_nhw = np.stack([np.asarray(cv2.cvtColor(p, cv2.COLOR_RGB2GRAY), np.uint8) for p in pictures])
        small_nhw = np.stack([_resized(gray, SMALL_WIDTH, SMALL_HEIGHT) for gray in gray_nhw])
        camera_n32, rest_nhw2 = camera_motion(self.flow(small_nhw))
        x_nhw, y_nhw = (np.ascontiguousarray(part) for part in np.moveaxis(rest_nhw2, -1, 0))
        looked_at = [pictures[k] for k in LOOKED_AT]
        size_nhw = np.sqrt(x_nhw * x_nhw + y_nhw * y_nhw)
        return Window(looked_at, gray_nhw, small_nhw, camera_n32, x_nhw, y_nhw, size_nhw)

    def flow(self, small_nhw: NDArray[np.uint8]) -> Array:
        """Flow from every second picture to the next [N / 2, 60, 80, 2], in pixels of the larger; 0 where the
        shot changes."""
        flow_nhw2 = np.zeros((len(small_nhw) // STEP, SMALL_HEIGHT, SMALL_WIDTH, 2), np.float32)
        for k, (one, two) in enumerate(zip(small_nhw[::STEP], small_nhw[1::STEP], strict=True)):
            if cv2.norm(one, two, cv2.NORM_L1) <= CUT * one.size:
                flow_nhw2[k] = self._flow(one, two)
        return flow_nhw2 * (WIDTH / SMALL_WIDTH)


def _resized(image: NDArray, width: int, height: int) -> NDArray:
    return cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
