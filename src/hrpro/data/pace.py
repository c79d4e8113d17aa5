"""How finely a training set is read: where neighbouring snippets say the same, several are taken for one.

All of the method's rooms look a few snippets around: a convolution over three, exemplars of one, a proposal's
surroundings. Where actions are long in snippets (windows that overlap, single frames, slow changes) nothing
new is seen there, and memory and time are spent on it. How the bounds were chosen: ``docs/findings.md``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from hrpro.data.batches import varies
from hrpro.data.training_set import TrainingSet

ALIKE = 0.65
"""Correlation above which snippets are taken together, the first and the last of them."""
BETWEEN = 8
"""Snippets that must be left from one click to the next, for three pairs of clicks in four."""
_RECORDINGS, _SNIPPETS = 16, 2048
"""Looked at, at most: recordings, and snippets of each from its beginning."""


def pace(training_set: TrainingSet) -> int:
    """How many snippets should be read as one, 1 or more; raises as reading features does."""
    highest = int(_room(training_set) / BETWEEN)
    if highest < 2:
        return 1
    centred = centred_parts(list(_looked_at(training_set)))
    for lag in range(1, highest):
        if correlation(centred, lag) <= ALIKE:
            return lag
    return highest


def alike(training_set: TrainingSet) -> float:
    """Correlation of neighbouring snippets; raises as reading features does."""
    return correlation(centred_parts(list(_looked_at(training_set))), 1)


def centred_parts(parts: Sequence[NDArray[np.float32]]) -> list[NDArray[np.float32]]:
    """Parts of recordings [T, D] about their own means, each dimension by its deviation from these; without
    the dimensions that hardly vary, which would be mere rounding."""
    moved = [(x_td - x_td.mean(0, dtype=np.float64)).astype(np.float32) for x_td in parts]
    mean = np.mean([np.abs(x_td.mean(0, dtype=np.float64)) for x_td in parts], axis=0)
    squares = sum(np.square(x_td, dtype=np.float64).sum(0) for x_td in moved)
    deviation = np.sqrt(squares / sum(map(len, moved)))
    kept = varies(mean, deviation)
    return [x_td[:, kept] / deviation[kept].astype(np.float32) for x_td in moved]


def correlation(centred: Sequence[NDArray[np.float32]], lag: int) -> float:
    """Of snippets ``lag`` apart, in parts [T, D] of mean 0; 0 where none is that long or all are still."""
    pairs = [(x_td[lag:], x_td[:-lag]) for x_td in centred if len(x_td) > lag]
    apart = sum(float(np.square(a - b).sum()) for a, b in pairs)
    size = sum(float(np.square(a).sum() + np.square(b).sum()) for a, b in pairs)
    return 1 - apart / size if size else 0.0


def _looked_at(training_set: TrainingSet) -> Iterator[NDArray[np.float32]]:
    """Those of another dimension are left out here, and told where they are learned from."""
    recordings = training_set.recordings
    for item in recordings[:: -(-len(recordings) // _RECORDINGS)]:
        if item.features.shape[1] == training_set.dimension:
            yield item.features.read_float32(0, _SNIPPETS)


def _room(training_set: TrainingSet) -> float:
    """Snippets from one click to the next, the lower quartile; of a recording with one, its length."""
    gaps: list[float] = []
    for item in training_set.recordings:
        if clicks := training_set.clicks[item.id]:
            at = item.timeline.to_snippets(sorted(click.time for click in clicks))
            gaps += np.diff(at).tolist() if len(at) > 1 else [item.features.shape[0]]
    return float(np.quantile(gaps, 0.25)) if gaps else 0.0
