"""Stage 1 read a second time, by likeness to the training's own snippets: kernel ridge regression (ours).

The networks see a snippet through few prototypes and through its neighbours, and on small sets they mistake
one class for another. The exemplars see it alone and remember the training snippet by snippet: with z_i some
of these (all, if they are few), x standardised as in the networks, and k(x, z) = exp(-gamma |x - z|^2 / m),
m the median of |x - z|^2,

    P'(x) = mean + sum_i alpha_i k(x, z_i),
    alpha = argmin sum_n (P(x_n) - P'(x_n))^2 + ridge * alpha^T K alpha.

It learns from the P that the networks give the training recordings, of the classes clicked there
(``clicked_activation``); the labels are no better than theirs, but its mistakes on other recordings are
others, and the mean of both has fewer.
``docs/findings.md`` holds the measurements.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hrpro.data.training_set import TrainingSet

Targets = Callable[[int], NDArray[np.float32]]

GAMMA, RIDGE = 0.5, 0.1  # half or twice of either does as well
ROWS = 2048  # snippets at a time: a recording of hours would need gigabytes at once
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
        # Of some, since a median of all pairs would need as much memory again.
        some = snippets[torch.from_numpy(rng.permutation(len(snippets))[:1000])]
        bandwidth = (_squares(some, some).median() / GAMMA).clamp_min(1e-12)
        count, classes = len(snippets), len(training_set.classes)
        gram, right = np.zeros((count, count)), np.zeros((count, classes))
        kernel_sum, target_sum = np.zeros(count), np.zeros(classes)
        pairs = ((standardised(index), torch.from_numpy(targets(index))) for index in range(len(recordings)))
        for x_td, target_tc in _rows(pairs, ROWS):
            kernel_tm = torch.exp(-_squares(x_td, snippets) / bandwidth).double().numpy()
            target = target_tc.double().numpy()
            # NumPy sees that both factors are the same and does half the work, as PyTorch does not.
            gram += kernel_tm.T @ kernel_tm
            right += kernel_tm.T @ target
            kernel_sum += kernel_tm.sum(0)
            target_sum += target.sum(0)
        offset = target_sum / total
        right -= np.outer(kernel_sum, offset)
        within = torch.exp(-_squares(snippets, snippets) / bandwidth).double().numpy()
        gram += RIDGE * (within + within.T) / 2
        gram[np.diag_indices(count)] += 1e-6  # equal snippets make it singular
        alpha, offset = (torch.from_numpy(x).float() for x in (np.linalg.solve(gram, right), offset))
        parts_of_it = (snippets, alpha, offset, bandwidth[None], mean, deviation)
        # Laid out as a file would give them back: products of other strides differ in their last bits.
        plain = [tensor.detach().cpu().clone(memory_format=torch.contiguous_format) for tensor in parts_of_it]
        return cls(dict(zip(NAMES, plain, strict=True)))

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
        parts = [
            torch.exp(-_squares(part_td, held["snippets"]) / held["bandwidth"]) @ held["alpha"]
            for part_td in x_td.split(ROWS)
        ]
        return (torch.cat(parts) + held["offset"]).clamp(0, 1).cpu().numpy()

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


def _rows(pairs: Iterable[tuple[Tensor, Tensor]], number: int) -> Iterator[tuple[Tensor, Tensor]]:
    """The rows of all pairs, one after the other, in pairs of ``number`` rows (the last of fewer)."""
    first, second = torch.empty(0), torch.empty(0)
    for x, y in pairs:
        first, second = (torch.cat([a, b]) if len(a) else b for a, b in ((first, x), (second, y)))
        while len(first) >= number:
            yield first[:number], second[:number]
            first, second = first[number:], second[number:]
    if len(first):
        yield first, second


def _tensor(features_td: NDArray[np.float32]) -> Tensor:
    """A copy: PyTorch wants no array that may not be written to, as a mapped file's."""
    return torch.from_numpy(np.array(features_td, np.float32, order="C"))


def _squares(x_td: Tensor, z_md: Tensor) -> Tensor:
    """|x - z|^2 [T, M] of every pair, as a matrix product."""
    return (x_td.square().sum(1)[:, None] + z_md.square().sum(1) - 2 * x_td @ z_md.T).clamp_min_(0)
