"""CoLA's snippet mining and losses against plain loops, and the edges."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hrpro.core.errors import ConfigError
from hrpro.peers.cola.config import ColaConfig
from hrpro.peers.cola.losses import contrast_loss, video_logits, video_loss
from hrpro.peers.cola.mining import Mined, dilate, mine

actionness = st.lists(st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0]) | st.floats(0, 1), min_size=1, max_size=30)


def near_one(mask, by):
    return [any(mask[max(t - by, 0) : t + by + 1]) for t in range(len(mask))]


@settings(max_examples=200)
@given(actionness, st.integers(1, 9), st.integers(0, 2), st.integers(1, 3))
def test_equals_plain_loops(values, easy, near, more):
    values_t = torch.tensor(values)
    found = mine(values_t, easy=easy, near=near, far=near + more)
    rank = sorted(range(len(values)), key=lambda t: (-float(values_t[t]), t))
    count = max(len(values) // easy, 1)
    assert {int(t) for t in found.easy_action.nonzero()} == set(rank[:count])
    assert {int(t) for t in found.easy_background.nonzero()} == set(rank[len(rank) - count :])
    median = sorted(values_t.tolist())[(len(values) - 1) // 2]
    on = [v > median for v in values_t.tolist()]
    off = [not v for v in on]
    for mask, sees, hard in ((on, off, found.hard_action), (off, on, found.hard_background)):
        close, far = near_one(sees, near), near_one(sees, near + more)
        expected = [m and f and not c for m, c, f in zip(mask, close, far, strict=True)]
        assert hard.tolist() == expected


def test_hard_snippets_lie_on_either_side_of_the_border():
    on = torch.tensor([0.0] * 8 + [1.0] * 7 + [0.0])
    found = mine(on, easy=4, near=1, far=3)
    assert found.hard_action.nonzero().ravel().tolist() == [9, 10, 12, 13]
    assert found.hard_background.nonzero().ravel().tolist() == [5, 6]
    # To the left the recording ends: no border there, and nothing to be unsure of.
    assert mine(on.flip(0)[1:], easy=4, near=1, far=3).hard_action.nonzero().ravel().tolist() == [4, 5]


@pytest.mark.parametrize("length", [1, 2, 5])
def test_an_even_recording_has_no_hard_snippets(length):
    found = mine(torch.full((length,), 0.7), easy=5, near=1, far=3)
    assert not found.hard_action.any()
    assert not found.hard_background.any()
    assert found.easy_action.sum() == found.easy_background.sum() == 1


def test_dilate():
    mask = torch.tensor([0, 0, 0, 1, 0, 0, 0, 0, 1]).bool()
    assert dilate(mask, 0).equal(mask)
    assert dilate(mask, 2).tolist() == [False, True, True, True, True, True, True, True, True]


@settings(max_examples=60)
@given(st.integers(0, 2**32 - 1), st.lists(st.integers(1, 14), min_size=1, max_size=3), st.integers(1, 6))
def test_losses_equal_loops(seed, lengths, easy):
    rng = np.random.default_rng(seed)
    total, tau = sum(lengths), 0.2
    logits, embedded = rng.normal(size=(total, 3)), rng.normal(size=(total, 4))
    present = (rng.random((len(lengths), 3)) < 0.5).astype(float)
    masks = [Mined(*torch.from_numpy(rng.random((4, n)) < 0.4)) for n in lengths]
    for of in masks:  # at least one of each easy kind, as always
        of.easy_action[0] = of.easy_background[-1] = True
    video, contrast, begin = [], [], 0
    for b, length in enumerate(lengths):
        rows = slice(begin, begin + length)
        begin += length
        k, loss = max(length // easy, 1), 0.0
        for c in range(3):
            p = 1 / (1 + math.exp(-np.mean(sorted(logits[rows, c])[-k:])))
            loss -= math.log(p if present[b, c] else 1 - p)
        video.append(loss)
        unit = embedded[rows] / np.linalg.norm(embedded[rows], axis=1, keepdims=True)
        ea, eb, ha, hb = (mask.numpy() for mask in masks[b])
        contrast.append(naive_nce(unit, ha, ea, eb, tau) + naive_nce(unit, hb, eb, ea, tau))
    found = video_loss(video_logits(torch.from_numpy(logits), lengths, easy), torch.from_numpy(present))
    assert found.item() == pytest.approx(np.mean(video), rel=1e-6)
    parts = torch.from_numpy(embedded).split(lengths)
    assert contrast_loss(parts, masks, tau).item() == pytest.approx(np.mean(contrast), rel=1e-4, abs=1e-6)


def naive_nce(unit, hard, like, unlike, tau):
    if not hard.any():
        return 0.0
    query, key = (unit[mask].mean(0) / np.linalg.norm(unit[mask].mean(0)) for mask in (hard, like))
    own = math.exp(query @ key / tau)
    return -math.log(own / (own + sum(math.exp(query @ other / tau) for other in unit[unlike])))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("hidden", 0),
        ("easy", 0),
        ("near", -1),
        ("far", 1),
        ("dropout", 1.0),
        ("input_dropout", math.nan),
        ("time_warp", -0.5),
        ("contrast_weight", -1.0),
        ("temperature", 0.001),
        ("kernel", 4),
        ("steps", 0),
    ],
)
def test_settings_out_of_range_are_refused_by_name(name, value):
    with pytest.raises(ConfigError, match=name):
        replace(ColaConfig(), **{name: value})
