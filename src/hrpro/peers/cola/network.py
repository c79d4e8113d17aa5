"""The network of CoLA: embedded features and class activations, both from a recording's own snippets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from hrpro.peers.cola.config import ColaConfig
from hrpro.snippet.network import convolve, drop_input
from hrpro.training.dropout import dropout


class ColaOutput(NamedTuple):
    """What it says of recordings end to end: embedded_td [sum T, D'], activations logits_tc [sum T, C]."""

    embedded_td: Tensor
    logits_tc: Tensor

    @property
    def actionness_t(self) -> Tensor:
        """The class-agnostic actionness [sum T] in [0, 1]: sigmoid of the activations' sum."""
        return self.logits_tc.sum(-1).sigmoid()


class ColaNetwork(nn.Module):
    """Projection (ours), temporal convolution, classifier; the input is standardised by the training set's
    own mean and deviation (buffers)."""

    mean: Tensor
    deviation: Tensor

    def __init__(self, *, dimension: int, classes: int, config: ColaConfig) -> None:
        super().__init__()
        width = config.hidden
        self.input_dropout, self.dropout = config.input_dropout, config.dropout
        self.register_buffer("mean", torch.zeros(dimension))
        self.register_buffer("deviation", torch.ones(dimension))
        self.project = nn.Linear(dimension, width)
        self.embed = nn.Conv1d(width, width, config.kernel)
        self.classifier = nn.Linear(width, classes)

    def forward(self, features_td: Tensor, lengths: Sequence[int]) -> ColaOutput:
        """X [sum T, D] float32, recordings of ``lengths`` end to end."""
        x = (features_td - self.mean) / self.deviation
        if self.training and self.input_dropout:
            x = drop_input(x, lengths, self.input_dropout)
        embedded = F.relu(convolve(self.embed, F.gelu(self.project(x)), lengths))
        logits_tc = self.classifier(dropout(embedded, self.dropout, self.training))
        return ColaOutput(embedded, logits_tc.float())
