"""What a taught stage 1 takes each click of the training for: its reliable proposal, as in the paper."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hrpro.data.training_set import Recording, TrainingSet
from hrpro.methods import Scorer
from hrpro.proposals.config import GenerateConfig
from hrpro.proposals.generate import generate
from hrpro.proposals.rank import reliable_proposals


def reliable_segments(snippet: Scorer, training_set: TrainingSet, item: Recording) -> NDArray[np.float64]:
    """Start and end [clicks, 2] in snippets of each click's reliable proposal; NaN where it has none."""
    clicks = training_set.clicks[item.id]
    if not clicks:
        return np.empty((0, 2))
    scores = snippet.scores(item.features.read_float32())
    at_m = item.timeline.index([click.time for click in clicks], len(scores.attention_t))
    class_m = np.array([training_set.classes.index(click.label) for click in clicks])
    found = generate(scores.activation_tc, scores.attention_t, np.unique(class_m), GenerateConfig())
    chosen_m = reliable_proposals(found, at_m + 0.5, class_m)
    segments_m2 = np.full((len(clicks), 2), np.nan)
    segments_m2[chosen_m >= 0] = found.segments[chosen_m[chosen_m >= 0]]
    return segments_m2
