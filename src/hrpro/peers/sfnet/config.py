"""Settings of SF-Net. Where mining or dropout differ from the authors' code, the field says so."""

from __future__ import annotations

from dataclasses import dataclass

from hrpro.core.errors import ConfigError
from hrpro.training.config import TrainingConfig


@dataclass(frozen=True)
class SFNetConfig(TrainingConfig):
    """Network, mining, losses, and how it is trained. Raises ConfigError on a value out of range."""

    steps: int = 200
    lr: float = 5e-4
    ema: float = 0.99

    hidden: int = 256
    """Width of every hidden layer."""
    kernel: int = 3
    """Snippets that each of the actionness branch's two convolutions sees at once, an odd number."""
    input_dropout: float = 0.3
    """Share of the standardised input features that is dropped while training, the same ones throughout a
    recording (ours)."""
    dropout: float = 0.5
    """Dropout before the last layer of either branch (released: 0.7, of the classes alone)."""
    time_warp: float = 0.5
    """Each recording is replayed faster or slower by up to exp(this) while training (ours; 0: never)."""

    radius: int = 5
    """Snippets that a click may spread to on either side by the end of the growth (released: 3, at
    once); 0: it never spreads."""
    growth: float = 0.5
    """Share of the steps over which the radius grows from 0 to ``radius``."""
    ratio: float = 0.9
    """xi: a snippet joins a click if its score is at least this part of the clicked snippet's (released:
    0.95, of logits)."""
    eta: float = 3.0
    """Background snippets mined from a recording, for each of its labelled ones (released: 7)."""
    top: int = 8
    """A recording's score of a class is the mean of the best 1/top of its snippets."""
    video_weight: float = 1.0
    """alpha, of the recordings' classification loss; 0 leaves it out."""
    actionness_weight: float = 1.0
    """beta, of the actionness loss."""

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("hidden", "top"):
            if getattr(self, name) < 1:
                raise ConfigError(f"must be at least 1, not {getattr(self, name)}", where=name)
        for name in ("radius", "eta", "time_warp", "video_weight", "actionness_weight"):
            if not 0 <= getattr(self, name) < float("inf"):
                raise ConfigError(f"must be 0 or more, not {getattr(self, name)}", where=name)
        for name in ("input_dropout", "dropout"):
            if not 0 <= getattr(self, name) < 1:
                raise ConfigError(f"must lie in [0, 1), not {getattr(self, name)}", where=name)
        for name in ("growth", "ratio"):
            if not 0 <= getattr(self, name) <= 1:
                raise ConfigError(f"must lie in [0, 1], not {getattr(self, name)}", where=name)
        if self.kernel < 1 or self.kernel % 2 == 0:
            raise ConfigError(f"must be odd, not {self.kernel}", where="kernel")
