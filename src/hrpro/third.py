"""Stage 3 of hrpro-next: the dense localizer, taught by the reliable proposals instead of segments.

Stage 1 tells snippets, and puts actions together from them; over actions of many snippets a pyramid of
positions sees more. How far it is trusted there is judged by a small stage 1 and a dense localizer of its own
that never see a quarter of the recordings (``docs/findings.md`` holds the measurements).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from hrpro.boundaries.offset import Offset
from hrpro.config import Config
from hrpro.data.batches import Samples
from hrpro.data.training_set import TrainingSet
from hrpro.dense.stage import DenseStage, Said
from hrpro.dense.targets import Actions
from hrpro.dense.weigh import best_weight, dealt, judging
from hrpro.methods import Scorer, StageOne
from hrpro.proposals.generate import predicted_classes
from hrpro.proposals.rank import reliable_proposals
from hrpro.proposals.scores import SnippetScores
from hrpro.views import candidates

OnRow = Callable[[Any], None]


@dataclass(frozen=True, eq=False)
class Judge:
    """A stage 1 and a dense localizer that never saw the recordings ``unseen``."""

    snippet: Scorer
    dense: DenseStage
    unseen: TrainingSet


def mixed(scores: SnippetScores, said: Said, weight: float) -> SnippetScores:
    """Scores of stage 1; ``weight`` of P is what the dense localizer says of the snippets."""
    if not weight:
        return scores
    activation_tc = scores.activation_tc + np.float32(weight) * (said.snippet_tc - scores.activation_tc)
    return replace(scores, activation_tc=activation_tc)


def pseudo_actions(
    snippet: Scorer, training_set: TrainingSet, config: Config, offset: Offset
) -> list[Actions]:
    """Of every recording the reliable proposals of its clicks; the snippet itself of a click without one."""
    samples = Samples(training_set)

    def of(index: int) -> Actions:
        sample = samples[index]
        length, time_m = len(sample.features_td), sample.snippets + 0.5
        scores = snippet.scores(sample.features_td)
        found = candidates(scores, np.unique(sample.classes), config.proposals, offset)
        chosen = reliable_proposals(found, time_m, sample.classes)
        segments_m2 = np.stack([time_m - 0.5, time_m + 0.5], 1).astype(np.float64)
        there = chosen >= 0
        segments_m2[there] = found.segments[chosen[there]]
        rows = np.column_stack([segments_m2, sample.classes])
        _, once = np.unique(rows, axis=0, return_index=True)
        return Actions(segments_m2[once], sample.classes[once]).within(0, length)

    return [of(index) for index in range(len(samples))]


def fit_third(
    snippet: StageOne,
    training_set: TrainingSet,
    config: Config,
    offset: Offset,
    *,
    run_dir: Path | None = None,
    on_row: OnRow | None = None,
    **kept: Any,
) -> tuple[DenseStage, Judge | None]:
    """The dense localizer and its weight, and who judged it; None, and a weight of 0, where nobody did.

    kept: as for ``DenseStage.fit``; the judge's checkpoints and logs go to judge in ``run_dir``. The rows
    that ``on_row`` is given also have ``third``, 0, or 1 if they are the judge's. Raises as it does.
    """
    actions = pseudo_actions(snippet, training_set, config, offset)
    own: dict[str, Any] = {"run_dir": run_dir, "on_row": _of_third(0, on_row), **kept}
    dense = DenseStage.fit(training_set, actions, config.dense, **own)
    if not config.dense.judge:
        return dense, None
    dense.position_weight = 0.0
    lengths = np.concatenate([np.diff(own.segments_m2)[:, 0] for own in actions])
    parts = dealt(training_set, actions) if np.median(lengths) >= config.dense.longish else None
    if parts is None:
        return dense, None
    (known, known_actions), (unseen, unseen_actions) = parts
    its: dict[str, Any] = {"run_dir": None if run_dir is None else run_dir / "judge"}
    its |= {"on_row": _of_third(1, on_row), **kept}
    first = config.about.stage_one().fit(known, judging(config.snippet), **its)
    judge = Judge(first, DenseStage.fit(known, known_actions, judging(config.dense), **its), unseen)
    each = []
    for item in unseen.recordings:
        features_td = item.features.read_float32()
        said = judge.dense.said(features_td)
        scores = mixed(first.scores(features_td), said, config.dense.snippet_weight)
        classes = predicted_classes(scores.activation_tc.max(0), config.proposals.video_threshold)
        others = candidates(scores, classes, config.proposals, offset)
        each.append((said.found, others))
    dense.position_weight = judge.dense.position_weight = best_weight(each, (unseen, unseen_actions))
    return dense, judge


def _of_third(number: int, on_row: OnRow | None) -> OnRow | None:
    return None if on_row is None else lambda row: on_row({"third": number, **row})
