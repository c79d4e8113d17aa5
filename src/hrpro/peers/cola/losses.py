"""Losses of CoLA, each computed for a recording by itself and averaged over the batch."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from hrpro.peers.cola.mining import Mined


def video_logits(logits_tc: Tensor, lengths: Sequence[int], easy: int) -> Tensor:
    """[sum T, C] -> [B, C]: for each class the mean of the best max(T // easy, 1) snippets of a recording."""
    parts = logits_tc.split(list(lengths))
    return torch.stack([part.topk(max(len(part) // easy, 1), dim=0).values.mean(0) for part in parts])


def video_loss(logits_bc: Tensor, present_bc: Tensor) -> Tensor:
    """Binary cross-entropy of the recordings' classes [B, C], summed over the classes."""
    return F.binary_cross_entropy_with_logits(logits_bc, present_bc, reduction="none").sum(-1).mean()


def contrast_loss(embedded: Sequence[Tensor], mined: Sequence[Mined], temperature: float) -> Tensor:
    """The snippet contrast loss of recordings, each with its embedded features [T, D'] and mined snippets.

    Hard action is drawn to easy action and away from each snippet of easy background; hard background the
    other way round. A recording whose actionness has no borders gives 0.
    """
    losses = []
    for embedded_td, of in zip(embedded, mined, strict=True):
        unit_td = F.normalize(embedded_td.float(), dim=-1)
        losses.append(
            _info_nce(unit_td, of.hard_action, of.easy_action, of.easy_background, temperature)
            + _info_nce(unit_td, of.hard_background, of.easy_background, of.easy_action, temperature)
        )
    return torch.stack(losses).mean()


def _info_nce(
    unit_td: Tensor, hard_t: Tensor, like_t: Tensor, unlike_t: Tensor, temperature: float
) -> Tensor:
    """InfoNCE: the mean of the hard snippets against that of their like, among all that they are unlike."""
    if not hard_t.any():
        return unit_td.sum() * 0
    query_d, key_d = (F.normalize(unit_td[mask_t].mean(0), dim=0) for mask_t in (hard_t, like_t))
    others_n = unit_td[unlike_t] @ query_d
    similarity_n = torch.cat([(query_d @ key_d)[None], others_n]) / temperature
    return -similarity_n.log_softmax(0)[0]
