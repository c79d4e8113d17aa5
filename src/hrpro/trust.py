"""How much the completeness of stage 2's network counts, and whether it is used at all: by clicks (ours).

It learns from the reliable proposals, one of each click. Where there are many, what it has learned is
worth several points; where there are few, it is luck, and the more it counts the more it takes away. Which of
the two it is can be told without a true segment: both stages are taught small by each half of the training
recordings and asked for the other's, with several weights, and the reliable proposals that the whole model
has there stand for the truth. What is of use gains with any weight; of luck the best weight gains too, and
the others lose. So it has to gain in the mean over all weights, and something worth the name with the best.
``docs/findings.md`` holds the measurements.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from hrpro.core.annotations import Detections, Segment
from hrpro.core.errors import naming
from hrpro.halves import ENOUGH, Half, Halves, spread
from hrpro.instance.config import Fusion, InstanceConfig
from hrpro.instance.examples import NothingToLearn, Pool
from hrpro.metrics.detection import mean_average_precision

if TYPE_CHECKING:
    from hrpro.localizer import HRPro

WEIGHTS: Mapping[Fusion, tuple[float, ...]] = {"sum": (0.05, 0.1, 0.2, 0.35, 0.5, 1.0), "product": (0.5, 1.0)}
"""Those that are tried. A product's curve is flat from a half on, where a sum's falls."""
TIOUS = "0.1:0.7"
# Of mAP that the best weight has to gain, or the network is left out. Of many weights one gains by luck.
_LEAST: Mapping[Fusion, float] = {"sum": 0.01, "product": 0.005}
_ALIKE = 0.0025  # of weights that differ by no more the least is taken


def weigh(model: HRPro, names: Sequence[str], pools: Sequence[Pool], halves: Halves) -> dict[float, float]:
    """mAP on unseen recordings by weight of completeness, 0 being without the network; empty where no half
    could be taught.

    pools: of the training recordings ``names``, with the whole model's reliable proposals.
    """
    assert model.config is not None
    classes, weights = model.classes, WEIGHTS[model.config.instance.fusion]
    reliable = {
        name: tuple(
            Segment(float(start), float(end), classes[label])
            for (start, end), label in zip(pool.prototypes_m2, pool.prototype_classes, strict=True)
        )
        for name, pool in zip(names, pools, strict=True)
    }
    found: dict[float, dict[str, Detections]] = defaultdict(dict)
    for half in halves.each:
        judged = _both_stages(model, half)
        if judged is None:
            return {}
        for item in spread(half.others, ENOUGH // 2):
            with naming(item.features.path):
                features_td = item.features.read_float32()
                scores = half.network.scores(features_td)
                proposals, refined = judged.read(features_td, scores)
                found[0][item.id] = judged.ranked(scores, proposals, refined, None)
                for weight in weights:
                    found[weight][item.id] = judged.ranked(scores, proposals, refined, weight)
    if not any(reliable[id] for id in found[0]):
        return {}
    return {
        weight: mean_average_precision({id: reliable[id] for id in each}, each, TIOUS).average()
        for weight, each in found.items()
    }


def best_weight(by_weight: Mapping[float, float], fusion: Fusion = "sum") -> float:
    """The least weight that is as good as the best; 0, without the network, where the best gains too little,
    all together gain nothing, or none could be judged."""
    gains = {weight: value - by_weight[0] for weight, value in by_weight.items() if weight}
    best = max(gains.values(), default=0.0)
    if best < _LEAST[fusion] or sum(gains.values()) <= 0:
        return 0.0
    return min(weight for weight, gain in gains.items() if best - gain <= _ALIKE)


def half_instance(config: InstanceConfig, seed: int) -> InstanceConfig:
    """Settings of the stage 2 that a half teaches: a quarter of the steps."""
    return replace(
        config, steps=max(config.steps // 4, 1), seed=seed, completeness_weight=min(WEIGHTS["sum"])
    )


def _both_stages(model: HRPro, half: Half) -> HRPro | None:
    """The half's model; None where its stage 1 has no reliable proposal to teach stage 2 by."""
    assert model.config is not None
    config = replace(model.config, instance=half_instance(model.config.instance, half.seed))
    try:
        return model.upon(half.network, half.taught, config, **half.kept)
    except NothingToLearn:
        return None


def told(by_weight: Mapping[float, float], fusion: Fusion = "sum") -> str:
    """What was found, in a sentence; empty where nothing was judged."""
    if not by_weight:
        return ""
    weight, without = best_weight(by_weight, fusion), by_weight[0]
    if weight:
        gain = f"from {without:.3f} to {by_weight[weight]:.3f}"
        return f"stage 2's network counts {weight:g}: on training recordings kept apart it brings mAP {gain}"
    values = [value for given, value in by_weight.items() if given]
    figures = f"mAP is {min(values):.3f} to {max(values):.3f} with it, {without:.3f} without"
    return f"stage 2's network is left out: on training recordings kept apart {figures}"
