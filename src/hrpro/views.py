"""What a taught stage 1 says of recordings, as the rest reads it: candidates, and views for stage 2."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hrpro.boundaries.offset import Offset, Placed, find_offset, neighbours
from hrpro.config import Config
from hrpro.data.axes import principal_axes
from hrpro.data.batches import CACHE_BYTES, Sample, Samples
from hrpro.data.pace import alike
from hrpro.data.training_set import TrainingSet
from hrpro.instance.config import Source
from hrpro.instance.examples import Pool, pool
from hrpro.methods import Scorer, StageOne
from hrpro.proposals.config import GenerateConfig
from hrpro.proposals.generate import Proposals, generate
from hrpro.proposals.rank import reliable_proposals
from hrpro.proposals.scores import SnippetScores

_SLOW = 0.5  # correlation of neighbouring snippets


def candidates(
    scores: SnippetScores, classes: NDArray[np.int64], config: GenerateConfig, offset: Offset
) -> Proposals:
    """Candidates of these classes from P and A, in snippet coordinates, their boundaries moved."""
    found = generate(scores.activation_tc, scores.attention_t, classes, config)
    return offset.moved(found, len(scores.attention_t))


def boundary_offset(snippet: Scorer, training_set: TrainingSet, config: Config) -> Offset:
    """Where the features say that the reliable proposals of the training recordings should begin and end.

    Nowhere else than they do, where features change slowly: a boundary is a slope then, and no edge.
    """
    if alike(training_set) > _SLOW:
        return Offset()
    samples = Samples(training_set)
    axes = principal_axes(map(samples.features, range(len(samples))), config.boundaries.dimensions)

    def placed(sample: Sample) -> Placed:
        scores, time_m = snippet.scores(sample.features_td), sample.snippets + 0.5
        found = candidates(scores, np.unique(sample.classes), config.proposals, Offset())
        chosen = reliable_proposals(found, time_m, sample.classes)
        there = chosen >= 0
        return Placed(
            sample.features_td @ axes,
            found.segments[chosen[there]],
            neighbours(time_m, len(sample.features_td))[there],
        )

    each = (placed(samples[index]) for index in range(len(samples)))
    return find_offset(each, config.boundaries.reach)


def stage_two_input(
    source: Source, features_td: NDArray[np.float32], scores: SnippetScores
) -> NDArray[np.float32]:
    """What stage 2 pools from: raw features, embedded features, or both side by side [T, D (+ D')]."""
    if source == "raw":
        return features_td
    if source == "embedded":
        return scores.embedded_td
    return np.concatenate([features_td, scores.embedded_td], axis=1)


class StageOneViews:
    """A training set as stage 1 sees it: what stage 2 learns from. Features stay in memory if all fit.

    ``made_from`` tells it from any other (JSON), whichever device computed the scores.
    """

    def __init__(
        self, snippet: StageOne, training_set: TrainingSet, config: Config, offset: Offset | None = None
    ) -> None:
        self.names = [recording.id for recording in training_set.recordings]
        self.pools: list[Pool] = []
        self._snippet = snippet
        self._source: Source = config.instance.source
        self._samples = Samples(training_set)
        self._cache: dict[int, NDArray[np.float32]] | None = {}
        size = checksum = 0
        for index in range(len(self.names)):
            sample = self._samples[index]
            checksum = zlib.crc32(np.ascontiguousarray(sample.features_td).data, checksum)
            scores = snippet.scores(sample.features_td)
            clicked = np.unique(sample.classes)
            found = candidates(scores, clicked, config.proposals, offset or Offset())
            self.pools.append(
                pool(found, scores.attention_t, sample.snippets, sample.classes, config.instance)
            )
            features_td = stage_two_input(self._source, sample.features_td, scores)
            size += features_td.nbytes
            if self._cache is not None and size <= CACHE_BYTES:
                self._cache[index] = features_td
            else:
                self._cache = None
        self.made_from: Mapping[str, Any] = {
            "stage 1": _weights_checksum(snippet),
            "features": checksum,
            "clicks": self._samples.clicks_checksum(),
            "settings": {name: asdict(getattr(config, name)) for name in ("proposals", *config.about.also)},
        }

    def features(self, index: int) -> NDArray[np.float32]:
        """Input features [T, D (+ D')] of stage 2."""
        if self._cache is not None:
            return self._cache[index]
        features_td = self._samples.features(index)
        if self._source == "raw":
            return features_td
        return stage_two_input(self._source, features_td, self._snippet.scores(features_td))


def _weights_checksum(snippet: StageOne) -> int:
    """Of what was trained: exemplars are computed from that, on any device with other last bits."""
    checksum = 0
    for name, tensor in sorted(snippet.state_dict().items()):
        if not name.startswith("exemplars."):
            checksum = zlib.crc32(tensor.detach().cpu().contiguous().numpy().data, checksum)
    return checksum
