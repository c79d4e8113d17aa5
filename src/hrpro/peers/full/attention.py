"""Local self-attention: every position attends to the few around it, so that cost grows with the length only.

Recordings lie in rows of one length, [B, T, D]; ``valid_bt`` [B, T] tells their positions from the padding
behind them, which is kept at 0 and never attended to.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from hrpro.training.dropout import dropout


class LocalBlock(nn.Module):
    """One transformer block, normalised before each half: local attention, then FC-GELU-FC."""

    def __init__(self, *, width: int, heads: int, window: int, dropout: float) -> None:
        super().__init__()
        assert width % heads == 0
        assert window % 2 == 1
        self.heads, self.reach, self.dropout = heads, window // 2, dropout
        self.attention_norm, self.feedforward_norm = nn.LayerNorm(width), nn.LayerNorm(width)
        self.query_key_value, self.mix = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.expand, self.contract = nn.Linear(width, 2 * width), nn.Linear(2 * width, width)

    def forward(self, x_btd: Tensor, valid_bt: Tensor) -> Tensor:
        """[B, T, D] -> the same."""
        mixed = self.mix(self._attend(self.query_key_value(self.attention_norm(x_btd)), valid_bt))
        x_btd = x_btd + self._drop(mixed)
        inner = self._drop(F.gelu(self.expand(self.feedforward_norm(x_btd))))
        return (x_btd + self._drop(self.contract(inner))) * valid_bt[..., None]

    def _attend(self, projected_bte: Tensor, valid_bt: Tensor) -> Tensor:
        """Queries in pieces of ``reach`` positions, each with the three around it: a band, no square."""
        b, length, _ = projected_bte.shape
        piece = max(self.reach, 1)
        behind = -length % piece
        valid = F.pad(valid_bt, (piece, behind + piece)).unfold(1, 3 * piece, piece).flatten(0, 1)
        query, key, value = F.pad(projected_bte, (0, 0, 0, behind)).chunk(3, -1)
        pieces = query.unflatten(1, (-1, piece)).flatten(0, 1)
        around = [
            F.pad(x, (0, 0, piece, piece)).unfold(1, 3 * piece, piece).flatten(0, 1).transpose(1, 2)
            for x in (key, value)
        ]
        offset = torch.arange(3 * piece, device=valid.device) - torch.arange(
            piece, piece * 2, device=valid.device
        ).unsqueeze(1)
        # Padding attends to itself: a softmax over nothing would be NaN.
        mask = ((offset.abs() <= self.reach) & valid[:, None]) | (offset == 0)
        heads = [x.unflatten(-1, (self.heads, -1)).transpose(1, 2) for x in (pieces, *around)]
        attended = F.scaled_dot_product_attention(*heads, attn_mask=mask[:, None])
        return attended.transpose(1, 2).flatten(2).reshape(b, -1, query.shape[-1])[:, :length]

    def _drop(self, x: Tensor) -> Tensor:
        return dropout(x, self.dropout, self.training)
