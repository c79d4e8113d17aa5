"""Candidates and their OIC: golden vectors, naive loops, and symmetries no implementation can fake."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hrpro.core.errors import ConfigError
from hrpro.core.timeline import Timeline
from hrpro.proposals.config import GenerateConfig
from hrpro.proposals.generate import generate, predicted_classes

GOLDEN = Path(__file__).resolve().parents[1].parent / "shared" / "golden"


def table(proposals):
    """Rows (family, threshold, class, start, end, OIC), sorted but for the OIC."""
    start, end = proposals.segments.T.tolist()
    names = proposals.family.tolist(), proposals.thresholds.round(6).tolist(), proposals.labels.tolist()
    return sorted(zip(*names, start, end, proposals.oic.tolist(), strict=True))


def naive(activation, attention, classes, config):
    """Loops from the definition: sample, walk along, add up what each sample has inside and outside."""
    length, up = len(attention), config.upsample
    at = (np.arange(length * up) + 0.5) / up - 0.5
    rows = []
    for family, thresholds in ((0, config.class_thresholds), (1, config.attention_thresholds)):
        for label in classes:
            values = np.interp(at, np.arange(length), activation[:, label])
            signal = values if family == 0 else np.interp(at, np.arange(length), attention)
            for threshold in thresholds:
                start = None
                for t in range(len(at) + 1):
                    above = t < len(at) and signal[t] > threshold
                    if above and start is None:
                        start = t
                    if not above and start is not None:
                        reach = config.outer * (t - start)
                        outer = weight = 0.0
                        for u, value in enumerate(values):
                            left = max(0.0, min(u + 1, start) - max(u, start - reach))
                            right = max(0.0, min(u + 1, t + reach) - max(u, t))
                            outer, weight = outer + (left + right) * value, weight + left + right
                        contrast = values[start:t].mean() - (outer / weight if weight else 0.0)
                        rows.append((family, round(threshold, 6), label, start / up, t / up, contrast))
                        start = None
    return sorted(rows)


@st.composite
def activations(draw, most=25):
    length, n_classes = draw(st.integers(1, most)), draw(st.integers(1, 4))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    sharpness = draw(st.sampled_from([1, 8]))
    attention = rng.random(length) ** (1 / sharpness)
    activation = rng.random((length, n_classes)) ** sharpness * attention[:, None]
    classes = np.flatnonzero(rng.random(n_classes) < 0.7)
    return activation, attention, classes


configs = st.builds(
    GenerateConfig,
    class_thresholds=st.sampled_from([(), (0.0, 0.1, 0.3), (0.5,)]),
    attention_thresholds=st.sampled_from([(0.4, 0.6, 0.9), (0.7,)]),
    upsample=st.sampled_from([1, 2, 3]),
    outer=st.sampled_from([0.0, 0.25, 1.0]),
    unique=st.just(False),
)


@pytest.mark.skipif(not GOLDEN.exists(), reason="golden vectors are not at hand")
@pytest.mark.parametrize("case", range(4))
def test_the_reference_form_equals_the_golden_vectors(case):
    golden = np.load(GOLDEN / f"oic_proposals_{case}.npz")
    classes = predicted_classes(golden["video_score"])
    config = GenerateConfig(
        class_thresholds=tuple(np.arange(0, 0.25, 0.025)),
        attention_thresholds=tuple(np.arange(0.5, 0.725, 0.025)),
        upsample=2,
        reference=True,
        unique=False,
    )
    proposals = generate(golden["class_activation"], golden["attention"], classes, config)
    seconds = Timeline.from_frames(fps=25).to_seconds(proposals.segments)
    columns = (proposals.family, proposals.thresholds, *seconds.T, proposals.labels, proposals.oic)
    found, expected = np.stack(columns, axis=1), golden["proposals"]
    assert found.shape == expected.shape
    # By family, threshold, class and start; what stands in which order within a file means nothing.
    found, expected = (
        rows[np.lexsort((rows[:, 2], rows[:, 4], rows[:, 1].round(6), rows[:, 0]))]
        for rows in (found, expected)
    )
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)


@settings(deadline=None, max_examples=120)
@given(activations(), configs)
def test_equals_naive_loops(arrays, config):
    activation, attention, classes = arrays
    found = table(generate(activation, attention, classes, config))
    expected = naive(activation, attention, classes, config)
    assert [row[:5] for row in found] == [row[:5] for row in expected]
    np.testing.assert_allclose([row[5] for row in found], [row[5] for row in expected], atol=1e-10)


@settings(deadline=None, max_examples=120)
@given(activations(), configs)
def test_a_recording_played_backwards_gives_the_same_candidates_backwards(arrays, config):
    activation, attention, classes = arrays
    forwards = table(generate(activation, attention, classes, config))
    length = len(attention)
    backwards = [
        (f, t, c, length - e, length - s, o)
        for f, t, c, s, e, o in table(generate(activation[::-1], attention[::-1], classes, config))
    ]
    np.testing.assert_allclose(sorted(backwards), forwards, atol=1e-10)


@settings(deadline=None, max_examples=120)
@given(activations(), st.booleans())
def test_unique_keeps_the_best_of_equal_spans_and_loses_none(arrays, reference):
    activation, attention, classes = arrays
    every, few = (
        generate(activation, attention, classes, GenerateConfig(unique=unique, reference=reference))
        for unique in (False, True)
    )
    best = {}
    for (start, end), label, oic in zip(every.segments, every.labels, every.oic, strict=True):
        best[label, start, end] = max(oic, best.get((label, start, end), -np.inf))
    assert {
        (label, start, end): oic
        for (start, end), label, oic in zip(few.segments, few.labels, few.oic, strict=True)
    } == best
    assert len(few) == len(best)


@settings(deadline=None, max_examples=80)
@given(activations(), st.booleans())
def test_spans_lie_in_the_recording_and_only_of_asked_classes(arrays, reference):
    activation, attention, classes = arrays
    proposals = generate(activation, attention, classes, GenerateConfig(reference=reference))
    assert (proposals.segments[:, 0] >= 0).all()
    assert (proposals.segments[:, 1] <= len(attention)).all()
    assert (np.diff(proposals.segments, axis=1) > 0).all()
    assert set(proposals.labels) <= set(classes)


@pytest.mark.parametrize("snippet", [0, 2, 4])
@pytest.mark.parametrize("upsample", [1, 2, 4])
def test_one_snippet_is_found_where_it_is_even_the_first(snippet, upsample):
    activation = np.zeros((5, 1))
    activation[snippet] = 1.0
    config = GenerateConfig(class_thresholds=(0.49,), attention_thresholds=(), upsample=upsample)
    proposals = generate(activation, np.zeros(5), [0], config)
    np.testing.assert_allclose(proposals.segments, [[snippet, snippet + 1]])


def test_the_reference_form_too_keeps_a_candidate_of_the_first_sample_alone():
    activation = np.array([[0.3], [0.0], [0.0], [0.0]])
    config = GenerateConfig(class_thresholds=(0.2,), attention_thresholds=(), reference=True)
    assert generate(activation, np.zeros(4), [0], config).segments.tolist() == [[0.0, 0.5]]


def test_outer_regions_are_a_part_of_the_length_and_end_with_the_recording():
    activation = np.array([0.2, 0.4, 0.9, 0.9, 0.9, 0.9, 0.1, 0.3])[:, None]
    config = GenerateConfig(class_thresholds=(0.5, 0.0), attention_thresholds=(), upsample=1)
    inner, whole = generate(activation, np.zeros(8), [0], config)[np.array([0, 1])].oic
    assert inner == pytest.approx(0.9 - (0.4 + 0.1) / 2)
    assert whole == pytest.approx(activation.mean()), "nothing lies outside: no contrast is taken off"
    wide = generate(activation, np.zeros(8), [0], GenerateConfig((0.5,), (), upsample=1, outer=0.625))
    assert wide.oic[0] == pytest.approx(0.9 - (0.2 + 0.4 + 0.1 + 0.3) / 4), "2.5 snippets, of which 2 exist"


def test_nothing_above_any_threshold_and_no_class():
    for classes in ([0, 1], []):
        proposals = generate(np.zeros((3, 2)), np.zeros(3), classes)
        assert len(proposals) == 0
        assert proposals.segments.shape == (0, 2)


def test_predicted_classes_are_those_above_the_threshold_else_the_best():
    assert predicted_classes([0.5, 0.2, 0.9]).tolist() == [0, 2]
    assert predicted_classes([0.1, 0.3, 0.2]).tolist() == [1]
    assert predicted_classes([0.1, 0.3, 0.2], threshold=0.15).tolist() == [1, 2]


@pytest.mark.parametrize(
    "wrong",
    [
        {"upsample": 0},
        {"outer": -0.1},
        {"outer": float("nan")},
        {"class_thresholds": (), "attention_thresholds": ()},
    ],
)
def test_settings_out_of_range_are_refused(wrong):
    with pytest.raises(ConfigError) as refused:
        GenerateConfig(**wrong)
    assert refused.value.where == next(iter(wrong))
