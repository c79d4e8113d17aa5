"""Settings of LACP. Where seeds, search or losses differ from the authors' code, the field says so."""

from __future__ import annotations

from dataclasses import dataclass

from hrpro.core.errors import ConfigError
from hrpro.training.config import TrainingConfig


@dataclass(frozen=True)
class LACPConfig(TrainingConfig):
    """Network, seeds, search, losses, and how LACP is trained. Raises ConfigError out of range."""

    steps: int = 200
    lr: float = 5e-4
    ema: float = 0.99

    hidden: int = 256
    """Width of the embedded features, to which a linear layer brings the input (ours); 0 takes the input's
    own dimension D without such a layer (released: 2048, the I3D features' own)."""
    kernel: int = 3
    """Snippets that the embedding's convolution sees at once, an odd number."""
    input_dropout: float = 0.3
    """Share of the standardised input features that is dropped while training, the same ones throughout a
    recording (ours, as in stage 1 of HR-Pro)."""
    dropout: float = 0.5
    """Dropout before the classifier and the background score (released: 0.7)."""
    time_warp: float = 0.5
    """Each recording is replayed faster or slower by up to exp(this) while training (ours; 0: never)."""

    action_threshold: float = 0.1
    """A snippet may join a click's seed while its background score Q is at most this."""
    background_threshold: float = 0.95
    """gamma: a snippet between clicks is pseudo background if Q is at least this."""
    focal_gamma: float = 2.0
    """beta, the focusing parameter of the point-level losses."""
    top: int = 8
    """The video-level score of a class is the mean of its highest T / this snippet scores."""
    outer: float = 0.25
    """delta: length of each outer region of an instance as a part of the instance's."""
    budget: int = 200
    """kappa: candidate sequences that the search keeps (released: 25, which lose the best one where seeds
    lie far apart)."""
    search_every: int = 10
    """Steps from one search to the next; those before the first learn from points and videos alone."""

    video_weight: float = 1.0
    """Weight of the video-level loss."""
    action_weight: float = 0.5
    """Weight of the point-level loss of action snippets; that of background snippets is 1."""
    score_weight: float = 1.0
    """Weight of the score contrastive loss."""
    feature_weight: float = 1.0
    """Weight of the feature contrastive loss."""
    temperature: float = 0.1
    """tau of the feature contrastive loss."""

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, low in (("hidden", 0), ("top", 1), ("budget", 1), ("search_every", 1)):
            if getattr(self, name) < low:
                raise ConfigError(f"must be {low} or more, not {getattr(self, name)}", where=name)
        for name in ("input_dropout", "dropout"):
            if not 0 <= getattr(self, name) < 1:
                raise ConfigError(f"must lie in [0, 1), not {getattr(self, name)}", where=name)
        for name in ("action_threshold", "background_threshold"):
            if not 0 <= getattr(self, name) <= 1:
                raise ConfigError(f"must lie in [0, 1], not {getattr(self, name)}", where=name)
        for name in (
            "time_warp",
            "focal_gamma",
            "video_weight",
            "action_weight",
            "score_weight",
            "feature_weight",
        ):
            if not 0 <= getattr(self, name) < float("inf"):
                raise ConfigError(f"must be 0 or more, not {getattr(self, name)}", where=name)
        for name in ("outer", "temperature"):
            if not 0 < getattr(self, name) < float("inf"):
                raise ConfigError(f"must be positive, not {getattr(self, name)}", where=name)
        if self.kernel < 1 or self.kernel % 2 == 0:
            raise ConfigError(f"must be odd, not {self.kernel}", where="kernel")
