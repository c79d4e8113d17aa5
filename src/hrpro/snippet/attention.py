"""Reliability-aware Attention Block, RAB (eq. 4-6, Fig. 3).

Every snippet attends to the snippets of its own recording and to the prototypes of all classes, so that
high-confidence cues reach the less discriminative snippets within and across recordings.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from hrpro.training.dropout import dropout


class ReliabilityAwareAttention(nn.Module):
    """One block: attention over [X; m_1 .. m_C], FC-GELU-FC, each with residual connection and LayerNorm."""

    def __init__(self, *, width: int, heads: int, feedforward: int, dropout: float) -> None:
        super().__init__()
        assert width % heads == 0
        self.heads, self.dropout = heads, dropout
        self.query, self.key, self.value = (nn.Linear(width, width) for _ in range(3))
        self.mix = nn.Linear(width, width)
        self.expand, self.contract = nn.Linear(width, feedforward), nn.Linear(feedforward, width)
        self.attention_norm, self.feedforward_norm = nn.LayerNorm(width), nn.LayerNorm(width)

    def forward(self, features_td: Tensor, prototypes_cd: Tensor, lengths: Sequence[int]) -> Tensor:
        """X [sum T, D], recordings of ``lengths`` end to end, and m [C, D] -> [sum T, D]."""
        attended = self._attend(features_td, prototypes_cd, lengths)
        x = self.attention_norm(features_td + self._drop(self.mix(attended)))
        inner = self._drop(F.gelu(self.expand(x)))
        return self.feedforward_norm(x + self._drop(self.contract(inner)))

    def _attend(self, features_td: Tensor, prototypes_cd: Tensor, lengths: Sequence[int]) -> Tensor:
        def by_head(x_td: Tensor) -> Tensor:
            return x_td.view(1, len(x_td), self.heads, -1).transpose(1, 2)

        layers = self.query, self.key, self.value
        parts = zip(*(by_head(layer(features_td)).split(lengths, 2) for layer in layers), strict=True)
        key_m, value_m = by_head(self.key(prototypes_cd)), by_head(self.value(prototypes_cd))
        # Fused: neither the T x (T + C) scores of eq. 6 nor their softmax is ever kept. One recording after
        # the other: the work grows with T * T, and padding all to the longest would double it.
        attended = [
            F.scaled_dot_product_attention(query, torch.cat([key, key_m], 2), torch.cat([value, value_m], 2))
            for query, key, value in parts
        ]
        return torch.cat([part.transpose(1, 2) for part in attended], 1).view(features_td.shape)

    def _drop(self, x: Tensor) -> Tensor:
        return dropout(x, self.dropout, self.training)
