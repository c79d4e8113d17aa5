"""Training sets of a few tiny recordings in real files, and settings that train on them in a blink."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from hrpro.config import Config
from hrpro.core.annotations import Click, Detections
from hrpro.core.timeline import Timeline
from hrpro.data.features import FeatureFile
from hrpro.data.training_set import Recording, TrainingSet
from hrpro.instance.config import InstanceConfig
from hrpro.snippet.config import SnippetConfig

STRIDE = 0.5
TIMELINE = Timeline(STRIDE)

SNIPPET = SnippetConfig(
    steps=4, batch_size=3, lr=1e-2, hidden=8, heads=2, blocks=2, log_every=1, accelerator="cpu", members=1
)
INSTANCE = InstanceConfig(
    completeness_weight=0.25,
    steps=4,
    batch_size=3,
    lr=1e-2,
    hidden=8,
    positives=8,
    jittered=8,
    log_every=1,
    accelerator="cpu",
    source="both",
)
CONFIG = Config(snippet=SNIPPET, instance=INSTANCE)


def tiny_config(**changes: Any) -> Config:
    """CONFIG with ``snippet={...}``, ``instance={...}`` changed, or fields of its own."""
    parts = {name: changes.pop(name, {}) for name in ("snippet", "instance")}
    return replace(
        CONFIG,
        snippet=replace(SNIPPET, **parts["snippet"]),
        instance=replace(INSTANCE, **parts["instance"]),
        **changes,
    )


def by_hand(
    folder: Path,
    recordings: Mapping[str, tuple[int, Sequence[tuple[int, str]]]],
    classes: tuple[str, ...] = ("jump", "run"),
    dimension: int = 6,
    seed: int = 0,
    reach: int = 3,
) -> TrainingSet:
    """Recordings as {id: (snippets, [(clicked snippet, label)])}; random features in real files.

    Around a click of class c, for ``reach`` snippets on each side, dimension c is raised.
    """
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    made, clicks = [], {}
    for id, (length, clicked) in recordings.items():
        features_td = rng.normal(size=(length, dimension))
        for snippet, label in clicked:
            features_td[max(snippet - reach, 0) : snippet + reach + 1, classes.index(label)] += 3
        path = folder / f"{id}.npy"
        np.save(path, features_td.astype(np.float32))
        made.append(Recording(id, FeatureFile(path), TIMELINE))
        clicks[id] = tuple(Click((snippet + 0.5) * STRIDE, label) for snippet, label in clicked)
    return TrainingSet(classes, tuple(made), clicks)


def usual(folder: Path) -> TrainingSet:
    """Three recordings of different length, both classes, one click at a border."""
    return by_hand(
        folder,
        {
            "a": (40, [(6, "jump"), (20, "run"), (33, "jump")]),
            "b": (25, [(12, "run")]),
            "c": (31, [(0, "jump"), (15, "jump"), (24, "run")]),
        },
    )


def columns(found: Detections) -> tuple[bytes, bytes, bytes, tuple[str, ...]]:
    """All of them, to compare bit by bit."""
    return found.segments.tobytes(), found.labels.tobytes(), found.scores.tobytes(), found.classes
