"""What every peer's stage must stand, whatever it learns: odd training sets, its seed, being interrupted."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from hrpro.core.errors import DataError
from tiny_sets import by_hand, usual

EDGES = {
    "a recording without clicks": {"a": (30, [(4, "jump"), (20, "run")]), "b": (22, [])},
    "a class without clicks": {"a": (30, [(4, "jump")]), "b": (22, [(9, "jump")])},
    "one snippet with a click, one without": {"a": (1, [(0, "run")]), "b": (1, []), "c": (9, [(3, "jump")])},
    "nothing but one snippet": {"a": (1, [(0, "run")])},
    "several clicks in one snippet": {"a": (20, [(7, "jump")] * 3), "b": (20, [(0, "run"), (0, "run")])},
    "clicks of two classes in one snippet": {"a": (20, [(7, "jump"), (7, "run")]), "b": (9, [(3, "run")])},
    "a click in every snippet": {"a": (6, [(t, "jump") for t in range(6)]), "b": (5, [(2, "run")])},
    "a single recording": {"a": (30, [(4, "jump"), (20, "run")])},
    "one long and one short": {"a": (400, [(40, "jump"), (300, "run")]), "b": (2, [(1, "run")])},
}
QUICK: dict[str, Any] = {
    "steps": 4,
    "batch_size": 3,
    "lr": 1e-2,
    "hidden": 8,
    "log_every": 1,
    "accelerator": "cpu",
}


def weights_of(stage: Any) -> dict[str, bytes]:
    return {name: tensor.numpy().tobytes() for name, tensor in stage.state_dict().items()}


def fit(kind: Any, training_set: Any, config: Any, **options: Any) -> tuple[Any, list[dict[str, float]]]:
    """A trained stage and the rows of its log; its losses were finite, and its weights have moved."""
    rows: list[dict[str, float]] = []
    stage = kind.fit(training_set, config, on_row=rows.append, **options)
    assert len(rows) == config.steps
    assert all(np.isfinite(list(row.values())).all() for row in rows)
    before, after = weights_of(kind(stage.classes, stage.dimension, config)), weights_of(stage)
    assert {name for name in after if after[name] == before[name]} <= {"mean", "deviation"}
    assert all(torch.isfinite(tensor).all() for tensor in stage.state_dict().values())
    assert not stage.network.training
    return stage, rows


def trains_on(kind: Any, config: Any, edge: str, folder: Path) -> None:
    training_set = by_hand(folder, EDGES[edge])
    stage, _ = fit(kind, training_set, config)
    for recording in training_set.recordings:
        features_td = recording.features.read_float32()
        check_scores(stage, features_td)


def check_scores(stage: Any, features_td: np.ndarray) -> None:
    """Shapes and ranges of what it says of a recording."""
    length, scores = len(features_td), stage.scores(features_td)
    assert scores.class_tc.shape == scores.activation_tc.shape == (length, len(stage.classes))
    assert scores.attention_t.shape == (length,)
    assert scores.embedded_td.shape == (length, stage.width)
    for part in (scores.class_tc, scores.activation_tc, scores.attention_t):
        assert part.dtype == np.float32
        assert ((part >= 0) & (part <= 1)).all()
    assert np.isfinite(scores.embedded_td).all()


def seed_decides_all(kind: Any, config: Any, folder: Path) -> None:
    """The same bits for one seed, other weights for another; the caller's own chance is left alone."""
    training_set = usual(folder)
    before = torch.get_rng_state(), np.random.get_state(legacy=False), random.getstate()
    first = weights_of(kind.fit(training_set, config))
    assert torch.equal(torch.get_rng_state(), before[0])
    np.testing.assert_equal(np.random.get_state(legacy=False), before[1])
    assert random.getstate() == before[2]
    torch.manual_seed(99)
    assert weights_of(kind.fit(training_set, config)) == first
    other = weights_of(kind.fit(training_set, replace(config, seed=1)))
    assert {name for name in first if first[name] == other[name]} == {"mean", "deviation"}


class Interrupted(Exception):
    pass


def resumes_to_the_same_bits(kind: Any, config: Any, folder: Path) -> None:
    """Broken off after every step in turn, each time in a new object that goes on from the disk."""
    config = replace(config, checkpoint_every=0)
    training_set = usual(folder / "set")
    expected = weights_of(kind.fit(training_set, config))

    def stop(row: Any) -> None:
        raise Interrupted

    breaks = 0
    while True:
        try:
            # The row of a step comes before its checkpoint: every second one gets through to the disk.
            seen: list[Any] = []
            found = kind.fit(
                training_set,
                config,
                run_dir=folder / "run",
                resume=True,
                on_row=lambda row, seen=seen: stop(row) if seen else seen.append(row),
            )
        except Interrupted:
            breaks += 1
        else:
            break
    assert breaks == config.steps - 1
    assert weights_of(found) == expected


def a_model_comes_back(kind: Any, config: Any, other: Any, folder: Path) -> None:
    """From its state, with the same scores; other settings' weights are refused."""
    stage, _ = fit(kind, usual(folder), config)
    features_td = np.load(folder / "a.npy")
    again = kind(stage.classes, stage.dimension, config)
    again.load_state_dict(stage.state_dict())
    before, after = (s.to("cpu").scores(features_td) for s in (stage, again))
    for name in ("class_tc", "attention_t", "activation_tc", "embedded_td"):
        np.testing.assert_array_equal(getattr(after, name), getattr(before, name))
    with pytest.raises(RuntimeError):
        kind(stage.classes, stage.dimension, other).load_state_dict(stage.state_dict())
    with pytest.raises(RuntimeError):
        again.load_state_dict({})


def refuses(kind: Any, config: Any, folder: Path) -> None:
    with pytest.raises(DataError, match="not a single click"):
        kind.fit(by_hand(folder, {"a": (9, []), "b": (4, [])}), config)
    for shape in [(5,), (5, 7), (0, 6), (1, 5, 6)]:
        with pytest.raises(DataError, match=r"must be \[T, 6\]"):
            kind(("jump", "run"), 6, config).scores(np.zeros(shape, np.float32))


def neighbours_change_nothing(task: Any, indices: list[int]) -> None:
    """What is learned from several recordings is the mean of what is learned from each alone.

    The task's settings must leave nothing to chance.
    """

    def learn(chosen: list[int]) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
        task.network.zero_grad()
        batch = task.batch(3, np.array(chosen), np.random.default_rng(0))
        losses = task.losses(task.network, batch)
        losses["total"].backward()
        gradients = {name: p.grad.clone() for name, p in task.network.named_parameters()}
        return {name: loss.detach() for name, loss in losses.items()}, gradients

    together, alone = learn(indices), [learn([index]) for index in indices]
    for part in (0, 1):
        for name, value in together[part].items():
            mean = torch.stack([one[part][name] for one in alone]).mean(0)
            torch.testing.assert_close(value, mean, rtol=1e-4, atol=1e-5, msg=name)
    assert len({float(one[0]["total"]) for one in alone}) == len(set(indices))


def learnable(folder: Path, number: int, seed: int) -> Any:
    """Recordings of 45 snippets with three actions of two classes at moments of their own."""
    rng = np.random.default_rng(seed)
    made = {}
    for i in range(number):
        places = np.array([6, 20, 34]) + rng.integers(0, 4, 3)
        # Some show one class alone, or which classes occur would say nothing.
        labels = rng.permutation([["jump", "run", "jump"], ["jump"] * 3, ["run"] * 3][i % 3])
        made[f"v{i}"] = (45, list(zip(map(int, places), labels.tolist(), strict=True)))
    return by_hand(folder, made, seed=seed)
