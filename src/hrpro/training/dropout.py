"""Dropout that costs little on a CPU, where PyTorch draws its chance one number an element on one core."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def dropout(x: Tensor, share: float, training: bool) -> Tensor:
    """x, any shape, with about ``share`` in [0, 1) of its elements 0 and the others scaled to keep the mean.

    On a CPU four elements share one random number of 64 bits, so that ``share`` is met to 1 / 65536.
    """
    if not training or not share:
        return x
    if x.device.type != "cpu":
        return F.dropout(x, share)
    dropped = min(round(share * 2**16), 2**16 - 1)
    numbers = torch.empty(-(-x.numel() // 4), dtype=torch.int64).random_(-(2**63), None)
    keep = numbers.view(torch.int16)[: x.numel()].view(x.shape) >= dropped - 2**15
    return x * keep.to(x.dtype).mul_(2**16 / (2**16 - dropped))
