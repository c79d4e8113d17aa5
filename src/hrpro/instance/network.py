"""The network of stage 2: RoI features -> completeness (eq. 9) and boundary offsets (eq. 11-12)."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from hrpro.instance.config import InstanceConfig
from hrpro.instance.roi import pooled, roi_features
from hrpro.training.dropout import dropout


class Spans:
    """Proposals of a batch, in snippets: segments [n, 2], and first row and length of their recordings [n].

    Not a tuple of tensors on purpose: mixed precision rounds every float that enters a network, and a
    boundary in bfloat16 would be off by many snippets.
    """

    def __init__(self, segments_n2: Tensor, first_n: Tensor, length_n: Tensor) -> None:
        self.segments_n2, self.first_n, self.length_n = segments_n2, first_n, length_n

    def to(self, device: torch.device, **_: object) -> Spans:
        return Spans(self.segments_n2.to(device), self.first_n.to(device), self.length_n.to(device))


class InstanceOutput(NamedTuple):
    """logits_nc [n, C] (C = 1 if class-agnostic): completeness before the sigmoid. offsets_n2 [n, 2]: of
    start and end, in lengths of the proposal, to be subtracted (eq. 12). None for a head that is off."""

    logits_nc: Tensor | None
    offsets_n2: Tensor | None


class InstanceNetwork(nn.Module):
    """Score Head and Regression Head over max-pooled starting, centre and ending features."""

    mean: Tensor
    deviation: Tensor

    def __init__(self, *, dimension: int, classes: int, config: InstanceConfig) -> None:
        super().__init__()
        self.config, width = config, config.hidden
        self.register_buffer("mean", torch.zeros(dimension))
        self.register_buffer("deviation", torch.ones(dimension))
        self.project = nn.Linear(dimension, width)
        self.score: nn.Sequential | None = None
        self.regression: nn.ModuleList | None = None
        if config.score_weight:
            self.score = self._head(3 * width, classes if config.class_aware else 1)
        if config.regression_weight:
            self.regression = nn.ModuleList(self._head(2 * width, 1) for _ in ("start", "end"))
            for head in self.regression:
                # Begin at the proposal's own boundaries.
                last = list(head.modules())[-1]
                assert isinstance(last, nn.Linear)
                nn.init.zeros_(last.weight)
                nn.init.zeros_(last.bias)

    def _head(self, inputs: int, outputs: int) -> nn.Sequential:
        width = self.config.hidden
        return nn.Sequential(
            nn.Linear(inputs, width), nn.ReLU(), nn.Dropout(self.config.dropout), nn.Linear(width, outputs)
        )

    def forward(self, features_td: Tensor, spans: Spans) -> InstanceOutput:
        """Features [sum T, D] of the batch's recordings, one below the other, and their proposals."""
        return self.read(self.snippets(features_td), spans)

    def snippets(self, features_td: Tensor) -> Tensor:
        """The projection [sum T, width] that proposals are pooled from."""
        x = (features_td - self.mean) / self.deviation
        return F.gelu(self.project(dropout(x, self.config.input_dropout, self.training)))

    def read(self, snippets_td: Tensor, spans: Spans) -> InstanceOutput:
        """Proposals over projected snippets."""
        roi_nbd = roi_features(
            snippets_td.float(),
            spans.segments_n2.float(),
            first_n=spans.first_n,
            length_n=spans.length_n,
            extension=self.config.extension,
        )
        start, centre, end = pooled(roi_nbd)
        logits_nc = offsets_n2 = None
        if self.score is not None:
            logits_nc = self.score(torch.cat([centre - start, centre, centre - end], -1)).float()
        if self.regression is not None:
            border = torch.cat([start, end], -1)
            offsets_n2 = torch.cat([head(border) for head in self.regression], -1).float()
        return InstanceOutput(logits_nc, offsets_n2)


def refine(segments_n2: Tensor, offsets_n2: Tensor) -> Tensor:
    """Eq. 12: s_r = s_p - ds * w_p and e_r = e_p - de * w_p, all [n, 2] in snippets."""
    return segments_n2 - offsets_n2 * (segments_n2[:, 1:] - segments_n2[:, :1])
