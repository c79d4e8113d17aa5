"""LACP's losses of videos and of sequences: naive loops, and the edges."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hrpro.peers.lacp.losses import feature_loss, score_loss, video_loss

CLASSES, WIDTH = 3, 5


@st.composite
def batches(draw):
    """Lengths, embedded features, dense labels and P of some recordings."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    lengths = [draw(st.integers(1, 20)) for _ in range(draw(st.integers(1, 3)))]
    total = sum(lengths)
    label_tc = rng.random((total, CLASSES)) < draw(st.sampled_from([0.0, 0.2, 0.5]))
    return lengths, rng.normal(size=(total, WIDTH)), label_tc, rng.random((total, CLASSES))


def parts(lengths, *arrays) -> Any:
    return zip(*(np.split(array, np.cumsum(lengths)[:-1]) for array in arrays), strict=True)


def recording_of(lengths):
    return torch.repeat_interleave(torch.arange(len(lengths)), torch.tensor(lengths))


@settings(deadline=None, max_examples=60)
@given(batches(), st.sampled_from([1, 3, 8]))
def test_video_loss(batch, top):
    lengths, _, label_tc, score_tc = batch
    present_bc = torch.tensor(np.array([label.any(0) for (label,) in parts(lengths, label_tc)])).float()
    expected = []
    for b, (score,) in enumerate(parts(lengths, score_tc)):
        k = max(len(score) // top, 1)
        for c in range(CLASSES):
            p = np.clip(np.mean(sorted(score[:, c])[-k:]), 1e-6, 1 - 1e-6)
            expected.append(-math.log(p if present_bc[b, c] else 1 - p))
    found = video_loss(torch.from_numpy(score_tc), present_bc, lengths, top)
    assert found.item() == pytest.approx(np.mean(expected), rel=1e-6)


def naive_feature_loss(embedded, label, temperature):
    instances = []
    for c, row in enumerate([*label.T, ~label.any(1)]):
        for t in range(len(row)):
            if row[t] and (t == 0 or not row[t - 1]):
                end = t
                while end < len(row) and row[end]:
                    end += 1
                mean = embedded[t:end].mean(0)
                instances.append((c, mean / np.linalg.norm(mean)))
    losses = []
    for i, (c, mine) in enumerate(instances):
        others = [(k, math.exp(mine @ x / temperature)) for j, (k, x) in enumerate(instances) if j != i]
        own = sum(e for k, e in others if k == c)
        if c < CLASSES and own:
            losses.append(-math.log(own / sum(e for _, e in others)))
    return float(np.mean(losses)) if losses else 0.0


@settings(deadline=None, max_examples=100)
@given(batches(), st.sampled_from([0.1, 1.0]))
def test_feature_loss(batch, temperature):
    lengths, embedded_td, label_tc, _ = batch
    each = parts(lengths, embedded_td, label_tc)
    expected = [naive_feature_loss(embedded, labels, temperature) for embedded, labels in each]
    found = feature_loss(torch.from_numpy(embedded_td).float(), label_tc, lengths, temperature)
    assert found.item() == pytest.approx(np.mean(expected), rel=1e-4, abs=1e-5)


def test_feature_loss_draws_instances_of_a_class_together_and_away_from_the_rest():
    label_tc = np.zeros((9, 2), bool)
    label_tc[[0, 4, 8], [0, 0, 1]] = True
    noise_td = torch.randn(9, WIDTH, generator=torch.Generator().manual_seed(0))
    embedded_td = (1 + 0.1 * noise_td).requires_grad_()

    def cosine(t, u):
        return torch.cosine_similarity(embedded_td[t], embedded_td[u], 0).item()

    assert min(cosine(0, 4), cosine(0, 8), cosine(0, 2)) > 0.9
    for _ in range(100):
        (slope,) = torch.autograd.grad(feature_loss(embedded_td, label_tc, [9], 0.5), embedded_td)
        embedded_td = (embedded_td - slope).detach().requires_grad_()
    assert cosine(0, 4) > 0.8
    assert cosine(0, 8) < 0.3
    assert cosine(0, 2) < 0.3


@pytest.mark.parametrize("value", [0.0, 1e-30, 1e30])
def test_feature_loss_and_its_slope_are_finite(value):
    label_tc = np.array([[True], [False], [True]])
    embedded_td = torch.full((3, WIDTH), value, requires_grad=True)
    feature_loss(embedded_td, label_tc, [3], 0.01).backward()
    assert embedded_td.grad is not None
    assert torch.isfinite(embedded_td.grad).all()


@settings(deadline=None, max_examples=60)
@given(batches())
def test_score_loss(batch):
    lengths, _, label_tc, score_tc = batch
    weight_tc = np.random.default_rng(0).normal(size=score_tc.shape) * label_tc.any(0)
    present_bc = torch.tensor(np.array([label.any(0) for (label,) in parts(lengths, label_tc)])).float()
    expected = []
    for b, (score, weight) in enumerate(parts(lengths, score_tc, weight_tc)):
        each = [(1 - score[:, c] @ weight[:, c]) ** 2 for c in range(CLASSES) if present_bc[b, c]]
        expected.append(np.mean(each) if each else 0.0)
    score_tc, weight_tc = torch.from_numpy(score_tc), torch.from_numpy(weight_tc)
    found = score_loss(score_tc, weight_tc, present_bc, recording_of(lengths))
    assert found.item() == pytest.approx(np.mean(expected), rel=1e-5, abs=1e-7)
