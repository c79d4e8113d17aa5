"""What a training set says of recordings that a network has not seen: two small stage 1, each taught by half.

On the recordings it learned from a model is too sure, so that nothing that is to hold for others can be
chosen there. Every other recording goes to one half; a small stage 1 of each half looks at the other's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from hrpro.data.training_set import Recording, TrainingSet
from hrpro.snippet.config import SnippetConfig
from hrpro.snippet.ensemble import SnippetEnsemble

OnRow = Callable[[Any], None]

ENOUGH = 100
"""Recordings, of both halves together, that a choice is made by: more cost time and memory and add little."""


@dataclass(frozen=True, eq=False)
class Half:
    """A stage 1, what taught it, and the recordings that it has not seen.

    seed, and kept (as for ``SnippetEnsemble.fit``): for what else is taught upon it.
    """

    network: SnippetEnsemble
    taught: TrainingSet
    others: TrainingSet
    seed: int
    kept: dict[str, Any]


class Halves:
    """The halves of a training set, taught when they are first asked for."""

    def __init__(self, training_set: TrainingSet, config: SnippetConfig, **kept: Any) -> None:
        """kept: as for ``SnippetEnsemble.fit``; checkpoints and logs go to half-1 and half-2 in ``run_dir``,
        and the rows that ``on_row`` is given also have ``half``, 1 or 2."""
        self.training_set, self.config, self._kept = training_set, config, kept

    @cached_property
    def each(self) -> tuple[Half, ...]:
        """Both; none where one of them had no click."""
        dealt = halves(self.training_set)
        return () if dealt is None else (self._half(0, *dealt), self._half(1, *dealt[::-1]))

    def _half(self, number: int, taught: TrainingSet, others: TrainingSet) -> Half:
        run_dir: Path | None = self._kept.get("run_dir")
        told = _of_half(number + 1, self._kept.get("on_row"))
        own = None if run_dir is None else run_dir / f"half-{number + 1}"
        kept = {**self._kept, "run_dir": own, "on_row": told}
        config = half_config(self.config, number)
        return Half(SnippetEnsemble.fit(taught, config, **kept), taught, others, config.seed, kept)


def halves(training_set: TrainingSet) -> tuple[TrainingSet, TrainingSet] | None:
    """Every other recording of those with clicks, and of those without; None if one half had no click."""
    clicks = training_set.clicks
    ids = sorted((item.id for item in training_set.recordings), key=lambda id: not clicks[id])
    if len(ids) < 2 or not clicks[ids[1]]:
        return None
    return training_set.subset(ids[::2]), training_set.subset(ids[1::2])


def spread(training_set: TrainingSet, at_most: int) -> tuple[Recording, ...]:
    """So many of its recordings at most, evenly spaced; all, if they are no more."""
    recordings = training_set.recordings
    return recordings[:: max(-(-len(recordings) // at_most), 1)]


def half_config(config: SnippetConfig, half: int) -> SnippetConfig:
    """Settings of the one network that a half teaches: an eighth of the steps of all members of stage 1,
    and of clicks as they are."""
    seed = int(np.random.SeedSequence(config.seed, spawn_key=(half,)).generate_state(1)[0])
    steps = max(config.members * config.steps // 8, 1)
    return replace(config, members=1, steps=steps, seed=seed, habit=False)


def _of_half(half: int, on_row: OnRow | None) -> OnRow | None:
    return None if on_row is None else lambda row: on_row({"half": half, **row})
