"""Losses of stage 1 (eq. 1, 7, 8), for batches of recordings of different lengths.

Every loss is computed for each recording by itself and averaged over the batch, so that a recording counts
the same whatever it is batched with. Labels are 0/1 tensors: ``action_btc`` pseudo action snippets, and
``background_bt`` pseudo background snippets; both are 0 on padding.
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


def action_loss(activation_btc: Tensor, action_btc: Tensor, weight_bt: Tensor, gamma: float) -> Tensor:
    """First half of eq. 1: P against the classes of all pseudo action snippets, their weighted mean.

    weight_bt [B, T] >= 0, 0 off the pseudo action snippets; all ones there is eq. 1 as written. A recording
    without pseudo action snippets gives 0.
    """
    return _mean(focal(activation_btc, action_btc, gamma).sum(-1), weight_bt)


def attention_loss(attention_bt: Tensor, target: float, weight_bt: Tensor, gamma: float) -> Tensor:
    """A against one target: 0 on pseudo background is the second half of eq. 1."""
    return _mean(focal(attention_bt, torch.full_like(attention_bt, target), gamma), weight_bt)


def _mean(value_bt: Tensor, weight_bt: Tensor) -> Tensor:
    total_b = weight_bt.sum(1)
    mean_b = (value_bt * weight_bt).sum(1) / torch.where(total_b > 0, total_b, 1)
    return mean_b.mean()


def instance_weights(action_btc: Tensor, balance: float) -> Tensor:
    """Weights [B, T] of pseudo action snippets: (length of the run of equal labels around it) ** -balance."""
    labelled_bt = action_btc.any(-1)
    if not balance:
        return labelled_bt.float()
    begins_bt = torch.ones_like(labelled_bt)
    begins_bt[:, 1:] = (action_btc[:, 1:] != action_btc[:, :-1]).any(-1)
    run_bt = begins_bt.cumsum(1) - 1
    lengths_br = torch.zeros_like(run_bt).scatter_add_(1, run_bt, torch.ones_like(run_bt))
    return lengths_br.gather(1, run_bt).float() ** -balance * labelled_bt


def contrastive_loss(
    embedded_btd: Tensor,
    memory_cd: Tensor,
    action_btc: Tensor,
    background_bt: Tensor,
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
    unit_btd = F.normalize(embedded_btd.float(), dim=-1)
    unit_cd = F.normalize(memory_cd.float(), dim=-1)
    action_btc, background_bt = action_btc.float(), background_bt.float()
    # exp((cos - 1) / tau) instead of exp(cos / tau): the same fractions, and no overflow at small tau.
    similarity_btc = ((unit_btd @ unit_cd.T - 1) / temperature).exp()
    background_bc = torch.einsum("btc,bt->bc", similarity_btc, background_bt)
    if form != "paper":
        background_bc = background_bc / background_bt.sum(1).clamp(min=1)[:, None]
    count_bc = action_btc.sum(1)
    if form == "reference":
        near_bck = torch.einsum("btc,btk->bck", action_btc, similarity_btc)
        near_bck = near_bck / count_bc.clamp(min=1)[..., None]
        own_bc = near_bck.diagonal(dim1=1, dim2=2)
        inter_bc, intra_bc = _share(own_bc, near_bck.sum(-1)), _share(own_bc, own_bc + background_bc)
        loss_bc = -(inter_bc.log() + intra_bc.log()) / 2 * (count_bc > 0)
    else:
        inter_btc = _share(similarity_btc, similarity_btc.sum(-1, keepdim=True))
        intra_btc = _share(similarity_btc, similarity_btc + background_bc[:, None])
        loss_bc = -((inter_btc + intra_btc).log() * action_btc).sum(1)
        if form == "paper":
            return loss_bc.sum(1).mean() / len(memory_cd)
        loss_bc = loss_bc / count_bc.clamp(min=1)
    return (loss_bc.sum(1) / (count_bc > 0).sum(1).clamp(min=1)).mean()


def _share(part: Tensor, whole: Tensor) -> Tensor:
    """part / whole, above 0."""
    return (part / whole.clamp(min=1e-30)).clamp(min=1e-30)
