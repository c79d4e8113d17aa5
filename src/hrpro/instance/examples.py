"""What stage 2 learns from: a recording's prototypes (RP), positive (PP) and negative (NP) proposals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from hrpro.core.errors import DataError
from hrpro.instance.config import InstanceConfig
from hrpro.proposals.generate import Proposals
from hrpro.proposals.rank import low_attention, negative_proposals, rank, tiou
from hrpro.proposals.suppress import hard_nms

_DISTINCT = 0.3  # candidates that overlap more than this are taken for one action
_JITTER_SCALE, _JITTER_SHIFT, _JITTER_SHORTEST = 0.5, 0.3, 0.25


@dataclass(frozen=True, eq=False)
class Pool:
    """Of one recording: prototypes [m, 2] and their classes [m], candidates [n, 2] and theirs [n] (in
    snippets), where negatives may come from [T] (mask), and its length T."""

    prototypes_m2: NDArray[np.float64]
    prototype_classes: NDArray[np.int64]
    candidates_n2: NDArray[np.float64]
    candidate_classes: NDArray[np.int64]
    low_t: NDArray[np.bool_]

    @property
    def length(self) -> int:
        return len(self.low_t)


class Views(Protocol):
    """Training recordings as stage 2 sees them, by index: input features [T, D] float32 and pools."""

    @property
    def names(self) -> Sequence[str]: ...

    @property
    def pools(self) -> Sequence[Pool]: ...

    def features(self, index: int) -> NDArray[np.float32]: ...


class NothingToLearn(DataError):
    """No recording has a prototype."""


@dataclass(frozen=True, eq=False)
class Examples:
    """Proposals drawn from a pool: segments [n, 2]; completeness [n, C] for every class and own [n] for the
    proposal's class (0 for negatives); reliable [n, 2], the prototype each positive one matches."""

    segments_n2: NDArray[np.float64]
    completeness_nc: NDArray[np.float32]
    own_n: NDArray[np.float32]
    reliable_n2: NDArray[np.float64]


def pool(
    proposals: Proposals,
    attention_t: NDArray[np.floating],
    click_snippets: NDArray[np.int64],
    click_classes: NDArray[np.int64],
    config: InstanceConfig,
) -> Pool:
    """Sort a training recording's candidates of its clicked classes."""
    if config.reliable:
        ranking = rank(proposals, click_snippets + 0.5, click_classes)
        prototypes = np.flatnonzero(ranking.is_reliable)
    else:
        prototypes = _best_by_oic(proposals, click_classes)
    matched = np.isin(proposals.labels, proposals.labels[prototypes])
    return Pool(
        proposals.segments[prototypes],
        proposals.labels[prototypes],
        proposals.segments[matched],
        proposals.labels[matched],
        low_attention(attention_t, config.attention_threshold, click_snippets),
    )


def _best_by_oic(proposals: Proposals, click_classes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Without reliability: of each class the best separate candidates, as many as it has clicks."""
    kept, _ = hard_nms(proposals.segments, proposals.oic, proposals.labels, tiou=_DISTINCT)
    chosen = [
        kept[proposals.labels[kept] == label][:count]
        for label, count in zip(*np.unique(click_classes, return_counts=True), strict=True)
    ]
    return np.concatenate([np.zeros(0, np.int64), *chosen])


def draw(source: Pool, classes: int, rng: np.random.Generator, config: InstanceConfig) -> Examples:
    """Positives, jittered prototypes and negatives of one recording, for one step."""
    count = len(source.candidates_n2)
    chosen = rng.permutation(count)[: config.positives]
    segments, labels = source.candidates_n2[chosen], source.candidate_classes[chosen]
    if len(source.prototypes_m2):
        moved, of = _jitter(source, rng, config.jittered)
        segments = np.concatenate([segments, moved])
        labels = np.concatenate([labels, source.prototype_classes[of]])
    wanted = round(config.negatives * (len(segments) or config.positives + config.jittered))
    negative = negative_proposals(source.low_t, wanted, rng)
    positives = len(segments)
    segments = np.concatenate([segments, negative])
    completeness = np.zeros((len(segments), classes), np.float32)
    own, reliable = np.zeros(len(segments), np.float32), segments.copy()
    if len(source.prototypes_m2):
        overlap = tiou(segments, source.prototypes_m2)
        for label in np.unique(source.prototype_classes):
            completeness[:, label] = overlap[:, source.prototype_classes == label].max(1)
        same = source.prototype_classes[None] == labels[:, None]
        best = np.where(same, overlap[:positives], -1).argmax(1)
        own[:positives] = completeness[np.arange(positives), labels]
        reliable[:positives] = source.prototypes_m2[best]
    return Examples(segments, completeness, own, reliable)


def _jitter(
    source: Pool, rng: np.random.Generator, count: int
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """``count`` prototypes, stretched and shifted, cut to the recording; and the prototype each came from."""
    of = rng.integers(len(source.prototypes_m2), size=count)
    start, end = source.prototypes_m2[of].T
    length = end - start
    half = np.maximum(length * np.exp(rng.normal(0, _JITTER_SCALE, count)), 2 * _JITTER_SHORTEST) / 2
    centre = (start + end) / 2 + rng.normal(0, _JITTER_SHIFT, count) * length
    moved = np.clip(np.stack([centre - half, centre + half], 1), 0, source.length)
    kept = moved[:, 1] - moved[:, 0] > _JITTER_SHORTEST
    return moved[kept], of[kept]


def teaching(views: Views, config: InstanceConfig) -> list[int]:
    """Recordings that have something to teach: proposals, or stretches of low attention. NothingToLearn where
    none has a prototype."""
    if not any(len(source.prototypes_m2) for source in views.pools):
        raise NothingToLearn(
            "stage 1 gave no proposal that holds a click, so stage 2 has nothing to learn from",
            mend="train stage 1 longer, click more actions, or set stages: 1",
        )
    return [
        index
        for index, source in enumerate(views.pools)
        if len(source.prototypes_m2) or (config.negatives and source.low_t.any())
    ]
