"""LACP's losses beyond the focal ones it shares with HR-Pro: of whole videos, and of the optimal sequence.

Recordings lie end to end; every loss is the mean over recordings, each computed by itself.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from hrpro.proposals.runs import find_runs
from hrpro.snippet.losses import sums

_TINY = 1e-6


def video_loss(class_tc: Tensor, present_bc: Tensor, lengths: Sequence[int], top: int) -> Tensor:
    """Cross-entropy of which classes a recording holds, present_bc [B, C] 0/1.

    Its score of a class is the mean of the T / ``top`` highest snippet scores P, of at least one.
    """
    score_bc = torch.stack(
        [part_tc.topk(max(len(part_tc) // top, 1), 0).values.mean(0) for part_tc in class_tc.split(lengths)]
    )
    p = score_bc.clamp(_TINY, 1 - _TINY)
    # PyTorch's own refuses NaN with a message of its own, before the loop can name the recording at fault.
    return -(present_bc * p.log() + (1 - present_bc) * (1 - p).log()).mean()


def score_loss(activation_tc: Tensor, weight_tc: Tensor, present_bc: Tensor, recording_t: Tensor) -> Tensor:
    """(1 - R)^2, R being the completeness of each clicked class's optimal sequence: their mean.

    weight_tc [sum T, C] makes R of P^ (``search.DenseSequences``); a recording without clicks gives 0.
    """
    completeness_bc = sums(weight_tc * activation_tc, recording_t, len(present_bc))
    loss_bc = (1 - completeness_bc) ** 2 * present_bc
    return (loss_bc.sum(1) / present_bc.sum(1).clamp(min=1)).mean()


def feature_loss(
    embedded_td: Tensor, label_tc: NDArray[np.bool_], lengths: Sequence[int], temperature: float
) -> Tensor:
    """Action instances of a recording against its other instances, by their mean embedded features.

    label_tc [sum T, C]: dense labels, whose runs are the instances; what no class holds is background. With
    s the cosine similarity over tau, -log (sum of exp s over its own class / sum over all instances),
    itself left out of both; averaged over those whose class has another instance there. 0 where none has.
    """
    losses = []
    splits = np.cumsum(lengths)[:-1]
    for part_td, part_tc in zip(embedded_td.split(lengths), np.split(label_tc, splits), strict=True):
        nothing_t1 = ~part_tc.any(1, keepdims=True)
        runs = find_runs(np.concatenate([part_tc, nothing_t1], axis=1).T)
        losses.append(_contrast(part_td, runs.row, runs.start, runs.end, part_tc.shape[1], temperature))
    return torch.stack(losses).mean()


def _contrast(
    embedded_td: Tensor,
    row_n: NDArray[np.int64],
    start_n: NDArray[np.int64],
    end_n: NDArray[np.int64],
    classes: int,
    temperature: float,
) -> Tensor:
    """The loss of one recording; the instances [n] of row ``classes`` are background."""
    same_nn = np.equal.outer(row_n, row_n) & (row_n < classes)
    np.fill_diagonal(same_nn, False)
    chosen = np.flatnonzero(same_nn.any(1))
    if len(chosen) == 0:
        return embedded_td.new_zeros((), dtype=torch.float32)
    device = embedded_td.device
    length_n = end_n - start_n
    instance = np.repeat(np.arange(len(row_n)), length_n)
    snippet = np.arange(len(instance)) + np.repeat(start_n - np.cumsum(length_n) + length_n, length_n)
    inside_td = embedded_td.float()[torch.from_numpy(snippet).to(device)]
    sums_nd = inside_td.new_zeros(len(row_n), inside_td.shape[1])
    # The direction of the sum is that of the mean.
    unit_nd = F.normalize(sums_nd.index_add(0, torch.from_numpy(instance).to(device), inside_td), dim=1)
    chosen_m = torch.from_numpy(chosen).to(device)
    similarity_mn = unit_nd[chosen_m] @ unit_nd.T / temperature
    itself_mn = chosen_m[:, None] == torch.arange(len(row_n), device=device)
    same_mn = torch.from_numpy(same_nn[chosen]).to(device)
    all_m = similarity_mn.masked_fill(itself_mn, -torch.inf).logsumexp(1)
    own_m = similarity_mn.masked_fill(~same_mn, -torch.inf).logsumexp(1)
    return (all_m - own_m).mean()
