"""The network of stage 1: features X -> embedded features X^e, class activation S, attention A, P = S * A."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from hrpro.core.errors import ConfigError
from hrpro.snippet.attention import ReliabilityAwareAttention
from hrpro.snippet.config import SnippetConfig
from hrpro.training.dropout import dropout


class SnippetOutput(NamedTuple):
    """What stage 1 says of recordings end to end.

    embedded_td [sum T, D'] X^e; class_tc [sum T, C] S in [0, 1]; attention_t [sum T] A in [0, 1].
    """

    embedded_td: Tensor
    class_tc: Tensor
    attention_t: Tensor

    @property
    def activation_tc(self) -> Tensor:
        """P = S * A [sum T, C], the fused activation."""
        return self.class_tc * self.attention_t[:, None]


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
        self.embed = nn.Conv1d(width, width, config.kernel)
        self.classifier = nn.Linear(width, classes)
        self.attention = nn.Linear(width, 1)
        # Most snippets show none of the classes: beginning there spares the first steps.
        nn.init.constant_(self.classifier.bias, -2.0)

    def forward(self, features_td: Tensor, lengths: Sequence[int]) -> SnippetOutput:
        """X [sum T, D] float32, recordings of ``lengths`` end to end."""
        x = (features_td - self.mean) / self.deviation
        if self.training and self.input_dropout:
            x = drop_input(x, lengths, self.input_dropout)
        if self.project is not None:
            x = F.gelu(self.project(x))
        for block in self.blocks:
            x = block(x, self.memory, lengths)
        embedded = F.relu(convolve(self.embed, x, lengths))
        read = dropout(embedded, self.dropout, self.training)
        # Scores, their products and logarithms are kept in full precision whatever the layers ran in.
        class_tc = self.classifier(read).float().sigmoid()
        attention_t = self.attention(read)[:, 0].float().sigmoid()
        return SnippetOutput(embedded, class_tc, attention_t)


def drop_input(x_td: Tensor, lengths: Sequence[int], share: float) -> Tensor:
    """x [sum T, D] without a ``share`` of the dimensions, the same ones throughout a recording: neighbours
    cannot tell what a snippet lacks."""
    keep_bd = F.dropout(x_td.new_ones(len(lengths), x_td.shape[1]), share)
    parts = zip(x_td.split(lengths), keep_bd, strict=True)
    return torch.cat([part_td * keep_d for part_td, keep_d in parts])


def convolve(layer: nn.Conv1d, x_td: Tensor, lengths: Sequence[int]) -> Tensor:
    """The layer over x [sum T, D], zeros before and after each recording, as one matrix product."""
    kernel = layer.kernel_size[0]
    border = (0, 0, kernel // 2, kernel // 2)
    windows_tdk = torch.cat([F.pad(part, border).unfold(0, kernel, 1) for part in x_td.split(lengths)])
    return F.linear(windows_tdk.flatten(1), layer.weight.flatten(1), layer.bias)
