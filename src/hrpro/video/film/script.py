"""Who does what when in a film: a figure's angles and place at each frame, and the true actions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from hrpro.core.annotations import Segment
from hrpro.video.film.body import Array, Track
from hrpro.video.film.moves import ACTIONS, LOOKALIKES, Manner, Move, stand, walk

RATE = 25
LOOKALIKE, WALK = 0.33, 0.35  # shares, of the movements that are shown and of the pauses between them
LENGTHS = (1.6, 7.0)  # s, of an action


@dataclass(frozen=True)
class Part:
    """What a figure plays. pose: every channel [N]; place_n: to the right, part of the picture's width;
    facing_n: degrees; segments: its actions, s, in order."""

    pose: Track
    place_n: Array
    facing_n: Array
    segments: tuple[Segment, ...]


def write_part(rng: Generator, seconds: float, *, extra: bool = False) -> Part:
    """A part of ``seconds``; an ``extra`` stands and walks about and does nothing else."""
    frames = round(seconds * RATE)
    t = np.arange(frames) / RATE
    person = Manner(
        float(np.exp(0.2 * rng.normal())), rng.uniform(0.75, 1.1), str(rng.choice(["left", "right"]))
    )
    stage = _Stage(rng, person, t, centre=rng.uniform(0.3, 0.7), extra=extra)
    segments = []
    deck: list[str] = []
    now = rng.uniform(1.5, 4)
    while not extra:
        lookalike = rng.random() < LOOKALIKE
        length = rng.uniform(1.5, 4) if lookalike else float(np.exp(rng.uniform(*np.log(LENGTHS))))
        first, last = round(now * RATE), round((now + length) * RATE)
        if last > frames - RATE:
            break
        stage.idle_until(first)
        if lookalike:
            stage.play(LOOKALIKES[rng.integers(len(LOOKALIKES))], first, last)
        else:
            deck = deck or [str(name) for name in rng.permutation(list(ACTIONS))]
            label = deck.pop()
            stage.play(ACTIONS[label], first, last)
            segments.append(Segment(first / RATE, last / RATE, label))
        now += length + 0.8 + rng.exponential(1.6)
    stage.idle_until(frames)
    return Part(stage.pose, stage.place_n, stage.facing_n, tuple(segments))


class _Stage:
    """The part while it is written: ``free`` is the first frame not yet played."""

    def __init__(self, rng: Generator, person: Manner, t: Array, *, centre: float, extra: bool) -> None:
        self.rng, self.person, self.extra, self.free = rng, person, extra, 0
        self.pose = stand(t, person, rng.uniform(0, 6))
        self.centre = centre
        self.place_n = np.full(len(t), centre)
        self.facing_n = np.full(len(t), self._face())

    def play(self, move: Move, first: int, last: int) -> None:
        """A move in the frames [first, last), eased in from standing and out to it."""
        rng, person = self.rng, self.person
        hand = person.hand if rng.random() < 0.8 else person.other
        tempo, reach = (value * float(np.exp(0.1 * rng.normal())) for value in (person.tempo, person.reach))
        self._lay(move(np.arange(last - first) / RATE, Manner(tempo, min(reach, 1.15), hand)), first, last)
        self.free = last

    def idle_until(self, end: int) -> None:
        """Stand, or walk elsewhere and face elsewhere, from ``free`` on."""
        first, self.free = self.free, end
        while end - first > 1.5 * RATE and (self.extra or self.rng.random() < WALK):
            last = min(end, first + round(self.rng.uniform(1.5, 4 if not self.extra else 8) * RATE))
            if self.rng.random() < (0.75 if self.extra else 1):
                self._walk(first, last)
            first = last

    def _walk(self, first: int, last: int) -> None:
        seconds = (last - first) / RATE
        start = self.place_n[first]
        way = np.sign(self.centre - start) if abs(self.centre - start) > 0.12 else self.rng.choice([-1, 1])
        goal = np.clip(start + way * self.rng.uniform(0.04, 0.075) * seconds, 0.15, 0.85)
        along = np.linspace(0, 1, last - first)
        self.place_n[first:last] = start + (goal - start) * along
        self.place_n[last:] = goal
        self._lay(walk(np.arange(last - first) / RATE, self.person), first, last)
        before, after = self.facing_n[first], self._face()
        turned, back = _ease(along * seconds / 0.4), _ease((1 - along) * seconds / 0.4)
        self.facing_n[first:last] = (
            85 * way * np.minimum(turned, back) + before * (1 - turned) + after * (1 - back)
        )
        self.facing_n[last:] = after

    def _lay(self, track: Track, first: int, last: int) -> None:
        seconds = (last - first) / RATE
        along = np.arange(last - first) / RATE
        soft = min(0.45, seconds / 4)
        share = _ease(np.minimum(along, seconds - along) / soft)
        for name, value in track.items():
            part = self.pose[name][first:last]
            # Whole turns end where they began, and may not be unwound.
            part += value if name == "turn" else share * (value - part)

    def _face(self) -> float:
        return float(self.rng.choice([-1, 1]) * self.rng.uniform(10, 65))


def _ease(part: Array) -> Array:
    part = np.clip(part, 0, 1)
    return part * part * (3 - 2 * part)
