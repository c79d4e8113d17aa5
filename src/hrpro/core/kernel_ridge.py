"""Kernel ridge regression with a gaussian kernel: what points that are remembered say of others like them.

With z_i the points, k(x, z) = exp(-|x - z|^2 / b), and b the median of |z_i - z_j|^2 divided by gamma,

    f(x) = mean + sum_i alpha_i k(x, z_i),
    alpha = argmin sum_n (y_n - f(x_n))^2 + ridge * alpha^T K alpha

over all rows (x_n, y_n), of which the points may be a part.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

ROWS = 2048  # at a time: those of a recording of hours would need gigabytes at once
_PAIRS = 1000  # points whose distances give the median: those of all would need as much memory again


@dataclass(frozen=True, eq=False)
class KernelRidge:
    """points z [M, D], alpha [M, C], offset [C], the mean of y, and bandwidth b [1]."""

    points: Tensor
    alpha: Tensor
    offset: Tensor
    bandwidth: Tensor

    @classmethod
    def fit(
        cls,
        points: Tensor,
        rows: Iterable[tuple[Tensor, Tensor]],
        *,
        gamma: float,
        ridge: float,
        rng: np.random.Generator,
    ) -> KernelRidge:
        """rows: blocks of x [n, D] and y [n, C], read once. Beside a block, memory grows with M squared."""
        some = points[torch.from_numpy(rng.permutation(len(points))[:_PAIRS])]
        bandwidth = (squares(some, some).median() / gamma).clamp_min(1e-12)
        count = len(points)
        gram, right, target_sum = np.zeros((count, count)), np.zeros((count, 1)), np.zeros(1)
        kernel_sum, total = np.zeros(count), 0
        for x_nd, y_nc in _evenly(rows, ROWS):
            kernel_nm = torch.exp(-squares(x_nd, points) / bandwidth).double().numpy()
            target = y_nc.double().numpy()
            # NumPy sees that both factors are the same and does half the work, as PyTorch does not.
            gram += kernel_nm.T @ kernel_nm
            right = right + kernel_nm.T @ target
            kernel_sum += kernel_nm.sum(0)
            target_sum = target_sum + target.sum(0)
            total += len(x_nd)
        offset = target_sum / max(total, 1)
        right -= np.outer(kernel_sum, offset)
        within = torch.exp(-squares(points, points) / bandwidth).double().numpy()
        gram += ridge * (within + within.T) / 2
        gram[np.diag_indices(count)] += 1e-6  # equal points make it singular
        alpha, offset = (torch.from_numpy(x).float() for x in (np.linalg.solve(gram, right), offset))
        return cls(points, alpha, offset, bandwidth[None])

    def __call__(self, x_nd: Tensor) -> Tensor:
        """f [n, C]."""
        parts = [
            torch.exp(-squares(part_nd, self.points) / self.bandwidth) @ self.alpha
            for part_nd in x_nd.split(ROWS)
        ]
        return torch.cat(parts) + self.offset


def squares(x_nd: Tensor, z_md: Tensor) -> Tensor:
    """|x - z|^2 [n, M] of every pair, as a matrix product."""
    return (x_nd.square().sum(1)[:, None] + z_md.square().sum(1) - 2 * x_nd @ z_md.T).clamp_min_(0)


def plain(tensor: Tensor) -> Tensor:
    """On the CPU, laid out as a file would give it back: products of other strides differ in their last
    bits."""
    return tensor.detach().cpu().clone(memory_format=torch.contiguous_format)


def _evenly(blocks: Iterable[tuple[Tensor, Tensor]], number: int) -> Iterator[tuple[Tensor, Tensor]]:
    """The rows of all blocks, one after the other, in blocks of ``number`` rows (the last of fewer)."""
    first, second = torch.empty(0), torch.empty(0)
    for x, y in blocks:
        first, second = (torch.cat([a, b]) if len(a) else b for a, b in ((first, x), (second, y)))
        while len(first) >= number:
            yield first[:number], second[:number]
            first, second = first[number:], second[number:]
    if len(first):
        yield first, second
