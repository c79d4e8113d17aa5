"""RP, PP and NP: golden vectors, naive loops, and what the clicks guarantee."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hrpro.proposals.generate import Proposals
from hrpro.proposals.rank import low_attention, negative_proposals, rank, reliable_proposals, tiou

GOLDEN = Path(__file__).resolve().parents[1].parent / "shared" / "golden"


def candidates(segments, labels, oic):
    n = len(labels)
    return Proposals(
        np.array(segments, np.float64).reshape(-1, 2),
        np.array(labels, np.int64),
        np.array(oic, np.float64),
        np.zeros(n),
        np.zeros(n, np.int64),
    )


@st.composite
def scenes(draw):
    """Candidates and clicks on one coarse grid, so that boundaries, spans and moments coincide."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n, m = draw(st.integers(0, 25)), draw(st.integers(0, 8))
    start = rng.integers(0, 20, n) / 2
    segments = np.stack([start, start + rng.integers(1, 10, n) / 2], axis=1)
    proposals = candidates(segments, rng.integers(0, 3, n), rng.permutation(n) / 10 - 0.5)
    return proposals, rng.integers(0, 30, m) / 2, rng.integers(0, 4, m)


def naive_reliable(proposals, times, classes):
    """One click at a time."""
    chosen = []
    for time, label in zip(times, classes, strict=True):
        holding = [
            i
            for i, (start, end) in enumerate(proposals.segments)
            if proposals.labels[i] == label and start <= time <= end
        ]
        others = [other for other in times if other != time]
        clean = [i for i in holding if not any(np.prod(proposals.segments[i] - t) <= 0 for t in others)]
        chosen.append(max(clean or holding, key=lambda i: proposals.oic[i], default=-1))
    return chosen


@pytest.mark.skipif(not GOLDEN.exists(), reason="golden vectors are not at hand")
@pytest.mark.parametrize("case", range(4))
def test_equals_the_golden_vectors(case):
    golden = json.loads((GOLDEN / f"reliable_proposals_{case}.json").read_text())
    rows = [(int(label), *row) for label, of in golden["positive_proposals"].items() for row in of]
    labels, start, end, oic = map(np.array, zip(*rows, strict=True))
    proposals = candidates(np.stack([start, end], axis=1), labels, oic)
    times, names = zip(*golden["points"], strict=True)
    classes = [int(name) for name in names]
    found = reliable_proposals(proposals, times, classes)
    for name, expected in golden["reliable_proposals"].items():
        of = [i for i, label in zip(found, classes, strict=True) if label == int(name)]
        assert [None if i < 0 else [*proposals.segments[i], proposals.oic[i]] for i in of] == expected


@settings(deadline=None, max_examples=300)
@given(scenes())
def test_reliable_proposals_equal_naive_loops(scene):
    assert reliable_proposals(*scene).tolist() == naive_reliable(*scene)


@settings(deadline=None, max_examples=200)
@given(scenes())
def test_each_rp_holds_its_click_and_each_pp_its_best_match(scene):
    proposals, times, classes = scene
    ranking = rank(*scene)
    for i, time, label in zip(ranking.of_click, times, classes, strict=True):
        if i >= 0:
            assert proposals.labels[i] == label
            assert proposals.segments[i, 0] <= time <= proposals.segments[i, 1]
    reliable = np.unique(ranking.of_click[ranking.of_click >= 0])
    assert np.flatnonzero(ranking.is_reliable).tolist() == reliable.tolist()
    overlap = tiou(proposals.segments, proposals.segments)
    for i, label in enumerate(proposals.labels):
        prototypes = [j for j in reliable if proposals.labels[j] == label]
        if prototypes:
            assert ranking.match[i] in prototypes
            assert ranking.completeness[i] == max(overlap[i, j] for j in prototypes)
            assert ranking.completeness[i] == overlap[i, ranking.match[i]]
        else:
            assert (ranking.match[i], ranking.completeness[i]) == (-1, 0)
    np.testing.assert_array_equal(ranking.match[reliable], reliable)
    np.testing.assert_array_equal(ranking.completeness[reliable], 1)


def test_a_clean_candidate_beats_a_better_one_that_reaches_a_neighbour():
    proposals = candidates([[0, 10], [1, 4], [1, 3.5]], [0, 0, 0], [0.9, 0.2, 0.1])
    assert reliable_proposals(proposals, [2, 8], [0, 1]).tolist() == [1, -1]
    touching = reliable_proposals(proposals, [2, 4], [0, 1])
    assert touching.tolist() == [2, -1], "touching is reaching"
    assert reliable_proposals(proposals, [2, 3], [0, 1]).tolist() == [0, -1], "none is clean"
    together = reliable_proposals(proposals, [2, 2, 8], [0, 1, 0])
    assert together.tolist() == [1, -1, 0], "two clicks at one moment are no neighbours"


def test_no_candidates_and_no_clicks():
    nothing = candidates([], [], [])
    assert rank(nothing, [1.0], [0]).of_click.tolist() == [-1]
    ranking = rank(candidates([[0, 1]], [0], [0.5]), [], [])
    assert ranking.match.tolist() == [-1]
    assert not ranking.is_reliable.any()


def test_tiou_of_every_pair():
    found = tiou(np.array([[0.0, 2], [5, 5]]), np.array([[1.0, 3], [2, 4], [5, 5]]))
    np.testing.assert_allclose(found, [[1 / 3, 0, 0], [0, 0, 0]])


@settings(deadline=None, max_examples=100)
@given(
    st.lists(st.booleans(), min_size=1, max_size=30), st.integers(0, 20), st.sampled_from([0.25, 1.0, 4.0])
)
def test_negatives_lie_within_single_runs_of_background(mask, count, shortest):
    background = np.array(mask)
    spans = negative_proposals(background, count, np.random.default_rng(5), shortest=shortest)
    again = negative_proposals(background, count, np.random.default_rng(5), shortest=shortest)
    np.testing.assert_array_equal(spans, again)
    assert spans.shape == (count if background.any() else 0, 2)
    for start, end in spans:
        first, last = int(np.floor(start + 1e-9)), int(np.ceil(end - 1e-9))
        assert background[first:last].all()
        run = last - first
        while first > 0 and background[first - 1]:
            first, run = first - 1, run + 1
        while last < len(mask) and background[last]:
            last, run = last + 1, run + 1
        assert end - start >= min(shortest, run) - 1e-9


def test_negatives_cover_the_background_by_its_length():
    background = np.r_[np.ones(30, bool), False, np.ones(10, bool)]
    spans = negative_proposals(background, 4000, np.random.default_rng(0))
    long = spans[spans[:, 1] <= 30]
    assert 0.72 < len(long) / 4000 < 0.78
    np.testing.assert_allclose(long.mean(0), [7.25, 22.75], atol=0.5)
    assert long[:, 0].min() < 1
    assert long[:, 1].max() > 29


def test_low_attention_leaves_out_what_was_clicked():
    attention = np.array([0.05, 0.0, 0.2, 0.1, 0.01])
    assert low_attention(attention, 0.1, [1]).tolist() == [True, False, False, False, True]
    assert low_attention(attention, 0.1, []).tolist() == [True, True, False, False, True]
