"""What the figure can do: six actions, movements that look like one of them but are none, and idling.

A move is a function of time (s, from 0) and of the manner it is done in; it gives the angles it governs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from hrpro.video.film.body import CHANNELS, Array, Track


@dataclass(frozen=True)
class Manner:
    """How somebody moves. tempo and reach: 1 is usual. hand: the side preferred, "left" or "right"."""

    tempo: float
    reach: float
    hand: str

    @property
    def other(self) -> str:
        """The other side."""
        return "left" if self.hand == "right" else "right"


Move: TypeAlias = Callable[[Array, Manner], Track]


def wave(t: Array, how: Manner) -> Track:
    """One arm up, its lower half swings from side to side."""
    swing = 46 * how.reach * np.sin(2 * np.pi * 1.6 * how.tempo * t)
    return _arm(how.hand, t, swing=15, spread=80 + 15 * how.reach, bend=0) | {
        f"{how.hand}_arm.aside": 62 + swing
    }


def squat(t: Array, how: Manner) -> Track:
    """Down and up on both knees, arms forward, again and again."""
    deep = _pulse(0.55 * how.tempo * t) * min(how.reach, 1.1)
    return _knees(85 * deep) | {"lean": 32 * deep} | _arms(t, swing=82 * deep, spread=8, bend=0)


def jumping_jack(t: Array, how: Manner) -> Track:
    """Arms and legs apart and together, with a hop each time."""
    beat = 0.95 * how.tempo * t
    apart, hop = _pulse(beat), np.abs(np.sin(2 * np.pi * beat))
    legs = {f"{side}_leg.spread": 3 + 24 * how.reach * apart for side in ("left", "right")}
    return legs | _arms(t, swing=0, spread=14 + 145 * how.reach * apart, bend=0) | {"lift": 0.07 * hop}


def punch(t: Array, how: Manner) -> Track:
    """Both fists before the chin; one after the other darts forward."""
    beat = np.sin(2 * np.pi * how.tempo * t)
    track: Track = {"lean": 4 + 11 * np.abs(beat), "lift": 0.015 * _pulse(2 * how.tempo * t)}
    for side, out in ((how.hand, beat), (how.other, -beat)):
        far = np.clip(1.6 * out - 0.3, 0, 1) * min(how.reach, 1.1)
        track |= _arm(side, t, swing=18 + 66 * far, spread=8, bend=122 - 116 * far)
        track[f"{side}_leg.swing"] = np.full_like(t, 14 if side == how.other else -14)
    return track


def kick(t: Array, how: Manner) -> Track:
    """One leg flies up in front, knee first, and comes back; the arms balance."""
    beat = 0.65 * how.tempo * t
    up = np.clip(1.3 * _pulse(beat) - 0.1, 0, 1)
    knee = np.clip(np.sin(2 * np.pi * beat), 0, 1)
    leg = {f"{how.hand}_leg.swing": 82 * how.reach * up, f"{how.hand}_leg.bend": -70 * knee}
    back = {"lean": -14 * up}
    return leg | back | _arms(t, swing=25, spread=22 + 22 * up, bend=45)


def spin(t: Array, how: Manner) -> Track:
    """Whole turns on the spot, arms away from the body."""
    turns = max(1, round(0.55 * how.tempo * (t[-1] - t[0])))
    turned = t / max(t[-1], 1e-6)
    way = 1 if how.hand == "left" else -1
    step = 14 * np.sin(2 * np.pi * 2.2 * turns * turned)
    legs = {"left_leg.swing": step, "right_leg.swing": -step}
    return legs | _arms(t, swing=0, spread=40 + 38 * how.reach, bend=0) | {"turn": 360 * way * turns * turned}


def scratch_head(t: Array, how: Manner) -> Track:
    """Like wave: a hand goes to the head and rubs it."""
    rub = 7 * np.sin(2 * np.pi * 2.6 * how.tempo * t)
    return _arm(how.hand, t, swing=20, spread=72, bend=0) | {f"{how.hand}_arm.aside": 128 + rub}


def stretch(t: Array, how: Manner) -> Track:
    """Like jumping_jack and wave: both arms go up, stay there and sway."""
    sway = 6 * np.sin(2 * np.pi * 0.5 * how.tempo * t)
    return _arms(t, swing=0, spread=150 * how.reach + sway, bend=0) | {"tilt": sway}


def hop(t: Array, how: Manner) -> Track:
    """Like jumping_jack: hops with arms and legs where they are."""
    up = np.abs(np.sin(2 * np.pi * 0.8 * how.tempo * t))
    return {"lift": 0.06 * how.reach * up} | _knees(18 * (1 - up))


def pick_up(t: Array, how: Manner) -> Track:
    """Like squat: the back bends to the ground, the knees hardly do."""
    low = _hold(t)
    bent = _knees(22 * low) | {"lean": 82 * low}
    return bent | _arm(how.hand, t, swing=12 * low, spread=4, bend=6)


def crouch(t: Array, how: Manner) -> Track:
    """Like squat: goes down on both knees once and stays there, busy with a shoe."""
    low = _hold(t)
    fumble = 10 * np.sin(2 * np.pi * 1.7 * how.tempo * t)
    return _knees(92 * low) | {"lean": 48 * low} | _arms(t, swing=28 * low, spread=2, bend=15 + fumble)


def point(t: Array, how: Manner) -> Track:
    """Like punch: one arm goes forward and stays there."""
    return _arm(how.hand, t, swing=84 * how.reach * _hold(t), spread=6, bend=4)


def read_phone(t: Array, how: Manner) -> Track:
    """Like punch: lower arms up before the chest, head down."""
    tap = 5 * np.sin(2 * np.pi * 1.9 * how.tempo * t)
    busy = _arm(how.hand, t, swing=22, spread=0, bend=88) | _arm(how.other, t, swing=22, spread=0, bend=92)
    busy[f"{how.hand}_arm.bend"] += tap
    return busy | {"nod": np.full_like(t, 35)}


def swing_leg(t: Array, how: Manner) -> Track:
    """Like kick: one straight leg swings loosely to and fro."""
    return {f"{how.hand}_leg.swing": 26 * how.reach * np.sin(2 * np.pi * 0.7 * how.tempo * t)}


def look_around(t: Array, how: Manner) -> Track:
    """Like spin: turns away and back again."""
    return {"turn": 130 * how.reach * (1 if how.hand == "left" else -1) * _hold(t)}


ACTIONS: dict[str, Move] = {move.__name__: move for move in (wave, squat, jumping_jack, punch, kick, spin)}
LOOKALIKES: tuple[Move, ...] = (
    scratch_head, stretch, hop, pick_up, crouch, point, read_phone, swing_leg, look_around
)  # fmt: skip


def stand(t: Array, how: Manner, phase: float) -> Track:
    """Every channel: breathing, and the weight from foot to foot."""
    track = {name: np.zeros_like(t) for name in CHANNELS}
    sway = np.sin(0.9 * how.tempo * t + phase)
    slow = np.sin(0.37 * t + 2 * phase)
    track |= _arms(t, swing=4 * slow, spread=7 + 2 * sway, bend=9 + 4 * slow)
    track |= {"tilt": 2.5 * sway, "lean": 2 + 2 * slow, "nod": 6 * np.sin(0.6 * t + 3 * phase)}
    return track | {f"{side}_leg.spread": np.full_like(t, 3) for side in ("left", "right")}


def walk(t: Array, how: Manner) -> Track:
    """Legs and arms of somebody who walks."""
    beat = 2 * np.pi * 0.95 * how.tempo * t
    track: Track = {"lean": np.full_like(t, 5)}
    for side, sign in (("left", 1), ("right", -1)):
        stride = sign * np.sin(beat)
        lifted = np.clip(sign * np.cos(beat), 0, 1)
        track |= {f"{side}_leg.swing": 27 * stride + 14 * lifted, f"{side}_leg.bend": -38 * lifted}
        track |= _arm(side, t, swing=-24 * stride, spread=5, bend=16)
    return track


def _arm(side: str, t: Array, *, swing: Array | float, spread: Array | float, bend: Array | float) -> Track:
    values = {"swing": swing, "spread": spread, "bend": bend, "aside": 0.0}
    return {f"{side}_arm.{joint}": value + np.zeros_like(t) for joint, value in values.items()}


def _arms(t: Array, *, swing: Array | float, spread: Array | float, bend: Array | float) -> Track:
    both = (_arm(side, t, swing=swing, spread=spread, bend=bend) for side in ("left", "right"))
    return next(both) | next(both)


def _knees(deep: Array) -> Track:
    """Both thighs ``deep`` degrees forward, shins back so that the feet stay below the body."""
    legs: Track = {}
    for side in ("left", "right"):
        legs |= {f"{side}_leg.swing": deep, f"{side}_leg.bend": -1.75 * deep}
    return legs


def _pulse(beat: Array) -> Array:
    """0 to 1 and back, once a beat."""
    return 0.5 - 0.5 * np.cos(2 * np.pi * beat)


def _hold(t: Array) -> Array:
    """0 to 1 within 0.6 s, a while there, and back to 0 at the end."""
    part = np.clip(np.minimum(t, t[-1] - t) / 0.6, 0, 1)
    return part * part * (3 - 2 * part)
