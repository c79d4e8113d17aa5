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
from dataclasses import replace

import numpy as np

from hrpro.core.annotations import Click
from hrpro.data.training_set import TrainingSet
from hrpro.methods import Scorer
from hrpro.snippet.reliable import reliable_segments

_OFF = 0.05  # of a proposal's length, between its middle and where clicks lie in the mean
_SURE = 3.0  # standard errors of that mean
_FEW = 30  # clicks with a proposal, from which on they tell a habit


def recentred(snippet: Scorer, training_set: TrainingSet) -> TrainingSet | None:
    """The training set with its clicks moved from where people click to the middle of what they mean.

    None where no habit can be told. ``snippet`` learned from these clicks.
    """
    times, middles, off = [], [], []
    for item in training_set.recordings:
        start_m, end_m = reliable_segments(snippet, training_set, item).T
        times.append(item.timeline.to_snippets([click.time for click in training_set.clicks[item.id]]))
        middles.append((start_m + end_m) / 2)
        off.append((times[-1] - middles[-1]) / (end_m - start_m))
    every = np.concatenate(off)
    every = every[np.isfinite(every)]
    if len(every) < _FEW:
        return None
    mean, error = float(every.mean()), float(every.std()) / math.sqrt(len(every))
    if abs(mean) < _OFF + _SURE * error:
        return None
    clicks: dict[str, tuple[Click, ...]] = {}
    for item, time_m, middle_m in zip(training_set.recordings, times, middles, strict=True):
        wrong_m = middle_m > time_m if mean < 0 else middle_m < time_m  # never where it is NaN
        seconds_m = item.timeline.to_seconds(middle_m)
        each = [
            replace(click, time=float(seconds)) if wrong else click
            for click, seconds, wrong in zip(training_set.clicks[item.id], seconds_m, wrong_m, strict=True)
        ]
        clicks[item.id] = tuple(sorted(each, key=lambda click: click.time))
    return replace(training_set, clicks=clicks)


def moved(before: TrainingSet, after: TrainingSet) -> int:
    """How many clicks of a set are at another moment in that which ``recentred`` made of it."""
    return sum((Counter(clicks) - Counter(after.clicks[id])).total() for id, clicks in before.clicks.items())
