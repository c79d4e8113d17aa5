"""The fully supervised upper bound: the dense localizer, taught by true segments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hrpro.core.errors import DataError
from hrpro.data.supervised import SupervisedSet
from hrpro.data.training_set import TrainingSet
from hrpro.peers.full.config import DenseConfig
from hrpro.peers.full.dense import DenseStage
from hrpro.peers.full.targets import Actions
from hrpro.peers.full.weigh import best_weight, dealt, joined, judging
from hrpro.proposals.generate import Proposals, generate
from hrpro.proposals.scores import SnippetScores


class FullStage:
    """What the localizer uses of a ``DenseStage`` that segments have taught."""

    def __init__(self, classes: Sequence[str], dimension: int, config: DenseConfig) -> None:
        self.dense = DenseStage(classes, dimension, config)

    @property
    def classes(self) -> tuple[str, ...]:
        return self.dense.classes

    @property
    def dimension(self) -> int:
        """D of the features it reads."""
        return self.dense.dimension

    @property
    def width(self) -> int:
        """Dimension D' of the embedded features, those of all members side by side."""
        return self.dense.width

    @classmethod
    def fit(
        cls,
        training_set: SupervisedSet | TrainingSet,
        config: DenseConfig,
        *,
        name: str = "full",
        **kept: Any,
    ) -> FullStage:
        """As ``DenseStage.fit``, then the weight of its candidates. DataError for a set without segments."""
        if not isinstance(training_set, SupervisedSet):
            raise DataError("--method full learns from segments: the dataset has no gt_full.json")
        plain = training_set.training_set
        actions = [true_actions(training_set, index) for index in range(len(plain.recordings))]
        stage = cls(plain.classes, plain.dimension, config)
        stage.dense = DenseStage.fit(plain, actions, config, name=name, **kept)
        parts = dealt(plain, actions) if config.judge else None
        if parts is not None:
            taught, unseen = parts
            judge = DenseStage.fit(*taught, judging(config), name=f"{name}-judge", **kept)
            each = [judge.said(item.features.read_float32()) for item in unseen[0].recordings]
            pairs = [(said.found, generated(said.snippet_tc)) for said in each]
            stage.dense.position_weight = best_weight(pairs, unseen)
        return stage

    def scores(self, features_td: NDArray[np.floating]) -> SnippetScores:
        """Features [T, D] of one recording, finite -> its scores and candidates. DataError if D is another.

        S and P are the snippets', A is the highest of S.
        """
        said = self.dense.said(features_td)
        both = joined(said.found, generated(said.snippet_tc), self.dense.position_weight)
        return SnippetScores(said.snippet_tc, said.snippet_tc.max(1), said.snippet_tc, said.embedded_td, both)

    def to(self, device: str | torch.device) -> FullStage:
        self.dense.to(device)
        return self

    def state_dict(self) -> dict[str, Tensor]:
        return self.dense.state_dict()

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """RuntimeError if the weights do not fit."""
        self.dense.load_state_dict(state)


def generated(snippet_tc: NDArray[np.float32]) -> Proposals:
    """Candidates of all classes from the snippets' scores [T, C], in snippet coordinates."""
    return generate(snippet_tc, snippet_tc.max(1), np.arange(snippet_tc.shape[1]))


def true_actions(supervised: SupervisedSet, index: int) -> Actions:
    """Of one recording, cut at both its ends; what lies outside is left out."""
    recording = supervised.training_set.recordings[index]
    rows = supervised.segments[recording.id]
    class_of = {name: i for i, name in enumerate(supervised.training_set.classes)}
    seconds = np.array([(row.start, row.end) for row in rows], np.float64).reshape(-1, 2)
    labels = np.array([class_of[row.label] for row in rows], np.int64)
    return Actions(recording.timeline.to_snippets(seconds), labels).within(0, recording.features.shape[0])
