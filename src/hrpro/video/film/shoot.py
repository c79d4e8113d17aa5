"""From a seed to one film: its pictures, and the H.264 file they are written to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from numpy.random import Generator, SeedSequence

from hrpro.core.annotations import Segment
from hrpro.core.errors import ConfigError
from hrpro.data.whole import appearing
from hrpro.video.film.body import LIMBS, Array, joints, on_picture
from hrpro.video.film.draw import Look, Picture, draw_figure, some_look
from hrpro.video.film.scene import HEIGHT, WIDTH, camera_path, look_at, paint_room, some_things
from hrpro.video.film.script import RATE, Part, write_part
from hrpro.video.jobs import Outcome, Tell, failure, outcome

EXTRAS, GRAIN = 0.3, 4  # share of films with somebody in the background; noise of the sensor, grey levels
CODEC = "libx264"


@dataclass(frozen=True)
class Film:
    """A film that can be shot: the same values give the same pictures."""

    id: str
    video: Path
    seed: tuple[int, ...]
    seconds: float

    def script(self) -> Part:
        """What its figure does."""
        return write_part(self._random("script"), self.seconds)

    def segments(self) -> tuple[Segment, ...]:
        """Its actions, in seconds."""
        return self.script().segments

    def pictures(self) -> Iterator[Picture]:
        """RGB [240, 320, 3], 25 a second."""
        rng, part = self._random("pictures"), self.script()
        floor = rng.uniform(150, 190)
        t = np.arange(len(part.place_n)) / RATE
        room, cameras = paint_room(rng, floor), camera_path(rng, t)
        things = some_things(rng, floor)
        figures = [_Figure(part, some_look(rng, (130, 180)), rng.uniform(212, 230))]
        if rng.random() < EXTRAS:
            extra = write_part(rng, self.seconds, extra=True)
            figures.insert(0, _Figure(extra, some_look(rng, (65, 90)), floor + rng.uniform(2, 8)))
        grain = rng.integers(0, 2 * GRAIN, size=(2 * HEIGHT, 2 * WIDTH, 3), dtype=np.uint8)
        light_n = 1 + 0.06 * np.sin(rng.uniform(0.2, 1.5) * t + rng.uniform(0, 6))
        corner_n2 = rng.integers((HEIGHT, WIDTH), size=(len(t), 2))
        for n, (top, left) in enumerate(corner_n2):
            picture = look_at(room, cameras[n])
            for thing in things:
                thing(picture, t[n], cameras[n])
            for figure in figures:
                figure.draw(picture, n, cameras[n])
            picture = cv2.convertScaleAbs(picture, alpha=light_n[n], beta=-GRAIN)
            yield np.asarray(cv2.add(picture, grain[top : top + HEIGHT, left : left + WIDTH]), np.uint8)

    def _random(self, purpose: str) -> Generator:
        return np.random.default_rng(SeedSequence((*self.seed, *purpose.encode())))


class _Figure:
    """Somebody in a film, standing on the line ``ground`` (pixels)."""

    def __init__(self, part: Part, look: Look, ground: float) -> None:
        self.look = look
        points = joints(part.pose, part.facing_n)
        place_n2 = np.stack([part.place_n * WIDTH, np.full(len(part.place_n), ground)], 1)
        self.points = {name: on_picture(point, place_n2, look.height) for name, point in points.items()}
        turn_n = np.radians(part.facing_n + part.pose["turn"])
        self.face_n2 = np.stack([np.sin(turn_n), np.zeros_like(turn_n)], 1)
        self.depth = {
            limb: points[f"{limb}.middle"][:, 2] + points[f"{limb}.end"][:, 2] - points["hips"][:, 2]
            for limb in LIMBS
        } | {"head": 0.1 * np.cos(turn_n)}

    def draw(self, picture: Picture, n: int, camera: Array) -> None:
        points = {name: camera[:, :2] @ at[n] + camera[:, 2] for name, at in self.points.items()}
        points["face"] = self.face_n2[n]
        depth = {name: float(near[n]) for name, near in self.depth.items()}
        draw_figure(picture, points, depth, self.look)


def shoot(film: Film, tell: Tell) -> Outcome:
    """Write ``film.video``, whole or not at all."""
    try:
        count, total = 0, round(film.seconds * RATE)
        codec = encoder()
        with appearing(film.video) as scratch, av.open(f"file:{scratch}", "w", format="mp4") as out:
            stream: Any = out.add_stream(codec, rate=RATE, options={"preset": "superfast", "crf": "25"})
            stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
            stream.codec_context.thread_count = 1  # with more, the bytes depend on the machine
            for picture in film.pictures():
                yuv = np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2YUV_I420), np.uint8)
                out.mux(stream.encode(av.VideoFrame.from_ndarray(yuv, format="yuv420p")))
                count += 1
                if count % 50 == 0:
                    tell(count / total)
            out.mux(stream.encode(None))
        return outcome(film, "done", count / RATE, count, ())
    except Exception as error:
        return failure(film, error)


def encoder() -> str:
    """The H.264 encoder's name. ConfigError if this PyAV has none."""
    if CODEC not in av.codecs_available:
        raise ConfigError("this PyAV has no encoder for H.264", mend="pip install 'av>=13'")
    return CODEC
