"""SF-Net's frame mining: a click spreads to its like, and the surest of the rest are background.

Action: from each click outwards, up to a radius, while the snippet's best class is the click's and its score
is at least ``ratio`` times the clicked snippet's. Background: of the snippets that are then unlabelled those
with the highest background score, so many for each labelled one. Nothing is remembered from step to step:
both follow from the network's scores of the moment.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from hrpro.snippet.pseudo_labels import PseudoLabels


def radius_at(step: int, *, steps: int, radius: int, growth: float) -> int:
    """How far clicks may spread at ``step``: 0 at first, ``radius`` once ``growth`` of the steps are done."""
    grown = 1.0 if step >= growth * steps else step / (growth * steps)
    return math.floor(radius * grown)


def mine(
    score_tc: NDArray[np.floating],
    snippets: NDArray[np.int64],
    classes: NDArray[np.int64],
    *,
    radius: int,
    ratio: float,
    eta: float,
) -> PseudoLabels:
    """Pseudo labels of one recording from its scores [T, C + 1] (background last) and clicks [n] each.

    A recording without any click is background throughout, since whoever clicked would have clicked every
    action of a known class.
    """
    length, background = len(score_tc), score_tc.shape[1] - 1
    action_tc = np.zeros((length, background), np.bool_)
    if not len(snippets):
        return PseudoLabels(action_tc, np.ones(length, np.bool_))
    best_t = score_tc.argmax(1)
    needed_n = ratio * score_tc[snippets, classes]
    action_tc[snippets, classes] = True
    clicked_t = np.zeros(length, np.bool_)
    clicked_t[snippets] = True
    for way in (-1, 1):
        alive_n = np.ones(len(snippets), np.bool_)
        for distance in range(1, radius + 1):
            at_n = snippets + way * distance
            alive_n &= (at_n >= 0) & (at_n < length)
            at_n = np.clip(at_n, 0, length - 1)
            alive_n &= (best_t[at_n] == classes) & (score_tc[at_n, classes] >= needed_n) & ~clicked_t[at_n]
            action_tc[at_n[alive_n], classes[alive_n]] = True
    free = np.flatnonzero(~action_tc.any(1))
    count = math.ceil(eta * (length - len(free)))
    background_t = np.zeros(length, np.bool_)
    background_t[free[np.argsort(-score_tc[free, background], kind="stable")[:count]]] = True
    return PseudoLabels(action_tc, background_t)
