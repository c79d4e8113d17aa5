"""How finely a training set is read: where neighbouring snippets say the same, several are taken for one.

All of the method's rooms look a few snippets around: a convolution over three, exemplars of one, a proposal's
surroundings. Where actions are long in snippets (windows that overlap, single frames, slow changes) nothing
new is seen there, and memory and time are spent on it. How the bounds were chosen: ``docs/findings.md``.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from hrpro.data.batches import statistics
from hrpro.data.training_set import TrainingSet

ALIKE = 0.65
"""Correlation of neighbours above which they are taken together."""
BETWEEN = 8
"""Snippets that must be left from one click to the next, for three pairs of clicks in four."""
_RECORDINGS, _SNIPPETS = 16, 2048
"""Looked at, at most: recordings, and snippets of each from its beginning."""


def pace(training_set: TrainingSet) -> int:
    """How many snippets should be read as one, 1 or more; raises as reading features does."""
    highest = int(_room(training_set) / BETWEEN)
    if highest < 2:
        return 1
    recordings = training_set.recordings
    seen = [
        item.features.read_float32(0, _SNIPPETS) for item in recordings[:: -(-len(recordings) // _RECORDINGS)]
    ]
    known = statistics(seen)
    centred = [(x_td - x_td.mean(0)) / known.deviation for x_td in seen]
    for lag in range(1, highest):
        if correlation(centred, lag) <= ALIKE:
            return lag
    return highest


def correlation(centred: Sequence[NDArray[np.float32]], lag: int) -> float:
    """Of snippets ``lag`` apart, in recordings [T, D] that have mean 0; 0 where none is that long or all are
    still."""
    pairs = [(x_td[lag:], x_td[:-lag]) for x_td in centred if len(x_td) > lag]
    apart = sum(float(np.square(a - b).sum()) for a, b in pairs)
    size = sum(float(np.square(a).sum() + np.square(b).sum()) for a, b in pairs)
    return 1 - apart / size if size else 0.0


def _room(training_set: TrainingSet) -> float:
    """Snippets from one click to the next, the lower quartile; of a recording with one, its length."""
    gaps: list[float] = []
    for item in training_set.recordings:
        if clicks := training_set.clicks[item.id]:
            at = item.timeline.to_snippets(sorted(click.time for click in clicks))
            gaps += np.diff(at).tolist() if len(at) > 1 else [item.features.shape[0]]
    return float(np.quantile(gaps, 0.25)) if gaps else 0.0
