"""A figure in its clothes, drawn onto a picture: what is farther away first."""

from __future__ import annotations

import colorsys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from hrpro.video.film.body import LIMBS, Array

Colour: TypeAlias = tuple[int, int, int]
Picture: TypeAlias = NDArray[np.uint8]
BITS = 4  # of a pixel's fraction, for OpenCV
UNIT = 1 << BITS


@dataclass(frozen=True)
class Look:
    """height: pixels. width: of limbs, part of the height. sleeves, short: whether they reach the hands, and
    whether the trousers end at the knees."""

    height: float
    width: float
    shirt: Colour
    trousers: Colour
    skin: Colour
    hair: Colour
    sleeves: bool
    short: bool


def some_look(rng: Generator, heights: tuple[float, float]) -> Look:
    """A figure between two heights, in clothes of any colour."""
    skin = hsv(rng.uniform(0.04, 0.09), rng.uniform(0.3, 0.6), rng.uniform(0.45, 0.95))
    shirt, trousers = (hsv(rng.uniform(), rng.uniform(0.1, 0.9), rng.uniform(0.15, 0.95)) for _ in range(2))
    hair = hsv(rng.uniform(0.03, 0.12), rng.uniform(0.1, 0.7), rng.uniform(0.05, 0.6))
    sleeves, short = bool(rng.random() < 0.6), bool(rng.random() < 0.3)
    size = rng.uniform(*heights), rng.uniform(0.042, 0.062)
    return Look(*size, shirt, trousers, skin, hair, sleeves, short)


def hsv(hue: float, saturation: float, value: float) -> Colour:
    """Each 0 to 1 -> RGB, 0 to 255."""
    red, green, blue = colorsys.hsv_to_rgb(hue, saturation, value)
    return round(255 * red), round(255 * green), round(255 * blue)


def draw_figure(
    picture: Picture, points: Mapping[str, Array], depth: Mapping[str, float], look: Look
) -> None:
    """Points: pixels (x, y) of the joints; depth: how near each limb and the head are (0: as the back)."""
    width = look.height * look.width
    parts = sorted([*LIMBS, "back", "head"], key=lambda part: depth.get(part, 0.0))
    for part in parts:
        if part == "back":
            _back(picture, points, look, width)
        elif part == "head":
            _head(picture, points, look, depth[part])
        else:
            leg = part.endswith("leg")
            upper = look.trousers if leg else look.shirt
            bare = look.short if leg else not look.sleeves
            root, middle, end = (points[f"{part}.{name}"] for name in ("root", "middle", "end"))
            far = 0.8 if depth[part] < 0 else 1.0  # a little darker: tells the far side's limbs apart
            line(picture, root, middle, _dim(upper, far), 1.25 * width if leg else width)
            line(
                picture, middle, end, _dim(look.skin if bare else upper, far), (1.0 if leg else 0.85) * width
            )
            dot(picture, end, _dim(look.hair if leg else look.skin, far), (0.75 if leg else 0.6) * width)


def _back(picture: Picture, points: Mapping[str, Array], look: Look, width: float) -> None:
    names = ("left_arm.root", "right_arm.root", "right_leg.root", "left_leg.root")
    corners = [points[name] for name in names]
    polygon = np.round(np.stack(corners) * UNIT).astype(np.int32)
    cv2.fillPoly(picture, [polygon], look.shirt, cv2.LINE_AA, BITS)
    for one, two in zip(corners, [*corners[1:], corners[0]], strict=True):
        line(picture, one, two, look.shirt, width)
    line(picture, points["left_leg.root"], points["right_leg.root"], look.trousers, 1.2 * width)


def _head(picture: Picture, points: Mapping[str, Array], look: Look, toward: float) -> None:
    head, chest = points["head"], points["chest"]
    size = 0.068 * look.height
    line(picture, chest, head, look.skin, 0.05 * look.height)
    dot(picture, head, look.hair, size)
    up = (head - chest) / max(float(np.linalg.norm(head - chest)), 1e-6)
    face = head + points["face"] * 0.35 * size - 0.2 * size * up
    if toward > -0.03:
        dot(picture, face, look.skin, 0.8 * size)


def line(picture: Picture, one: Array, two: Array, colour: Colour, width: float) -> None:
    """A line with round ends between two points, in pixels and fractions of one."""
    ends = [tuple(round(float(v) * UNIT) for v in point) for point in (one, two)]
    cv2.line(picture, ends[0], ends[1], colour, max(1, round(width)), cv2.LINE_AA, BITS)


def dot(picture: Picture, centre: Array, colour: Colour, radius: float) -> None:
    """A disc."""
    x, y = (round(float(v) * UNIT) for v in centre)
    cv2.circle(picture, (x, y), round(radius * UNIT), colour, -1, cv2.LINE_AA, BITS)


def _dim(colour: Colour, part: float) -> Colour:
    red, green, blue = colour
    return round(part * red), round(part * green), round(part * blue)
