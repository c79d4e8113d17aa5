"""The threshold of what is shown, against trying all of them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hrpro.core.annotations import Click, Detection, Detections
from hrpro.proposals.threshold import best_threshold

detections = st.builds(
    lambda start, length, label, score: Detection(start, start + length, label, score / 4),
    st.integers(0, 20),
    st.integers(0, 8),
    st.sampled_from("ab"),
    st.integers(-4, 8),
)
clicks = st.builds(Click, st.integers(0, 25), st.sampled_from("ab"))
recording = st.tuples(st.lists(detections, max_size=8), st.lists(clicks, max_size=5))


def f1(recordings: list[tuple[list[Detection], list[Click]]], threshold: float) -> float:
    """By the definition, in the words of the definition."""
    right = shown = 0
    for found, clicked in recordings:
        taken: list[int] = []
        for d in sorted((d for d in found if d.score >= threshold), key=lambda d: -d.score):
            shown += 1
            held = [i for i, c in enumerate(clicked) if c.label == d.label and d.start <= c.time <= d.end]
            if len(held) == 1 and held[0] not in taken:
                taken += held
                right += 1
    return 2 * right / max(shown + sum(len(clicked) for _, clicked in recordings), 1)


@given(st.lists(recording, max_size=4))
def test_no_other_threshold_has_a_better_f1(recordings: list[tuple[list[Detection], list[Click]]]) -> None:
    chosen = best_threshold((Detections.from_list(found, "ab"), clicked) for found, clicked in recordings)
    every = {d.score for found, _ in recordings for d in found}
    assert f1(recordings, chosen) == max([f1(recordings, score) for score in every], default=0)


def test_it_lies_between_the_last_that_counts_and_the_next() -> None:
    found = [Detection(0, 2, "a", 0.9), Detection(4, 6, "a", 0.6), Detection(8, 9, "a", 0.2)]
    assert best_threshold([(Detections.from_list(found), [Click(1, "a"), Click(5, "a")])]) == 0.4
    assert best_threshold([(Detections.from_list(found), [Click(1, "b")])]) == 0
    assert best_threshold([]) == 0
