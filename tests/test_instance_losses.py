"""Stage 2's losses (eq. 10, 13) against loops over recordings and proposals."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hrpro.instance.losses import regression_loss, score_loss


def smooth_l1(x, y):
    d = abs(x - y)
    return 0.5 * d * d if d < 1 else d - 0.5


@st.composite
def proposals(draw):
    """n proposals over some recordings, of which any may have none."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    recordings, n = draw(st.integers(1, 4)), draw(st.integers(1, 12))
    return rng, np.sort(rng.integers(0, recordings, n)), recordings


@settings(deadline=None, max_examples=80)
@given(proposals(), st.sampled_from(["bce", "smooth_l1"]), st.integers(1, 3))
def test_score_loss_equals_loops(drawn, kind, classes):
    rng, of, recordings = drawn
    logits, target = 3 * rng.normal(size=(len(of), classes)), rng.random((len(of), classes))
    total = 0.0
    for r in range(recordings):
        losses = []
        for i in np.flatnonzero(of == r):
            loss = 0.0
            for c in range(classes):
                p, g = 1 / (1 + math.exp(-logits[i, c])), target[i, c]
                bce = -g * math.log(p) - (1 - g) * math.log(1 - p)
                loss += bce if kind == "bce" else smooth_l1(p, g)
            losses.append(loss)
        total += sum(losses) / len(losses) if losses else 0.0
    tensors = torch.tensor(logits), torch.tensor(target), torch.tensor(of)
    found = score_loss(*tensors, recordings, kind)
    assert found.item() == pytest.approx(total / recordings, rel=1e-9)


@settings(deadline=None, max_examples=80)
@given(proposals())
def test_regression_loss_equals_loops(drawn):
    """Refined proposals may lie apart from the reliable one, or be turned round: tIoU 0."""
    rng, of, recordings = drawn
    start = rng.uniform(0, 20, (2, len(of)))
    length = rng.choice([-2.0, 0.5, 3.0, 9.0], len(of)), rng.choice([0.5, 3.0, 9.0], len(of))
    refined, reliable = (np.stack([s, s + n], 1) for s, n in zip(start, length, strict=True))
    learns = rng.random(len(of)) < 0.6
    total = 0.0
    for r in range(recordings):
        losses = []
        for i in np.flatnonzero((of == r) & learns):
            (a, b), (s, e) = refined[i], reliable[i]
            overlap = max(min(b, e) - max(a, s), 0.0)
            losses.append(smooth_l1(overlap / (max(b - a, 0.0) + (e - s) - overlap), 1.0))
        total += sum(losses) / len(losses) if losses else 0.0
    tensors = torch.tensor(refined), torch.tensor(reliable), torch.tensor(learns), torch.tensor(of)
    found = regression_loss(*tensors, recordings)
    assert found.item() == pytest.approx(total / recordings, rel=1e-9, abs=1e-12)


def test_regression_draws_the_boundaries_to_the_reliable_ones():
    refined = torch.tensor([[2.0, 7.0], [0.0, 4.0]], requires_grad=True)
    reliable = torch.tensor([[1.0, 9.0], [1.0, 9.0]])
    of = torch.zeros(2).long()
    regression_loss(refined, reliable, torch.tensor([True, False]), of, 1).backward()
    assert refined.grad is not None
    assert refined.grad[0, 0] > 0 > refined.grad[0, 1], "start goes down, end goes up"
    assert (refined.grad[1] == 0).all(), "one that does not learn feels nothing"
    with torch.no_grad():
        refined.copy_(reliable)
    assert regression_loss(refined, reliable, torch.tensor([True, True]), of, 1) == 0


def test_recordings_that_hold_nothing_count_as_nothing():
    """So that a batch cut into micro-batches gives the loss of the whole."""
    logits, target, of = torch.randn(3, 2), torch.rand(3, 2), torch.tensor([1, 1, 3])
    whole = score_loss(logits, target, of, 5, "bce")
    first = score_loss(logits[:2], target[:2], of[:2], 3, "bce")
    rest = score_loss(logits[2:], target[2:], of[2:] - 3, 2, "bce")
    torch.testing.assert_close(whole, (3 * first + 2 * rest) / 5)
    nothing = torch.zeros(0)
    assert score_loss(logits[:0], target[:0], nothing.long(), 2, "smooth_l1") == 0
    assert regression_loss(torch.zeros(0, 2), torch.zeros(0, 2), nothing, nothing.long(), 2) == 0


@pytest.mark.parametrize("kind", ["bce", "smooth_l1"])
def test_extreme_logits_stay_finite(kind):
    logits = torch.tensor([[200.0], [-200.0]], requires_grad=True)
    loss = score_loss(logits, torch.tensor([[0.0], [1.0]]), torch.zeros(2).long(), 1, kind)
    loss.backward()
    assert torch.isfinite(loss)
    assert logits.grad is not None
    assert torch.isfinite(logits.grad).all()
    if kind == "bce":
        assert logits.grad.abs().min() > 0.1, "the gradient does not fade"
