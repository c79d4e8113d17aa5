"""The running mean of the weights, which predicts better and more evenly than the last weights do."""

from __future__ import annotations

import torch
from torch import nn


class Ema:
    """Exponential mean of a module's parameters, kept where they are; ``decay`` in [0, 1), 0 keeps nothing.

    Early on the decay is min(decay, (1 + t) / (10 + t)), so that the random beginning is soon forgotten.
    Buffers are not averaged.
    """

    def __init__(self, module: nn.Module, decay: float) -> None:
        self.decay = decay
        self.means = {n: p.detach().clone() for n, p in module.named_parameters()} if decay else {}

    @torch.no_grad()
    def update(self, module: nn.Module, step: int) -> None:
        """Take in the weights after optimizer step ``step`` (counted from 0)."""
        if self.means:
            decay = min(self.decay, (1 + step) / (10 + step))
            for name, parameter in module.named_parameters():
                self.means[name].lerp_(parameter, 1 - decay)
