"""Pseudo action and background snippets, mined from clicks and attention: the sets T+ and T- of eq. 1.

With b = 1 - A, the background score. Background: between two adjacent clicked snippets everything from the
first to the last snippet with b >= ``background_threshold``, or where there is none the snippet of highest b;
before the first click everything up to the last such snippet, after the last click everything from the first.
Action: the clicked snippets, and from each outwards while b <= ``action_threshold``, up to pseudo background.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hrpro.core.compiled import compiled
from hrpro.core.errors import DataError


@dataclass(frozen=True, eq=False)
class PseudoLabels:
    """action_tc [T, C]: snippet t shows class c. background_t [T]: it shows none. Never both."""

    action_tc: NDArray[np.bool_]
    background_t: NDArray[np.bool_]


def mine(
    attention_t: ArrayLike,
    click_snippets: ArrayLike,
    click_classes: ArrayLike,
    n_classes: int,
    *,
    action_threshold: float = 0.1,
    background_threshold: float = 0.95,
    unclicked_is_background: bool = True,
) -> PseudoLabels:
    """Pseudo labels of one recording, from A [T] in [0, 1] and its clicks [n] (snippet and class, any order).

    Both thresholds are on b. A clicked snippet holds the classes of all its clicks and is never background.
    unclicked_is_background: a recording without any click is background throughout, since whoever clicked
    would have clicked every action of a known class; False leaves it without labels.
    Raises DataError for a click outside [0, T) or of no class.
    """
    score_t = np.ascontiguousarray(attention_t)  # one layout and two types: so many kernels are compiled
    if score_t.dtype not in (np.float32, np.float64):
        score_t = score_t.astype(np.float32)
    snippet_n, class_n = np.asarray(click_snippets, np.int64), np.asarray(click_classes, np.int64)
    length = len(score_t)
    action_tc = np.zeros((length, n_classes), np.bool_)
    background_t = np.zeros(length, np.bool_)
    if len(snippet_n) == 0:
        background_t[:] = unclicked_is_background
        return PseudoLabels(action_tc, background_t)
    if snippet_n.min() < 0 or snippet_n.max() >= length:
        raise DataError(f"a click lies outside the recording's {length} snippets")
    if class_n.min() < 0 or class_n.max() >= n_classes:
        raise DataError(f"a click's class is none of the {n_classes} known")
    clicks_n2 = np.stack([snippet_n, class_n], axis=1)
    _mine(score_t, clicks_n2, (action_threshold, background_threshold), action_tc, background_t)
    return PseudoLabels(action_tc, background_t)


@compiled
def _mine(
    attention_t: NDArray[np.floating],
    clicks_n2: NDArray[np.int64],
    thresholds: tuple[float, float],
    action_tc: NDArray[np.bool_],
    background_t: NDArray[np.bool_],
) -> None:
    """Fills action and background gap by gap: before, between and after the clicked snippets."""
    action_threshold, background_threshold = thresholds
    length = len(attention_t)
    clicked_t = np.zeros(length, np.bool_)
    for i in range(len(clicks_n2)):
        action_tc[clicks_n2[i, 0], clicks_n2[i, 1]] = True
        clicked_t[clicks_n2[i, 0]] = True
    before = -1
    for after in range(length + 1):
        if after < length and not clicked_t[after]:
            continue
        if after > before + 1:
            first, last, peak = -1, -1, before + 1
            for t in range(before + 1, after):
                if 1 - attention_t[t] >= background_threshold:
                    first = t if first < 0 else first
                    last = t
                # Of equal peaks the one farthest from the click, after the last click as before the first.
                if attention_t[t] < attention_t[peak] or (
                    after == length and attention_t[t] == attention_t[peak]
                ):
                    peak = t
            if first < 0:
                first, last = peak, peak
            if before < 0:
                first = 0
            if after == length:
                last = length - 1
            background_t[first : last + 1] = True
            if before >= 0:
                t = before + 1
                while t < first and 1 - attention_t[t] <= action_threshold:
                    action_tc[t] = action_tc[before]
                    t += 1
            if after < length:
                t = after - 1
                while t > last and 1 - attention_t[t] <= action_threshold:
                    action_tc[t] = action_tc[after]
                    t -= 1
        before = after
