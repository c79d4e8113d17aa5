"""What a stage tells the training loop: its network, its recordings, their batches, what to minimise."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from hrpro.training.config import TrainingConfig


class Task(ABC):
    """Learning one network from a set of recordings.

    Batches, and what the network's ``forward`` takes and gives, are tensors in dicts, sequences, named tuples
    or dataclasses; a frozen dataclass only as a batch, and with a ``to(device)`` of its own.
    """

    module: nn.Module
    """Its parameters are trained in place; all else that training changes must be a buffer of it."""
    recordings: Sequence[str]
    """Name of each recording that batches are drawn from."""
    fingerprint: Mapping[str, Any] = {}
    """JSON of all that decides the outcome beside the TrainingConfig: the data's checksum, the network's
    settings. A run resumes only if it is equal."""

    @abstractmethod
    def batch(self, step: int, indices: NDArray[np.int64], rng: np.random.Generator) -> Any:
        """The recordings ``indices`` [b] as the network takes them, on the CPU.

        Must follow from the arguments alone (it runs ahead, in another thread, and again after a resume);
        ``rng`` is the only source of chance. A recording may come twice in one batch.
        """

    @abstractmethod
    def losses(self, module: nn.Module, batch: Any) -> dict[str, Tensor]:
        """The parts of the loss, each a scalar mean over the batch's recordings; "total" is minimised.

        ``module`` is the task's module as Fabric wraps it: call it, once. The same parts at every call.
        What ``after_step`` needs may be noted in the batch, detached.
        """

    # Not abstract: most networks need nothing here.
    def after_step(self, batches: Sequence[Any], add_up: Callable[[Tensor], Tensor]) -> None:  # noqa: B027
        """Change buffers after the weights moved, from this process's batches of the step (maybe none).

        Every process must end with equal buffers: ``add_up(tensor)``, called by all in the same order, gives
        the sum of their tensors (its own if there is one process).
        """

    def parameter_groups(self, config: TrainingConfig) -> list[dict[str, Any]]:
        """Groups for AdamW; a group's own ``lr`` is its peak. By default vectors are not decayed."""
        parameters = [p for p in self.module.parameters() if p.requires_grad]
        return [
            {"params": [p for p in parameters if p.ndim >= 2]},
            {"params": [p for p in parameters if p.ndim < 2], "weight_decay": 0.0},
        ]
