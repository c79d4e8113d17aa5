"""From what the network says of a recording's positions to candidates."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hrpro.peers.full.config import DenseConfig
from hrpro.peers.full.network import points
from hrpro.proposals.generate import FROM_ACTIVATION, Proposals


def candidates(
    score_nc: NDArray[np.float32], distances_n2: NDArray[np.float32], length: int, config: DenseConfig
) -> Proposals:
    """The best (position, class) pairs of a recording of ``length`` snippets, best first.

    score_nc [N, C] in [0, 1]; distances_n2 [N, 2] in strides. The score also
    stands for OIC and for the threshold.
    """
    place = points(length, config)
    reach_n2 = distances_n2 * place.stride_n[:, None]
    start_n = np.maximum(place.centre_n - reach_n2[:, 0], 0)
    end_n = np.minimum(place.centre_n + reach_n2[:, 1], length)
    score_f = np.where(end_n > start_n, score_nc.T, 0).T.ravel()
    best = np.argsort(-score_f, kind="stable")[: config.candidates * length]
    best = best[score_f[best] >= max(config.min_score, 1e-12)]
    row, label = np.divmod(best, score_nc.shape[1])
    score = score_f[best].astype(np.float64)
    segments = np.stack([start_n[row], end_n[row]], 1).astype(np.float64)
    return Proposals(segments, label, score, score.copy(), np.full(len(best), FROM_ACTIVATION))
