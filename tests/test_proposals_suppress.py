"""Soft-NMS and hard NMS: golden vectors, naive loops, and what holds for any input."""

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hrpro.core.errors import ConfigError, NonFiniteError
from hrpro.proposals.suppress import hard_nms, soft_nms

GOLDEN = Path(__file__).resolve().parents[1].parent / "shared" / "golden"


@st.composite
def detections(draw, most=30):
    """Segments on a coarse grid (touching, equal, nested, empty), tied scores, three classes."""
    n = draw(st.integers(0, most))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    start = rng.integers(0, 20, n) / 2
    segments = np.stack([start, start + rng.integers(0, 12, n) / 2], axis=1)
    scores = rng.integers(-4, 12, n) / 8 if draw(st.booleans()) else rng.normal(0.5, 0.5, n)
    return segments, scores, rng.integers(0, 3, n)


def overlap(a, b, offset):
    both = min(a[1], b[1]) - max(a[0], b[0]) + offset
    return 0.0 if both <= 0 else both / (a[1] - a[0] + b[1] - b[0] + 2 * offset - both)


def naive(segments, scores, labels, *, sigma=math.inf, drop_above=math.inf, offset=0.0):
    """Straight from the definition: take the best, lower the rest, again; one list for all classes."""
    left = dict(enumerate(scores))
    taken = []
    while left:
        best = max(left, key=lambda i: (left[i], -i))
        taken.append((best, left.pop(best)))
        for i in list(left):
            tiou = overlap(segments[best], segments[i], offset) if labels[i] == labels[best] else 0.0
            if tiou > drop_above:
                del left[i]
            elif tiou > 0:
                weight = math.exp(-tiou * tiou / sigma)
                left[i] *= weight if left[i] > 0 else 2 - weight
    return taken


@pytest.mark.skipif(not GOLDEN.exists(), reason="golden vectors are not at hand")
@pytest.mark.parametrize("case", range(4))
def test_equals_the_golden_vectors(case):
    golden = np.load(GOLDEN / f"soft_nms_{case}.npz")
    index, scores = soft_nms(
        golden["segments"],
        golden["scores"],
        sigma=float(golden["sigma"]),
        length_offset=float(golden["length_offset"]),
    )
    np.testing.assert_array_equal(golden["segments"][index], golden["kept_segments"])
    np.testing.assert_allclose(scores, golden["kept_scores"], rtol=1e-12, atol=1e-15)


@settings(deadline=None, max_examples=150)
@given(detections(), st.sampled_from([0.1, 0.3, 2.0]), st.sampled_from([0.0, 1.0]))
def test_soft_nms_equals_naive_loops(columns, sigma, offset):
    index, scores = soft_nms(*columns, sigma=sigma, length_offset=offset)
    expected = naive(*columns, sigma=sigma, offset=offset)
    # Where two scores are equal up to rounding their order may differ; what they belong to may not.
    np.testing.assert_allclose(scores, [score for _, score in expected], rtol=1e-9, atol=1e-12)
    found = dict(zip(index.tolist(), scores, strict=True))
    assert len(found) == len(columns[0])
    if len(np.unique(np.round([s for _, s in expected], 9))) == len(expected):
        assert index.tolist() == [i for i, _ in expected]


@settings(deadline=None, max_examples=150)
@given(detections(), st.sampled_from([0.0, 0.3, 0.5, 1.0]))
def test_hard_nms_equals_naive_loops(columns, tiou):
    index, scores = hard_nms(*columns, tiou=tiou)
    expected = naive(*columns, drop_above=tiou)
    assert sorted(index.tolist()) == sorted(i for i, _ in expected)
    np.testing.assert_array_equal(scores, columns[1][index])


@settings(deadline=None, max_examples=100)
@given(detections(), st.integers(0, 12), st.floats(-0.5, 1.0))
def test_limit_and_floor_only_cut_the_tail(columns, limit, floor):
    index, scores = soft_nms(*columns)
    few, few_scores = soft_nms(*columns, limit=limit)
    np.testing.assert_array_equal(few, index[:limit])
    np.testing.assert_array_equal(few_scores, scores[:limit])
    high, high_scores = soft_nms(*columns, floor=floor)
    np.testing.assert_array_equal(high, index[scores >= floor])
    np.testing.assert_array_equal(high_scores, scores[scores >= floor])


@settings(deadline=None, max_examples=100)
@given(detections())
def test_classes_do_not_touch_each_other_and_no_score_rises(columns):
    segments, scores, labels = columns
    given_before = segments.copy(), scores.copy()
    index, kept = soft_nms(segments, scores, labels)
    assert (np.diff(kept) <= 0).all()
    assert (kept <= scores[index] + 1e-15).all()
    for label in range(3):
        member = np.flatnonzero(labels == label)
        alone, alone_scores = soft_nms(segments[member], scores[member])
        np.testing.assert_array_equal(index[labels[index] == label], member[alone])
        np.testing.assert_array_equal(kept[labels[index] == label], alone_scores)
    np.testing.assert_array_equal(segments, given_before[0])
    np.testing.assert_array_equal(scores, given_before[1])


def test_an_equal_segment_is_lowered_whatever_the_sign_of_its_score():
    segments = [[1.0, 3.0]] * 4
    index, scores = soft_nms(segments, [0.8, 0.4, -0.1, 0.0], sigma=0.3)
    decay = math.exp(-1 / 0.3)
    assert index.tolist() == [0, 1, 3, 2]
    np.testing.assert_allclose(scores, [0.8, 0.4 * decay, 0.0, -0.1 * (2 - decay) ** 3])


def test_nothing_in_nothing_out():
    for index, scores in (soft_nms(np.zeros((0, 2)), []), hard_nms([], [], [], tiou=0.5)):
        assert index.shape == (0,)
        assert scores.shape == (0,)


@pytest.mark.parametrize("sigma", [0.0, -1.0, math.nan])
def test_sigma_must_be_positive(sigma):
    with pytest.raises(ConfigError, match="sigma"):
        soft_nms([[0, 1]], [1.0], sigma=sigma)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_scores_and_boundaries_must_be_finite(bad):
    with pytest.raises(NonFiniteError, match="NaN or infinite"):
        soft_nms([[0, 1]], [bad])
    with pytest.raises(NonFiniteError, match="NaN or infinite"):
        soft_nms([[0, bad]], [1.0])
