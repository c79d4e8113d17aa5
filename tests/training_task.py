"""A small real task for the engine's tests: regression with dropout and a memory that follows the batches."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from hrpro.training.task import Task


class Net(nn.Module):
    """[b, d] and a memory of one vector that is added to the hidden layer -> [b], [b, width]."""

    memory: Tensor
    updates: Tensor

    def __init__(self, d: int, width: int, dropout: float) -> None:
        super().__init__()
        self.first, self.norm = nn.Linear(d, width), nn.LayerNorm(width)
        self.dropout, self.last = nn.Dropout(dropout), nn.Linear(width, 1)
        self.register_buffer("memory", torch.zeros(width))
        self.register_buffer("updates", torch.zeros((), dtype=torch.int64))

    def forward(self, inputs_bd: Tensor) -> tuple[Tensor, Tensor]:
        hidden_bw = torch.tanh(self.norm(self.first(inputs_bd)) + self.memory)
        return self.last(self.dropout(hidden_bw)).squeeze(-1), hidden_bw


class Regression(Task):
    """y = sin(sum of x) for ``n`` recordings; ``noise`` adds rng noise to the inputs of a batch."""

    def __init__(
        self,
        *,
        n: int = 13,
        d: int = 6,
        width: int = 16,
        dropout: float = 0.2,
        noise: float = 0.1,
        seed: int = 0,
    ) -> None:
        torch.manual_seed(seed)
        self.module = self.net = Net(d, width, dropout)
        self.inputs_nd = np.random.default_rng(seed).standard_normal((n, d)).astype(np.float32)
        self.targets_n = np.sin(self.inputs_nd.sum(1))
        self.recordings = [f"video_{i}" for i in range(n)]
        self.noise = noise
        self.fingerprint = {"data": {"seed": seed, "noise": noise}, "network": [d, width, dropout]}

    def batch(self, step: int, indices: NDArray[np.int64], rng: np.random.Generator) -> dict[str, Tensor]:
        inputs_bd = self.inputs_nd[indices]
        inputs_bd = inputs_bd + self.noise * rng.standard_normal(inputs_bd.shape).astype(np.float32)
        return {"inputs": torch.from_numpy(inputs_bd), "targets": torch.from_numpy(self.targets_n[indices])}

    def losses(self, module: nn.Module, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        outputs_b, hidden_bw = module(batch["inputs"])
        batch["hidden"] = hidden_bw.detach()
        fit = (outputs_b - batch["targets"]).square().mean()
        flat = 0.1 * hidden_bw.square().mean()
        return {"fit": fit, "flat": flat, "total": fit + flat}

    def after_step(self, batches: Sequence[Any], add_up: Callable[[Tensor], Tensor]) -> None:
        sums_w = torch.zeros_like(self.net.memory)
        count = torch.zeros((), device=sums_w.device)
        for batch in batches:
            sums_w += batch["hidden"].sum(0)
            count += len(batch["hidden"])
        self.net.memory.lerp_(add_up(sums_w) / add_up(count), 0.1)
        self.net.updates.add_(1)


class Stopped(Exception):
    """Ends a training from inside, as a crash of the process would."""


class Fragile(Regression):
    """Calls ``trouble`` with the step and the losses (to change) of every batch."""

    def __init__(self, trouble: Callable[[int, dict[str, Tensor], Tensor], None], **options: Any) -> None:
        super().__init__(**options)
        self.trouble = trouble

    def batch(self, step: int, indices: NDArray[np.int64], rng: np.random.Generator) -> dict[str, Tensor]:
        batch = super().batch(step, indices, rng)
        return {**batch, "step": torch.tensor(step), "indices": torch.from_numpy(indices)}

    def losses(self, module: nn.Module, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        losses = super().losses(module, batch)
        self.trouble(int(batch["step"]), losses, batch["indices"])
        return losses


def stop_at(step: int) -> Callable[[int, dict[str, Tensor], Tensor], None]:
    def trouble(now: int, losses: dict[str, Tensor], indices: Tensor) -> None:
        if now == step:
            raise Stopped

    return trouble
