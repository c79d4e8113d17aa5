"""Settings of the fully supervised bound."""

from __future__ import annotations

from dataclasses import dataclass

from hrpro.core.errors import ConfigError
from hrpro.training.config import TrainingConfig


@dataclass(frozen=True)
class DenseConfig(TrainingConfig):
    """Network, targets, losses, and how it is trained. Raises ConfigError out of range."""

    steps: int = 200
    batch_size: int = 8
    lr: float = 1e-3
    ema: float = 0.99

    members: int = 3
    """Networks that differ in their seed alone; scores and distances are averaged position by position (ours;
    1 is the paper's). Each costs a whole training."""
    hidden: int = 256
    """Width of the network."""
    upsample: int = 1
    """Positions a snippet at the finest level (1 is the paper's)."""
    blocks: int = 1
    """Blocks of local attention before the pyramid, the stem."""
    levels: int = 5
    """Levels of the pyramid, the stem's own included; each has half the positions of the one below."""
    heads: int = 4
    """Attention heads. Must divide the width."""
    window: int = 9
    """Positions that a position attends to, itself in the middle; an odd number."""
    input_dropout: float = 0.3
    """Share of the standardised input features that is dropped while training, the same ones throughout a
    recording (ours)."""
    block_dropout: float = 0.1
    """Dropout inside the blocks."""
    dropout: float = 0.5
    """Dropout before the last layer of every head (ours)."""

    reach: float = 4.0
    """Level l answers for the segments whose farther end lies at most this many of its strides away, and
    which the level below does not reach."""
    radius: float = 1.5
    """Centre sampling: positions within this many strides of a segment's middle are positive."""
    focal_gamma: float = 2.0
    """Focusing parameter of the focal loss."""
    focal_alpha: float = 0.5
    """Weight of the positives in the focal loss, that of the negatives being 1 - this, in (0, 1)."""
    time_warp: float = 0.5
    """Each recording is replayed faster or slower by up to exp(this) while training (ours; 0: never)."""

    crop: int = 256
    """Snippets of a recording that a step learns from, a stretch anywhere in it; 0: all."""

    exemplar_weight: float = 0.3
    """Part of the snippets' scores that comes from exemplars (``snippet/exemplars.py``; ours; 0: none)."""
    exemplars: int = 3000
    """Training snippets at most that recordings are compared with."""
    judge: bool = True
    """Choose the weight below by what suits a quarter of the recordings, that one more network never sees."""
    position_weight: float = 0.5
    """Weight of the positions' candidates beside others (ours; 0: those alone), where it is not chosen."""
    candidates: int = 40
    """Candidates a snippet at most, the best, before soft-NMS."""
    min_score: float = 0.001
    """Candidates below this are left out."""

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("members", "hidden", "upsample", "levels", "heads", "window", "candidates", "exemplars"):
            if getattr(self, name) < 1:
                raise ConfigError(f"must be at least 1, not {getattr(self, name)}", where=name)
        for name in ("blocks", "crop"):
            if getattr(self, name) < 0:
                raise ConfigError(f"must be 0 or more, not {getattr(self, name)}", where=name)
        for name in ("input_dropout", "block_dropout", "dropout", "min_score", "exemplar_weight"):
            if not 0 <= getattr(self, name) < 1:
                raise ConfigError(f"must lie in [0, 1), not {getattr(self, name)}", where=name)
        if not 0 < self.focal_alpha < 1:
            raise ConfigError(f"must lie in (0, 1), not {self.focal_alpha}", where="focal_alpha")
        for name in ("reach", "radius"):
            if not 0 < getattr(self, name) < float("inf"):
                raise ConfigError(f"must be positive, not {getattr(self, name)}", where=name)
        for name in ("focal_gamma", "position_weight", "time_warp"):
            if not 0 <= getattr(self, name) < float("inf"):
                raise ConfigError(f"must be 0 or more, not {getattr(self, name)}", where=name)
        if self.window % 2 == 0:
            raise ConfigError(f"must be odd, not {self.window}", where="window")
        if self.hidden % self.heads:
            raise ConfigError(f"{self.heads} heads do not divide the width {self.hidden}", where="heads")
