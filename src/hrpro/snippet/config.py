"""Settings of stage 1. Where a default differs from the paper's or the released value, the field says so."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from hrpro.core.errors import ConfigError
from hrpro.training.config import TrainingConfig

ContrastForm = Literal["paper", "mean", "reference"]


@dataclass(frozen=True)
class SnippetConfig(TrainingConfig):
    """Stage 1: network, pseudo labels, losses, and how it is trained. Raises ConfigError out of range."""

    steps: int = 200
    lr: float = 5e-4
    ema: float = 0.99

    members: int = 4
    """Networks that differ in their seed alone and whose scores are averaged (ours; 1 is the paper's). Each
    costs a whole training."""
    belief: float = 0.5
    """A click whose P (the mean of its snippet's and the two beside it) under the first member, which learned
    from it, is below this times the median of its class's clicks is not believed: all members, the first
    trained anew, and exemplars do without it (ours; 0: all are)."""
    habit: bool = False
    """Where the first member tells that people click early, or late, in actions, all members learn from their
    clicks moved to the middle (ours). A single one has another before it, a third as long, that is asked."""
    exemplar_weight: float = 0.3
    """Weight of the exemplars' P beside the networks' (ours; 0, the paper's, does without exemplars)."""
    exemplars: int = 3000
    """Training snippets at most that recordings are compared with."""
    hidden: int = 256
    """Width of the embedded features; 0 takes the input's own dimension D, as the paper does."""
    blocks: int = 1
    """Number N of reliability-aware attention blocks, RAB (the paper takes 2, which small sets do not need);
    0 leaves attention and prototypes out of it."""
    heads: int = 4
    """Attention heads; eq. 6 is written for one. Must divide the width."""
    feedforward: int = 0
    """Inner width of FC-GELU-FC; 0 takes the width of the embedded features."""
    kernel: int = 3
    """Snippets that the embedding's convolution sees at once, an odd number."""
    narrow: bool = False
    """Where most actions are shorter than ``kernel``, half of the members see single snippets (ours)."""
    input_dropout: float = 0.3
    """Share of the standardised input features that is dropped while training, the same ones throughout a
    recording (ours)."""
    block_dropout: float = 0.1
    """Dropout inside the RABs."""
    dropout: float = 0.5
    """Dropout before the classifier and the attention head."""

    action_threshold: float = 0.1
    """A snippet may join a click's pseudo action while its background score 1 - A is at most this."""
    background_threshold: float = 0.95
    """A snippet between clicks is pseudo background if 1 - A is at least this."""
    focal_gamma: float = 2.0
    """Focusing parameter of the focal loss (eq. 1)."""
    instance_balance: float = 1.0
    """Weight of a pseudo action snippet is (snippets of its instance) ** -this: 0 is eq. 1 as written, where
    long actions outweigh short ones; 1 gives every click the same weight."""
    attention_weight: float = 1.0
    """Weight of the focal loss that also draws A to 1 on pseudo action snippets (ours; 0 is eq. 1)."""
    contrast_weight: float = 1.0
    """lambda_1 of eq. 8; 0 leaves the contrastive loss out."""
    contrast_form: ContrastForm = "mean"
    """mean averages eq. 7 over the snippets of a class and over the background, so that its weight does not
    grow with the length of a recording; paper sums, as eq. 7 is written; reference is the released form."""
    temperature: float = 0.1
    """tau of eq. 7."""
    momentum: float = 0.999
    """mu of eq. 3."""
    time_warp: float = 0.5
    """Each recording is replayed faster or slower by up to exp(this) while training (ours; 0: never)."""

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("hidden", "blocks", "feedforward"):
            if getattr(self, name) < 0:
                raise ConfigError(f"must be 0 or more, not {getattr(self, name)}", where=name)
        for name in ("members", "heads", "exemplars"):
            if getattr(self, name) < 1:
                raise ConfigError(f"must be at least 1, not {getattr(self, name)}", where=name)
        for name in ("input_dropout", "block_dropout", "dropout"):
            if not 0 <= getattr(self, name) < 1:
                raise ConfigError(f"must lie in [0, 1), not {getattr(self, name)}", where=name)
        for name in (
            "action_threshold",
            "background_threshold",
            "instance_balance",
            "momentum",
            "belief",
            "exemplar_weight",
        ):
            if not 0 <= getattr(self, name) <= 1:
                raise ConfigError(f"must lie in [0, 1], not {getattr(self, name)}", where=name)
        for name in ("focal_gamma", "attention_weight", "contrast_weight", "time_warp"):
            if not 0 <= getattr(self, name) < float("inf"):
                raise ConfigError(f"must be 0 or more, not {getattr(self, name)}", where=name)
        if self.contrast_form not in get_args(ContrastForm):
            choices = ", ".join(get_args(ContrastForm))
            raise ConfigError(f"must be one of {choices}, not {self.contrast_form!r}", where="contrast_form")
        # Below, exp(cos / tau) leaves the range of a float32.
        if not 0.02 <= self.temperature < float("inf"):
            raise ConfigError(f"must be 0.02 or more, not {self.temperature}", where="temperature")
        if self.kernel < 1 or self.kernel % 2 == 0:
            raise ConfigError(f"must be odd, not {self.kernel}", where="kernel")
        if self.hidden and self.hidden % self.heads:
            raise ConfigError(f"{self.heads} heads do not divide the width {self.hidden}", where="heads")
