"""Reliable, positive and negative proposals: what a recording's clicks say of its candidates.

RP: for each click the candidate of its class with the highest OIC among those that contain the click and
reach no neighbouring one; if every one does, among those that contain it. PP: the remaining candidates; each
matches the RP of its class it overlaps most, and that tIoU is its completeness target g_comp. NP: stretches
of low attention, target 0. Coordinates are snippets throughout.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hrpro.proposals.generate import Proposals
from hrpro.proposals.runs import find_runs


@dataclass(frozen=True, eq=False)
class Ranking:
    """What each of n candidates is.

    of_click [m]: the RP of each click as an index into the candidates, -1 where no candidate of its class
    contains it. is_reliable [n]: RP, the others are PP. match [n]: the index of its RP, -1 where its class
    has none (an RP matches itself). completeness [n]: tIoU with it, g_comp of eq. 10; 0 where there is none.
    """

    of_click: NDArray[np.int64]
    is_reliable: NDArray[np.bool_]
    match: NDArray[np.int64]
    completeness: NDArray[np.float64]


def tiou(left_n2: NDArray[np.floating], right_m2: NDArray[np.floating]) -> NDArray[np.float64]:
    """Temporal intersection over union of every pair of segments, [n, m]; 0 for a pair of empty ones."""
    start = np.maximum(left_n2[:, None, 0], right_m2[None, :, 0])
    end = np.minimum(left_n2[:, None, 1], right_m2[None, :, 1])
    overlap = np.maximum(end - start, 0.0)
    union = np.diff(left_n2, axis=1) + np.diff(right_m2, axis=1).T - overlap
    return np.divide(overlap, union, out=np.zeros_like(overlap), where=union > 0)


def reliable_proposals(
    proposals: Proposals, click_times: ArrayLike, click_classes: ArrayLike
) -> NDArray[np.int64]:
    """The RP of each click [m] as an index into the proposals, -1 where none of its class contains it.

    click_times [m] in snippet coordinates, any order; a proposal contains its own boundaries. Clicks of all
    classes are neighbours, but for those at the very same moment, which no proposal could part.
    """
    time_m, class_m = np.asarray(click_times, np.float64), np.asarray(click_classes, np.int64)
    chosen = np.full(len(time_m), -1, np.int64)
    moments = np.unique(time_m)
    start, end = proposals.segments.T
    inside = np.searchsorted(moments, end, side="right") - np.searchsorted(moments, start, side="left")
    alone = inside == 1
    for label in np.unique(class_m):
        member = np.flatnonzero(proposals.labels == label)
        if len(member) == 0:
            continue
        clicks = np.flatnonzero(class_m == label)
        contains = (start[member] <= time_m[clicks, None]) & (time_m[clicks, None] <= end[member])
        clean = contains & alone[member]
        allowed = np.where(clean.any(1, keepdims=True), clean, contains)
        best = np.where(allowed, proposals.oic[member], -np.inf).argmax(1)
        chosen[clicks] = np.where(allowed.any(1), member[best], -1)
    return chosen


def rank(proposals: Proposals, click_times: ArrayLike, click_classes: ArrayLike) -> Ranking:
    """RP and PP among the candidates of one recording, with the match and target of each."""
    of_click = reliable_proposals(proposals, click_times, click_classes)
    n = len(proposals)
    is_reliable = np.zeros(n, np.bool_)
    is_reliable[of_click[of_click >= 0]] = True
    match, completeness = np.full(n, -1, np.int64), np.zeros(n)
    for label in np.unique(proposals.labels[is_reliable]):
        member = np.flatnonzero(proposals.labels == label)
        prototypes = member[is_reliable[member]]
        overlap = tiou(proposals.segments[member], proposals.segments[prototypes])
        best = overlap.argmax(1)
        match[member], completeness[member] = prototypes[best], overlap[np.arange(len(member)), best]
    # Two RPs may share one span; each is its own prototype all the same.
    match[is_reliable] = np.flatnonzero(is_reliable)
    return Ranking(of_click, is_reliable, match, completeness)


def low_attention(attention_t: ArrayLike, threshold: float, click_snippets: ArrayLike) -> NDArray[np.bool_]:
    """Snippets [T] with A below theta_A where nobody clicked: a mask for ``negative_proposals``."""
    low_t = np.asarray(attention_t) < threshold
    low_t[np.asarray(click_snippets, np.int64)] = False
    return low_t


def negative_proposals(
    background_t: ArrayLike, count: int, rng: np.random.Generator, *, shortest: float = 1.0
) -> NDArray[np.float64]:
    """NP: random spans within the runs of a background mask [T], [count, 2]; [0, 2] where it has no run.

    Runs are drawn by their length, lengths evenly from ``shortest`` (snippets; of a run that is shorter, all)
    to the whole run, places evenly.
    """
    runs = find_runs(np.asarray(background_t, np.bool_)[None])
    length = (runs.end - runs.start).astype(np.float64)
    if len(length) == 0:
        return np.zeros((0, 2))
    drawn = rng.choice(len(length), size=count, p=length / length.sum())
    span = rng.uniform(np.minimum(shortest, length[drawn]), length[drawn])
    start = runs.start[drawn] + rng.uniform(size=count) * (length[drawn] - span)
    return np.stack([start, start + span], axis=1)
