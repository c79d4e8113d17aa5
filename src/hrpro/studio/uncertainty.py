"""How uncertain a prediction is, 0 to 1: what a person should look at first.

Four doubts, each 0 (none) to 1, for a prediction of class c with score s:

    score       binary entropy of ``chance``: whether it is one at all. It is 1 at the run's own min_score,
                where the clicks could not tell right from wrong, and falls to both sides
    class       mean P of the strongest other class inside over that of c (1 if another one is stronger):
                what it is
    boundaries  1 - the relative fall of P from just inside to just outside, mean of both ends: where it is
    networks    twice the standard deviation of the stage-1 networks' own mean P inside (its largest possible
                value is 0.5): whether another seed would say the same

They are questions about different things, so they add up as chances do: the uncertainty, 1 - prod(1 - doubt),
is the chance that one of them needs a person's answer, were each its own chance and all independent.
``benchmarks/next_video.py --doubts`` measures how well each of them, this, and others of their kind tell
wrong predictions from right ones.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

DOUBTS = ("score", "class", "boundaries", "networks")
EDGE = 0.25
"""Just inside and outside: so much of the length, a snippet at least."""
_LOGITS = 4.0
"""Logits from min_score to the highest score there can be: that one is certain to 0.98."""


class Scored(NamedTuple):
    """Predictions in snippet coordinates: segments [n, 2], labels [n] into the classes, scores [n]."""

    segments: NDArray[np.float64]
    labels: NDArray[np.int64]
    scores: NDArray[np.float64]

    def at(self, index: NDArray[np.int64]) -> Scored:
        """Those of the index."""
        return Scored(self.segments[index], self.labels[index], self.scores[index])


def chance(scores: NDArray[np.float64], min_score: float, top: float) -> NDArray[np.float64]:
    """Chance, 0 to 1, that predictions of these scores [n] are right: a logistic curve through 1/2 at
    ``min_score``; top: the highest score that there can be."""
    scale = max(top - min_score, 1e-6) / _LOGITS
    return 1 / (1 + np.exp(-np.clip((np.asarray(scores, np.float64) - min_score) / scale, -30, 30)))


def doubts(
    found: Scored,
    activation_tc: NDArray[np.floating],
    members_mtc: Sequence[NDArray[np.floating]],
    min_score: float,
    top: float,
) -> NDArray[np.float64]:
    """The four doubts [n, 4] of predictions, in the order of DOUBTS.

    activation_tc: P [T, C]; members_mtc: P of each stage-1 network (with one alone, it has no doubt).
    """
    doubts_nd = np.zeros((len(found.scores), len(DOUBTS)))
    right_n = chance(found.scores, min_score, top)
    doubts_nd[:, 0] = -(_xlog2(right_n) + _xlog2(1 - right_n))
    for n, ((start, end), label) in enumerate(zip(found.segments, found.labels, strict=True)):
        own = activation_tc[:, label]
        inside = _cells(start, end, len(own))
        means_c = activation_tc[inside].mean(0)
        others = np.delete(means_c, label)
        if len(others):
            doubts_nd[n, 1] = min(float(others.max()) / max(float(means_c[label]), 1e-6), 1.0)
        edge = max(EDGE * (end - start), 1.0)
        falls = []
        for within, beyond in (
            ((start, start + edge), (start - edge, start)),
            ((end - edge, end), (end, end + edge)),
        ):
            if beyond[1] <= 0 or beyond[0] >= len(own):  # it begins or ends with the recording
                continue
            high = max(float(own[_cells(*within, len(own))].mean()), 1e-6)
            falls.append(np.clip(1 - float(own[_cells(*beyond, len(own))].mean()) / high, 0, 1))
        doubts_nd[n, 2] = 1 - float(np.mean(falls)) if falls else 0.0
        if len(members_mtc) > 1:
            each = [float(member_tc[inside, label].mean()) for member_tc in members_mtc]
            doubts_nd[n, 3] = min(2 * float(np.std(each)), 1.0)
    return doubts_nd


def uncertainty(doubts_nd: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of doubts [n, 4] -> [n], 0 to 1."""
    return 1 - (1 - doubts_nd).prod(1)


def worth_showing(found: Scored, min_score: float, top: float, most: int = 500) -> NDArray[np.int64]:
    """Index of the predictions that a person is shown, best first.

    Those from min_score on; and those a little below it (a chance of 1/4 at least) where nothing better of
    their class is, for these may be actions missed. At most ``most``.
    """
    right_n = chance(found.scores, min_score, top)
    kept: list[int] = []
    for n in np.argsort(-found.scores, kind="stable"):
        if len(kept) >= most or right_n[n] < 0.25:
            break
        if found.scores[n] < min_score:
            start, end = found.segments[n]
            same = [k for k in kept if found.labels[k] == found.labels[n]]
            if any(min(end, found.segments[k, 1]) > max(start, found.segments[k, 0]) for k in same):
                continue
        kept.append(int(n))
    return np.array(kept, np.int64)


def _cells(start: float, end: float, length: int) -> slice:
    """The snippets whose cells the span touches, one at least."""
    first = min(max(math.floor(start + 1e-9), 0), length - 1)
    return slice(first, max(min(math.ceil(end - 1e-9), length), first + 1))


def _xlog2(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(values > 0, values * np.log2(np.maximum(values, 1e-300)), 0.0)
