"""In which orders recordings may be clicked, and what an order may know: compared by ``next_video.py``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hrpro.data.training_set import Recording, TrainingSet
from hrpro.localizer import HRPro
from hrpro.studio.next_video import doubt, propose
from hrpro.studio.uncertainty import Scored, chance, doubts, uncertainty, worth_showing


@dataclass
class State:
    """What an order may know: features, the clicks so far, and the model learned from them."""

    pool: TrainingSet
    places_nd: NDArray[np.float64]
    clicked_n: NDArray[np.bool_]
    model: HRPro

    def doubts(self) -> NDArray[np.float64]:
        """As the studio weighs its proposals; NaN for the clicked ones."""
        assert self.model.snippet is not None
        doubt_n = np.full(len(self.pool.recordings), np.nan)
        for n in np.flatnonzero(~self.clicked_n):
            features_td = read(self.model, self.pool.recordings[n])
            doubt_n[n] = doubt(self.model.snippet.scores(features_td).activation_tc)
        return doubt_n

    def expected(self) -> NDArray[np.float64]:
        """Uncertain actions a minute of each recording."""
        doubt_n = np.full(len(self.pool.recordings), np.nan)
        for n, item in enumerate(self.pool.recordings):
            if not self.clicked_n[n]:
                found, doubts_nd, top = looked_at(self.model, item)
                weight = chance(found.scores, self.model.min_score, top) * uncertainty(doubts_nd)
                doubt_n[n] = weight.sum() / (item.seconds / 60)
        return doubt_n


def read(model: HRPro, item: Recording) -> NDArray[np.float32]:
    """Features as the model's networks read them."""
    assert model.config is not None
    return item.coarser(model.config.pace).features.read_float32()


def looked_at(model: HRPro, item: Recording) -> tuple[Scored, NDArray[np.float64], float]:
    """What a person would be shown of a recording, its doubts [n, 4], and the highest score there can be."""
    assert model.snippet is not None
    features_td = read(model, item)
    scores = model.snippet.scores(features_td)
    found = model.detect(features_td, scores)
    every = Scored(found.segments, found.labels, found.scores)
    shown = worth_showing(every, model.min_score, 1.0)
    seen = every.at(shown)
    members = [member.scores(features_td).activation_tc for member in getattr(model.snippet, "members", ())]
    return seen, doubts(seen, scores.activation_tc, members, model.min_score, 1.0), 1.0


def random_order(state: State, order: NDArray[np.int64], count: int) -> Sequence[int]:
    return [int(n) for n in order if not state.clicked_n[n]][:count]


def studio_order(state: State, order: NDArray[np.int64], count: int) -> Sequence[int]:
    found = propose(state.clicked_n, places_nd=state.places_nd, doubts_n=state.doubts(), limit=count)
    return [proposal.video for proposal in found]


def covering_order(state: State, order: NDArray[np.int64], count: int) -> Sequence[int]:
    return [p.video for p in propose(state.clicked_n, places_nd=state.places_nd, limit=count)]


def doubt_order(state: State, order: NDArray[np.int64], count: int) -> Sequence[int]:
    doubt_n = state.expected()
    return sorted(np.flatnonzero(~state.clicked_n).tolist(), key=lambda n: -doubt_n[n])[:count]


def short_order(state: State, order: NDArray[np.int64], count: int) -> Sequence[int]:
    seconds = [item.seconds for item in state.pool.recordings]
    return sorted(np.flatnonzero(~state.clicked_n).tolist(), key=lambda n: seconds[n])[:count]


def classes_order(state: State, order: NDArray[np.int64], count: int) -> Sequence[int]:
    """Expected clicks of each class, each worth 1 / (1 + clicks of it so far), a click."""
    classes, have = state.pool.classes, np.zeros(len(state.pool.classes))
    for n in np.flatnonzero(state.clicked_n):
        for click in state.pool.clicks[state.pool.recordings[n].id]:
            have[classes.index(click.label)] += 1
    value = {}
    for n in np.flatnonzero(~state.clicked_n).tolist():
        found, _, top = looked_at(state.model, state.pool.recordings[n])
        right_n = chance(found.scores, state.model.min_score, top)
        worth = (right_n / (1 + have[found.labels])).sum() if len(right_n) else 0.0
        value[n] = worth / max(right_n.sum(), 1e-6)
    return sorted(value, key=lambda n: -value[n])[:count]


ORDERS: dict[str, Callable[[State, NDArray[np.int64], int], Sequence[int]]] = {
    "random": random_order,
    "studio": studio_order,
    "covering": covering_order,
    "doubt": doubt_order,
    "short": short_order,
    "classes": classes_order,
}
