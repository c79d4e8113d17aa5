"""The small pieces of hand-made descriptors: directions, cell means, sign patterns, camera motion."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]


def derivatives(image_nhw: Array) -> tuple[Array, Array]:
    """Central differences along x and y, 0 across the border; both [N, H, W], a unit a pixel."""
    along_x, along_y = np.zeros_like(image_nhw), np.zeros_like(image_nhw)
    along_x[:, :, 1:-1] = (image_nhw[:, :, 2:] - image_nhw[:, :, :-2]) / 2
    along_y[:, 1:-1] = (image_nhw[:, 2:] - image_nhw[:, :-2]) / 2
    return along_x, along_y


def directions(
    x_nhw: Array, y_nhw: Array, bins: int, grid: tuple[int, int], *, signed: bool, sharp: bool
) -> Array:
    """A vector field's length, shared out to ``bins`` directions: means over N and cells [bins, *grid].

    Bin k takes length * max(0, cos(angle - 2 pi k / bins)) ** 2 (** 4 if ``sharp``): smooth in the angle,
    unlike hard bins. Without ``signed``, opposite directions are one (the angle is doubled). grid: rows and
    columns, which divide H and W.
    """
    length_nhw = np.sqrt(x_nhw * x_nhw + y_nhw * y_nhw)
    unit_nhw = np.float32(1) / (length_nhw + np.float32(1e-6))
    cos_nhw, sin_nhw = x_nhw * unit_nhw, y_nhw * unit_nhw
    if not signed:
        cos_nhw, sin_nhw = cos_nhw * cos_nhw - sin_nhw * sin_nhw, 2 * cos_nhw * sin_nhw
    pooled = np.empty((bins, *grid), np.float32)
    share, other = np.empty_like(cos_nhw), np.empty_like(cos_nhw)
    for k, angle in enumerate(2 * np.pi * np.arange(bins) / bins):
        np.multiply(cos_nhw, np.float32(np.cos(angle)), out=share)
        np.multiply(sin_nhw, np.float32(np.sin(angle)), out=other)
        np.add(share, other, out=share)
        np.maximum(share, 0, out=share)
        np.square(share, out=share)
        if sharp:
            np.square(share, out=share)
        np.multiply(share, length_nhw, out=share)
        pooled[k] = cells(share.mean(0), *grid)
    return pooled


def cells(values: Array, rows: int, columns: int) -> Array:
    """Means over a grid that divides the picture evenly: [..., H, W] -> [..., rows, columns]."""
    *rest, height, width = values.shape
    assert height % rows == 0
    assert width % columns == 0
    return values.reshape(*rest, rows, height // rows, columns, width // columns).mean((-3, -1))


def rooted(values: NDArray) -> Array:
    """One block [...] -> flat: signed square root, then length 1 (less where there is next to nothing)."""
    flat = values.ravel()
    root = np.sign(flat) * np.sqrt(np.abs(flat))
    return root / np.sqrt((root**2).sum() + np.float32(1e-3))


def sign_patterns(image_nhw: NDArray[np.int16], least: int) -> NDArray[np.uint8]:
    """Centre-symmetric binary patterns (Heikkila et al. 2009): 4-bit codes [N, H - 2, W - 2].

    A bit a pair of opposite neighbours: set where the one is lighter than the other by more than ``least``.
    """
    a, b, c = image_nhw[:, :-2], image_nhw[:, 1:-1], image_nhw[:, 2:]
    left, middle, right = slice(None, -2), slice(1, -1), slice(2, None)
    falling = a[:, :, left] - c[:, :, right]
    vertical = a[:, :, middle] - c[:, :, middle]
    rising = a[:, :, right] - c[:, :, left]
    level = b[:, :, right] - b[:, :, left]
    code = np.zeros(falling.shape, np.uint8)
    for bit, difference in enumerate((falling, vertical, rising, level)):
        code |= (difference > least).astype(np.uint8) << np.uint8(bit)
    return code


def code_shares(code_nhw: NDArray[np.uint8], rows: int, columns: int) -> Array:
    """Share of each of 16 codes in each cell of a grid, over all N: [rows, columns, 16].

    H and W need not be divisible: pixel y belongs to row y * rows // H.
    """
    _, height, width = code_nhw.shape
    row_h, column_w = np.arange(height) * rows // height, np.arange(width) * columns // width
    cell_hw = (row_h[:, None] * columns + column_w) * 16
    counts = np.bincount((code_nhw + cell_hw).ravel(), minlength=rows * columns * 16)
    counts = counts.reshape(rows, columns, 16).astype(np.float32)
    return counts / np.maximum(counts.sum(-1, keepdims=True), 1)


def camera_motion(flow_nhw2: Array) -> tuple[Array, Array]:
    """Robust affine motion of each field: coefficients [N, 3, 2] and what it leaves, [N, H, W, 2].

    Coefficients are (shift, change from the middle to the right edge, and to the lower edge) of (x, y), in
    pixels. Reweighted least squares from the median on, so that what moves by itself has little say.
    """
    n, height, width, _ = flow_nhw2.shape
    x = (np.arange(width, dtype=np.float32) + 0.5) / width * 2 - 1
    y = (np.arange(height, dtype=np.float32) + 0.5) / height * 2 - 1
    basis_hw3 = np.stack([np.ones((height, width), np.float32), *np.meshgrid(x, y)], -1)
    few_s3 = basis_hw3[1::3, 1::3].reshape(-1, 3)  # every third row and column says as much
    few_ns2 = flow_nhw2[:, 1::3, 1::3].reshape(n, -1, 2)
    ridge = np.diag(np.array([1e-4, 1e-3, 1e-3], np.float32))
    fit_n32 = np.zeros((n, 3, 2), np.float32)
    fit_n32[:, 0] = np.median(few_ns2, 1)
    for _ in range(4):
        error_ns = np.sqrt(((few_ns2 - few_s3 @ fit_n32) ** 2).sum(-1))
        scale_n1 = 1.5 * np.maximum(np.median(error_ns, 1, keepdims=True), 0.05)
        weight_ns1 = ((1 + (error_ns / scale_n1) ** 2) ** -2)[:, :, None]
        weighted_n3s = (few_s3 * weight_ns1).transpose(0, 2, 1)
        fit_n32[:] = np.linalg.solve(weighted_n3s @ few_s3 + ridge, weighted_n3s @ few_ns2)
    rest_nhw2 = flow_nhw2 - (basis_hw3.reshape(-1, 3) @ fit_n32).reshape(flow_nhw2.shape)
    return fit_n32, rest_nhw2.astype(np.float32, copy=False)
