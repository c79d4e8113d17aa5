"""SF-Net's frame mining and losses against plain loops, and the edges."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hrpro.core.errors import ConfigError
from hrpro.peers.sfnet.config import SFNetConfig
from hrpro.peers.sfnet.losses import actionness_loss, frame_loss, video_logits, video_loss
from hrpro.peers.sfnet.mining import mine, radius_at

CLASSES = 3


@st.composite
def recordings(draw, longest=24):
    """Scores [T, C + 1] that sum to 1, some of them equal, and clicks, possibly several in a snippet."""
    length = draw(st.integers(1, longest))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    raw = rng.random((length, CLASSES + 1)) ** draw(st.sampled_from([1, 4]))
    if draw(st.booleans()):
        raw = np.maximum(np.repeat(raw[::4], 4, 0)[:length], 0.05)  # stretches of one class
    n = draw(st.integers(0, 6))
    score = raw / raw.sum(1, keepdims=True)
    return score, rng.integers(0, length, n), rng.integers(0, CLASSES, n)


def by_loops(score, snippets, classes, radius, ratio, eta):
    length = len(score)
    action, background = np.zeros((length, CLASSES), bool), np.zeros(length, bool)
    if len(snippets) == 0:
        return action, ~background
    for t, c in zip(snippets, classes, strict=True):
        action[t, c] = True
        for way in (-1, 1):
            for distance in range(1, radius + 1):
                u = t + way * distance
                if not 0 <= u < length or u in snippets:
                    break
                if score[u].argmax() != c or score[u, c] < ratio * score[t, c]:
                    break
                action[u, c] = True
    free = [t for t in range(length) if not action[t].any()]
    free.sort(key=lambda t: (-score[t, -1], t))
    background[free[: math.ceil(eta * (length - len(free)))]] = True
    return action, background


@settings(max_examples=200)
@given(recordings(), st.integers(0, 6), st.sampled_from([0.0, 0.5, 0.9, 1.0]), st.sampled_from([0, 0.5, 3]))
def test_equals_plain_loops(recording, radius, ratio, eta):
    score, snippets, classes = recording
    found = mine(score, snippets, classes, radius=radius, ratio=ratio, eta=eta)
    action, background = by_loops(score, snippets, classes, radius, ratio, eta)
    np.testing.assert_array_equal(found.action_tc, action)
    np.testing.assert_array_equal(found.background_t, background)
    assert not (found.action_tc.any(1) & found.background_t).any()


def test_a_click_spreads_to_its_like_and_no_further():
    score = np.full((10, 2), 0.1)
    score[:, 1] = 0.9
    score[2:8] = [0.8, 0.2]
    score[3] = [0.7, 0.3]  # less than 0.9 * 0.8

    def labelled(radius, ratio=0.9):
        clicks = np.array([5]), np.array([0])
        found = mine(score, *clicks, radius=radius, ratio=ratio, eta=1)
        return np.flatnonzero(found.action_tc[:, 0]).tolist()

    assert labelled(0) == [5]
    assert labelled(1) == [4, 5, 6]
    assert labelled(9) == [4, 5, 6, 7]
    assert labelled(9, ratio=0.8) == [2, 3, 4, 5, 6, 7]


def test_the_radius_grows_from_nothing_to_all():
    grown = [radius_at(step, steps=100, radius=5, growth=0.5) for step in range(100)]
    assert grown == sorted(grown)
    assert grown[0] == 0
    assert grown[9:11] == [0, 1]
    assert grown[49:51] == [4, 5]
    assert grown[99] == 5
    assert radius_at(0, steps=100, radius=5, growth=0) == 5


@st.composite
def batches(draw):
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    lengths = [draw(st.integers(1, 15)) for _ in range(draw(st.integers(1, 4)))]
    total = sum(lengths)
    action = rng.random((total, CLASSES)) < draw(st.sampled_from([0.0, 0.2, 0.5]))
    background = (rng.random(total) < draw(st.sampled_from([0.0, 0.5]))) & ~action.any(1)
    return lengths, rng.normal(size=(total, CLASSES + 1)), action, background, rng.normal(size=total)


def average(values):
    return sum(values) / len(values) if values else 0.0


@settings(max_examples=60)
@given(batches(), st.sampled_from([1, 3, 8]))
def test_losses_equal_loops(batch, top):
    lengths, logits, action, background, actionness = batch
    of = torch.repeat_interleave(torch.arange(len(lengths)), torch.tensor(lengths)), len(lengths)
    expected = {"action": [], "background": [], "on": [], "video": []}
    begin = 0
    for length in lengths:
        rows = range(begin, begin + length)
        begin += length
        p = {t: np.exp(logits[t]) / np.exp(logits[t]).sum() for t in rows}
        on = {t: 1 / (1 + math.exp(-actionness[t])) for t in rows}
        labelled = [t for t in rows if action[t].any()]
        own = [average([-math.log(p[t][c]) for c in range(CLASSES) if action[t, c]]) for t in labelled]
        expected["action"].append(average(own))
        expected["background"].append(average([-math.log(p[t][-1]) for t in rows if background[t]]))
        positive = average([-math.log(on[t]) for t in labelled])
        expected["on"].append(positive + average([-math.log(1 - on[t]) for t in rows if background[t]]))
        k = max(length // top, 1)
        score = np.array([np.mean(sorted(logits[list(rows), c])[-k:]) for c in range(CLASSES)])
        log_p = score - math.log(np.exp(score).sum())
        present = action[list(rows)].any(0)
        expected["video"].append(-average(log_p[present].tolist()))
    x, label = torch.from_numpy(logits), torch.from_numpy(action)
    off = torch.from_numpy(background).double()
    found: dict[str, torch.Tensor] = {}
    found["action"], found["background"] = frame_loss(x, label, off, *of)
    found["on"] = actionness_loss(torch.from_numpy(actionness), label, off, *of)
    present = torch.stack([part.any(0) for part in label.split(lengths)]).double()
    found["video"] = video_loss(video_logits(x[:, :-1], lengths, top), present)
    for name, values in expected.items():
        assert found[name].item() == pytest.approx(np.mean(values), rel=1e-5, abs=1e-6), name


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("hidden", 0),
        ("top", 0),
        ("radius", -1),
        ("eta", -0.5),
        ("eta", math.inf),
        ("ratio", 1.1),
        ("growth", -0.1),
        ("dropout", 1.0),
        ("input_dropout", math.nan),
        ("kernel", 4),
        ("video_weight", -1.0),
        ("steps", 0),
    ],
)
def test_settings_out_of_range_are_refused_by_name(name, value):
    with pytest.raises(ConfigError, match=name):
        replace(SFNetConfig(), **{name: value})
