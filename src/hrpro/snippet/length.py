"""How many snippets an action takes, as far as clicks and a taught stage 1 can tell."""

from __future__ import annotations

import numpy as np

from hrpro.data.batches import Samples
from hrpro.data.training_set import TrainingSet
from hrpro.methods import Scorer
from hrpro.proposals.config import GenerateConfig
from hrpro.proposals.generate import generate
from hrpro.proposals.rank import reliable_proposals


def typical_length(snippet: Scorer, training_set: TrainingSet) -> float:
    """Median length of the reliable proposals of all clicks, in snippets; inf where no click has one."""
    samples, lengths = Samples(training_set), [np.empty(0)]
    for index in range(len(samples)):
        sample = samples[index]
        scores, clicked = snippet.scores(sample.features_td), np.unique(sample.classes)
        found = generate(scores.activation_tc, scores.attention_t, clicked, GenerateConfig())
        chosen = reliable_proposals(found, sample.snippets + 0.5, sample.classes)
        lengths.append(np.diff(found.segments[chosen[chosen >= 0]])[:, 0])
    every = np.concatenate(lengths)
    return float(np.median(every)) if len(every) else np.inf
