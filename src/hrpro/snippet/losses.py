"""Losses of stage 1 (eq. 1, 7), for batches of recordings end to end.

Every loss is computed for each recording by itself and averaged over the batch, so that a recording counts
the same whatever it is batched with: recording_t [sum T] names the recording of each snippet, one of so many
``recordings``. Labels are 0/1 tensors: ``action_tc`` pseudo action snippets, and ``background_t`` pseudo
background snippets.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from hrpro.snippet.config import ContrastForm

_TINY = 1e-6


def focal(probability: Tensor, target: Tensor, gamma: float) -> Tensor:
    """Focal loss (Lin et al. 2017) of each element: probability in [0, 1], target 0 or 1, any one shape."""
    p = probability.clamp(_TINY, 1 - _TINY)
    return -(target * (1 - p) ** gamma * p.log() + (1 - target) * p**gamma * (1 - p).log())


def action_loss(
    activation_tc: Tensor,
    action_tc: Tensor,
    weight_t: Tensor,
    recording_t: Tensor,
    recordings: int,
    gamma: float,
) -> Tensor:
    """First half of eq. 1: P against the classes of all pseudo action snippets, their weighted mean.

    weight_t [sum T] >= 0, 0 off the pseudo action snippets; all ones there is eq. 1 as written. A recording
    without pseudo action snippets gives 0.
    """
    loss_t = focal(activation_tc, action_tc, gamma).sum(-1)
    return mean(loss_t, weight_t, recording_t, recordings)


def attention_loss(
    attention_t: Tensor, target: float, weight_t: Tensor, recording_t: Tensor, recordings: int, gamma: float
) -> Tensor:
    """A against one target: 0 on pseudo background is the second half of eq. 1."""
    loss_t = focal(attention_t, torch.full_like(attention_t, target), gamma)
    return mean(loss_t, weight_t, recording_t, recordings)


def mean(value_t: Tensor, weight_t: Tensor, recording_t: Tensor, recordings: int) -> Tensor:
    """Mean of the values [sum T] by weights >= 0 within each recording (0 without any), then over these."""
    total_b = sums(weight_t, recording_t, recordings)
    sum_b = sums(value_t * weight_t, recording_t, recordings)
    return (sum_b / torch.where(total_b > 0, total_b, 1)).mean()


def sums(value_t: Tensor, recording_t: Tensor, recordings: int) -> Tensor:
    """[sum T, ...] -> [B, ...], the sum within each recording."""
    return value_t.new_zeros(recordings, *value_t.shape[1:]).index_add(0, recording_t, value_t)


def instance_weights(action_tc: Tensor, recording_t: Tensor, balance: float) -> Tensor:
    """Weights [sum T] of pseudo action snippets: (length of the run of equal labels around) ** -balance."""
    labelled_t = action_tc.any(-1)
    if not balance:
        return labelled_t.float()
    begins_t = torch.ones_like(labelled_t)
    begins_t[1:] = (action_tc[1:] != action_tc[:-1]).any(-1) | (recording_t[1:] != recording_t[:-1])
    run_t = begins_t.cumsum(0) - 1
    lengths_r = torch.zeros_like(run_t).index_add(0, run_t, torch.ones_like(run_t))
    return lengths_r[run_t].float() ** -balance * labelled_t


def contrastive_loss(
    embedded_td: Tensor,
    memory_cd: Tensor,
    action_tc: Tensor,
    background_t: Tensor,
    recording_t: Tensor,
    recordings: int,
    *,
    temperature: float = 0.1,
    form: ContrastForm = "paper",
) -> Tensor:
    """Eq. 7, averaged over the batch: pseudo action snippets against other prototypes and own background.

    form "paper": as written, summed over the snippets of a class and over the background, divided by C.
    "mean": averaged over each of them and over the classes that the recording shows. "reference": the
    released one; similarities s are averaged over the snippets of a class before the fractions are formed,
    and it is the fractions' logarithms that are averaged. Without background the second fraction is 1.
    """
    of = recording_t, recordings
    unit_td, unit_cd = (F.normalize(x.float(), dim=-1) for x in (embedded_td, memory_cd))
    action_tc, background_t = action_tc.float(), background_t.float()
    # exp((cos - 1) / tau) instead of exp(cos / tau): the same fractions, and no overflow at small tau.
    similarity_tc = ((unit_td @ unit_cd.T - 1) / temperature).exp()
    background_bc = sums(similarity_tc * background_t[:, None], *of)
    if form != "paper":
        background_bc = background_bc / sums(background_t, *of).clamp(min=1)[:, None]
    count_bc = sums(action_tc, *of)
    if form == "reference":
        own_bc = sums(action_tc * similarity_tc, *of) / count_bc.clamp(min=1)
        all_bc = sums(action_tc * similarity_tc.sum(-1, keepdim=True), *of) / count_bc.clamp(min=1)
        inter_bc, intra_bc = _share(own_bc, all_bc), _share(own_bc, own_bc + background_bc)
        loss_bc = -(inter_bc.log() + intra_bc.log()) / 2 * (count_bc > 0)
    else:
        inter_tc = _share(similarity_tc, similarity_tc.sum(-1, keepdim=True))
        intra_tc = _share(similarity_tc, similarity_tc + background_bc.index_select(0, recording_t))
        loss_bc = sums(-(inter_tc + intra_tc).log() * action_tc, *of)
        if form == "paper":
            return loss_bc.sum(1).mean() / len(memory_cd)
        loss_bc = loss_bc / count_bc.clamp(min=1)
    return (loss_bc.sum(1) / (count_bc > 0).sum(1).clamp(min=1)).mean()


def _share(part: Tensor, whole: Tensor) -> Tensor:
    """part / whole, above 0."""
    return (part / whole.clamp(min=1e-30)).clamp(min=1e-30)
