"""Where a film plays: a painted room with clutter, things that move in it, and a hand-held camera."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import cv2
import numpy as np
from numpy.random import Generator

from hrpro.video.film.body import Array
from hrpro.video.film.draw import Picture, dot, hsv, line

WIDTH, HEIGHT = 320, 240
MARGIN = 40  # pixels painted beyond each edge, for the camera to look at
Thing: TypeAlias = Callable[[Picture, float, Array], None]
"""Draws itself onto a picture: (picture, s, camera [2, 3])."""


def paint_room(rng: Generator, floor: float) -> Picture:
    """Wall, floor from the line ``floor`` (pixels) down, and clutter: RGB with MARGIN on every side."""
    height, width = HEIGHT + 2 * MARGIN, WIDTH + 2 * MARGIN
    room = np.empty((height, width, 3), np.float32)
    edge = round(MARGIN + floor)
    wall = hsv(rng.uniform(), rng.uniform(0, 0.45), rng.uniform(0.3, 0.9))
    ground = hsv(rng.uniform(0, 0.2), rng.uniform(0.1, 0.5), rng.uniform(0.25, 0.75))
    room[:edge], room[edge:] = wall, ground
    for cells, strength in ((6, 22), (24, 9), (96, 6)):  # uneven light, stains, grain
        grain = rng.normal(size=(cells * 3 // 4, cells, 1)).astype(np.float32)
        grain = cv2.resize(grain, (width, height), interpolation=cv2.INTER_CUBIC)
        room += strength * grain[..., None]
    painted = np.clip(room, 0, 255).astype(np.uint8)
    gap = int(rng.integers(24, 60))
    for x in range(-width, 2 * width, gap):  # boards of the floor
        _edge(painted, (x, height), (width // 2 + (x - width // 2) // 3, edge), rng)
    if rng.random() < 0.5:  # panels of the wall
        for x in range(int(rng.integers(gap)), width, gap):
            _edge(painted, (x, 0), (x, edge), rng)
    for _ in range(rng.integers(4, 12)):
        _clutter(painted, rng, edge)
    return painted


def _edge(room: Picture, one: tuple[int, int], two: tuple[int, int], rng: Generator) -> None:
    shade = tuple(int(v) for v in room[min(two[1], len(room) - 1), min(max(two[0], 0), room.shape[1] - 1)])
    cv2.line(room, one, two, tuple(max(0, v - int(rng.integers(15, 40))) for v in shade), 1, cv2.LINE_AA)


def _clutter(room: Picture, rng: Generator, edge: int) -> None:
    """A picture on the wall, a lamp, or a piece of furniture."""
    colour = hsv(rng.uniform(), rng.uniform(0, 0.8), rng.uniform(0.1, 0.9))
    x, wide, tall = int(rng.integers(room.shape[1])), *(int(v) for v in rng.integers(12, 60, 2))
    kind = rng.integers(3)
    y = edge - tall + int(rng.integers(-6, 12)) if kind == 0 else int(rng.integers(max(edge - 90, 1)))
    if kind == 2:
        cv2.ellipse(room, (x, y), (wide // 2, tall // 2), 0, 0, 360, colour, -1, cv2.LINE_AA)
        return
    cv2.rectangle(room, (x, y), (x + wide, y + tall), colour, -1)
    for k in range(int(rng.integers(5))):
        inside = hsv(rng.uniform(), rng.uniform(0, 0.8), rng.uniform(0.1, 0.9))
        top = y + k * tall // 5
        cv2.rectangle(room, (x + 2, top + 2), (x + wide - 3, top + tall // 5 - 1), inside, -1)


def some_things(rng: Generator, floor: float) -> list[Thing]:
    """None to three things that move by themselves."""
    makers = (_ball, _pendulum, _cart, _screen)
    return [makers[k](rng, floor) for k in rng.choice(len(makers), size=rng.integers(3), replace=False)]


def _ball(rng: Generator, floor: float) -> Thing:
    colour, size = hsv(rng.uniform(), 0.8, 0.9), rng.uniform(4, 9)
    x, speed, high, period = (
        rng.uniform(0, WIDTH), rng.uniform(-25, 25), rng.uniform(20, 60), rng.uniform(0.7, 1.3)
    )  # fmt: skip

    def ball(picture: Picture, t: float, camera: Array) -> None:
        part = t / period % 1
        place = ((x + speed * t) % WIDTH, floor + 10 - size - 4 * high * part * (1 - part))
        dot(picture, _seen(camera, *place), colour, size)

    return ball


def _pendulum(rng: Generator, floor: float) -> Thing:
    colour, x, long = hsv(rng.uniform(), 0.7, 0.9), rng.uniform(20, WIDTH - 20), rng.uniform(40, 90)
    wide, pace = rng.uniform(0.2, 0.7), rng.uniform(1.5, 4)

    def pendulum(picture: Picture, t: float, camera: Array) -> None:
        angle = wide * np.sin(pace * t)
        end = _seen(camera, x + long * np.sin(angle), long * np.cos(angle))
        line(picture, _seen(camera, x, -20), end, (30, 30, 30), 2)
        dot(picture, end, colour, 9)

    return pendulum


def _cart(rng: Generator, floor: float) -> Thing:
    colour, wide, tall = hsv(rng.uniform(), 0.6, 0.7), rng.uniform(40, 80), rng.uniform(18, 35)
    speed, pause = rng.uniform(30, 90) * rng.choice([-1, 1]), rng.uniform(0, 500)

    def cart(picture: Picture, t: float, camera: Array) -> None:
        x = (speed * t + pause) % (WIDTH + 600) - 150
        line(picture, _seen(camera, x, floor - 8), _seen(camera, x + wide, floor - 8), colour, tall)
        for wheel in (x, x + wide):
            dot(picture, _seen(camera, wheel, floor - 8 + tall / 2), (25, 25, 25), 6)

    return cart


def _screen(rng: Generator, floor: float) -> Thing:
    x, y, wide, tall = rng.uniform(20, 250), rng.uniform(10, 60), rng.uniform(30, 60), rng.uniform(20, 40)
    shades = rng.integers(0, 255, size=(64, 3))

    def screen(picture: Picture, t: float, camera: Array) -> None:
        one, two = shades[int(t / 0.7) % 64], shades[(int(t / 0.7) + 1) % 64]
        mixed = tuple(int(v) for v in one + (two - one) * (t / 0.7 % 1))
        line(picture, _seen(camera, x, y), _seen(camera, x + wide, y), mixed, tall)  # type: ignore[arg-type]

    return screen


def camera_path(rng: Generator, t: Array) -> Array:
    """A hand-held camera's affine maps from the scene's pixels to the picture's [N, 2, 3]."""
    shake = rng.uniform(0.3, 1.3)

    def trembling(size: float, slow: float) -> Array:
        size_k, pace_k = rng.uniform(0.4, 1, 4), rng.uniform(0.3, 1, 4) * (slow, slow, 6, 12)
        phases = np.sin(pace_k * t[:, None] + rng.uniform(0, 6.3, 4))
        return size * phases @ (size_k * (1, 1, 0.25, 0.12))

    angle_n, zoom_n = 0.012 * shake * trembling(1, 0.7), 1.03 + 0.025 * trembling(1, 0.25)
    x_n, y_n = 6 * shake * trembling(1, 0.6), 3.5 * shake * trembling(1, 0.6)
    cos, sin = zoom_n * np.cos(angle_n), zoom_n * np.sin(angle_n)
    turn_n22 = np.stack([np.stack([cos, -sin], 1), np.stack([sin, cos], 1)], 1)
    centre = np.array([WIDTH / 2, HEIGHT / 2])
    move_n2 = centre + np.stack([x_n, y_n], 1) - turn_n22 @ centre
    return np.concatenate([turn_n22, move_n2[:, :, None]], 2)


def look_at(room: Picture, camera: Array) -> Picture:
    """The part of the room that the camera sees."""
    shifted = camera.copy()
    shifted[:, 2] -= camera[:, :2] @ (MARGIN, MARGIN)
    return np.asarray(
        cv2.warpAffine(room, shifted, (WIDTH, HEIGHT), borderMode=cv2.BORDER_REFLECT), dtype=np.uint8
    )


def _seen(camera: Array, x: float, y: float) -> Array:
    return camera[:, :2] @ (x, y) + camera[:, 2]
