"""Reliability-aware Attention Block, RAB (eq. 4-6, Fig. 3).

Every snippet attends to the snippets of its own recording and to the prototypes of all classes, so that
high-confidence cues reach the less discriminative snippets within and across recordings.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


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

    def forward(self, features_btd: Tensor, prototypes_cd: Tensor, mask_bt: Tensor) -> Tensor:
        """X [B, T, D], m [C, D], mask [B, T] true where there is a snippet -> [B, T, D].

        Padding is attended by nobody; its own rows come out as numbers without meaning.
        """
        batch, length, width = features_btd.shape
        extended = torch.cat([features_btd, prototypes_cd.expand(batch, -1, -1)], dim=1)
        seen_bk = torch.cat([mask_bt, mask_bt.new_ones(batch, len(prototypes_cd))], dim=1)

        def by_head(x: Tensor) -> Tensor:
            return x.view(batch, -1, self.heads, width // self.heads).transpose(1, 2)

        # Fused: neither the T x (T + C) scores of eq. 6 nor their softmax is ever kept.
        attended = F.scaled_dot_product_attention(
            by_head(self.query(features_btd)),
            by_head(self.key(extended)),
            by_head(self.value(extended)),
            attn_mask=seen_bk[:, None, None],
        )
        attended = self.mix(attended.transpose(1, 2).reshape(batch, length, width))
        x = self.attention_norm(features_btd + self._drop(attended))
        inner = self._drop(F.gelu(self.expand(x)))
        return self.feedforward_norm(x + self._drop(self.contract(inner)))

    def _drop(self, x: Tensor) -> Tensor:
        return F.dropout(x, self.dropout, self.training)
