"""What a network says of one recording, snippet by snippet: where all proposals come from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hrpro.proposals.generate import Proposals


@dataclass(frozen=True, eq=False)
class SnippetScores:
    """Scores of one recording: S [T, C], A [T] and P [T, C] in [0, 1]; embedded X^e [T, D'].

    proposals: candidates, where a network makes its own, with its score of each for OIC; None: they are
    generated from P and A.
    """

    class_tc: NDArray[np.float32]
    attention_t: NDArray[np.float32]
    activation_tc: NDArray[np.float32]
    embedded_td: NDArray[np.float32]
    proposals: Proposals | None = None
