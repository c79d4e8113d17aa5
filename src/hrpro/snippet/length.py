"""How many snippets an action takes, as far as clicks and a taught stage 1 can tell."""

from __future__ import annotations

import numpy as np

from hrpro.data.training_set import TrainingSet
from hrpro.methods import Scorer
from hrpro.snippet.reliable import reliable_segments


def typical_length(snippet: Scorer, training_set: TrainingSet) -> float:
    """Median length of the reliable proposals of all clicks, in snippets; inf where no click has one."""
    each = [reliable_segments(snippet, training_set, item) for item in training_set.recordings]
    lengths = np.diff(np.concatenate(each))
    known = lengths[np.isfinite(lengths)]
    return float(np.median(known)) if len(known) else np.inf
