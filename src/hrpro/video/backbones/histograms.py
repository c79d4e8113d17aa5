"""The small pieces of hand-made descriptors: directions, cell means, sign patterns, camera motion."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hrpro.core.compiled import compiled

Array = NDArray[np.float32]


@compiled
def derivatives(image_nhw: Array) -> tuple[Array, Array]:
    """Central differences along x and y, 0 across the border; both [N, H, W], a unit a pixel."""
    number, height, width = image_nhw.shape
    along_x, along_y = np.zeros_like(image_nhw), np.zeros_like(image_nhw)
    half = np.float32(0.5)
    for n in range(number):
        for y in range(height):
            for x in range(1, width - 1):
                along_x[n, y, x] = (image_nhw[n, y, x + 1] - image_nhw[n, y, x - 1]) * half
        for y in range(1, height - 1):
            for x in range(width):
                along_y[n, y, x] = (image_nhw[n, y + 1, x] - image_nhw[n, y - 1, x]) * half
    return along_x, along_y


def directions(
    x_nhw: Array, y_nhw: Array, bins: int, grid: tuple[int, int], *, signed: bool, sharp: bool
) -> Array:
    """A vector field's length, shared out to ``bins`` directions: means over N and cells [bins, *grid].

    Bin k takes length * max(0, cos(angle - 2 pi k / bins)) ** 2 (** 4 if ``sharp``): smooth in the angle,
    unlike hard bins. Without ``signed``, opposite directions are one (the angle is doubled). grid: rows and
    columns, which divide H and W.
    """
    _, height, width = x_nhw.shape
    rows, columns = grid
    assert height % rows == 0
    assert width % columns == 0
    angles = 2 * np.pi * np.arange(bins) / bins
    cos_k, sin_k = np.cos(angles).astype(np.float32), np.sin(angles).astype(np.float32)
    sums_krw = _shared_out(x_nhw, y_nhw, cos_k, sin_k, rows, signed, sharp)
    sums = sums_krw.reshape(bins, rows, columns, width // columns).sum(-1)
    return sums / np.float32(x_nhw.size / (rows * columns))


@compiled
def _shared_out(
    x_nhw: Array, y_nhw: Array, cos_k: Array, sin_k: Array, rows: int, signed: bool, sharp: bool
) -> Array:
    """Sums [bins, rows, W] over N and the heights of cells. Each column has its own: along a row, sums are
    quick only in an order that differs between machines."""
    number, height, width = x_nhw.shape
    sums_krw = np.zeros((len(cos_k), rows, width), np.float32)
    length, cosine, sine = np.empty((3, width), np.float32)
    none, one, two, least = np.float32(0), np.float32(1), np.float32(2), np.float32(1e-6)
    for n in range(number):
        for y in range(height):
            for x in range(width):
                along, down = x_nhw[n, y, x], y_nhw[n, y, x]
                size = np.sqrt(along * along + down * down)
                unit = one / (size + least)
                c, s = along * unit, down * unit
                if not signed:
                    c, s = c * c - s * s, two * c * s
                length[x], cosine[x], sine[x] = size, c, s
            for k in range(len(cos_k)):
                of_row = sums_krw[k, y * rows // height]
                for x in range(width):
                    share = max(cosine[x] * cos_k[k] + sine[x] * sin_k[k], none)
                    share *= share
                    if sharp:
                        share *= share
                    of_row[x] += share * length[x]
    return sums_krw


def cells(values: Array, rows: int, columns: int) -> Array:
    """Means over a grid that divides the picture evenly: [..., H, W] -> [..., rows, columns]."""
    *rest, height, width = values.shape
    assert height % rows == 0
    assert width % columns == 0
    planes = np.ascontiguousarray(values, np.float32).reshape(-1, height, width)
    return _means(planes, rows, columns).reshape(*rest, rows, columns)


@compiled
def _means(values_nhw: Array, rows: int, columns: int) -> Array:
    number, height, width = values_nhw.shape
    high, wide = height // rows, width // columns
    along_nrw = np.zeros((number, rows, width), np.float32)
    for n in range(number):
        for y in range(height):
            for x in range(width):
                along_nrw[n, y // high, x] += values_nhw[n, y, x]
    sums = np.zeros((number, rows, columns), np.float32)
    for n in range(number):
        for row in range(rows):
            for x in range(columns * wide):
                sums[n, row, x // wide] += along_nrw[n, row, x]
    sums /= np.float32(high * wide)
    return sums


def rooted(values: NDArray) -> Array:
    """One block [...] -> flat: signed square root, then length 1 (less where there is next to nothing)."""
    flat = values.ravel()
    root = np.sign(flat) * np.sqrt(np.abs(flat))
    return root / np.sqrt((root**2).sum() + np.float32(1e-3))


def pattern_shares(image_nhw: NDArray[np.uint8], least: int, rows: int, columns: int) -> Array:
    """Centre-symmetric binary patterns (Heikkila et al. 2009): the share of each of 16 in each cell of a
    grid, over all N and all pixels but the border's, [rows, columns, 16].

    A bit a pair of opposite neighbours: set where the one is lighter than the other by more than ``least``.
    The sides need not be divisible: pixel y of the H - 2 belongs to row y * rows // (H - 2).
    """
    counts = _patterns(np.ascontiguousarray(image_nhw), least, rows, columns).astype(np.float32)
    return counts / np.maximum(counts.sum(-1, keepdims=True), 1)


@compiled
def _patterns(image_nhw: NDArray[np.uint8], least: int, rows: int, columns: int) -> NDArray[np.int64]:
    number, height, width = image_nhw.shape
    counts = np.zeros((rows, columns, 16), np.int64)
    codes = np.empty(width, np.uint8)
    for n in range(number):
        for y in range(1, height - 1):
            row = (y - 1) * rows // (height - 2)
            above, here, below = image_nhw[n, y - 1], image_nhw[n, y], image_nhw[n, y + 1]
            for x in range(1, width - 1):
                falling = np.int32(above[x - 1]) - np.int32(below[x + 1]) > least
                vertical = np.int32(above[x]) - np.int32(below[x]) > least
                rising = np.int32(above[x + 1]) - np.int32(below[x - 1]) > least
                level = np.int32(here[x + 1]) - np.int32(here[x - 1]) > least
                codes[x] = falling | vertical << 1 | rising << 2 | level << 3
            for column in range(columns):
                of_cell = counts[row, column]
                # Pixel x of the W - 2 belongs to column x * columns // (W - 2).
                first, last = -(-column * (width - 2) // columns), -(-(column + 1) * (width - 2) // columns)
                for x in range(first + 1, last + 1):
                    of_cell[codes[x]] += 1
    return counts


def camera_motion(flow_nhw2: Array) -> tuple[Array, Array]:
    """Robust affine motion of each field: coefficients [N, 3, 2] and what it leaves, [N, H, W, 2].

    Coefficients are (shift, change from the middle to the right edge, and to the lower edge) of (x, y), in
    pixels. Reweighted least squares from the median on, so that what moves by itself has little say.
    """
    n, height, width, _ = flow_nhw2.shape
    x = (np.arange(width, dtype=np.float32) + 0.5) / width * 2 - 1
    y = (np.arange(height, dtype=np.float32) + 0.5) / height * 2 - 1
    few_x, few_y = np.meshgrid(x[2::4], y[2::4])  # every fourth row and column says as much
    few_ns2 = np.ascontiguousarray(flow_nhw2[:, 2::4, 2::4].reshape(n, -1, 2))
    fit_n32 = _fits(few_ns2, few_x.ravel(), few_y.ravel()).astype(np.float32)
    return fit_n32, _left(flow_nhw2, fit_n32, x, y)


@compiled
def _left(flow_nhw2: Array, fit_n32: Array, x_w: Array, y_h: Array) -> Array:
    """[N, H, W, 2] less what the fit says of each place."""
    rest_nhw2 = np.empty_like(flow_nhw2)
    for n in range(len(flow_nhw2)):
        for way in range(2):
            shift, along, down = fit_n32[n, 0, way], fit_n32[n, 1, way], fit_n32[n, 2, way]
            for h in range(len(y_h)):
                for w in range(len(x_w)):
                    camera = shift + along * x_w[w] + down * y_h[h]
                    rest_nhw2[n, h, w, way] = flow_nhw2[n, h, w, way] - camera
    return rest_nhw2


@compiled
def _fits(field_ns2: Array, x_s: Array, y_s: Array) -> NDArray[np.float64]:
    """[N, 3, 2]: four rounds, each solving 3 x 3 normal equations (next to no ridge) by their cofactors."""
    number, size, _ = field_ns2.shape
    fit_n32 = np.zeros((number, 3, 2))
    error = np.empty(size)
    for n in range(number):
        fit, field = fit_n32[n], field_ns2[n]
        fit[0, 0], fit[0, 1] = np.median(field[:, 0]), np.median(field[:, 1])
        for _ in range(4):
            for s in range(size):
                x, y = x_s[s], y_s[s]
                off_x = field[s, 0] - (fit[0, 0] + x * fit[1, 0] + y * fit[2, 0])
                off_y = field[s, 1] - (fit[0, 1] + x * fit[1, 1] + y * fit[2, 1])
                error[s] = np.sqrt(off_x * off_x + off_y * off_y)
            scale = 1.5 * max(np.median(error), 0.05)
            a, b, c, d, e, f = 1e-4, 0.0, 0.0, 1e-3, 0.0, 1e-3  # [[a, b, c], [b, d, e], [c, e, f]]
            right_32 = np.zeros((3, 2))
            for s in range(size):
                x, y = x_s[s], y_s[s]
                one_more = 1 + (error[s] / scale) ** 2
                weight = 1 / (one_more * one_more)
                a, b, c = a + weight, b + weight * x, c + weight * y
                d, e, f = d + weight * x * x, e + weight * x * y, f + weight * y * y
                for way in range(2):
                    value = weight * field[s, way]
                    right_32[0, way] += value
                    right_32[1, way] += value * x
                    right_32[2, way] += value * y
            p, q, r = d * f - e * e, c * e - b * f, b * e - c * d
            t, u, v = a * f - c * c, b * c - a * e, a * d - b * b
            whole = a * p + b * q + c * r
            for way in range(2):
                one, two, three = right_32[0, way], right_32[1, way], right_32[2, way]
                fit[0, way] = (p * one + q * two + r * three) / whole
                fit[1, way] = (q * one + t * two + u * three) / whole
                fit[2, way] = (r * one + u * two + v * three) / whole
    return fit_n32
