"""Candidate proposals: runs of snippets above many thresholds, each scored by its outer-inner contrast.

Snippets whose class activation P exceeds theta_P form candidates of each predicted class; so do, for the
same classes, those whose class-agnostic attention A exceeds a threshold. The reliability of a candidate is
``OIC = mean of P inside - mean of P in the two regions just outside`` (Shou et al. 2018), each ``outer`` of
its length. Coordinates are snippets: the candidate of snippet t alone is [t, t + 1].
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hrpro.proposals.config import GenerateConfig
from hrpro.proposals.runs import Runs, find_runs

FROM_ACTIVATION, FROM_ATTENTION = 0, 1


@dataclass(frozen=True, eq=False)
class Proposals:
    """Candidate actions of one recording, in columns.

    segments [n, 2] snippet coordinates (start, end); labels [n] class; oic [n] reliability; thresholds [n]
    that gave it, on P or on A by family [n] (FROM_ACTIVATION, FROM_ATTENTION).
    """

    segments: NDArray[np.float64]
    labels: NDArray[np.int64]
    oic: NDArray[np.float64]
    thresholds: NDArray[np.float64]
    family: NDArray[np.int64]

    def __post_init__(self) -> None:
        n = len(self.labels)
        assert self.segments.shape == (n, 2), self.segments.shape
        assert len(self.oic) == len(self.thresholds) == len(self.family) == n

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, keep: NDArray[np.bool_] | NDArray[np.int64] | slice) -> Proposals:
        return Proposals(
            self.segments[keep], self.labels[keep], self.oic[keep], self.thresholds[keep], self.family[keep]
        )


def predicted_classes(video_score_c: ArrayLike, threshold: float = 0.5) -> NDArray[np.int64]:
    """Classes whose video score [C] reaches the threshold, else the single best."""
    score_c = np.asarray(video_score_c)
    above = np.flatnonzero(score_c >= threshold)
    return above if len(above) else np.array([score_c.argmax()])


def generate(
    activation_tc: ArrayLike, attention_t: ArrayLike, classes: ArrayLike, config: GenerateConfig | None = None
) -> Proposals:
    """Candidates of the given classes from P [T, C] and A [T]; T may be any length from 1.

    classes [c]: the predicted classes (or, in training, the clicked ones), each once. Time and memory grow
    with T times the thresholds plus the number of candidates, not with their lengths.
    """
    config = config or GenerateConfig()
    chosen = np.asarray(classes, np.int64)
    activation_cu = _upsample(np.asarray(activation_tc, np.float64)[:, chosen].T, config)
    attention_u = _upsample(np.asarray(attention_t, np.float64)[None], config)
    theta_p, theta_a = np.array(config.class_thresholds), np.array(config.attention_thresholds)
    n_classes, samples = activation_cu.shape

    above_cku = activation_cu[:, None] > theta_p[:, None]
    by_class = find_runs(above_cku.reshape(-1, samples))
    row, k_p = np.divmod(by_class.row, max(len(theta_p), 1))
    if config.reference:
        oic_p = _oic(np.where(above_cku, activation_cu[:, None], 0).reshape(-1, samples), by_class, config)
    else:
        oic_p = _oic(activation_cu, Runs(row, by_class.start, by_class.end), config)

    by_attention = find_runs(attention_u > theta_a[:, None])
    k_a, start, end = (np.tile(column, n_classes) for column in by_attention)
    shared = Runs(np.repeat(np.arange(n_classes), len(by_attention.row)), start, end)
    oic_a = _oic(activation_cu, shared, config)

    spans = np.concatenate([np.stack(by_class[1:], 1), np.stack(shared[1:], 1)])
    proposals = Proposals(
        spans / config.upsample,
        chosen[np.concatenate([row, shared.row])],
        np.concatenate([oic_p, oic_a]),
        np.concatenate([theta_p[k_p], theta_a[k_a]]),
        np.repeat([FROM_ACTIVATION, FROM_ATTENTION], [len(row), len(k_a)]),
    )
    return proposals[_unique(spans, proposals, samples)] if config.unique else proposals


def _upsample(values_rt: NDArray[np.float64], config: GenerateConfig) -> NDArray[np.float64]:
    """Rows [R, T] -> [R, T * upsample], interpolated between the middles of the snippets' cells."""
    length = values_rt.shape[1]
    if config.upsample == 1 or length < 2:
        return np.repeat(values_rt, config.upsample, axis=1)
    at_u = np.arange(length * config.upsample) / config.upsample
    if not config.reference:
        at_u = np.clip(at_u + 0.5 / config.upsample - 0.5, 0, length - 1)
    # The reference's last samples lie past the last snippet and are extrapolated.
    left_u = np.minimum(at_u.astype(np.int64), length - 2)
    part_u = at_u - left_u
    return values_rt[:, left_u] * (1 - part_u) + values_rt[:, left_u + 1] * part_u


def _oic(values_ru: NDArray[np.float64], runs: Runs, config: GenerateConfig) -> NDArray[np.float64]:
    """Mean of its row inside each run, less the mean over the outer parts that exist (0 where none does)."""
    samples = values_ru.shape[1]
    mass_ru = np.zeros((len(values_ru), samples + 1))
    np.cumsum(values_ru, axis=1, out=mass_ru[:, 1:])

    def mass_until(at: NDArray[np.float64]) -> NDArray[np.float64]:
        cell = np.minimum(at.astype(np.int64), samples - 1)
        below = mass_ru[runs.row, cell]
        return below + (at - cell) * (mass_ru[runs.row, cell + 1] - below)

    length = runs.end - runs.start
    left = np.maximum(runs.start - config.outer * length, 0)
    right = np.minimum(runs.end + config.outer * length, samples)
    if config.reference:
        left, right = np.floor(left), np.floor(right)
    inner = mass_ru[runs.row, runs.end] - mass_ru[runs.row, runs.start]
    outer = mass_until(right) - mass_until(left) - inner
    around = (right - left) - length
    return inner / length - np.divide(outer, around, out=np.zeros(len(length)), where=around > 0)


def _unique(spans: NDArray[np.int64], proposals: Proposals, samples: int) -> NDArray[np.int64]:
    """Index of the best candidate of each (class, span), in the order of generation."""
    key = (proposals.labels * (samples + 1) + spans[:, 0]) * (samples + 1) + spans[:, 1]
    order = np.lexsort((-proposals.oic, key))
    first = np.ones(len(order), np.bool_)
    first[1:] = key[order][1:] != key[order][:-1]
    return np.sort(order[first])
