"""The reliability-aware attention block against eq. 4-6 written out with an explicit softmax."""

import math

import pytest
import torch
from torch.nn import functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel

from hrpro.snippet.attention import ReliabilityAwareAttention

WIDTH, CLASSES = 12, 3


def block(heads=1, dropout=0.0, feedforward=7):
    torch.manual_seed(heads)
    return ReliabilityAwareAttention(
        width=WIDTH, heads=heads, feedforward=feedforward, dropout=dropout
    ).double()


def written_out(module, x_td, prototypes_cd):
    """One recording, one head at a time: softmax(Q K^T / sqrt(d)) V, then FC-GELU-FC, post-norm residuals."""
    both = torch.cat([x_td, prototypes_cd])
    q, k, v = (
        F.linear(z, layer.weight, layer.bias)
        for z, layer in ((x_td, module.query), (both, module.key), (both, module.value))
    )
    d = WIDTH // module.heads
    seen = []
    for h in range(module.heads):
        part = slice(h * d, (h + 1) * d)
        attention = (q[:, part] @ k[:, part].T / math.sqrt(d)).exp()
        assert attention.shape == (len(x_td), len(x_td) + len(prototypes_cd))
        seen.append(attention / attention.sum(1, keepdim=True) @ v[:, part])
    x = module.attention_norm(x_td + module.mix(torch.cat(seen, 1)))
    return module.feedforward_norm(x + module.contract(F.gelu(module.expand(x))))


@pytest.mark.parametrize("heads", [1, 2, 4])
def test_equals_eq_4_to_6_written_out(heads):
    module = block(heads)
    lengths = [9, 1, 4, 9]
    x, prototypes = torch.randn(sum(lengths), WIDTH).double(), torch.randn(CLASSES, WIDTH).double()
    found = module(x, prototypes, lengths)
    expected = [written_out(module, part, prototypes) for part in x.split(lengths)]
    torch.testing.assert_close(found, torch.cat(expected))


def test_query_key_and_value_are_projections_of_their_own():
    module = block()
    weights = [getattr(module, name).weight for name in ("query", "key", "value")]
    assert len({id(w) for w in weights}) == 3
    assert not any(torch.equal(weights[i], weights[i - 1]) for i in range(3))
    x, prototypes = torch.randn(4, WIDTH).double(), torch.randn(2, WIDTH).double()
    module(x, prototypes, [4]).square().sum().backward()
    for name, parameter in module.named_parameters():
        assert parameter.grad is not None
        if name != "key.bias":  # it adds the same to every score of a row, which a softmax does not see
            assert parameter.grad.abs().max() > 1e-9, name


@pytest.mark.parametrize("elsewhere", [0.0, 1e6])
def test_other_recordings_are_attended_by_nobody(elsewhere):
    module, lengths = block(2), [9, 1, 4]
    x, prototypes = torch.randn(14, WIDTH).double(), torch.randn(CLASSES, WIDTH).double()
    for row, own in enumerate(torch.arange(14).split(lengths)):
        changed = torch.full_like(x, elsewhere).index_copy(0, own, x[own]).requires_grad_()
        found = module(changed, prototypes, lengths).split(lengths)[row]
        torch.testing.assert_close(found, written_out(module, x[own], prototypes))
        (gradient,) = torch.autograd.grad(found.square().sum(), changed)
        outside = torch.ones(14).bool().index_fill(0, own, False)
        assert (gradient[outside] == 0).all()
        assert (gradient[own] != 0).any()


def test_prototypes_are_used_each_as_it_stands():
    """The reference's reshape scrambles them; here class c's prototype is row c, whole."""
    module = block()
    x, lengths = torch.randn(5, WIDTH).double(), [3, 2]
    prototypes = torch.randn(CLASSES, WIDTH).double()
    before = module(x, prototypes, lengths)
    for c in range(CLASSES):
        changed = prototypes.clone()
        changed[c] += 1
        assert (module(x, changed, lengths) - before).abs().amax(-1).min() > 1e-6, "every snippet sees it"
    torch.testing.assert_close(module(x, prototypes.flip(0), lengths), before, msg="a set has no order")


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_fused_kernel_takes_it_forth_and_back(dtype):
    """In half precision too; the fallback would keep T x (T + C) scores."""
    module = block(2).float()
    x = torch.randn(38, WIDTH, requires_grad=True)
    enabled = dtype != torch.float32
    with sdpa_kernel(SDPBackend.FLASH_ATTENTION), torch.autocast("cpu", dtype, enabled=enabled):
        module(x, torch.randn(CLASSES, WIDTH), [33, 5]).float().sum().backward()
    assert x.grad is not None
    assert torch.isfinite(x.grad).all()


def test_dropout_only_while_training():
    module = block(dropout=0.5)
    x, prototypes = torch.randn(8, WIDTH).double(), torch.randn(2, WIDTH).double()
    module.train()
    assert not torch.equal(module(x, prototypes, [8]), module(x, prototypes, [8]))
    module.eval()
    assert torch.equal(module(x, prototypes, [8]), module(x, prototypes, [8]))
