"""Clicks that a network does not believe, though it was taught them (ours): many of those are astray.

What many clicks agree on is learned first, and what one click says against its surroundings hardly at all. So
a click of low P under the network that learned from it, beside the other clicks of its class, is doubted, and
stage 1 is learned without it. Its neighbours' P counts as its own does: a click by heart is a spike.
``docs/findings.md`` holds the measurements.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import replace
from statistics import median

from hrpro.core.annotations import Click
from hrpro.data.training_set import TrainingSet
from hrpro.methods import Scorer

MOST = 0.1
"""Share of all clicks that is doubted at most."""


def doubted(snippet: Scorer, training_set: TrainingSet, belief: float) -> dict[str, tuple[Click, ...]]:
    """By recording, the clicks whose P is below ``belief`` times the median of their class's clicks.

    P is the mean over the snippet clicked and those beside it.
    So a class that is hard, or rare and hardly learned yet, keeps its clicks. A recording keeps one, for
    without any all of it would count as background.
    """
    judged: list[tuple[float, str, Click]] = []
    for item in training_set.recordings:
        if clicks := training_set.clicks[item.id]:
            activation_tc = snippet.scores(item.features.read_float32()).activation_tc
            at = item.timeline.index([click.time for click in clicks], len(activation_tc))
            labels = [training_set.classes.index(click.label) for click in clicks]
            around = [activation_tc[max(t - 1, 0) : t + 2, c].mean() for t, c in zip(at, labels, strict=True)]
            judged += [(float(p), item.id, click) for p, click in zip(around, clicks, strict=True)]
    of_class: dict[str, list[float]] = defaultdict(list)
    for value, _, click in judged:
        of_class[click.label].append(value)
    least = {label: belief * median(values) for label, values in of_class.items()}
    ranked = sorted(judged, key=lambda entry: entry[0] - least[entry[2].label])
    left = Counter(id for _, id, _ in judged)
    found: dict[str, tuple[Click, ...]] = {}
    for value, id, click in ranked[: int(MOST * len(judged))]:
        if value < least[click.label] and left[id] > 1:
            left[id] -= 1
            found[id] = (*found.get(id, ()), click)
    return found


def without(training_set: TrainingSet, doubts: Mapping[str, tuple[Click, ...]]) -> TrainingSet:
    """The training set as if these had never been clicked; of two alike, both are gone."""
    clicks = {
        id: tuple(click for click in each if click not in doubts.get(id, ()))
        for id, each in training_set.clicks.items()
    }
    return replace(training_set, clicks=clicks)
