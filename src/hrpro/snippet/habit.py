"""Where in an action people click (ours): one person early, another late, and all the time so.

Clicks that lie early teach the beginnings of actions and what comes before them, and leave the ends out. The
reliable proposal of a click tells nothing sure of one action, but all of them together tell the habit: where
in them, in the mean, the clicks lie. If that is early, a click before the middle of its proposal is moved
there; one behind it stays, for there it is the proposal that is wrong. If late, the same the other way round.
``docs/findings.md`` holds the measurements.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from hrpro.core.annotations import Click
from hrpro.data.training_set import Recording, TrainingSet
from hrpro.methods import Scorer
from hrpro.proposals.config import GenerateConfig
from hrpro.proposals.generate import generate
from hrpro.proposals.rank import reliable_proposals

_OFF = 0.05  # of a proposal's length, between its middle and where clicks lie in the mean
_SURE = 3.0  # standard errors of that mean
_FEW = 30  # clicks with a proposal, from which on they tell a habit


def recentred(snippet: Scorer, training_set: TrainingSet) -> TrainingSet | None:
    """The training set with its clicks moved from where people click to the middle of what they mean.

    None where no habit can be told. ``snippet`` learned from these clicks.
    """
    placed = {item.id: tuple(_placed(snippet, item, training_set)) for item in training_set.recordings}
    off = [(time - middle) / length for each in placed.values() for _, time, middle, length in each if length]
    if len(off) < _FEW:
        return None
    mean, error = float(np.mean(off)), float(np.std(off)) / math.sqrt(len(off))
    if abs(mean) < _OFF + _SURE * error:
        return None
    later = mean < 0
    clicks: dict[str, tuple[Click, ...]] = {}
    for item in training_set.recordings:
        each = [
            replace(click, time=float(item.timeline.to_seconds(middle)))
            if (middle > time if later else middle < time)
            else click
            for click, time, middle, _ in placed[item.id]
        ]
        clicks[item.id] = tuple(sorted(each, key=lambda click: click.time))
    return replace(training_set, clicks=clicks)


def moved(before: TrainingSet, after: TrainingSet) -> int:
    """How many clicks of a set are at another moment in that which ``recentred`` made of it."""
    return sum((Counter(clicks) - Counter(after.clicks[id])).total() for id, clicks in before.clicks.items())


def _placed(
    snippet: Scorer, item: Recording, training_set: TrainingSet
) -> Iterator[tuple[Click, float, float, float]]:
    """Of each click of a recording: itself, its moment, and middle and length of its reliable proposal, in
    snippets; where it has none, its own moment and 0."""
    clicks = training_set.clicks[item.id]
    if not clicks:
        return
    scores = snippet.scores(item.features.read_float32())
    length = len(scores.attention_t)
    moments = [click.time for click in clicks]
    cell_m = item.timeline.index(moments, length) + 0.5
    class_m = np.array([training_set.classes.index(click.label) for click in clicks])
    found = generate(scores.activation_tc, scores.attention_t, np.unique(class_m), GenerateConfig())
    chosen_m = reliable_proposals(found, cell_m, class_m)
    for click, time, chosen in zip(clicks, item.timeline.to_snippets(moments), chosen_m, strict=True):
        if chosen < 0:
            yield click, float(time), float(time), 0.0
        else:
            start, end = found.segments[chosen]
            yield click, float(time), float(start + end) / 2, float(end - start)
