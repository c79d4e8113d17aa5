"""Stage 1 read a second time, by likeness to the training's own snippets: kernel ridge regression (ours).

The networks see a snippet through few prototypes and through its neighbours, and on small sets they mistake
one class for another. The exemplars see it alone and remember the training snippet by snippet: with z_i some
of these (all, if they are few) and x standardised as in the networks, P'(x) is f(x) of
``core/kernel_ridge.py``.

It learns from the P that the networks give the training recordings, of the classes clicked there
(``clicked_activation``); the labels are no better than theirs, but its mistakes on other recordings are
others, and the mean of both has fewer.
``docs/findings.md`` holds the measurements.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hrpro.core.kernel_ridge import KernelRidge, plain
from hrpro.data.training_set import TrainingSet

Targets = Callable[[int], NDArray[np.float32]]

GAMMA, RIDGE = 0.5, 0.1  # half or twice of either does as well
NAMES = ("snippets", "alpha", "offset", "bandwidth", "mean", "deviation")


class Exemplars:
    """P' [T, C] of features [T, D]. ``tensors`` are all that it is: see NAMES."""

    def __init__(self, tensors: Mapping[str, Tensor]) -> None:
        self.tensors = dict(tensors)

    @classmethod
    def fit(
        cls,
        training_set: TrainingSet,
        targets: Targets,
        *,
        mean: Tensor,
        deviation: Tensor,
        number: int,
        seed: int,
    ) -> Exemplars:
        """Learn from ``targets``, which gives P [T, C] of a recording of the training set, by its index.

        mean, deviation [D]: of the features of the training. number: exemplars at most. Features are read
        one recording at a time; beside it, memory grows with ``number`` squared alone.
        """
        recordings = training_set.recordings
        starts = np.cumsum([0, *(item.features.shape[0] for item in recordings)])
        total = int(starts[-1])
        rng = np.random.default_rng(seed)
        chosen = np.sort(rng.choice(total, min(number, total), replace=False))

        def standardised(index: int) -> Tensor:
            return (_tensor(recordings[index].features.read_float32()) - mean.cpu()) / deviation.cpu()

        parts = [chosen[(chosen >= low) & (chosen < high)] - low for low, high in pairwise(starts)]
        snippets = torch.cat([standardised(i)[part] for i, part in enumerate(parts) if len(part)])
        rows = ((standardised(index), torch.from_numpy(targets(index))) for index in range(len(recordings)))
        learned = KernelRidge.fit(snippets, rows, gamma=GAMMA, ridge=RIDGE, rng=rng)
        parts_of_it = (learned.points, learned.alpha, learned.offset, learned.bandwidth, mean, deviation)
        return cls(dict(zip(NAMES, map(plain, parts_of_it), strict=True)))

    @classmethod
    def checked(cls, tensors: Mapping[str, Tensor], classes: int, dimension: int) -> Exemplars:
        """RuntimeError if these are not the tensors of exemplars for so many classes and dimensions."""
        count = len(tensors["snippets"]) if "snippets" in tensors else 0
        shapes = [(count, dimension), (count, classes), (classes,), (1,), (dimension,), (dimension,)]
        for name, shape in zip(NAMES, shapes, strict=True):
            if name not in tensors or tensors[name].shape != shape:
                raise RuntimeError(f"exemplars.{name} is missing or has a size mismatch")
        return cls(tensors)

    @torch.inference_mode()
    def activation(self, features_td: NDArray[np.float32]) -> NDArray[np.float32]:
        """P' [T, C] in [0, 1]."""
        held = self.tensors
        x_td = (_tensor(features_td).to(held["mean"].device) - held["mean"]) / held["deviation"]
        learned = KernelRidge(*(held[name] for name in NAMES[:4]))
        return learned(x_td).clamp(0, 1).cpu().numpy()

    def to(self, device: str | torch.device) -> Exemplars:
        self.tensors = {name: tensor.to(device) for name, tensor in self.tensors.items()}
        return self


def clicked_activation(
    training_set: TrainingSet, activation: Callable[[NDArray[np.float32]], NDArray[np.float32]]
) -> Targets:
    """P [T, C] that ``activation`` gives a recording's features [T, D], of the classes clicked there."""

    def target(index: int) -> NDArray[np.float32]:
        recording = training_set.recordings[index]
        clicked = {click.label for click in training_set.clicks[recording.id]}
        known = np.array([label in clicked for label in training_set.classes])
        return np.where(known, activation(recording.features.read_float32()), np.float32(0))

    return target


def _tensor(features_td: NDArray[np.float32]) -> Tensor:
    """A copy: PyTorch wants no array that may not be written to, as a mapped file's."""
    return torch.from_numpy(np.array(features_td, np.float32, order="C"))
