"""Losses, each elementwise: sigmoid focal loss on logits, and 1 - DIoU between segments."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def sigmoid_focal(logits: Tensor, target: Tensor, *, gamma: float, alpha: float) -> Tensor:
    """Focal loss (Lin et al. 2017) of logits against targets in [0, 1], any one shape.

    Positives weigh alpha, negatives 1 - alpha; between 0 and 1 as in the quality focal loss (Li et al. 2020).
    """
    cross = F.binary_cross_entropy_with_logits(logits, target, reduction="none")
    missed = (target - logits.sigmoid()).abs()
    return cross * missed**gamma * (alpha * target + (1 - alpha) * (1 - target))


def diou_loss(distances_n2: Tensor, target_n2: Tensor) -> Tensor:
    """1 - DIoU (Zheng et al. 2020) in one dimension, of segments given as distances [n, 2] from one position.

    Predicted ones are >= 0. A target may begin after the position, or end before it: its distance is then
    negative. Returns [n] in [0, 2].
    """
    length_n, true_n = distances_n2.sum(-1), target_n2.sum(-1)
    overlap_n = torch.minimum(distances_n2, target_n2).sum(-1).clamp(min=0)
    hull_n = torch.maximum(distances_n2, target_n2).sum(-1).clamp(min=1e-6)
    iou_n = overlap_n / (length_n + true_n - overlap_n).clamp(min=1e-6)
    shift_n = (distances_n2[:, 1] - distances_n2[:, 0] - target_n2[:, 1] + target_n2[:, 0]) / 2
    return 1 - iou_n + (shift_n / hull_n) ** 2
