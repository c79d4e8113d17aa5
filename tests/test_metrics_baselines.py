"""The baselines: what chance and motion give where that is known."""

from __future__ import annotations

import numpy as np

from hrpro.core.annotations import Segment
from hrpro.core.timeline import Timeline
from hrpro.data.formats.activitynet import GroundTruth
from hrpro.metrics.baselines import chance, without_times
from hrpro.metrics.detection import mean_average_precision


def truth(duration: float, *segments: Segment) -> GroundTruth:
    return GroundTruth({"a": segments}, {"a": duration})


def test_chance_is_certain_where_actions_fill_the_recording_and_slight_where_they_are_rare() -> None:
    whole = truth(10.0, Segment(0, 10, "jump"))
    assert chance(whole, whole) == 1.0
    rare = truth(1000.0, *(Segment(s, s + 5, "jump") for s in (100, 400, 800)))
    assert chance(rare, rare) < 0.05
    half = truth(10.0, Segment(0, 5, "jump"), Segment(5, 10, "run"))
    assert 0.05 < chance(half, half) < 0.9
    assert chance(half, half, seed=1) == chance(half, half, seed=1) != chance(half, half, seed=2)


def test_chance_takes_lengths_longer_than_the_recording() -> None:
    assert chance(truth(10.0, Segment(0, 10, "jump")), truth(4.0, Segment(0, 4, "jump"))) == 1.0


def recording(rng: np.random.Generator, *actions: tuple[int, int, int]) -> np.ndarray:
    """60 snippets of noise; an action (first, last, class) raises its class's value and the last one."""
    features_td = 0.3 * rng.normal(size=(60, 8))
    for first, last, label in actions:
        features_td[first:last, label] += 3
        features_td[first:last, -1] += 3
    return features_td.astype(np.float32)


def test_what_moves_is_found_and_the_recordings_labels_tell_which_it_is() -> None:
    rng = np.random.default_rng(0)
    learned = [
        (recording(rng, (start, start + 10, k % 2)), [("jump", "run")[k % 2]])
        for k, start in enumerate(range(0, 48, 4))
    ]
    tested = {"a": recording(rng, (20, 30, 0)), "b": recording(rng, (5, 15, 1))}
    truth = {"a": (Segment(10, 15, "jump"),), "b": (Segment(2.5, 7.5, "run"),)}
    found = without_times(learned, tested, Timeline(0.5))
    assert mean_average_precision(truth, found).average() > 0.9
    swapped = [(features_td, ["run" if labels == ["jump"] else "jump"]) for features_td, labels in learned]
    found = without_times(swapped, tested, Timeline(0.5))
    assert mean_average_precision(truth, found).average() < 0.7


def test_labels_that_tell_nothing_apart_still_give_detections() -> None:
    rng = np.random.default_rng(0)
    learned = [(recording(rng), ["jump"]) for _ in range(3)]
    found = without_times(learned, {"a": recording(rng)}, Timeline(0.5))["a"]
    assert found.classes == ("jump",)
    assert np.isfinite(found.scores).all()
    assert found.segments.max(initial=0) < 30.001
