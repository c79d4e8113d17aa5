"""CoLA's snippet mining: easy and hard snippets of one recording, from its actionness alone.

Easy action and easy background are the snippets of highest and lowest actionness. Hard ones lie along the
borders of the actionness thresholded at its median: hard action just inside, what a small erosion leaves and
a large one takes; hard background just outside, what a large dilation adds to a small one.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F


class Mined(NamedTuple):
    """Boolean masks over the snippets [T] of one recording; the hard ones may be empty."""

    easy_action: Tensor
    easy_background: Tensor
    hard_action: Tensor
    hard_background: Tensor


def mine(actionness_t: Tensor, *, easy: int, near: int, far: int) -> Mined:
    """Easy: 1/easy of the snippets each, at least one. Hard: more than ``near`` and at most ``far`` snippets
    from a border. Beyond the ends of the recording there is no border."""
    count = max(len(actionness_t) // easy, 1)
    order_t = actionness_t.argsort(descending=True, stable=True)
    best_t, worst_t = (torch.zeros_like(actionness_t, dtype=torch.bool) for _ in range(2))
    best_t[order_t[:count]] = True
    worst_t[order_t[len(order_t) - count :]] = True
    on_t = actionness_t > actionness_t.median()
    inner_t = ~dilate(~on_t, near) & dilate(~on_t, far)
    outer_t = ~dilate(on_t, near) & dilate(on_t, far)
    return Mined(best_t, worst_t, inner_t, outer_t)


def dilate(mask_t: Tensor, by: int) -> Tensor:
    """The mask [T] grown by so many snippets to either side. Of its complement, that is an erosion."""
    return F.max_pool1d(mask_t.float()[None], 2 * by + 1, stride=1, padding=by)[0].bool()
