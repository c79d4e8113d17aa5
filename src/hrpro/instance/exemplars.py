"""Stage 2 read a second time, by likeness to the training's own proposals: kernel ridge regression (ours).

The network's heads need hundreds of reliable proposals, or take away more than they give. Likeness needs
few. A proposal is told by the mean of its features and those of what lies before and after it, centred, along
their first principal components; what lies around it says less of it than it does itself, and counts half:

    x = [mean inside, mean before / 2, mean after / 2]

Of some positives, jittered prototypes and negatives of every recording it remembers some, and learns their
completeness for every class, the target of eq. 10 (``core/kernel_ridge.py``).
``docs/findings.md`` holds the measurements.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from hrpro.core.kernel_ridge import KernelRidge, plain
from hrpro.data.axes import principal_axes
from hrpro.instance.config import InstanceConfig
from hrpro.instance.examples import Views, draw

GAMMA, RIDGE = 0.5, 0.03  # twice of either, or a third, does as well
AXES = 256  # principal components at most: as good as all, and small on a disk
NAMES = ("proposals", "alpha", "offset", "bandwidth", "mean", "axes")
_AROUND = 0.5
_BORDER, _SHORTEST = 0.25, 1.0  # of its length on either side, but a snippet
_AT_ONCE = 2048


class ProposalExemplars:
    """Completeness [n, C] of proposals [n, 2] by likeness. ``tensors`` are all that it is: see NAMES."""

    def __init__(self, tensors: Mapping[str, Tensor]) -> None:
        self.tensors = dict(tensors)

    @classmethod
    def fit(
        cls,
        views: Views,
        indices: Sequence[int],
        mean: NDArray[np.float32],
        classes: int,
        config: InstanceConfig,
    ) -> ProposalExemplars:
        """Learn from what is drawn of the pools at these indices. mean [D]: of the features there.

        Features are read one recording at a time; beside it, memory grows with ``config.exemplars`` squared.
        """
        axes = principal_axes(map(views.features, indices), AXES).astype(np.float32)
        tensors = {"mean": torch.from_numpy(mean), "axes": torch.from_numpy(axes)}
        each = -(-config.exemplars // len(indices))

        def drawn() -> Iterator[tuple[Tensor, Tensor]]:
            """The same at every call: proposals as x [n, 3k] and completeness [n, C], by recording."""
            for index in indices:
                rng = np.random.default_rng([config.seed, index])
                examples = draw(views.pools[index], classes, rng, config)
                mixed = rng.permutation(len(examples.segments_n2))
                segments_n2 = torch.from_numpy(examples.segments_n2[mixed]).float()
                sums = _sums(torch.tensor(views.features(index)), tensors)
                yield _described(sums, segments_n2), torch.from_numpy(examples.completeness_nc[mixed])

        points = torch.cat([x_nd[:each] for x_nd, _ in drawn()])[: config.exemplars]
        rng = np.random.default_rng(config.seed)
        learned = KernelRidge.fit(points, drawn(), gamma=GAMMA, ridge=RIDGE, rng=rng)
        held = (learned.points, learned.alpha, learned.offset, learned.bandwidth, *tensors.values())
        return cls(dict(zip(NAMES, map(plain, held), strict=True)))

    @classmethod
    def checked(cls, tensors: Mapping[str, Tensor], classes: int, dimension: int) -> ProposalExemplars:
        """RuntimeError if these are not the tensors of exemplars for so many classes and dimensions."""
        count, axes = (
            tensors[name].shape[at] if name in tensors else 0 for name, at in (("proposals", 0), ("axes", -1))
        )
        shapes = [(count, 3 * axes), (count, classes), (classes,), (1,), (dimension,), (dimension, axes)]
        for name, shape in zip(NAMES, shapes, strict=True):
            if name not in tensors or tensors[name].shape != shape:
                raise RuntimeError(f"exemplars.{name} is missing or has a size mismatch")
        return cls(tensors)

    @torch.inference_mode()
    def completeness(self, features_td: Tensor, segments_n2: Tensor) -> Tensor:
        """[n, C] in [0, 1] of proposals within one recording, in snippets; all on the exemplars' device."""
        held = self.tensors
        learned = KernelRidge(*(held[name] for name in NAMES[:4]))
        sums = _sums(features_td, held)
        parts = [learned(_described(sums, part_n2)) for part_n2 in segments_n2.split(_AT_ONCE)]
        return torch.cat(parts).clamp(0, 1)

    def to(self, device: str | torch.device) -> ProposalExemplars:
        self.tensors = {name: tensor.to(device) for name, tensor in self.tensors.items()}
        return self


def _sums(features_td: Tensor, held: Mapping[str, Tensor]) -> Tensor:
    """Running sums [T + 1, k] of the features, centred, along the axes."""
    reduced_tk = (features_td - held["mean"]) @ held["axes"]
    exact = torch.float32 if reduced_tk.device.type == "mps" else torch.float64  # which that has not
    return functional.pad(reduced_tk.cumsum(0, dtype=exact), (0, 0, 1, 0))


def _described(sums: Tensor, segments_n2: Tensor) -> Tensor:
    """x [n, 3k] of proposals."""
    start, end = segments_n2.unbind(1)
    border = (_BORDER * (end - start)).clamp(min=_SHORTEST)
    regions = (start, end), (start - border, start), (end, end + border)
    centre, before, after = (_mean(sums, *region) for region in regions)
    return torch.cat([centre, _AROUND * before, _AROUND * after], 1)


def _mean(sums: Tensor, start: Tensor, end: Tensor) -> Tensor:
    """Mean [n, k] between two moments [n]; where nothing lies between, 0, which is the average snippet."""
    length = len(sums) - 1

    def until(moment: Tensor) -> Tensor:
        whole = moment.long().clamp(max=length - 1)
        return torch.lerp(sums[whole], sums[whole + 1], (moment - whole)[:, None].to(sums.dtype))

    start, end = start.clamp(0, length), end.clamp(0, length)
    return ((until(end) - until(start)) / (end - start).clamp(min=1e-3)[:, None]).float()
