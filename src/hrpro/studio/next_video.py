"""Which video to click next: the one by which most of what is in doubt comes to be like a clicked video.

    usefulness(n) = sum_m doubt_m max(near_m - |x_m - x_n|, 0)

m: the videos without a click. x: mean and deviation of a video's features, each dimension standardised over
the videos. near_m: distance of m to the nearest video that is clicked or proposed before; before the first,
the widest distance there is. doubt_m: see ``doubt``; before the first training, the same for all. So what is
proposed is unlike the clicked videos and like many doubtful ones (facility location, as of k-medoids), and
five proposals are five different ones. The farthest video, which k-center takes, is often like no other: on
held-out recordings it did worse than random order. Without features, the shortest video comes first.
``benchmarks/next_video_probe.py`` compares these and others; docs/findings.md holds the numbers.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MOST = 2000  # videos that are to be covered; of more, these stand for all


@dataclass(frozen=True)
class Proposal:
    """video: its number. usefulness: from 0 to 1. Where its features are known: novelty, its distance to the
    nearest video that is clicked or proposed before, over the widest of these, from 0 to 1; alike, number of
    other videos without a click that are nearer to it than to any of those.
    """

    video: int
    usefulness: float
    novelty: float | None = None
    alike: int = 0


def propose(
    clicked_n: NDArray[np.bool_],
    *,
    places_nd: NDArray[np.float64] | None = None,
    doubts_n: NDArray[np.float64] | None = None,
    seconds_n: NDArray[np.float64] | None = None,
    limit: int | None = None,
) -> list[Proposal]:
    """The videos without a click, most useful first; a pure function.

    clicked_n: which of the n videos are clicked. places_nd: ``describe`` of each, rows of NaN where there are
    no features. doubts_n: ``doubt`` of each, NaN where nothing was predicted. seconds_n: durations, NaN where
    not known. Videos without features come after those with.
    """
    open_videos = np.flatnonzero(~clicked_n)
    limit = len(open_videos) if limit is None else min(limit, len(open_videos))
    known_n = np.zeros(len(clicked_n), np.bool_)
    if places_nd is not None:
        known_n[:] = np.isfinite(places_nd).all(axis=1)
    proposals: list[Proposal] = []
    if places_nd is not None and known_n[open_videos].any():
        proposals = _covering(clicked_n, standardised(places_nd, known_n), known_n, doubts_n, limit)
    rest = [int(n) for n in open_videos if not known_n[n]]
    length_n = np.full(len(clicked_n), np.inf) if seconds_n is None else np.nan_to_num(seconds_n, nan=np.inf)
    rest.sort(key=lambda n: (length_n[n], n))
    # They are known to nobody: below the least useful one that is known, and falling.
    ceiling = proposals[-1].usefulness if proposals else 1.0
    for place, n in enumerate(rest[: limit - len(proposals)]):
        proposals.append(Proposal(n, ceiling * (1 - (place + bool(proposals)) / (len(rest) + 1))))
    return proposals


def describe(parts: Iterable[NDArray[np.floating]]) -> NDArray[np.float64]:
    """Where a video lies: mean and deviation [2 D] of its features, given as parts [t, D] of it."""
    length, total_d, squares_d = 0, np.zeros(1), np.zeros(1)
    for part_td in parts:
        values_td = np.asarray(part_td, np.float64)
        length += len(values_td)
        total_d, squares_d = total_d + values_td.sum(0), squares_d + (values_td**2).sum(0)
    mean_d = total_d / length
    return np.concatenate([mean_d, np.sqrt(np.maximum(squares_d / length - mean_d**2, 0))])


def doubt(activation_tc: NDArray[np.floating]) -> float:
    """How undecided a model is about a video: of P [T, C], as shares of the classes, the mean entropy."""
    shares_tc = np.clip(np.asarray(activation_tc, np.float64), 1e-3, None)
    shares_tc /= shares_tc.sum(1, keepdims=True)
    return float(-(shares_tc * np.log(shares_tc)).sum(1).mean())


def standardised(places_nd: NDArray[np.float64], known_n: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Each dimension with mean 0 and deviation 1 over the known videos (0 where they do not differ)."""
    mean_d, deviation_d = places_nd[known_n].mean(0), places_nd[known_n].std(0)
    safe_d = np.where(deviation_d > 1e-9, deviation_d, np.inf)
    return np.where(known_n[:, None], (places_nd - mean_d) / safe_d, 0.0)


def _covering(
    clicked_n: NDArray[np.bool_],
    places_nd: NDArray[np.float64],
    known_n: NDArray[np.bool_],
    doubts_n: NDArray[np.float64] | None,
    limit: int,
) -> list[Proposal]:
    """Greedily: the most useful one, then the most useful one given that, and so on."""
    videos = np.flatnonzero(~clicked_n & known_n)
    open_nd, some = places_nd[videos], slice(None, None, -(-len(videos) // MOST))
    doubt_m = _known(doubts_n, videos)[some]
    distance_nm = np.stack([_distance(open_nd[some], place_d) for place_d in open_nd])
    centers = places_nd[clicked_n & known_n]
    near_n = np.full(len(videos), np.inf if len(centers) else distance_nm.max() or 1.0)
    for center_d in centers:
        near_n = np.minimum(near_n, _distance(open_nd, center_d))
    widest, first = max(float(near_n.max()), 1e-12), 0.0
    left_n, found = np.ones(len(videos), bool), list[Proposal]()
    while left_n.any() and len(found) < limit:
        gain_n = np.maximum(near_n[some] - distance_nm, 0) @ doubt_m
        best = int(np.argmax(np.where(left_n, gain_n, -1)))
        left_n[best] = False
        first = first or max(float(gain_n[best]), 1e-12)
        away_n = _distance(open_nd, open_nd[best])
        usefulness, novelty = (min(float(x), 1.0) for x in (gain_n[best] / first, near_n[best] / widest))
        found.append(Proposal(int(videos[best]), usefulness, novelty, int((away_n < near_n)[left_n].sum())))
        near_n = np.minimum(near_n, away_n)
    return found


def _distance(places_nd: NDArray[np.float64], center_d: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.linalg.norm(places_nd - center_d, axis=1)


def _known(doubts_n: NDArray[np.float64] | None, videos: NDArray[np.int64]) -> NDArray[np.float64]:
    """Of the videos; the middle one where nothing was predicted, all the same where nothing is known."""
    held_n = np.full(len(videos), np.nan) if doubts_n is None else doubts_n[videos]
    if not np.isfinite(held_n).any() or not np.nanmax(held_n) > 0:
        return np.ones(len(videos))
    return np.where(np.isfinite(held_n), held_n, np.nanmedian(held_n))
