"""Stage 2's network: eq. 9, 11, 12 written out, no mixing in a batch, boundaries kept in half precision."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from hrpro.instance.config import InstanceConfig
from hrpro.instance.network import InstanceNetwork, Spans, refine
from hrpro.instance.roi import roi_features
from hrpro.training.devices import launch

DIMENSION, CLASSES = 5, 3
STILL = InstanceConfig(hidden=8, input_dropout=0, dropout=0)


def network(config=STILL):
    """With everything that is 0 or 1 at first made to matter."""
    torch.manual_seed(0)
    module = InstanceNetwork(dimension=DIMENSION, classes=CLASSES, config=config)
    with torch.no_grad():
        module.mean.copy_(torch.randn(DIMENSION))
        module.deviation.copy_(torch.rand(DIMENSION) + 0.5)
        for name, parameter in module.named_parameters():
            if name.startswith("regression"):
                parameter.normal_()
    return module


def spans(segments, length, first=0):
    n = len(segments)
    return Spans(torch.as_tensor(segments), torch.full((n,), first), torch.full((n,), length))


SEGMENTS = torch.tensor([[2.0, 7.5], [0.0, 20.0], [18.2, 19.1], [4.0, 4.5]])


@pytest.mark.parametrize("class_aware", [True, False])
def test_equals_eq_9_and_11_written_out(class_aware):
    module = network(replace(STILL, class_aware=class_aware, extension=0.5)).eval()
    weights = module.state_dict()
    x = torch.randn(20, DIMENSION)
    output = module(x, spans(SEGMENTS, 20))
    snippets = F.gelu(module.project((x - module.mean) / module.deviation))
    bins = roi_features(snippets, SEGMENTS, extension=0.5)
    start, centre, end = bins[:, :2].amax(1), bins[:, 2:10].amax(1), bins[:, 10:].amax(1)

    def head(name, values):
        hidden = F.relu(F.linear(values, weights[f"{name}.0.weight"], weights[f"{name}.0.bias"]))
        return F.linear(hidden, weights[f"{name}.3.weight"], weights[f"{name}.3.bias"])

    expected = head("score", torch.cat([centre - start, centre, centre - end], 1))
    torch.testing.assert_close(output.logits_nc, expected)
    border = torch.cat([start, end], 1)
    expected = torch.cat([head("regression.0", border), head("regression.1", border)], 1)
    torch.testing.assert_close(output.offsets_n2, expected)
    assert output.logits_nc.shape == (4, CLASSES if class_aware else 1)


def test_refinement_is_eq_12_and_begins_with_the_proposal_itself():
    offsets = torch.tensor([[0.1, -0.2], [0.0, 0.0]])
    found = refine(torch.tensor([[10.0, 20.0], [3.0, 4.0]]), offsets)
    torch.testing.assert_close(found, torch.tensor([[9.0, 22.0], [3.0, 4.0]]))
    fresh = InstanceNetwork(dimension=DIMENSION, classes=CLASSES, config=STILL)
    offsets = fresh(torch.randn(20, DIMENSION), spans(SEGMENTS, 20)).offsets_n2
    assert torch.equal(refine(SEGMENTS, offsets), SEGMENTS)


@settings(deadline=None, max_examples=25)
@given(st.lists(st.integers(1, 30), min_size=2, max_size=4), st.integers(0, 99))
def test_a_proposal_sees_no_recording_but_its_own(lengths, seed):
    module = network()
    torch.manual_seed(seed)
    features = [torch.randn(n, DIMENSION) for n in lengths]
    proposals = [torch.rand(3, 2).sort().values * n for n in lengths]
    first = [sum(lengths[:i]) for i in range(len(lengths))]
    of = torch.arange(len(lengths)).repeat_interleave(3)
    whole = Spans(torch.cat(proposals), torch.tensor(first)[of], torch.tensor(lengths)[of])
    rows = torch.cat(features).requires_grad_()
    together = module(rows, whole)
    for i, n in enumerate(lengths):
        alone = module(features[i], spans(proposals[i], n))
        torch.testing.assert_close(together.logits_nc[of == i], alone.logits_nc)
        torch.testing.assert_close(together.offsets_n2[of == i], alone.offsets_n2)
        (gradient,) = torch.autograd.grad(
            together.logits_nc[of == i].square().sum() + together.offsets_n2[of == i].square().sum(),
            rows,
            retain_graph=True,
        )
        own = torch.zeros(len(rows)).bool()
        own[first[i] : first[i] + n] = True
        assert (gradient[~own] == 0).all()


@pytest.mark.parametrize("off", ["score", "regression", None])
def test_every_weight_learns_through_the_roi(off):
    module = network(replace(STILL, **({} if off is None else {f"{off}_weight": 0.0})))
    output = module(torch.randn(20, DIMENSION), spans(SEGMENTS, 20))
    assert (output.logits_nc is None) == (off == "score")
    assert (output.offsets_n2 is None) == (off == "regression")
    torch.stack([part.square().sum() for part in output if part is not None]).sum().backward()
    for name, parameter in module.named_parameters():
        assert not name.startswith(str(off))
        assert parameter.grad is not None
        assert parameter.grad.abs().max() > 0, name


def test_mixed_precision_leaves_boundaries_as_they_are():
    """In bfloat16 the snippet 5003 is 4992: the one bright snippet would be missed."""
    module = network(replace(STILL, regression_weight=0.0)).eval()
    x = torch.zeros(6000, DIMENSION)
    x[5003] = 50
    narrow = spans(torch.tensor([[5003.0, 5004.0], [4992.0, 4993.0]]), 6000)
    exact = module(x, narrow).logits_nc
    fabric = launch(replace(STILL, precision="bf16", accelerator="cpu"))
    mixed = fabric.setup_module(module)(x, narrow).logits_nc
    assert mixed.dtype == torch.float32
    assert not torch.equal(mixed, exact)
    assert (exact[0] - exact[1]).abs().max() > 1
    torch.testing.assert_close(mixed, exact, rtol=0.05, atol=0.05)


def test_no_proposals():
    output = network()(torch.randn(4, DIMENSION), spans(torch.zeros(0, 2), 4))
    assert output.logits_nc.shape == (0, CLASSES)
    assert output.offsets_n2.shape == (0, 2)
