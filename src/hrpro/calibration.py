"""From which score on a model's detections are worth showing: chosen from clicks, for recordings to come.

On the recordings it learned from a model is too sure: the score that suits their clicks best is too strict on
others. So half of them are also scored by a small stage 1 that was taught by the other half alone, and the
other way round (``halves.py``). What suits those scores is too lax in turn, for such a network knows less
than the model. The threshold is the mean of the two (``docs/findings.md`` holds the measurements).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from copy import copy
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from hrpro.core.annotations import Click, Detections
from hrpro.core.errors import naming
from hrpro.data.training_set import TrainingSet
from hrpro.halves import ENOUGH, Half, Halves, spread
from hrpro.instance.examples import NothingToLearn
from hrpro.proposals.threshold import best_threshold

if TYPE_CHECKING:
    from hrpro.localizer import HRPro

Judged = tuple[Detections, Sequence[Click]]


def choose_min_score(model: HRPro, training_set: TrainingSet, halves: Halves) -> float:
    """The threshold of a trained model; weights and detections stay as they are.

    The halves cost a quarter of stage 1's steps, with half the recordings. A single recording with clicks
    cannot be halved: then, or where the halves find nothing, and for a peer, what suits the model's own
    scores is all there is. A method that must not see when an action happens has no threshold, 0.
    """
    assert model.config is not None
    if model.config.about.sees == "classes":
        return 0.0
    own = best_threshold(_own(model, training_set))
    if model.config.about.section != "snippet":
        return own
    unseen = best_threshold(_unseen(model, halves))
    return (own + unseen) / 2 if unseen > 0 else own


def _own(model: HRPro, training_set: TrainingSet) -> Iterator[Judged]:
    assert model.snippet is not None
    for item in spread(training_set, ENOUGH):
        with naming(item.features.path):
            features_td = item.features.read_float32()
            found = model.detect(features_td, model.snippet.scores(features_td))
        yield found.moved(item.timeline.to_seconds), training_set.clicks[item.id]


def _unseen(model: HRPro, halves: Halves) -> Iterator[Judged]:
    """Each recording's detections by stage-1 scores of a network that never saw it, and its clicks; both of
    the classes that network was taught. Stage 2's exemplars have not seen it either."""
    assert model.config is not None
    assert model.snippet is not None
    for half in halves.each:
        known = {click.label for held in half.taught.clicks.values() for click in held}
        judged = _with_exemplars_of(half, model)
        for item in spread(half.others, ENOUGH // 2):
            features_td = item.features.read_float32()
            scores = half.network.scores(features_td)
            if model.config.instance.source != "raw":  # the halves' embedding has another width
                scores = replace(scores, embedded_td=model.snippet.scores(features_td).embedded_td)
            with naming(item.features.path):
                found = judged.detect(features_td, scores)
            found = found[np.isin(found.labels, [model.classes.index(label) for label in known])]
            segments = item.timeline.to_seconds(found.segments)
            clicks = [click for click in half.others.clicks[item.id] if click.label in known]
            yield Detections(segments, found.labels, found.scores, found.classes), clicks


def _with_exemplars_of(half: Half, model: HRPro) -> HRPro:
    """The model, its exemplars of proposals those that the half teaches; as it is where it has none, or they
    read what the half's network does not give."""
    config = model.config
    assert config is not None
    if model.instance is None or model.instance.exemplars is None or config.instance.source != "raw":
        return model
    config = replace(config, instance=config.instance.without_network())
    try:
        taught = model.upon(half.network, half.taught, config).instance
    except NothingToLearn:
        return model
    assert taught is not None
    other = copy(model)
    other.instance = model.instance.with_exemplars(taught.exemplars)
    return other
