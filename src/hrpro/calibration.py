"""From which score on a model's detections are worth showing: chosen from clicks, for recordings to come.

On the recordings it learned from a model is too sure: the score that suits their clicks best is too strict on
others. So half of them are also scored by a small stage 1 that was taught by the other half alone, and the
other way round. What suits those scores is too lax in turn, for such a network knows less than the model.
The threshold is the mean of the two (``docs/findings.md`` holds the measurements).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hrpro.core.annotations import Click, Detections
from hrpro.data.training_set import TrainingSet
from hrpro.proposals.threshold import best_threshold
from hrpro.snippet.config import SnippetConfig
from hrpro.snippet.ensemble import SnippetEnsemble

if TYPE_CHECKING:
    from hrpro.localizer import HRPro

Judged = tuple[Detections, Sequence[Click]]
OnRow = Callable[[Any], None]


def choose_min_score(
    model: HRPro,
    training_set: TrainingSet,
    *,
    run_dir: Path | None = None,
    on_row: OnRow | None = None,
    **kept: Any,
) -> float:
    """The threshold of a trained model; weights and detections stay as they are.

    kept: as for ``SnippetEnsemble.fit``; the halves' checkpoints and logs go to half-1 and half-2 in
    ``run_dir``, and the rows that ``on_row`` is given also have ``half``, 1 or 2. They cost a quarter of
    stage 1's steps, with half the recordings. A single recording with clicks cannot be halved: then, or where
    the halves find nothing, and for a peer, what suits the model's own scores is all there is. A method that
    must not see when an action happens has no threshold, 0.
    """
    assert model.config is not None
    if model.config.about.sees == "classes":
        return 0.0
    own = best_threshold(
        (model.predict(item.features.read_float32(), item.timeline), training_set.clicks[item.id])
        for item in training_set.recordings
    )
    if model.config.about.section != "snippet":
        return own
    unseen = best_threshold(_unseen(model, training_set, run_dir, on_row, **kept))
    return (own + unseen) / 2 if unseen > 0 else own


def halves(training_set: TrainingSet) -> tuple[TrainingSet, TrainingSet] | None:
    """Every other recording of those with clicks, and of those without; None if one half had no click."""
    clicks = training_set.clicks
    ids = sorted((item.id for item in training_set.recordings), key=lambda id: not clicks[id])
    if len(ids) < 2 or not clicks[ids[1]]:
        return None
    return training_set.subset(ids[::2]), training_set.subset(ids[1::2])


def half_config(config: SnippetConfig, half: int) -> SnippetConfig:
    """Settings of the one network that a half teaches: an eighth of the steps of all members of stage 1."""
    seed = int(np.random.SeedSequence(config.seed, spawn_key=(half,)).generate_state(1)[0])
    steps = max(config.members * config.steps // 8, 1)
    return replace(config, members=1, steps=steps, seed=seed)


def _unseen(
    model: HRPro, training_set: TrainingSet, run_dir: Path | None, on_row: OnRow | None, **kept: Any
) -> Iterator[Judged]:
    """Each recording's detections by stage-1 scores of a network that never saw it, and its clicks; both of
    the classes that network was taught."""
    dealt = halves(training_set)
    if dealt is None:
        return
    assert model.config is not None
    assert model.snippet is not None
    for half, (taught, others) in enumerate((dealt, dealt[::-1])):
        config = half_config(model.config.snippet, half)
        own_dir = None if run_dir is None else run_dir / f"half-{half + 1}"
        told = _of_half(half + 1, on_row)
        network = SnippetEnsemble.fit(taught, config, run_dir=own_dir, on_row=told, **kept)
        known = {click.label for held in taught.clicks.values() for click in held}
        for item in others.recordings:
            features_td = item.features.read_float32()
            scores = network.scores(features_td)
            if model.config.instance.source != "raw":  # the halves' embedding has another width
                scores = replace(scores, embedded_td=model.snippet.scores(features_td).embedded_td)
            found = model.detect(features_td, scores)
            found = found[np.isin(found.labels, [model.classes.index(label) for label in known])]
            segments = item.timeline.to_seconds(found.segments)
            clicks = [click for click in others.clicks[item.id] if click.label in known]
            yield Detections(segments, found.labels, found.scores, found.classes), clicks


def _of_half(half: int, on_row: OnRow | None) -> OnRow | None:
    return None if on_row is None else lambda row: on_row({"half": half, **row})
