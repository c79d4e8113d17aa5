"""Losses of SF-Net, for batches of recordings end to end.

Every loss is computed for each recording by itself and averaged over the batch. ``action_tc`` [sum T, C] and
``background_t`` [sum T] are pseudo labels, 0 or 1; recording_t [sum T] names the recording of each snippet,
one of so many ``recordings``.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from hrpro.snippet.losses import mean


def frame_loss(
    logits_tc: Tensor, action_tc: Tensor, background_t: Tensor, recording_t: Tensor, recordings: int
) -> tuple[Tensor, Tensor]:
    """Cross-entropy over the classes and the background [sum T, C + 1], on labelled action snippets and on
    background snippets. A snippet of several classes is equally each of them."""
    log_tc = logits_tc.log_softmax(-1)
    count_t = action_tc.sum(-1)
    own_t = -(log_tc[:, :-1] * action_tc).sum(-1) / count_t.clamp(min=1)
    of = recording_t, recordings
    return mean(own_t, (count_t > 0).float(), *of), mean(-log_tc[:, -1], background_t, *of)


def actionness_loss(
    actionness_t: Tensor, action_tc: Tensor, background_t: Tensor, recording_t: Tensor, recordings: int
) -> Tensor:
    """Binary cross-entropy of the actionness logits: action against background, each half of it."""
    of = recording_t, recordings
    on = mean(-F.logsigmoid(actionness_t), action_tc.any(-1).float(), *of)
    return on + mean(-F.logsigmoid(-actionness_t), background_t, *of)


def video_logits(logits_tc: Tensor, lengths: Sequence[int], top: int) -> Tensor:
    """[sum T, C] -> [B, C]: for each class the mean of the best max(T // top, 1) snippets of a recording."""
    parts = logits_tc.split(list(lengths))
    return torch.stack([part.topk(max(len(part) // top, 1), dim=0).values.mean(0) for part in parts])


def video_loss(logits_bc: Tensor, present_bc: Tensor) -> Tensor:
    """Cross-entropy of the recordings' classes [B, C], each of those present (0 or 1) with an equal share.

    A recording without any gives 0.
    """
    share_bc = present_bc / present_bc.sum(-1, keepdim=True).clamp(min=1)
    return -(share_bc * logits_bc.log_softmax(-1)).sum(-1).mean()
