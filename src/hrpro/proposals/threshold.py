"""From which score on a detection is shown to people: chosen on recordings of which only clicks are known."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from hrpro.core.annotations import Click, Detections


def best_threshold(recordings: Iterable[tuple[Detections, Sequence[Click]]]) -> float:
    """The score from which on the detections of all recordings together have the best F1.

    A detection is right if it holds exactly one click of its class, and no higher score has taken that click.
    Between the last score that counts and the next, their mean; 0 where no detection is right.
    """
    scores, rights, clicks = [], [], 0
    for found, clicked in recordings:
        ranked = found.ranked()
        scores.append(ranked.scores)
        rights.append(_right(ranked, clicked))
        clicks += len(clicked)
    score_n = np.concatenate(scores) if scores else np.zeros(0)
    right_n = np.concatenate(rights) if rights else np.zeros(0, bool)
    order = np.argsort(-score_n, kind="stable")
    score_n, right_n = score_n[order], right_n[order]
    if not right_n.any():
        return 0.0
    f1_n = 2 * np.cumsum(right_n) / (np.arange(1, len(score_n) + 1) + clicks)
    # Detections of one score come and go together.
    f1_n[:-1][score_n[:-1] == score_n[1:]] = -1
    last = int(np.argmax(f1_n))
    below = score_n[last + 1] if last + 1 < len(score_n) else score_n[last]
    return float((score_n[last] + below) / 2)


def _right(ranked: Detections, clicks: Sequence[Click]) -> NDArray[np.bool_]:
    """Of each detection, best first, whether it is right."""
    right_n = np.zeros(len(ranked), bool)
    times = {
        name: np.array([c.time for c in clicks if c.label == name]) for name in {c.label for c in clicks}
    }
    taken: set[tuple[str, int]] = set()
    for number, detection in enumerate(ranked):
        time_k = times.get(detection.label, np.zeros(0))
        held = np.flatnonzero((detection.start <= time_k) & (time_k <= detection.end))
        if len(held) == 1 and (detection.label, int(held[0])) not in taken:
            taken.add((detection.label, int(held[0])))
            right_n[number] = True
    return right_n
