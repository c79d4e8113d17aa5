"""What belongs to step k, as pure functions of k: its learning rate, its recordings, its random numbers.

Nothing here remembers anything, so a run resumed at step k goes on exactly as if it had never stopped.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray


def lr_factor(step: int, *, steps: int, warmup: float, floor: float) -> float:
    """Learning rate of step ``step`` in [0, steps) as a share of its peak.

    Linear over the first ``warmup * steps`` steps, of which the first already moves, then half a cosine that
    reaches ``floor`` at the last step.
    """
    rising = round(warmup * steps)
    if step < rising:
        return (step + 1) / rising
    progress = (step - rising + 1) / (steps - rising)
    return floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * progress))


def epoch_batches(n: int, batch_size: int, step: int, seed: int) -> NDArray[np.int64]:
    """Indices in [0, n) of the recordings that step ``step`` learns from, [min(batch_size, n)].

    Batches are cut from an endless row of epochs, each a new shuffle of all n: every recording comes once an
    epoch, and a batch may end one epoch and begin the next (only such a batch can hold a recording twice).
    A set smaller than a batch is taken whole, each recording once.
    """
    size = min(batch_size, n)
    begin, end = step * size, (step + 1) * size
    epochs = range(begin // n, (end - 1) // n + 1)
    row = np.concatenate([np.random.default_rng([seed, epoch]).permutation(n) for epoch in epochs])
    return row[begin - epochs.start * n :][:size]


def shares(
    indices: NDArray[np.int64], rank: int, world: int, accumulate: int
) -> Iterator[tuple[int, NDArray[np.int64], float]]:
    """The micro-batches of process ``rank``: (number, indices, share of the whole batch in [0, 1]).

    The batch is cut into world * accumulate parts as equal as can be. With fewer recordings than processes
    one may be left without: it computes the first with share 0, since all must exchange gradients.
    """
    parts = np.array_split(indices, world * accumulate)
    # Dealt out by turns, so that a short batch reaches as many processes as it can.
    mine = [(number, parts[number]) for number in range(rank, len(parts), world) if len(parts[number])]
    for number, part in mine:
        yield number, part, len(part) / len(indices)
    if not mine:
        yield rank, indices[:1], 0.0


def random_state(seed: int, name: str, step: int, share: int) -> np.random.SeedSequence:
    """Source of everything random in one micro-batch of one step of the training called ``name``."""
    return np.random.SeedSequence([seed, zlib.crc32(name.encode()), step, share])
