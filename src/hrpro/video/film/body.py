"""A jointed figure: from the angles of its limbs to points on the picture.

Its frame has the axes sideways (to its left), up and forward; lengths are parts of its height, angles are
degrees. A limb's swing lifts it forward, its spread sideways (90: level, 180: straight up); bend and aside
turn its lower half against the upper one in the same two ways. Arms hang from the shoulders as if the back
were upright, however it leans.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[np.float64]
Track: TypeAlias = dict[str, Array]
"""Channel -> its value at each moment [N]."""

LIMBS = ("left_arm", "right_arm", "left_leg", "right_leg")
JOINTS = ("swing", "spread", "bend", "aside")
CHANNELS = (*(f"{limb}.{joint}" for limb in LIMBS for joint in JOINTS), "lean", "tilt", "nod", "lift", "turn")
"""lean, tilt: of the back, forward and sideways. nod: of the head. lift: of the feet above the ground, in
heights. turn: about the upright axis, against where the figure faces."""

UPPER = {"arm": 0.16, "leg": 0.25}
LOWER = {"arm": 0.17, "leg": 0.25}
BACK, NECK = 0.3, 0.1
ROOT = {"arm": 0.1, "leg": 0.055}
RISE = 0.16  # how much nearer things lie lower on the picture


def joints(pose: Mapping[str, Array], facing_n: Array) -> dict[str, Array]:
    """Points [N, 3] as (right, up, towards the viewer), by name; the lowest foot stands at height ``lift``.

    pose: every channel of CHANNELS. facing_n: degrees, 0 looks at the viewer, 90 to the viewer's right.
    Names: hips, chest, head, and for each limb limb.root, limb.middle, limb.end.
    """
    zero_n = np.zeros_like(facing_n)
    hips = np.stack([zero_n] * 3, 1)
    back_n3 = _direction(-pose["tilt"], 180 - pose["lean"])
    chest = hips + BACK * back_n3
    points = {"hips": hips, "chest": chest}
    points["head"] = chest + NECK * _direction(-pose["tilt"], 180 - pose["lean"] - pose["nod"])
    for limb in LIMBS:
        side, kind = (1 if limb.startswith("left") else -1), limb[-3:]
        swing, spread, bend, aside = (pose[f"{limb}.{joint}"] for joint in JOINTS)
        base = chest if kind == "arm" else hips
        root = base + np.stack([zero_n + side * ROOT[kind], zero_n, zero_n], 1)
        middle = root + UPPER[kind] * _direction(side * spread, swing)
        end = middle + LOWER[kind] * _direction(side * (spread + aside), swing + bend)
        points |= {f"{limb}.root": root, f"{limb}.middle": middle, f"{limb}.end": end}
    ground_n = np.minimum(points["left_leg.end"][:, 1], points["right_leg.end"][:, 1]) - pose["lift"]
    turn_n = np.radians(facing_n + pose["turn"])
    cos, sin = np.cos(turn_n), np.sin(turn_n)
    seen = {}
    for name, point in points.items():
        aside, up, ahead = point[:, 0], point[:, 1] - ground_n, point[:, 2]
        seen[name] = np.stack([aside * cos + ahead * sin, up, ahead * cos - aside * sin], 1)
    return seen


def on_picture(point_n3: Array, place_n2: Array, height: float) -> Array:
    """Points of a figure ``height`` pixels tall that stands at place [N, 2] -> pixels [N, 2]."""
    right, up, near = point_n3.T
    return place_n2 + height * np.stack([right, RISE * near - up], 1)


def _direction(spread: Array, swing: Array) -> Array:
    """Unit vectors (sideways, up, forward) [N, 3]; both angles 0 point down."""
    spread, swing = np.radians(spread), np.radians(swing)
    return np.stack([np.sin(spread), -np.cos(spread) * np.cos(swing), np.cos(spread) * np.sin(swing)], 1)
