"""The network of SF-Net: a snippet's class, the background among them, and whether any action is on.

Classes come from three fully connected layers, actionness from two temporal convolutions and one fully
connected layer; the first layer, which brings the features down to the width, is common to both (ours).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from hrpro.peers.sfnet.config import SFNetConfig
from hrpro.snippet.network import convolve, drop_input
from hrpro.training.dropout import dropout


class SFNetOutput(NamedTuple):
    """What it says of recordings end to end.

    embedded_td [sum T, D'], before the classifier; logits_tc [sum T, C + 1], the background last;
    actionness_t [sum T], the logit of actionness.
    """

    embedded_td: Tensor
    logits_tc: Tensor
    actionness_t: Tensor


class SFNetwork(nn.Module):
    """Both branches; the input is standardised by the training set's own mean and deviation (buffers)."""

    mean: Tensor
    deviation: Tensor

    def __init__(self, *, dimension: int, classes: int, config: SFNetConfig) -> None:
        super().__init__()
        width = config.hidden
        self.input_dropout, self.dropout = config.input_dropout, config.dropout
        self.register_buffer("mean", torch.zeros(dimension))
        self.register_buffer("deviation", torch.ones(dimension))
        self.project = nn.Linear(dimension, width)
        self.embed = nn.Linear(width, width)
        self.classifier = nn.Linear(width, classes + 1)
        self.first, self.second = (nn.Conv1d(width, width, config.kernel) for _ in range(2))
        self.actionness = nn.Linear(width, 1)

    def forward(self, features_td: Tensor, lengths: Sequence[int]) -> SFNetOutput:
        """X [sum T, D] float32, recordings of ``lengths`` end to end."""
        x = (features_td - self.mean) / self.deviation
        if self.training and self.input_dropout:
            x = drop_input(x, lengths, self.input_dropout)
        x = F.relu(self.project(x))
        embedded = F.relu(self.embed(x))
        logits_tc = self.classifier(dropout(embedded, self.dropout, self.training))
        around = F.relu(convolve(self.second, F.relu(convolve(self.first, x, lengths)), lengths))
        actionness_t = self.actionness(dropout(around, self.dropout, self.training))[:, 0]
        return SFNetOutput(embedded, logits_tc.float(), actionness_t.float())
