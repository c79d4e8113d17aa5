"""Prototypes and what is drawn for a step: targets against loops, jitter within bounds, every switch."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hrpro.core.errors import ConfigError
from hrpro.instance.config import InstanceConfig
from hrpro.instance.examples import Pool, draw, pool
from hrpro.proposals.generate import Proposals

CLASSES, LENGTH = 3, 40
CONFIG = InstanceConfig(positives=6, jittered=5, negatives=0.5)


def candidates(rows):
    """Rows of (start, end, class, OIC)."""
    table = np.array(rows, np.float64).reshape(-1, 4)
    n = len(table)
    labels = table[:, 2].astype(np.int64)
    return Proposals(table[:, :2], labels, table[:, 3], np.zeros(n), np.zeros(n, np.int64))


def naive_tiou(a, b):
    overlap = max(min(a[1], b[1]) - max(a[0], b[0]), 0.0)
    return overlap / ((a[1] - a[0]) + (b[1] - b[0]) - overlap)


@st.composite
def pools(draw):
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))

    def spans(n):
        start = rng.uniform(0, LENGTH - 1, n)
        return np.stack([start, np.minimum(start + rng.uniform(0.3, 15, n), LENGTH)], 1)

    m, n = draw(st.integers(0, 4)), draw(st.integers(0, 10))
    prototypes, labels = spans(m), rng.integers(0, CLASSES, m)
    among = np.unique(labels)
    n = n if len(among) else 0
    of = rng.choice(among, n) if n else np.zeros(0, np.int64)
    low = rng.random(LENGTH) < draw(st.sampled_from([0.0, 0.3, 1.0]))
    return Pool(prototypes, labels, spans(n), of, low), rng


@settings(deadline=None, max_examples=150)
@given(pools(), st.sampled_from([0.0, 0.5, 2.0]), st.sampled_from([(6, 5), (6, 0), (0, 5)]))
def test_targets_equal_loops(drawn, negatives, counts):
    source, rng = drawn
    config = replace(CONFIG, negatives=negatives, positives=counts[0], jittered=counts[1])
    examples = draw(source, CLASSES, rng, config)
    n = len(examples.own_n)
    assert examples.completeness_nc.shape == (n, CLASSES)
    assert examples.segments_n2.shape == examples.reliable_n2.shape == (n, 2)
    assert (examples.segments_n2[:, 0] < examples.segments_n2[:, 1]).all()
    assert (examples.segments_n2 >= 0).all()
    assert (examples.segments_n2 <= LENGTH).all()
    labelled = zip(source.candidates_n2, source.candidate_classes, strict=True)
    candidate_rows = {tuple(s): int(c) for s, c in labelled}
    taken = sum(tuple(s) in candidate_rows for s in examples.segments_n2)
    assert taken == min(len(candidate_rows), counts[0]), "candidates are drawn once each"
    assert counts[0] or not taken
    for i, segment in enumerate(examples.segments_n2):
        for c in range(CLASSES):
            overlaps = [
                naive_tiou(segment, p)
                for p, label in zip(source.prototypes_m2, source.prototype_classes, strict=True)
                if label == c
            ]
            assert examples.completeness_nc[i, c] == pytest.approx(max(overlaps, default=0.0), abs=1e-6)
        if tuple(segment) in candidate_rows:
            label = candidate_rows[tuple(segment)]
            assert examples.own_n[i] == examples.completeness_nc[i, label]
        if examples.own_n[i]:
            rows = np.flatnonzero((source.prototypes_m2 == examples.reliable_n2[i]).all(1))
            assert len(rows), "what it matches is a prototype"
            assert naive_tiou(segment, examples.reliable_n2[i]) == pytest.approx(examples.own_n[i], abs=1e-6)


@settings(deadline=None, max_examples=80)
@given(pools(), st.integers(0, 99))
def test_negatives_come_last_lie_in_low_attention_and_belong_to_nothing(drawn, seed):
    source, _ = drawn
    config = replace(CONFIG, positives=3, jittered=4, negatives=3.0)
    examples = draw(source, CLASSES, np.random.default_rng(seed), config)
    none = draw(source, CLASSES, np.random.default_rng(seed), replace(config, negatives=0.0))
    first = len(none.own_n)
    np.testing.assert_array_equal(examples.segments_n2[:first], none.segments_n2)
    np.testing.assert_array_equal(examples.own_n[:first], none.own_n)
    assert len(examples.own_n) - first == (3 * (first or 7) if source.low_t.any() else 0)
    for start, end in examples.segments_n2[first:]:
        assert source.low_t[int(start) : int(np.ceil(end))].all()
    assert (examples.own_n[first:] == 0).all()


def test_chance_is_the_generator_s_alone():
    source = Pool(
        np.array([[5.0, 11.0]]),
        np.array([1]),
        np.array([[4.0, 12.0], [6.0, 9.0], [5.0, 11.0]]),
        np.array([1, 1, 1]),
        np.arange(LENGTH) > 15,
    )
    first, second, other = (draw(source, 2, np.random.default_rng(s), CONFIG) for s in (3, 3, 4))
    np.testing.assert_array_equal(first.segments_n2, second.segments_n2)
    assert not np.array_equal(first.segments_n2, other.segments_n2)


def test_jittered_prototypes_spread_around_their_own():
    source = Pool(
        np.array([[10.0, 20.0]]), np.array([0]), np.zeros((0, 2)), np.zeros(0, np.int64), np.zeros(LENGTH) > 0
    )
    config = replace(CONFIG, positives=0, jittered=4000, negatives=0.0)
    found = draw(source, 1, np.random.default_rng(0), config)
    centre, length = found.segments_n2.mean(1), np.diff(found.segments_n2, axis=1)[:, 0]
    assert centre.mean() == pytest.approx(15, abs=0.3)
    assert np.median(length) == pytest.approx(10, rel=0.1)
    assert 0.2 < (found.own_n > 0.5).mean() < 0.8, "near and far ones"
    assert (found.reliable_n2 == source.prototypes_m2).all(axis=1)[found.own_n > 0].all()


def test_the_pool_holds_reliable_proposals_and_the_candidates_of_their_classes():
    rows = [
        (2, 8, 0, 0.9),  # best of class 0 with the click at 5: RP
        (0, 12, 0, 0.5),
        (20, 30, 0, 0.95),  # better, but nobody clicked in it
        (14, 18, 1, 0.8),  # class 1, not over its click at 33
        (32, 36, 2, 0.1),  # class 2, only one over its click at 33: RP
    ]
    attention = np.where(np.arange(LENGTH) < 12, 0.9, 0.1)
    clicks = np.array([5, 33, 33]), np.array([0, 1, 2])
    found = pool(candidates(rows), attention, *clicks, CONFIG)
    assert found.prototypes_m2.tolist() == [[2, 8], [32, 36]]
    assert found.prototype_classes.tolist() == [0, 2]
    assert found.candidates_n2.tolist() == [[2, 8], [0, 12], [20, 30], [32, 36]]
    assert found.candidate_classes.tolist() == [0, 0, 0, 2]
    assert found.low_t.tolist() == [t >= 12 and t != 33 for t in range(LENGTH)]
    assert found.length == LENGTH

    blind = pool(candidates(rows), attention, *clicks, replace(CONFIG, reliable=False))
    assert blind.prototypes_m2.tolist() == [[20, 30], [14, 18], [32, 36]], (
        "as many as clicks, the best by OIC"
    )


def test_the_best_by_oic_are_separate_actions():
    rows = [(2, 8, 0, 0.9), (2, 9, 0, 0.8), (20, 30, 0, 0.5), (4, 40, 0, 0.4)]
    clicks = np.array([5, 25]), np.array([0, 0])
    found = pool(candidates(rows), np.ones(LENGTH), *clicks, replace(CONFIG, reliable=False))
    assert found.prototypes_m2.tolist() == [[2, 8], [20, 30]]


@pytest.mark.parametrize("reliable", [True, False])
@pytest.mark.parametrize("clicks", [([], []), ([5], [0])])
def test_a_recording_without_candidates_or_clicks(reliable, clicks):
    config = replace(CONFIG, reliable=reliable)
    snippets, labels = (np.array(column, np.int64) for column in clicks)
    for rows in ([], [(20, 30, 1, 0.5)]):
        found = pool(candidates(rows), np.zeros(LENGTH), snippets, labels, config)
        assert len(found.prototypes_m2) == len(found.candidates_n2) == 0
        examples = draw(found, CLASSES, np.random.default_rng(0), config)
        assert len(examples.own_n) == round(0.5 * 11)
        assert not examples.completeness_nc.any()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("source", "pixels"),
        ("score_loss", "l2"),
        ("hidden", 1),
        ("dropout", 1.0),
        ("regression_tiou", 1.5),
        ("negatives", -1.0),
        ("extension", float("inf")),
        ("positives", -1),
        ("completeness_weight", float("nan")),
    ],
)
def test_settings_out_of_range_are_refused_by_name(field, value):
    with pytest.raises(ConfigError, match=rf"^{field}: "):
        replace(CONFIG, **{field: value})


def test_nothing_to_learn_from_or_to_learn_is_refused():
    with pytest.raises(ConfigError, match="not both 0"):
        replace(CONFIG, positives=0, jittered=0)
    with pytest.raises(ConfigError, match="both heads"):
        replace(CONFIG, score_weight=0, regression_weight=0, exemplar_weight=0)
