"""LACP's network: features X -> embedded features, class scores P, background score Q, P^ = P * (1 - Q)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from hrpro.peers.lacp.config import LACPConfig
from hrpro.snippet.network import convolve, drop_input
from hrpro.training.dropout import dropout


class LACPOutput(NamedTuple):
    """What the network says of recordings end to end.

    embedded_td [sum T, D']; class_tc [sum T, C] P in [0, 1]; background_t [sum T] Q in [0, 1].
    """

    embedded_td: Tensor
    class_tc: Tensor
    background_t: Tensor

    @property
    def activation_tc(self) -> Tensor:
        """P^ = P * (1 - Q) [sum T, C]."""
        return self.class_tc * (1 - self.background_t)[:, None]


class LACPNetwork(nn.Module):
    """One convolution and ReLU, then a class and a background score for each snippet.

    With ``config.hidden`` a linear layer brings the features to that width first.

    The input is standardised by the training set's own mean and deviation (buffers), so that features of any
    scale are learned at one rate.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, *, dimension: int, classes: int, config: LACPConfig) -> None:
        super().__init__()
        self.width = config.hidden or dimension
        self.input_dropout, self.dropout = config.input_dropout, config.dropout
        self.register_buffer("mean", torch.zeros(dimension))
        self.register_buffer("deviation", torch.ones(dimension))
        self.project = nn.Linear(dimension, self.width) if config.hidden else None
        self.embed = nn.Conv1d(self.width, self.width, config.kernel)
        self.classifier = nn.Linear(self.width, classes)
        self.background = nn.Linear(self.width, 1)
        # Most snippets show none of the classes: beginning there spares the first steps.
        nn.init.constant_(self.classifier.bias, -2.0)

    def forward(self, features_td: Tensor, lengths: Sequence[int]) -> LACPOutput:
        """X [sum T, D] float32, recordings of ``lengths`` end to end."""
        x = (features_td - self.mean) / self.deviation
        if self.training and self.input_dropout:
            x = drop_input(x, lengths, self.input_dropout)
        if self.project is not None:
            x = F.gelu(self.project(x))
        embedded = F.relu(convolve(self.embed, x, lengths))
        read = dropout(embedded, self.dropout, self.training)
        # Scores, their products and logarithms are kept in full precision whatever the layers ran in.
        class_tc = self.classifier(read).float().sigmoid()
        background_t = self.background(read)[:, 0].float().sigmoid()
        return LACPOutput(embedded, class_tc, background_t)
