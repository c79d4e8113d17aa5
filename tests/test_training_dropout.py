"""Dropout: as many zeros as asked for, the mean kept, gradients to match, and a seed decides it all."""

import pytest
import torch
from torch.nn import functional as F

from hrpro.training.dropout import dropout


@pytest.mark.parametrize("share", [0.1, 0.3, 0.5, 0.999])
def test_share_and_mean(share):
    torch.manual_seed(0)
    x = torch.ones(1000, 1003)
    kept = dropout(x, share, True)
    values = kept.unique()
    assert values.tolist() == pytest.approx([0, 1 / (1 - share)], rel=1e-2 if share > 0.9 else 1e-4)
    # Five standard deviations of the mean of a million draws.
    deviation = (share * (1 - share) / x.numel()) ** 0.5
    assert (kept == 0).double().mean().item() == pytest.approx(share, abs=5 * deviation + 1 / 65536)
    assert kept.double().mean().item() == pytest.approx(1, abs=5 * deviation / (1 - share))


def test_a_share_next_to_1_leaves_no_nan():
    assert torch.isfinite(dropout(torch.ones(1000), 1 - 1e-9, True)).all()


def test_elements_are_drawn_independently():
    """Also the four that share a random number, and those a row or column apart: pairs agree as by chance."""
    torch.manual_seed(1)
    kept = dropout(torch.ones(1024, 1024), 0.3, True).flatten() > 0
    expected = 0.7**2 + 0.3**2
    for apart in (1, 2, 3, 4, 8, 624, 1024):
        agree = (kept[apart:] == kept[:-apart]).double().mean().item()
        assert agree == pytest.approx(expected, abs=0.003)
    for place in range(4):
        assert kept[place::4].double().mean().item() == pytest.approx(0.7, abs=0.005)


@pytest.mark.parametrize("shape", [(), (1,), (3,), (5, 7), (2, 3, 4), (0, 4)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_any_shape_and_type(shape, dtype):
    x = torch.randn(shape, dtype=dtype, requires_grad=True)
    kept = dropout(x, 0.5, True)
    assert (kept.shape, kept.dtype) == (x.shape, dtype)
    (gradient,) = torch.autograd.grad(kept.sum(), x)
    assert torch.equal(gradient * x, kept), "what was kept learns, scaled as it was"


def test_not_contiguous_is_no_matter():
    torch.manual_seed(0)
    x = torch.randn(6, 8).T
    kept = dropout(x, 0.5, True)
    assert torch.equal(kept[kept != 0], (x * 2)[kept != 0])


def test_a_seed_decides_whatever_the_threads():
    x = torch.ones(500, 301)
    threads = torch.get_num_threads()
    found = []
    try:
        for count in (1, 2, 4):
            torch.set_num_threads(count)
            torch.manual_seed(7)
            found.append((dropout(x, 0.4, True), dropout(x, 0.4, True)))
    finally:
        torch.set_num_threads(threads)
    assert all(torch.equal(a, b) for pair in found for a, b in zip(pair, found[0], strict=True))
    assert not torch.equal(*found[0])


@pytest.mark.parametrize(("share", "training"), [(0.0, True), (0.5, False)])
def test_nothing_is_drawn_where_nothing_drops(share, training):
    x, state = torch.randn(4, 4), torch.get_rng_state()
    assert dropout(x, share, training) is x
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_on_cuda_it_is_pytorch_s_own():
    x = torch.ones(64, 64, device="cuda")
    torch.cuda.manual_seed(3)
    found = dropout(x, 0.3, True)
    torch.cuda.manual_seed(3)
    assert torch.equal(found, F.dropout(x, 0.3))
