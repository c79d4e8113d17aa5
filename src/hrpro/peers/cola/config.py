"""Settings of CoLA. Where mining or losses differ from the authors' code, ``docs/methods/cola.md`` tells."""

from __future__ import annotations

from dataclasses import dataclass

from hrpro.core.errors import ConfigError
from hrpro.training.config import TrainingConfig


@dataclass(frozen=True)
class ColaConfig(TrainingConfig):
    """Network, mining, losses, and how it is trained. Raises ConfigError on a value out of range."""

    steps: int = 200
    lr: float = 5e-4
    ema: float = 0.99

    hidden: int = 256
    """Width of the embedded features."""
    kernel: int = 3
    """Snippets that the embedding's convolution sees at once, an odd number."""
    input_dropout: float = 0.3
    """Share of the standardised input features that is dropped while training, the same ones throughout a
    recording (ours)."""
    dropout: float = 0.5
    """Dropout before the classifier (released: 0.7)."""
    time_warp: float = 0.5
    """Each recording is replayed faster or slower by up to exp(this) while training (ours; 0: never)."""

    easy: int = 5
    """r_easy: a recording's easy action and easy background are 1/easy of its snippets each; its score of a
    class is the mean of as many, the best."""
    near: int = 1
    """Hard snippets lie more than so many snippets from where the thresholded actionness changes, ..."""
    far: int = 3
    """... and at most so many."""
    contrast_weight: float = 0.005
    """lambda, of the snippet contrast loss (released for THUMOS14: 0.01); 0 leaves it out."""
    temperature: float = 0.07
    """tau of the snippet contrast loss."""

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("hidden", "easy"):
            if getattr(self, name) < 1:
                raise ConfigError(f"must be at least 1, not {getattr(self, name)}", where=name)
        for name in ("near", "time_warp", "contrast_weight"):
            if not 0 <= getattr(self, name) < float("inf"):
                raise ConfigError(f"must be 0 or more, not {getattr(self, name)}", where=name)
        for name in ("input_dropout", "dropout"):
            if not 0 <= getattr(self, name) < 1:
                raise ConfigError(f"must lie in [0, 1), not {getattr(self, name)}", where=name)
        if self.far <= self.near:
            raise ConfigError(f"must be more than near, {self.near}, not {self.far}", where="far")
        # Below, exp(cos / tau) leaves the range of a float32.
        if not 0.02 <= self.temperature < float("inf"):
            raise ConfigError(f"must be 0.02 or more, not {self.temperature}", where="temperature")
        if self.kernel < 1 or self.kernel % 2 == 0:
            raise ConfigError(f"must be odd, not {self.kernel}", where="kernel")
