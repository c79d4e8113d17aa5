"""What belongs to step k: learning rate, recordings, shares, random numbers; and the settings' limits."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hrpro.core.errors import ConfigError
from hrpro.training.config import TrainingConfig
from hrpro.training.schedule import epoch_batches, lr_factor, random_state, shares

counts = st.integers(1, 40)


@given(n=counts, size=counts, seed=st.integers(0, 3), epochs=st.integers(1, 4))
def test_every_recording_comes_once_in_every_epoch(n: int, size: int, seed: int, epochs: int) -> None:
    steps = math.ceil(epochs * n / min(size, n))
    batches = [epoch_batches(n, size, step, seed) for step in range(steps)]
    assert all(len(batch) == min(size, n) for batch in batches)
    row = np.concatenate(batches)[: epochs * n].reshape(epochs, n)
    assert (np.sort(row, axis=1) == np.arange(n)).all()


def test_epochs_and_seeds_are_shuffled_differently() -> None:
    orders = {tuple(epoch_batches(30, 30, step, seed)) for step in range(5) for seed in range(5)}
    assert len(orders) == 25


def test_a_set_smaller_than_a_batch_is_taken_whole() -> None:
    assert sorted(epoch_batches(3, 16, 7, 0)) == [0, 1, 2]
    assert list(epoch_batches(1, 16, 7, 0)) == [0]


@given(n=counts, world=st.integers(1, 6), accumulate=st.integers(1, 6))
def test_shares_cover_the_batch_once_and_add_up_to_it(n: int, world: int, accumulate: int) -> None:
    indices = np.arange(100, 100 + n)
    mine = [list(shares(indices, rank, world, accumulate)) for rank in range(world)]
    assert all(mine)  # every process computes something, or the others would wait for it
    dealt = [part for parts in mine for part in parts if part[2] > 0]
    assert sorted(np.concatenate([part for _, part, _ in dealt])) == list(indices)
    assert sum(share for _, _, share in dealt) == pytest.approx(1)
    assert all(share == pytest.approx(len(part) / n) for _, part, share in dealt)
    sizes = [len(part) for _, part, _ in dealt]
    assert max(sizes) - min(sizes) <= 1
    assert len({number for number, _, _ in dealt}) == len(dealt)  # each draws its own random numbers
    loads = [sum(share > 0 for _, _, share in parts) for parts in mine]
    assert max(loads) - min(loads) <= 1
    empty = [parts for parts in mine if parts[0][2] == 0]
    assert len(empty) == max(0, world - n)
    assert all(len(parts) == 1 and list(parts[0][1]) == [100] for parts in empty)


@given(steps=st.integers(1, 300), warmup=st.floats(0, 1), floor=st.floats(0, 1))
def test_the_learning_rate_rises_to_its_peak_and_falls_to_its_floor(
    steps: int, warmup: float, floor: float
) -> None:
    factors = [lr_factor(k, steps=steps, warmup=warmup, floor=floor) for k in range(steps)]
    rising = round(warmup * steps)
    assert np.allclose(factors[:rising], (np.arange(rising) + 1) / max(rising, 1))
    assert (np.diff(factors[max(rising - 1, 0) :]) <= 1e-12).all()
    assert min(factors) >= 0
    assert max(factors) <= 1
    if rising < steps:
        assert factors[-1] == pytest.approx(floor, abs=1e-12)


def test_cosine_by_hand() -> None:
    # 2 of 10 steps rise; half way down the 8 others the factor is midway between 1 and the floor.
    factors = [lr_factor(k, steps=10, warmup=0.2, floor=0.1) for k in range(10)]
    assert factors[:2] == [0.5, 1.0]
    assert factors[5] == pytest.approx(0.55)


def test_chance_depends_on_seed_name_step_and_share() -> None:
    keys = [(0, "snippet", 0, 0), (1, "snippet", 0, 0), (0, "instance", 0, 0), (0, "snippet", 1, 0)]
    words = {int(random_state(*key).generate_state(1)[0]) for key in [*keys, (0, "snippet", 0, 1)]}
    assert len(words) == 5
    first, again = (np.random.default_rng(random_state(*keys[0])).random() for _ in range(2))
    assert first == again


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("steps", 0),
        ("steps", 2.0),
        ("steps", True),
        ("batch_size", 0),
        ("accumulate", -1),
        ("log_every", 0),
        ("seed", -1),
        ("seed", 2**63),
        ("lr", -1e-3),
        ("lr", math.nan),
        ("lr", math.inf),
        ("lr", "1e-3"),
        ("weight_decay", -1.0),
        ("clip", math.inf),
        ("checkpoint_every", -1),
        ("warmup", 1.01),
        ("min_lr", -0.1),
        ("ema", 1.0),
        ("precision", "fp64"),
        ("accelerator", "tpu"),
    ],
)
def test_a_setting_out_of_range_is_named(setting: str, value: Any) -> None:
    with pytest.raises(ConfigError, match=f"^{setting}: .*{value}"):
        TrainingConfig(**{setting: value})


def test_the_limits_themselves_are_allowed() -> None:
    TrainingConfig(steps=1, warmup=1, min_lr=1.0, ema=0, clip=0, weight_decay=0, checkpoint_every=0, lr=0)


def test_where_it_runs_and_how_it_reports_is_no_part_of_the_outcome() -> None:
    one = TrainingConfig(accelerator="cpu", log_every=3, checkpoint_every=1)
    assert one.outcome() == TrainingConfig().outcome()
    assert TrainingConfig(lr=2e-4).outcome() != TrainingConfig().outcome()
