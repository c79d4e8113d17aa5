"""NaN or Inf stops the training, and the recording it came from is named."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from hrpro.core.errors import NonFiniteError
from hrpro.training.devices import seed_torch
from hrpro.training.schedule import random_state
from hrpro.training.task import Task

if TYPE_CHECKING:
    from lightning_fabric import Fabric
    from lightning_fabric.wrappers import _FabricModule

GRADIENT = "gradient_norm"


def culprit(values: dict[str, float]) -> str | None:
    """The first loss part (or the gradient's norm) that is NaN or Inf; a part rather than their total."""
    # The total and the gradient are bad whenever a part is, and say less.
    bad = [name for name, value in values.items() if not math.isfinite(value)]
    return min(bad, key=lambda name: (name == GRADIENT, name == "total"), default=None)


def blame(
    fabric: Fabric,
    task: Task,
    module: _FabricModule,
    step: int,
    indices: NDArray[np.int64],
    *,
    part: str,
    value: float,
) -> NonFiniteError:
    """The error for ``part`` of step ``step`` over the recordings ``indices``.

    Each recording is computed once more by itself; if none is at fault alone, all are named.
    """
    guilty: list[int] = []
    for index in dict.fromkeys(indices.tolist()):
        chance = random_state(0, "blame", step, index)
        seed_torch(fabric.device, chance)
        batch = fabric.to_device(task.batch(step, np.array([index]), np.random.default_rng(chance)))
        module.zero_grad()
        with fabric.no_backward_sync(module):
            losses = task.losses(module, batch)
            suspects = list(losses.values())
            if part == GRADIENT:
                fabric.backward(losses["total"])
                suspects = [p.grad for p in module.parameters() if p.grad is not None]
        if not all(bool(torch.isfinite(tensor).all()) for tensor in suspects):
            guilty.append(index)
    names = [task.recordings[index] for index in (guilty or dict.fromkeys(indices.tolist()))]
    what = "the gradient" if part == GRADIENT else f'the loss part "{part}"'
    return NonFiniteError(
        f"{what} became {'NaN' if math.isnan(value) else 'infinite'} at step {step + 1}",
        where=("" if guilty else "one of ") + listed(names),
        mend="look at its features for NaN, Inf or huge values; else lower the learning rate or use fp32",
    )


def listed(names: Sequence[str], most: int = 8) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
