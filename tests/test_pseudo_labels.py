"""Pseudo labels: golden vectors, a plain second implementation, and the inputs the reference breaks on."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hrpro.core.errors import DataError
from hrpro.snippet.pseudo_labels import mine

GOLDEN = Path(__file__).resolve().parents[1].parent / "shared" / "golden"


def plain(attention, clicks, n_classes, low, high):
    """The rules as sentences, gap by gap, with sets; clicks is a list of (snippet, class)."""
    score, length = [1 - a for a in attention], len(attention)
    classes = {t: {c for s, c in clicks if s == t} for t, _ in clicks}
    clicked = sorted(classes)
    background, action = set(), set(clicks)
    for before, after in zip([None, *clicked], [*clicked, None], strict=True):
        gap = list(range(0 if before is None else before + 1, length if after is None else after))
        if not gap:
            continue
        found = [t for t in gap if score[t] >= high] or [max(gap, key=lambda t: score[t])]
        first = gap[0] if before is None else found[0]
        last = gap[-1] if after is None else found[-1]
        background |= set(range(first, last + 1))
        for origin, walk in ((before, gap), (after, gap[::-1])):
            for t in walk if origin is not None else []:
                if t in background or score[t] > low:
                    break
                action |= {(t, c) for c in classes[origin]}
    action_tc, background_t = np.zeros((length, n_classes), bool), np.zeros(length, bool)
    for t, c in action:
        action_tc[t, c] = True
    background_t[sorted(background)] = True
    return action_tc, background_t


@st.composite
def recordings(draw):
    """Attention without equal values, even or drawn to 0 and 1; at least one click, some coinciding."""
    length = draw(st.integers(1, 40))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    even = (rng.permutation(length) + 0.5) / length
    attention = 1 / (1 + ((1 - even) / even) ** draw(st.sampled_from([1, 3, 6])))
    n = draw(st.integers(1, 8))
    snippets, classes = rng.integers(0, length, n).tolist(), rng.integers(0, 3, n).tolist()
    return attention, list(zip(snippets, classes, strict=True))


@pytest.mark.skipif(not GOLDEN.exists(), reason="golden vectors are not at hand")
@pytest.mark.parametrize("case", range(6))
def test_equals_the_golden_vectors(case):
    golden = np.load(GOLDEN / f"pseudo_labels_{case}.npz")
    snippets, classes = np.nonzero(golden["point_labels"])
    attention = 1 - golden["background_score"].astype(np.float64)
    labels = mine(attention, snippets, classes, golden["point_labels"].shape[1])
    np.testing.assert_array_equal(labels.action_tc, golden["pseudo_action"] > 0)
    np.testing.assert_array_equal(labels.background_t, golden["pseudo_background"] > 0)


@settings(deadline=None, max_examples=300)
@given(recordings(), st.sampled_from([(0.1, 0.95), (0.4, 0.6), (0.0, 1.0)]))
def test_equals_the_plain_rules(recording, thresholds):
    attention, clicks = recording
    snippets, classes = zip(*clicks, strict=True)
    labels = mine(
        attention, snippets, classes, 3, action_threshold=thresholds[0], background_threshold=thresholds[1]
    )
    action_tc, background_t = plain(attention, clicks, 3, *thresholds)
    np.testing.assert_array_equal(labels.action_tc, action_tc)
    np.testing.assert_array_equal(labels.background_t, background_t)


@settings(deadline=None, max_examples=200)
@given(recordings())
def test_what_holds_for_every_recording(recording):
    attention, clicks = recording
    snippets, classes = (np.array(column) for column in zip(*clicks, strict=True))
    labels = mine(attention, snippets, classes, 3)
    assert not (labels.action_tc.any(1) & labels.background_t).any()
    assert labels.action_tc[snippets, classes].all()
    inner = np.diff(np.unique(np.concatenate([[-1], snippets, [len(attention)]])))
    changes = np.diff(np.concatenate([[0], labels.background_t, [0]]))
    assert (changes == 1).sum() == (inner > 1).sum(), "one stretch of background in each gap"
    shuffled = np.random.default_rng(0).permutation(len(clicks))
    again = mine(attention, snippets[shuffled], classes[shuffled], 3)
    backwards = mine(attention[::-1], len(attention) - 1 - snippets, classes, 3)
    for other, step in ((again, 1), (backwards, -1)):
        np.testing.assert_array_equal(other.action_tc[::step], labels.action_tc)
        np.testing.assert_array_equal(other.background_t[::step], labels.background_t)


def test_a_recording_without_clicks_is_background_unless_told_otherwise():
    labels = mine([0.99, 0.5, 0.0], [], [], 2)
    assert labels.background_t.all()
    assert labels.action_tc.shape == (3, 2)
    assert not labels.action_tc.any()
    assert not mine([0.99, 0.5], [], [], 2, unclicked_is_background=False).background_t.any()


def test_one_snippet_recordings():
    labels = mine([0.0], [0, 0], [1, 0], 3)
    assert labels.action_tc.tolist() == [[True, True, False]]
    assert not labels.background_t.any()
    assert mine([0.9], [], [], 3).background_t.tolist() == [True]


def test_clicks_side_by_side_leave_no_background_between():
    labels = mine([1.0, 0.0, 0.0, 1.0], [1, 2], [0, 1], 2)
    assert labels.background_t.tolist() == [True, False, False, True]
    assert labels.action_tc.tolist() == [[False, False], [True, False], [False, True], [False, False]]


def test_a_click_at_either_end_has_nothing_beyond_it():
    labels = mine(np.full(6, 0.99), [0, 5], [0, 1], 2)
    assert labels.background_t.tolist() == [False, True, False, False, False, False]
    assert labels.action_tc[:, 0].tolist() == [True, False, False, False, False, False]
    assert labels.action_tc[:, 1].tolist() == [False, False, True, True, True, True]


def test_every_class_clicked_in_a_snippet_walks_out_of_it():
    labels = mine([0.0, 0.95, 0.5, 0.95, 0.8, 0.0], [2, 2], [0, 2], 3)
    assert labels.action_tc[:, [0, 2]].tolist() == [[t in (1, 2, 3)] * 2 for t in range(6)]
    assert not labels.action_tc[:, 1].any()


def test_equal_attention_puts_the_outer_background_at_the_ends():
    labels = mine(np.full(9, 0.97), [3, 5], [0, 0], 1)
    assert labels.background_t.tolist() == [t in (0, 4, 8) for t in range(9)]


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_any_float_type_and_stride(dtype):
    attention = np.array([0, 1, 1, 0, 1, 0, 0, 1], dtype)
    expected = mine(attention.astype(np.float64)[::2].copy(), [1], [0], 1)
    labels = mine(attention[::2], [1], [0], 1)
    np.testing.assert_array_equal(labels.background_t, expected.background_t)
    assert labels.background_t.tolist() == [True, False, False, True]


@pytest.mark.parametrize(("snippet", "label"), [(-1, 0), (4, 0), (0, -1), (0, 2)])
def test_clicks_outside_are_refused(snippet, label):
    with pytest.raises(DataError, match="click"):
        mine(np.zeros(4), [1, snippet], [1, label], 2)
