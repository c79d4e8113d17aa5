"""The memory of prototypes (eq. 2, 3): loops, golden vectors, classes that nobody clicked."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hrpro.snippet.memory import class_sums, initial_memory, updated_memory

GOLDEN = Path(__file__).resolve().parents[1].parent / "shared" / "golden"


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 2**32 - 1), st.floats(0, 1))
def test_equals_loops(seed, momentum):
    rng = np.random.default_rng(seed)
    length, classes, width = rng.integers(1, 6, 3) * [5, 1, 1]
    embedded = rng.normal(size=(length, width))
    chosen = rng.random((length, classes)) < rng.choice([0.1, 0.6])
    memory = rng.normal(size=(classes, width))
    sums, counts = class_sums(torch.tensor(embedded), torch.tensor(chosen))
    first = initial_memory(sums, counts).numpy()
    after = updated_memory(torch.tensor(memory), sums, counts, momentum).numpy()
    every = [embedded[t] for t, _ in np.argwhere(chosen)]
    for c in range(classes):
        own = [embedded[t] for t, k in np.argwhere(chosen) if k == c]
        assert counts[c] == len(own)
        expected = np.mean(own or every, axis=0) if every else np.zeros(width)
        np.testing.assert_allclose(first[c], expected, atol=1e-12)
        moved = momentum * memory[c] + (1 - momentum) * np.mean(own, axis=0) if own else memory[c]
        np.testing.assert_allclose(after[c], moved, atol=1e-12)


def test_sums_of_parts_give_the_mean_of_the_whole():
    """What lets a step be cut into micro-batches, and recordings be read one at a time."""
    torch.manual_seed(0)
    embedded, chosen = torch.randn(24, 3), torch.rand(24, 2) < 0.4
    whole = class_sums(embedded, chosen)
    parts = [class_sums(embedded[i : i + 6], chosen[i : i + 6]) for i in range(0, 24, 6)]
    for at in range(2):
        torch.testing.assert_close(sum(part[at] for part in parts), whole[at])


@pytest.mark.skipif(not GOLDEN.exists(), reason="golden vectors are not at hand")
@pytest.mark.parametrize("case", range(4))
def test_golden_update(case):
    golden = {k: torch.tensor(v) for k, v in np.load(GOLDEN / f"stage1_losses_{case}.npz").items()}
    sums, counts = class_sums(golden["embedded"], golden["pseudo_action"])
    found = updated_memory(golden["memory_before"], sums, counts, golden["momentum"].item())
    torch.testing.assert_close(found, golden["memory_after"], rtol=0, atol=1e-6)
    assert not torch.equal(found, golden["memory_before"])
