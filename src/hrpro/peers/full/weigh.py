"""How much the positions' candidates weigh beside others: judged on recordings kept apart.

Positions are better where actions are long and many, others where they are as short as a snippet or few.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TypeVar

import numpy as np

from hrpro.core.annotations import Detections, Segment
from hrpro.data.training_set import TrainingSet
from hrpro.metrics.detection import mean_average_precision
from hrpro.peers.full.config import DenseConfig
from hrpro.peers.full.targets import Actions
from hrpro.proposals.generate import Proposals
from hrpro.proposals.suppress import soft_nms
from hrpro.snippet.config import SnippetConfig

_JUDGE = 1 << 32  # spawn key of its seed, which no member's is
WEIGHTS = (0.0, 0.25, 0.5, 1.0, 2.0, 4.0)
_EVERY = 4
_AS_GOOD = 0.01  # of mAP: what fewer recordings cannot tell apart

Trained = TypeVar("Trained", bound="SnippetConfig | DenseConfig")
Part = tuple[TrainingSet, list[Actions]]


def joined(positions: Proposals, others: Proposals, weight: float) -> Proposals:
    """Both, the positions' scores times ``weight``; at 0 the others alone."""
    if not weight:
        return others
    weighted = replace(positions, oic=weight * positions.oic)
    columns = zip(vars(others).values(), vars(weighted).values(), strict=True)
    return Proposals(*(np.concatenate(pair) for pair in columns))


def dealt(training_set: TrainingSet, actions: Sequence[Actions]) -> tuple[Part, Part] | None:
    """All but a quarter of the recordings that show actions, and that quarter, each with its actions.

    None if there are fewer than four.
    """
    shows = [index for index, own in enumerate(actions) if len(own.labels_m)]
    apart = set(shows[_EVERY - 1 :: _EVERY])
    ids = [item.id for item in training_set.recordings]

    def part(indices: list[int]) -> Part:
        return training_set.subset([ids[i] for i in indices]), [actions[i] for i in indices]

    every = range(len(ids))
    return (part([i for i in every if i not in apart]), part(sorted(apart))) if apart else None


def judging(config: Trained) -> Trained:
    """Settings of the one network that never sees the quarter."""
    seed = int(np.random.SeedSequence(config.seed, spawn_key=(_JUDGE,)).generate_state(1)[0])
    return replace(config, members=1, seed=seed)


def best_weight(each: Sequence[tuple[Proposals, Proposals]], truth: Part) -> float:
    """Of WEIGHTS, the least of those whose avg mAP 0.1:0.7 is about the highest.

    each: of every recording of ``truth``, the positions' candidates and the others.
    """
    recordings, names = truth[0].recordings, truth[0].classes
    true = {
        item.id: tuple(
            Segment(start, end, names[label])
            for (start, end), label in zip(own.segments_m2.tolist(), own.labels_m, strict=True)
        )
        for item, own in zip(recordings, truth[1], strict=True)
    }

    def quality(weight: float) -> float:
        found = {}
        for item, (positions, others) in zip(recordings, each, strict=True):
            both = joined(positions, others, weight)
            kept, score = soft_nms(both.segments, both.oic, both.labels)
            found[item.id] = Detections(both.segments[kept], both.labels[kept], score, names)
        return mean_average_precision(true, found, "0.1:0.7").average()

    qualities = [quality(weight) for weight in WEIGHTS]
    return next(
        weight
        for weight, reached in zip(WEIGHTS, qualities, strict=True)
        if reached >= max(qualities) - _AS_GOOD
    )
