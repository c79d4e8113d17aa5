"""The network: features -> stem -> pyramid; at each position of each level classes and distances.

Positions of level l lie ``2 ** l / upsample`` snippets apart, in the middle of cells that begin with the
recording. A recording's positions are counted level by level from the finest up (``points``).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from hrpro.peers.full.attention import LocalBlock
from hrpro.peers.full.config import DenseConfig
from hrpro.training.dropout import dropout

_SELDOM = -3.0  # the logit that classification begins at, for most positions show no class


class Points(NamedTuple):
    """The positions of one recording: centre_n and stride_n [N] in snippets, level_n [N]."""

    centre_n: NDArray[np.float32]
    stride_n: NDArray[np.float32]
    level_n: NDArray[np.int64]


def points(length: int, config: DenseConfig) -> Points:
    """All positions of a recording of ``length`` snippets."""
    counts = [length * config.upsample]
    for _ in range(config.levels - 1):
        counts.append(-(-counts[-1] // 2))
    level_n = np.repeat(np.arange(config.levels), counts)
    stride_n = (2.0**level_n / config.upsample).astype(np.float32)
    place_n = np.concatenate([np.arange(count) for count in counts])
    return Points(((place_n + 0.5) * stride_n).astype(np.float32), stride_n, level_n)


class DenseOutput(NamedTuple):
    """What it says of recordings one after the other.

    embedded_td [sum T, D']; snippet_tc [sum T, C] logits of the snippets' classes; logits_nc [sum N, C] of
    all positions; distances_n2 [sum N, 2] >= 0 to start and end, in strides of the position's level.
    """

    embedded_td: Tensor
    snippet_tc: Tensor
    logits_nc: Tensor
    distances_n2: Tensor


class Head(nn.Module):
    """Convolution, norm, GELU, then a linear layer; the same at all levels.

    A position's own features also go past the convolution: on small sets what is around it misleads.
    """

    def __init__(self, width: int, outputs: int, dropout: float) -> None:
        super().__init__()
        self.convolve, self.norm = nn.Conv1d(width, width, 3, padding=1), nn.LayerNorm(width)
        self.read, self.dropout = nn.Linear(width, outputs), dropout

    def forward(self, x_btd: Tensor) -> Tensor:
        x = F.gelu(self.norm(x_btd + convolved(self.convolve, x_btd)))
        return self.read(dropout(x, self.dropout, self.training)).float()


class DenseNetwork(nn.Module):
    """The input is standardised by the training set's own mean and deviation (buffers)."""

    mean: Tensor
    deviation: Tensor

    def __init__(self, *, dimension: int, classes: int, config: DenseConfig) -> None:
        super().__init__()
        self.config, width = config, config.hidden
        self.register_buffer("mean", torch.zeros(dimension))
        self.register_buffer("deviation", torch.ones(dimension))
        self.project = nn.Linear(dimension, width)
        self.embed = nn.Conv1d(width, width, 3, padding=1)
        self.embed_norm = nn.LayerNorm(width)

        def block() -> LocalBlock:
            return LocalBlock(
                width=width, heads=config.heads, window=config.window, dropout=config.block_dropout
            )

        self.stem = nn.ModuleList(block() for _ in range(config.blocks))
        self.pyramid = nn.ModuleList(block() for _ in range(config.levels - 1))
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(config.levels))
        self.classify = Head(width, classes, config.dropout)
        self.regress = Head(width, 2, config.dropout)
        self.snippet = nn.Linear(width, classes)
        self.scale = nn.Parameter(torch.ones(config.levels))
        for layer in (self.classify.read, self.snippet):
            nn.init.constant_(layer.bias, _SELDOM)

    def forward(self, features_td: Tensor, lengths: Sequence[int]) -> DenseOutput:
        """X [sum T, D] float32, recordings of ``lengths`` end to end."""
        x = F.gelu(self.project(self._drop_input((features_td - self.mean) / self.deviation, lengths)))
        x, valid = self._rows(x, lengths)
        x = F.gelu(self.embed_norm(x + convolved(self.embed, x))) * valid[..., None]
        for block in self.stem:
            x = block(x, valid)
        fine = valid
        embedded = read = self.norms[0](x) * valid[..., None]
        logits, distances, masks = [], [], []
        for level, norm in enumerate(self.norms):
            if level:
                x, valid = halved(x, valid)
                x = self.pyramid[level - 1](x, valid)
                read = norm(x) * valid[..., None]
            logits.append(self.classify(read))
            distances.append(F.softplus(self.regress(read) * self.scale[level]))
            masks.append(valid)
        fine_tc = self.snippet(dropout(embedded, self.config.dropout, self.training)).float()[fine]
        by_snippet = (-1, self.config.upsample)
        of_snippets = (
            embedded[fine].unflatten(0, by_snippet).mean(1),
            fine_tc.unflatten(0, by_snippet).mean(1),
        )
        mask = torch.cat(masks, 1)
        return DenseOutput(*of_snippets, torch.cat(logits, 1)[mask], torch.cat(distances, 1)[mask])

    def _drop_input(self, x_td: Tensor, lengths: Sequence[int]) -> Tensor:
        """The same dimensions throughout a recording: neighbours cannot tell what a snippet lacks."""
        share = self.config.input_dropout
        if not (self.training and share):
            return x_td
        keep_bd = F.dropout(x_td.new_ones(len(lengths), x_td.shape[1]), share)
        parts = zip(x_td.split(lengths), keep_bd, strict=True)
        return torch.cat([part_td * keep_d for part_td, keep_d in parts])

    def _rows(self, x_td: Tensor, lengths: Sequence[int]) -> tuple[Tensor, Tensor]:
        """End to end -> finest positions in rows [B, P, D] (interpolated), and valid [B, P]."""
        up = self.config.upsample
        parts = [
            F.interpolate(part.T[None], scale_factor=up, mode="linear")[0].T if up > 1 else part
            for part in x_td.split(lengths)
        ]
        valid = nn.utils.rnn.pad_sequence(
            [torch.ones(len(part), dtype=torch.bool, device=x_td.device) for part in parts], batch_first=True
        )
        return nn.utils.rnn.pad_sequence(parts, batch_first=True), valid


def convolved(layer: nn.Conv1d, x_btd: Tensor) -> Tensor:
    """Over time, [B, T, D] -> [B, T, D]."""
    return layer(x_btd.transpose(1, 2)).transpose(1, 2)


def halved(x_btd: Tensor, valid_bt: Tensor) -> tuple[Tensor, Tensor]:
    """The larger of each two neighbours, of an odd last one itself."""
    odd = x_btd.shape[1] % 2
    x = F.pad(x_btd.masked_fill(~valid_bt[..., None], float("-inf")), (0, 0, 0, odd), value=float("-inf"))
    valid = F.pad(valid_bt, (0, odd)).unflatten(1, (-1, 2)).any(-1)
    return x.unflatten(1, (-1, 2)).amax(2).masked_fill(~valid[..., None], 0.0), valid
