"""Kernel ridge regression against its closed form, and what it says of what it was taught."""

import numpy as np
import pytest
import torch

from hrpro.core.kernel_ridge import KernelRidge, plain, squares


def rows(n=40, d=3, c=2, seed=0):
    rng = np.random.default_rng(seed)
    return (torch.from_numpy(rng.normal(size=shape).astype(np.float32)) for shape in ((n, d), (n, c)))


def test_with_all_rows_as_points_it_is_the_closed_form():
    x, y = rows()
    found = KernelRidge.fit(x, [(x, y)], gamma=0.7, ridge=0.1, rng=np.random.default_rng(0))
    distances = ((x[:, None] - x[None]) ** 2).sum(-1)
    assert found.bandwidth.item() == pytest.approx(distances.median().item() / 0.7, rel=1e-5)
    kernel = torch.exp(-distances / found.bandwidth).double()
    centred = (y - y.mean(0)).double()
    alpha = torch.linalg.solve(kernel + 0.1 * torch.eye(len(x)), centred)
    torch.testing.assert_close(found(x), (kernel @ alpha + y.mean(0)).float(), atol=1e-3, rtol=0)


@pytest.mark.parametrize("blocks", [[40], [7, 7, 26], [1] * 40])
def test_how_the_rows_are_dealt_makes_no_difference(blocks, monkeypatch):
    x, y = rows()
    points, asked = x[::4], next(rows(9, seed=5))
    deal = lambda: zip(x.split(blocks), y.split(blocks), strict=True)  # noqa: E731
    whole = KernelRidge.fit(points, [(x, y)], gamma=0.5, ridge=0.1, rng=np.random.default_rng(0))
    monkeypatch.setattr("hrpro.core.kernel_ridge.ROWS", 16)
    dealt = KernelRidge.fit(points, deal(), gamma=0.5, ridge=0.1, rng=np.random.default_rng(0))
    torch.testing.assert_close(dealt(asked), whole(asked), atol=1e-4, rtol=0)


def test_far_from_all_points_it_says_the_mean():
    x, y = rows()
    found = KernelRidge.fit(x, [(x, y)], gamma=0.5, ridge=0.1, rng=np.random.default_rng(0))
    torch.testing.assert_close(found(x + 1000), y.mean(0).expand(40, 2))


def test_nothing_asked_nothing_said():
    x, y = rows()
    found = KernelRidge.fit(x, [(x, y)], gamma=0.5, ridge=0.1, rng=np.random.default_rng(0))
    assert found(x[:0]).shape == (0, 2)
    assert squares(x[:0], x).shape == (0, 40)


def test_plain_lays_a_tensor_out_as_a_file_does():
    turned = torch.arange(6.0).view(2, 3).T
    assert plain(turned).is_contiguous()
    assert torch.equal(plain(turned), turned)
