"""The network of stage 1: features X -> embedded features X^e, class activation S, attention A, P = S * A."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from hrpro.core.errors import ConfigError
from hrpro.snippet.attention import ReliabilityAwareAttention
from hrpro.snippet.config import SnippetConfig


class SnippetOutput(NamedTuple):
    """What stage 1 says of a batch; rows past a recording's end hold zeros.

    embedded_btd [B, T, D'] X^e; class_btc [B, T, C] S in [0, 1]; attention_bt [B, T] A in [0, 1].
    """

    embedded_btd: Tensor
    class_btc: Tensor
    attention_bt: Tensor

    @property
    def activation_btc(self) -> Tensor:
        """P = S * A [B, T, C], the fused activation."""
        return self.class_btc * self.attention_bt[..., None]


class SnippetNetwork(nn.Module):
    """Feature embedding with reliability-aware attention, snippet-level classifier, class-agnostic attention.

    The input is standardised by the training set's own mean and deviation (buffers), so that features of any
    scale are learned at one rate; the prototype memory is a buffer too.
    """

    mean: Tensor
    deviation: Tensor
    memory: Tensor

    def __init__(self, *, dimension: int, classes: int, config: SnippetConfig) -> None:
        super().__init__()
        width = config.hidden or dimension
        if width % config.heads:
            raise ConfigError(f"{config.heads} heads do not divide the width {width}", where="snippet.heads")
        self.input_dropout, self.dropout = config.input_dropout, config.dropout
        self.register_buffer("mean", torch.zeros(dimension))
        self.register_buffer("deviation", torch.ones(dimension))
        self.register_buffer("memory", torch.zeros(classes, width))
        self.project = nn.Linear(dimension, width) if config.hidden else None
        self.blocks = nn.ModuleList(
            ReliabilityAwareAttention(
                width=width,
                heads=config.heads,
                feedforward=config.feedforward or width,
                dropout=config.block_dropout,
            )
            for _ in range(config.blocks)
        )
        self.embed = nn.Conv1d(width, width, config.kernel, padding=config.kernel // 2)
        self.classifier = nn.Linear(width, classes)
        self.attention = nn.Linear(width, 1)
        # Most snippets show none of the classes: beginning there spares the first steps.
        nn.init.constant_(self.classifier.bias, -2.0)

    def forward(self, features_btd: Tensor, mask_bt: Tensor) -> SnippetOutput:
        """X [B, T, D] float32 and mask [B, T], true where there is a snippet."""
        keep = mask_bt[..., None]
        x = (features_btd - self.mean) / self.deviation
        x = F.dropout(x, self.input_dropout, self.training)
        x = (x if self.project is None else F.gelu(self.project(x))) * keep
        for block in self.blocks:
            # Padding must be zero again, or the embedding would see it beside a recording's last snippet.
            x = block(x, self.memory, mask_bt) * keep
        embedded = F.relu(self.embed(x.transpose(1, 2))).transpose(1, 2) * keep
        read = F.dropout(embedded, self.dropout, self.training)
        # Scores, their products and logarithms are kept in full precision whatever the layers ran in.
        class_btc = self.classifier(read).float().sigmoid() * keep
        attention_bt = self.attention(read)[..., 0].float().sigmoid() * mask_bt
        return SnippetOutput(embedded, class_btc, attention_bt)
