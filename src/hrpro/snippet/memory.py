"""The online-updated memory of reliable prototypes, one per class (eq. 2 and 3)."""

from __future__ import annotations

import torch
from torch import Tensor


def class_sums(embedded_td: Tensor, action_tc: Tensor) -> tuple[Tensor, Tensor]:
    """Sum [C, D] of the features [N, D] of each class's snippets [N, C] (0/1), and their number [C]."""
    chosen_tc = action_tc.to(embedded_td.dtype)
    return chosen_tc.T @ embedded_td, chosen_tc.sum(0)


def initial_memory(sums_cd: Tensor, counts_c: Tensor) -> Tensor:
    """Eq. 2: m_c^0, the mean feature of the clicked snippets of each class [C, D].

    A class that nobody clicked starts at the mean of all clicked snippets: it then draws no snippet more than
    another, where a zero vector would have no direction at all.
    """
    overall = sums_cd.sum(0) / counts_c.sum().clamp(min=1)
    own = sums_cd / counts_c.clamp(min=1)[:, None]
    return torch.where(counts_c[:, None] > 0, own, overall)


def updated_memory(memory_cd: Tensor, sums_cd: Tensor, counts_c: Tensor, momentum: float) -> Tensor:
    """Eq. 3: m_c <- mu * m_c + (1 - mu) * x, x being the mean of the step's pseudo action snippets of c.

    Classes without any (counts 0) stay as they are. Shapes [C, D], [C, D], [C]; momentum mu in [0, 1].
    """
    new_cd = sums_cd / counts_c.clamp(min=1)[:, None]
    return torch.where(counts_c[:, None] > 0, momentum * memory_cd + (1 - momentum) * new_cd, memory_cd)
