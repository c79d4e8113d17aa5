"""How much likeness weighs in a product of scores: by what it tells of recordings it does not know (ours).

Exemplars of every other training recording are asked for the completeness of proposals in the rest, and the
other way round. What they explain of its variance over what they do not is how sure they are; half of that
is their weight. Where there are few proposals of a class, half of the recordings tell much less than all of
them will: so there is a least weight. ``docs/findings.md`` holds the measurements.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from hrpro.instance.config import InstanceConfig
from hrpro.instance.examples import Views, draw
from hrpro.instance.exemplars import ProposalExemplars

LEAST, _SHARE = 0.25, 0.5
_ENOUGH = 50  # recordings that either half is asked about: more cost time and add little


def judged_weight(
    views: Views, indices: Sequence[int], mean: NDArray[np.float32], classes: int, config: InstanceConfig
) -> float:
    """The weight, ``LEAST`` or more. Arguments as of ``ProposalExemplars.fit``."""
    missed = spread = 0.0
    for known, others in ((indices[::2], indices[1::2]), (indices[1::2], indices[::2])):
        if not any(len(views.pools[index].prototypes_m2) for index in known):
            return LEAST
        exemplars = ProposalExemplars.fit(views, known, mean, classes, config)
        for index in others[:: max(-(-len(others) // _ENOUGH), 1)]:
            examples = draw(views.pools[index], classes, np.random.default_rng([config.seed, index]), config)
            if not len(examples.segments_n2):
                continue
            segments_n2 = torch.from_numpy(examples.segments_n2).float()
            told_nc = exemplars.completeness(torch.tensor(views.features(index)), segments_n2).numpy()
            true_nc = examples.completeness_nc
            missed += float(np.square(true_nc - told_nc).sum())
            spread += float(true_nc.var() * true_nc.size)
    return max(LEAST, _SHARE * (spread / missed - 1) if missed else LEAST)
