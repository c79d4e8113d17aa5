"""The optimal sequence of a class: where its actions and its background begin and end, as the seeds allow.

Seeds, in order of time, are action or background; equal neighbours are one instance. Where an instance ends
and the next begins is open from the last seed of the one to the first of the other. Of all such sequences the
most complete is searched for, R = mean over its instances of the inner less the outer mean of their own score
u: P^ of the class in an action, 1 - P^ in background. The outer regions are the ``outer`` * length snippets
(rounded up) on either side.

The search goes from border to border and keeps the ``budget`` best candidates of what is behind it. Of
candidates with the same last border only the best can win, so they count as one; with a budget of all the
places that a border may take the search is exact.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hrpro.core.compiled import compiled


@dataclass(frozen=True, eq=False)
class OptimalSequence:
    """start [N]: first snippet of each instance, the first is 0; first_is_action: from then on by turns.

    completeness: its R.
    """

    start: NDArray[np.int64]
    first_is_action: bool
    completeness: float


@dataclass(frozen=True, eq=False)
class DenseSequences:
    """The optimal sequences of one recording's classes, snippet by snippet.

    label_tc [T, C]: snippet t lies in an action of class c. weight_tc [T, C]: the completeness of class c is
    linear in P^, R_c = sum_t weight_tc * P^_tc. Both are 0 for a class without action seeds.
    """

    label_tc: NDArray[np.bool_]
    weight_tc: NDArray[np.float32]


def dense_sequences(
    activation_tc: NDArray[np.floating],
    action_tc: NDArray[np.bool_],
    background_t: NDArray[np.bool_],
    *,
    outer: float,
    budget: int,
) -> DenseSequences:
    """Search class by class: P^ [T, C], seeds of actions [T, C] and of background [T].

    What is the seed of another class alone is background to a class.
    """
    label_tc = np.zeros(action_tc.shape, np.bool_)
    weight_tc = np.zeros(action_tc.shape, np.float32)
    any_t = action_tc.any(1)
    for c in np.flatnonzero(action_tc.any(0)):
        action_t = np.ascontiguousarray(action_tc[:, c])
        other_t = background_t | (any_t & ~action_t)
        found = optimal_sequence(activation_tc[:, c], action_t, other_t, outer=outer, budget=budget)
        _fill(found.start, found.first_is_action, outer, label_tc[:, c], weight_tc[:, c])
    return DenseSequences(label_tc, weight_tc)


def optimal_sequence(
    activation_t: NDArray[np.floating],
    action_t: NDArray[np.bool_],
    background_t: NDArray[np.bool_],
    *,
    outer: float,
    budget: int,
) -> OptimalSequence:
    """The sequence of one class: P^ [T] of it, seeds [T], never both and at least one of action."""
    seeds = np.flatnonzero(action_t | background_t)
    kind = action_t[seeds]
    assert kind.any()
    turn = np.flatnonzero(kind[1:] != kind[:-1])
    mass_u = np.zeros(len(activation_t) + 1)
    np.cumsum(activation_t, dtype=np.float64, out=mass_u[1:])
    start, total = _search(mass_u, seeds[turn] + 1, seeds[turn + 1], bool(kind[0]), outer, budget)
    return OptimalSequence(start, bool(kind[0]), total / len(start))


@compiled
def _contrast(mass_u: NDArray[np.float64], start: int, end: int, outer: float) -> float:
    """Inner less outer mean of [start, end), from the sums of all snippets before each."""
    length = end - start
    reach = math.ceil(outer * length)
    left, right = max(start - reach, 0), min(end + reach, len(mass_u) - 1)
    inner = mass_u[end] - mass_u[start]
    around = right - left - length
    if around == 0:
        return inner / length
    return inner / length - (mass_u[right] - mass_u[left] - inner) / around


@compiled
def _search(
    mass_u: NDArray[np.float64],
    earliest_n: NDArray[np.int64],
    latest_n: NDArray[np.int64],
    first_is_action: bool,
    outer: float,
    budget: int,
) -> tuple[NDArray[np.int64], float]:
    """Starts of the N instances and the sum of their contrasts; borders lie in [earliest_n, latest_n]."""
    borders, length = len(earliest_n), len(mass_u) - 1
    kept_nk = np.zeros((borders + 1, budget), np.int64)  # candidates: where their last border lies,
    parent_nk = np.zeros((borders + 1, budget), np.int64)  # and which candidate they continue
    sum_k = np.zeros(budget)
    count = 1
    # Background is scored by 1 - P^, whose contrast is that of P^ with the sign turned.
    sign = 1.0 if first_is_action else -1.0
    for n in range(borders):
        places = latest_n[n] - earliest_n[n] + 1
        best_p, from_p = np.empty(places), np.empty(places, np.int64)
        for p in range(places):
            best_p[p], from_p[p] = -np.inf, 0
            for k in range(count):
                total = sum_k[k] + sign * _contrast(mass_u, kept_nk[n, k], earliest_n[n] + p, outer)
                if total > best_p[p]:
                    best_p[p], from_p[p] = total, k
        order = np.argsort(-best_p, kind="mergesort")[:budget]
        count = len(order)
        for k in range(count):
            kept_nk[n + 1, k] = earliest_n[n] + order[k]
            parent_nk[n + 1, k] = from_p[order[k]]
        sum_k[:count] = best_p[order]
        sign = -sign
    best, winner = -np.inf, 0
    for k in range(count):
        total = sum_k[k] + sign * _contrast(mass_u, kept_nk[borders, k], length, outer)
        if total > best:
            best, winner = total, k
    start_n = np.zeros(borders + 1, np.int64)
    for n in range(borders, 0, -1):
        start_n[n] = kept_nk[n, winner]
        winner = parent_nk[n, winner]
    return start_n, best


@compiled
def _fill(
    start_n: NDArray[np.int64],
    first_is_action: bool,
    outer: float,
    label_t: NDArray[np.bool_],
    weight_t: NDArray[np.float32],
) -> None:
    """Labels and weights of one class from its sequence; both come filled with 0."""
    instances, snippets = len(start_n), len(label_t)
    is_action = first_is_action
    for n in range(instances):
        start = start_n[n]
        end = start_n[n + 1] if n + 1 < instances else snippets
        length = end - start
        reach = math.ceil(outer * length)
        left, right = max(start - reach, 0), min(end + reach, snippets)
        share = (1.0 if is_action else -1.0) / instances
        for t in range(left, right):
            if start <= t < end:
                weight_t[t] += share / length
            else:
                weight_t[t] -= share / (right - left - length)
        if is_action:
            label_t[start:end] = True
        is_action = not is_action
