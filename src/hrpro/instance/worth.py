"""How much those who tell completeness weigh in a product: by what they know of new recordings (ours).

Exemplars and a network are taught by every other training recording and asked for the completeness of
proposals in the rest, and the other way round. What they explain of its variance over what they do not is how
sure they are; half of that is their weight. Where there are few proposals of a class, half of the recordings
tell much less than all of them will: so there is a least weight. A network that explains less than likeness
does has nothing to add and is left out. ``docs/findings.md`` holds the measurements.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hrpro.instance.config import InstanceConfig
from hrpro.instance.examples import Pool, Views, draw

LEAST, _SHARE = 0.25, 0.5
_ENOUGH = 50  # recordings that either half is asked about: more cost time and add little

Told = dict[str, NDArray[np.float32]]
Teach = Callable[[Views], Callable[[NDArray[np.float32], NDArray[np.float64]], Told]]


@dataclass(frozen=True)
class Part:
    """Some of the recordings of ``views``."""

    views: Views
    indices: Sequence[int]

    @property
    def names(self) -> Sequence[str]:
        return [self.views.names[index] for index in self.indices]

    @property
    def pools(self) -> Sequence[Pool]:
        return [self.views.pools[index] for index in self.indices]

    def features(self, index: int) -> NDArray[np.float32]:
        return self.views.features(self.indices[index])


def explained(
    views: Views, indices: Sequence[int], classes: int, config: InstanceConfig, teach: Teach
) -> dict[str, float]:
    """Part of the variance of completeness, by who tells it; empty where a half has nothing to teach.

    teach: given recordings, answers with what then tells completeness [n, C] of proposals [n, 2] in features
    [T, D], by name.
    """
    missed: dict[str, float] = {}
    spread = 0.0
    for known, others in ((indices[::2], indices[1::2]), (indices[1::2], indices[::2])):
        if not any(len(views.pools[index].prototypes_m2) for index in known):
            return {}
        tell = teach(Part(views, known))
        for index in others[:: max(-(-len(others) // _ENOUGH), 1)]:
            examples = draw(views.pools[index], classes, np.random.default_rng([config.seed, index]), config)
            true_nc = examples.completeness_nc
            if not len(true_nc):
                continue
            spread += float(true_nc.var() * true_nc.size)
            for name, told_nc in tell(views.features(index), examples.segments_n2).items():
                missed[name] = missed.get(name, 0.0) + float(np.square(true_nc - told_nc).sum())
    return {name: 1 - each / spread for name, each in missed.items()} if spread else {}


def weight_of(part: float) -> float:
    """Weight of who explains this part of the variance, ``LEAST`` or more."""
    return max(LEAST, _SHARE * part / max(1 - part, 1e-6))
