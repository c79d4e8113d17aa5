"""Which video to click next: the one that shows most of what the model does not know yet.

    usefulness = novelty * (1 + doubt)

novelty: distance of the video's mean features to those of the nearest video that is clicked or proposed
before it, over the largest such distance (k-center: Sener and Savarese 2018), so that five proposals are five
different ones. doubt: uncertain actions expected in a minute of it, over the largest such number: the sum
over its predictions of chance times uncertainty. Before the first training there is no doubt and novelty
alone decides; before the first click, the video in the middle of all is proposed; without features, the
shortest video that has no click.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Proposal:
    """video: its number. usefulness, novelty and doubt from 0 to 1; None where not known."""

    video: int
    usefulness: float
    novelty: float | None = None
    doubt: float | None = None


def propose(
    clicked_n: NDArray[np.bool_],
    *,
    means_nd: NDArray[np.float64] | None = None,
    doubts_n: NDArray[np.float64] | None = None,
    seconds_n: NDArray[np.float64] | None = None,
    limit: int | None = None,
) -> list[Proposal]:
    """The videos without a click, most useful first; a pure function.

    clicked_n: which of the n videos are clicked. means_nd: their mean features, rows of NaN where there are
    none. doubts_n: uncertain actions a minute, NaN where nothing was predicted. seconds_n: durations, NaN
    where not known. Videos without features come after those with.
    """
    open_videos = np.flatnonzero(~clicked_n)
    limit = len(open_videos) if limit is None else min(limit, len(open_videos))
    known_n = np.zeros(len(clicked_n), np.bool_)
    if means_nd is not None:
        known_n[:] = np.isfinite(means_nd).all(axis=1)
    proposals: list[Proposal] = []
    if means_nd is not None and known_n[open_videos].any():
        proposals = _spread(clicked_n, standardised(means_nd, known_n), known_n, _share(doubts_n), limit)
    rest = [int(n) for n in open_videos if not known_n[n]]
    length_n = np.full(len(clicked_n), np.inf) if seconds_n is None else np.nan_to_num(seconds_n, nan=np.inf)
    rest.sort(key=lambda n: (length_n[n], n))
    # They are known to nobody: below the least useful one that is known, and falling.
    ceiling = proposals[-1].usefulness if proposals else 1.0
    for place, n in enumerate(rest[: limit - len(proposals)]):
        proposals.append(Proposal(n, ceiling * (1 - (place + bool(proposals)) / (len(rest) + 1))))
    return proposals


def standardised(means_nd: NDArray[np.float64], known_n: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Each dimension with mean 0 and deviation 1 over the known videos (0 where they do not differ)."""
    mean_d, deviation_d = means_nd[known_n].mean(0), means_nd[known_n].std(0)
    safe_d = np.where(deviation_d > 1e-9, deviation_d, np.inf)
    return np.where(known_n[:, None], (means_nd - mean_d) / safe_d, 0.0)


def _spread(
    clicked_n: NDArray[np.bool_],
    places_nd: NDArray[np.float64],
    known_n: NDArray[np.bool_],
    doubt_n: NDArray[np.float64] | None,
    limit: int,
) -> list[Proposal]:
    """Greedily: the most useful one, then the most useful one given that, and so on."""
    centers = np.flatnonzero(clicked_n & known_n)
    left_n = ~clicked_n & known_n
    if len(centers):
        nearest_n = np.min([_distance(places_nd, int(n)) for n in centers], axis=0)
    else:  # the middle first: the nearest to the mean, which lies at 0
        outside_n = np.linalg.norm(places_nd, axis=1)
        nearest_n = np.where(left_n, outside_n[left_n].max() - outside_n + 1e-12, 0)
    widest = max(float(nearest_n[left_n].max()), 1e-12)
    first, found = 0.0, []
    while left_n.any() and len(found) < limit:
        novelty_n = np.minimum(nearest_n / widest, 1)
        value_n = novelty_n if doubt_n is None else novelty_n * (1 + doubt_n)
        best = int(np.argmax(np.where(left_n, value_n, -1)))
        first = first or max(float(value_n[best]), 1e-12)
        doubt = None if doubt_n is None else float(doubt_n[best])
        found.append(Proposal(best, min(float(value_n[best]) / first, 1.0), float(novelty_n[best]), doubt))
        left_n[best] = False
        distance_n = _distance(places_nd, best)
        if len(centers) == 0 and len(found) == 1:  # from now on there is a center to be far from
            nearest_n, widest = distance_n, max(float(distance_n[left_n].max(initial=0)), 1e-12)
            first = 0.0 if left_n.any() else first
        nearest_n = np.minimum(nearest_n, distance_n)
    return found


def _distance(places_nd: NDArray[np.float64], center: int) -> NDArray[np.float64]:
    return np.linalg.norm(places_nd - places_nd[center], axis=1)


def _share(doubts_n: NDArray[np.float64] | None) -> NDArray[np.float64] | None:
    """As parts of the largest; the middle one where nothing was predicted."""
    if doubts_n is None or not np.isfinite(doubts_n).any():
        return None
    filled_n = np.where(np.isfinite(doubts_n), doubts_n, np.nanmedian(doubts_n))
    return filled_n / max(float(filled_n.max()), 1e-12)
