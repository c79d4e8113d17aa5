"""Losses of stage 2 (eq. 10, 13). Each is averaged over a recording's proposals, then over the recordings."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from hrpro.instance.config import ScoreLoss


def score_loss(
    logits_nc: Tensor, target_nc: Tensor, recording_n: Tensor, recordings: int, kind: ScoreLoss
) -> Tensor:
    """Eq. 10: completeness [n, C] against g_comp [n, C] in [0, 1], summed over the classes.

    recording_n [n]: the recording each proposal is of, of so many ``recordings``. kind: SmoothL1 as in the
    paper, or the binary cross-entropy, whose gradient does not fade where the sigmoid is flat.
    """
    if kind == "bce":
        loss_nc = F.binary_cross_entropy_with_logits(logits_nc, target_nc, reduction="none")
    else:
        loss_nc = F.smooth_l1_loss(logits_nc.sigmoid(), target_nc, reduction="none")
    return _by_recording(loss_nc.sum(-1), torch.ones_like(loss_nc[:, 0]), recording_n, recordings)


def regression_loss(
    refined_n2: Tensor, reliable_n2: Tensor, learns_n: Tensor, recording_n: Tensor, recordings: int
) -> Tensor:
    """Eq. 13: SmoothL1 of the tIoU r_comp between refined [n, 2] and reliable [n, 2] proposals and 1.

    learns_n [n] 0/1: the proposals it is taken over; a recording without any gives 0.
    """
    overlap_n = torch.minimum(refined_n2[:, 1], reliable_n2[:, 1]) - torch.maximum(
        refined_n2[:, 0], reliable_n2[:, 0]
    )
    overlap_n = overlap_n.clamp(min=0)
    lengths_n = (refined_n2[:, 1] - refined_n2[:, 0]).clamp(min=0) + (reliable_n2[:, 1] - reliable_n2[:, 0])
    tiou_n = overlap_n / (lengths_n - overlap_n).clamp(min=1e-3)
    loss_n = F.smooth_l1_loss(tiou_n, torch.ones_like(tiou_n), reduction="none")
    return _by_recording(loss_n, learns_n.to(loss_n.dtype), recording_n, recordings)


def _by_recording(loss_n: Tensor, weight_n: Tensor, recording_n: Tensor, recordings: int) -> Tensor:
    """Weighted mean within each recording, 0 where nothing has weight, then over all recordings."""
    total_b = loss_n.new_zeros(recordings).index_add(0, recording_n, loss_n * weight_n)
    weight_b = loss_n.new_zeros(recordings).index_add(0, recording_n, weight_n)
    return (total_b / weight_b.clamp(min=1e-9)).mean()
