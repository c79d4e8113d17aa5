"""Peaks against their definition spelled out, and those of a trained model's detections."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from hrpro.localizer import HRPro
from hrpro.proposals.peaks import peaks
from tiny_sets import STRIDE

pytest_plugins = ["trained_fixtures"]


def naive(activation_tc: np.ndarray, start: float, end: float, label: int) -> float:
    inside = [t for t in range(len(activation_tc)) if start <= t + 0.5 <= end]
    best = max(inside, key=lambda t: (activation_tc[t, label], -t), default=None)
    return (start + end) / 2 if best is None else best + 0.5


@given(st.integers(0, 10**6), st.integers(1, 9))
def test_equals_the_definition(seed: int, length: int) -> None:
    rng = np.random.default_rng(seed)
    activation_tc = rng.integers(0, 4, (length, 3)) / 4  # with ties
    segments = np.sort(rng.integers(0, 4 * length + 1, (20, 2)) / 4, axis=1)
    labels = rng.integers(0, 3, 20)
    found = peaks(activation_tc, segments, labels)
    assert found.tolist() == [
        naive(activation_tc, start, end, label) for (start, end), label in zip(segments, labels, strict=True)
    ]
    assert ((segments[:, 0] <= found) & (found <= segments[:, 1])).all()


def test_detections_have_the_surest_moment_of_their_class(model: HRPro, features: np.ndarray) -> None:
    found = model.predict(features)
    assert found.peaks is not None
    assert model.snippet is not None
    activation_tc = model.snippet.scores(features).activation_tc
    expected = [
        STRIDE * naive(activation_tc, d.start / STRIDE, d.end / STRIDE, model.classes.index(d.label))
        for d in found
    ]
    np.testing.assert_allclose(found.peaks, expected)
    assert (found.peaks != found.segments.mean(1)).any()
