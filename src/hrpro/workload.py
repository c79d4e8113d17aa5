"""What long recordings cost a training, and settings that keep it within bounds; short ones change none.

A step packs its recordings end to end, so its memory and time grow with their snippets, and its time in the
attention with the sum of their squared lengths. Measured at forward and backward of stage 1 (16384 snippets,
a CPU, fp32), a snippet takes 2 D + (15 + 20 blocks) hidden + 6 C floats. As one recording they took some 12
times as long with a block as without, as eight recordings 4 times; to score one of 25,000, 70 times.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from hrpro.snippet.config import SnippetConfig

if TYPE_CHECKING:
    from hrpro.config import Config
    from hrpro.data.training_set import TrainingSet

PASS_BYTES = 4 << 30
"""Memory that a forward and backward pass of stage 1 should need at most: a step is cut into parts for it."""
STEP_SNIPPETS = 1 << 17
"""Snippets that a step should learn from at most: of longer recordings it takes fewer, but two."""
ATTENDED = 8192
"""Snippets that the average snippet may attend to. Beyond, there is no block: attention would take most of
the time by far. What doing without it costs in accuracy was not measured."""


def bounded(config: Config, training_set: TrainingSet) -> Config:
    """The settings, changed where these recordings are too long, or their dimensions too few, for them."""
    lengths = sorted((item.features.shape[0] for item in training_set.recordings), reverse=True)
    total = sum(lengths)
    snippet, instance = config.snippet, config.instance
    width = min(snippet.hidden, widest(training_set.dimension))
    blocks = snippet.blocks if sum(length**2 for length in lengths) <= ATTENDED * total else 0
    batch = min(snippet.batch_size, max(STEP_SNIPPETS * len(lengths) // total, 2))
    snippet = replace(snippet, hidden=width, blocks=blocks, batch_size=batch)
    each = snippet_bytes(snippet, training_set.dimension, len(training_set.classes))
    parts = passes(lengths, min(batch, len(lengths)), each * math.exp(snippet.time_warp))
    return replace(
        config,
        snippet=replace(snippet, accumulate=parts),
        instance=replace(instance, hidden=min(instance.hidden, width), batch_size=batch, accumulate=parts),
    )


def widest(dimension: int) -> int:
    """Width that so many dimensions can fill: a power of two, at least twice their number, and 128."""
    return max(128, 1 << (2 * dimension - 1).bit_length())


def snippet_bytes(config: SnippetConfig, dimension: int, classes: int) -> int:
    """Memory that a forward and backward pass takes for each snippet, as measured (see above)."""
    return 4 * (2 * dimension + (15 + 20 * config.blocks) * (config.hidden or dimension) + 6 * classes)


def passes(lengths: list[int], batch: int, snippet_bytes: float) -> int:
    """Into how many parts a step of ``batch`` recordings is cut, so that even the longest (first in
    ``lengths``) together take PASS_BYTES at most; one recording cannot be cut."""
    held, at_once = 0.0, 0
    for length in lengths[:batch]:
        held += length * snippet_bytes
        if held > PASS_BYTES:
            break
        at_once += 1
    return math.ceil(batch / max(at_once, 1))
