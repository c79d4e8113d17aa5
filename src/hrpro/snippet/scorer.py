"""One network that scores snippets, whichever method's: how it is made, taught, asked and kept."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from hrpro.core.errors import DataError, NonFiniteError
from hrpro.data.batches import pack
from hrpro.data.training_set import TrainingSet
from hrpro.proposals.scores import SnippetScores
from hrpro.training.loop import train
from hrpro.training.task import Task

if TYPE_CHECKING:
    from typing_extensions import Self


class SnippetScorer(ABC):
    """A network, its classes and settings. A method says what it is, what teaches it, and how it is read.

    Its network takes features [sum T, D] and lengths, and holds the buffer ``mean`` of its input.
    """

    name: ClassVar[str]
    """Under which a run keeps its checkpoints and logs."""
    network: Any

    def __init__(self, classes: Sequence[str], dimension: int, config: Any) -> None:
        self.classes, self.dimension, self.config = tuple(classes), dimension, config
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed)
            self.network = self.made()
        self.network.eval()

    @abstractmethod
    def made(self) -> nn.Module:
        """The untrained network."""

    @abstractmethod
    def task(self, training_set: TrainingSet) -> Task:
        """What teaches it."""

    @abstractmethod
    def read(self, output: Any) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """What it says: S [T, C], A [T], P [T, C] and X^e [T, D']."""

    @property
    @abstractmethod
    def width(self) -> int:
        """Dimension D' of the embedded features."""

    @classmethod
    def fit(
        cls,
        training_set: TrainingSet,
        config: Any,
        *,
        name: str | None = None,
        run_dir: Path | None = None,
        resume: bool = False,
        progress: bool = False,
        on_row: Callable[[Any], None] | None = None,
    ) -> Self:
        """Learn from clicks. DataError if there is none; else raises as training.loop.train does.

        name: under which ``run_dir`` keeps its checkpoints and logs (the method's own).
        """
        if not any(training_set.clicks.values()):
            raise DataError("there is not a single click to learn from", mend="click one moment an action")
        stage = cls(training_set.classes, training_set.dimension, config)
        task = stage.task(training_set)
        kept: dict[str, Any] = {"run_dir": run_dir, "resume": resume, "progress": progress, "on_row": on_row}
        with torch.random.fork_rng(devices=[]):  # the caller's own chance goes on as if nothing had been
            weights = train(task, config, name=name or cls.name, **kept)
        stage.take(weights.ema)
        stage.network.eval()
        return stage

    def take(self, learned: Mapping[str, Tensor]) -> None:
        """The weights that the task's module has learned."""
        self.network.load_state_dict(learned)

    @torch.inference_mode()
    def scores(self, features_td: NDArray[np.floating]) -> SnippetScores:
        """Features [T, D] of one recording, finite -> its scores. DataError if D is not the model's,
        NonFiniteError if they are not."""
        if features_td.ndim != 2 or features_td.shape[1] != self.dimension or len(features_td) == 0:
            raise DataError(
                f"features must be [T, {self.dimension}] as in training, not {list(features_td.shape)}",
                mend="extract them with the backbone the model was trained with",
            )
        if not np.isfinite(features_td).all():
            raise NonFiniteError("the features hold NaN or infinite values")
        packed_td, lengths = pack([np.ascontiguousarray(features_td, np.float32)])
        output = self.network(packed_td.to(self.network.mean.device), lengths)
        class_tc, attention_t, activation_tc, embedded_td = (
            part.float().cpu().numpy() for part in self.read(output)
        )
        return SnippetScores(class_tc, attention_t, activation_tc, embedded_td)

    def to(self, device: str | torch.device) -> Self:
        self.network.to(device)
        return self

    def state_dict(self) -> dict[str, Tensor]:
        return self.network.state_dict()

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """RuntimeError if the weights are not those of such a network."""
        self.network.load_state_dict(dict(state))
