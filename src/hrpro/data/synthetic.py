"""Recordings that do not exist, for the demo and the tests: a data set in our own layout, made from a seed.

An action passes through three phases. Its class shows in all of them and, fainter, for a moment before and
after; its middle looks much like another class's; and each phase also occurs alone, as a short look-alike
that is no action. So one snippet does not tell what it belongs to, or whether the action is still on; its
neighbours do. Every recording has its own style (an offset and a gain), noise is smooth in time, and idle
stretches wander through states that all recordings share.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from hrpro.core.annotations import Segment
from hrpro.core.errors import DataError
from hrpro.core.timeline import Timeline
from hrpro.data.formats.activitynet import GroundTruth, write_ground_truth

_PHASES, _IDLE_STATES = 3, 12
_OWN_MIDDLE, _FAINT, _LOOKALIKES, _ASTRAY = 0.7, 0.25, 0.3, 0.03

_DATASET_YAML = """\
# Made by hrpro. Snippet t of a recording speaks for the seconds from t * stride on.
features:
  stride: {stride}
classes: [{classes}]
splits:
  train: [{train}]
  test: [{test}]
"""


@dataclass(frozen=True)
class _World:
    """What all recordings share: phases_cpd [C, 3, D], idle_sd [states, D]."""

    classes: tuple[str, ...]
    phases_cpd: NDArray[np.float64]
    idle_sd: NDArray[np.float64]
    timeline: Timeline
    noise: float


def make_dataset(
    out: str | Path,
    *,
    seed: int = 0,
    train: int = 24,
    test: int = 12,
    classes: int = 4,
    dim: int = 64,
    rate: float = 2.0,
    minutes: float = 3.0,
    noise: float = 1.0,
) -> Path:
    """Write a data set to the new folder ``out`` and return it; the same arguments write the same bytes.

    train, test: recordings, ``minutes`` long on average, of float32 features [T, dim] at ``rate`` snippets a
    second. clicks.csv holds one click near every training action's middle, points_human.csv one with the
    spread of people's clicks (standard deviation 0.2 of the length, 3 % astray), gt_full.json the
    true actions of the test recordings. The folder appears when it is complete. Raises DataError if it exists
    and is not empty.
    """
    out = Path(out)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise DataError("this folder is there already", where=out, mend="choose another, or remove it")
    if min(train, test, classes) < 1 or dim < 2:
        raise DataError("needs a recording in each split, a class and two dimensions at the least", where=out)
    rng = np.random.default_rng(seed)
    world = _world(rng, classes, dim, rate, noise)
    ids = {"train": [f"train_{i:03d}" for i in range(train)], "test": [f"test_{i:03d}" for i in range(test)]}
    actions: dict[str, tuple[Segment, ...]] = {}
    durations: dict[str, float] = {}
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{out.name}-", dir=out.parent) as temporary:
        folder = Path(temporary) / out.name
        for split, names in ids.items():
            (folder / "features" / split).mkdir(parents=True)
            for id in names:
                features_td, actions[id] = _recording(rng, world, 60 * minutes * rng.uniform(0.7, 1.3))
                durations[id] = world.timeline.duration_of(len(features_td))
                np.save(folder / "features" / split / f"{id}.npy", features_td)
        clicked = {id: actions[id] for id in ids["train"]}
        _write_clicks(folder / "clicks.csv", rng, clicked, durations, middle=0.5, spread=0.04, astray=0.0)
        _write_clicks(
            folder / "points_human.csv", rng, clicked, durations, middle=0.45, spread=0.2, astray=_ASTRAY
        )
        tested = GroundTruth(
            {id: actions[id] for id in ids["test"]},
            {id: durations[id] for id in ids["test"]},
            dict.fromkeys(ids["test"], "Test"),
        )
        write_ground_truth(folder / "gt_full.json", tested)
        listed = {name: ", ".join(values) for name, values in {**ids, "classes": world.classes}.items()}
        _write(folder / "dataset.yaml", _DATASET_YAML.format(stride=world.timeline.stride, **listed))
        if out.exists():
            out.rmdir()
        folder.rename(out)
    return out


def _world(rng: Generator, classes: int, dim: int, rate: float, noise: float) -> _World:
    base_cd = _unit(rng.normal(size=(classes, dim)))
    phases_cpd = _unit(base_cd[:, None] + _unit(rng.normal(size=(classes, _PHASES, dim))))
    # Classes 1 and 2, 3 and 4, ... are hard to tell apart in their middles.
    shared_cd = np.repeat(_unit(rng.normal(size=((classes + 1) // 2, dim))), 2, axis=0)[:classes]
    phases_cpd[:, 1] = _unit(shared_cd + _OWN_MIDDLE * phases_cpd[:, 1])
    idle_sd = _unit(rng.normal(size=(_IDLE_STATES, dim)))
    names = tuple(f"action_{c + 1}" for c in range(classes))
    return _World(names, phases_cpd, idle_sd, Timeline(1.0 / rate), noise)


def _recording(
    rng: Generator, world: _World, duration: float
) -> tuple[NDArray[np.float32], tuple[Segment, ...]]:
    """Features [T, D] and the actions, in order, of one recording of about ``duration`` seconds."""
    length, dim = max(1, round(duration * world.timeline.rate)), world.idle_sd.shape[1]
    duration = world.timeline.duration_of(length)
    segments: list[Segment] = []
    signal_td = _idle(rng, world, length)
    now = rng.uniform(1, 8)
    while True:
        lookalike = rng.random() < _LOOKALIKES
        spent = rng.uniform(1, 3) if lookalike else float(np.exp(rng.uniform(np.log(2), np.log(15))))
        if now + spent > duration - 1:
            break
        label, phase = int(rng.integers(len(world.classes))), int(rng.integers(_PHASES))
        phases_pd = world.phases_cpd[label]
        strength = np.exp(0.2 * rng.normal())
        bounds = world.timeline.to_snippets([now, now + spent])
        if lookalike:
            _lay(signal_td, bounds, phases_pd[phase : phase + 1], strength)
        else:
            lead, trail = rng.uniform(0.5, 3, size=2)
            around = world.timeline.to_snippets([now - lead, now + spent + trail])
            _lay(signal_td, around, _unit(phases_pd.sum(0))[None], _FAINT)
            _lay(signal_td, bounds, phases_pd, strength)
            segments.append(Segment(round(now, 3), round(now + spent, 3), world.classes[label]))
        now += spent + 1.5 + rng.exponential(4.0)
    noise_td = np.zeros((length, dim))
    state_d = rng.normal(size=dim)
    for t in range(length):
        state_d = 0.6 * state_d + 0.8 * rng.normal(size=dim)
        noise_td[t] = state_d
    style_d, gain_d = 0.6 * _unit(rng.normal(size=dim)), np.exp(0.15 * rng.normal(size=dim))
    features_td = (signal_td + style_d + world.noise / np.sqrt(dim) * noise_td) * gain_d
    return (np.sqrt(dim) * features_td).astype(np.float32), tuple(segments)


def _idle(rng: Generator, world: _World, length: int) -> NDArray[np.float64]:
    """[T, D]: states that last some ten snippets each."""
    signal_td = np.empty((length, world.idle_sd.shape[1]))
    start = 0
    while start < length:
        stop = start + 2 + int(rng.exponential(10))
        signal_td[start:stop] = 0.8 * world.idle_sd[rng.integers(_IDLE_STATES)]
        start = stop
    return signal_td


def _lay(
    signal_td: NDArray[np.float64],
    bounds: NDArray[np.float64],
    phases_pd: NDArray[np.float64],
    strength: float,
) -> None:
    """Lay phases [P, D], equally long, between two snippet coordinates; cells a bound cuts get a share."""
    cells_t = np.arange(len(signal_td))
    steps_p = np.linspace(bounds[0], bounds[1], len(phases_pd) + 1)
    for phase_d, first, last in zip(phases_pd, steps_p[:-1], steps_p[1:], strict=True):
        share_t = np.clip(np.minimum(cells_t + 1, last) - np.maximum(cells_t, first), 0, 1)
        signal_td += share_t[:, None] * strength * (1.3 * phase_d - 0.5 * signal_td)


def _write_clicks(
    path: Path,
    rng: Generator,
    actions: Mapping[str, tuple[Segment, ...]],
    durations: Mapping[str, float],
    *,
    middle: float,
    spread: float,
    astray: float,
) -> None:
    """``astray``: share of clicks that land in no action of their class."""
    clicked = [(id, segment) for id, segments in actions.items() for segment in segments]
    lost = set(rng.permutation(len(clicked))[: round(astray * len(clicked))].tolist())
    lines = ["video_id,timestamp,label"]
    for i, (id, segment) in enumerate(clicked):
        share = float(np.clip(rng.normal(middle, spread), 0.02, 0.98))
        time = segment.start + share * (segment.end - segment.start)
        if i in lost:
            own = [other for other in actions[id] if other.label == segment.label]
            times = rng.uniform(0, durations[id], size=100)
            time = next(t for t in times if not any(other.start <= t <= other.end for other in own))
        lines.append(f"{id},{time:.3f},{segment.label}")
    _write(path, "\n".join(lines) + "\n")


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", newline="\n")


def _unit(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)
