"""Settings of stage 2. Where a default differs from the paper's, the field says so."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, get_args

from hrpro.core.errors import ConfigError
from hrpro.training.config import TrainingConfig

Source = Literal["raw", "embedded", "both"]
ScoreLoss = Literal["bce", "smooth_l1"]
Fusion = Literal["sum", "product"]


@dataclass(frozen=True)
class InstanceConfig(TrainingConfig):
    """Stage 2: network, proposals it learns from, losses, and how it is trained. Raises ConfigError."""

    steps: int = 300
    lr: float = 1e-3
    ema: float = 0.99

    source: Source = "raw"
    """What proposals are pooled from: the raw features, the stage-1 embedding X^e, or both. The embedding was
    learned from the very clicks that stage 2 learns from, and flatters their recordings."""
    hidden: int = 256
    """Width of the heads, and of the projection of each snippet before pooling."""
    input_dropout: float = 0.5
    """Share of the standardised input that is dropped while training (ours)."""
    dropout: float = 0.5
    """Dropout inside the heads."""
    extension: float = 0.25
    """epsilon: length of the starting and the ending region as a part of the proposal's."""

    class_aware: bool = True
    """Completeness is predicted for every class and read at the proposal's own (ours); false gives the
    paper's single score, which cannot tell a complete action from a complete one of another class."""
    score_loss: ScoreLoss = "bce"
    """bce (ours) or smooth_l1 (eq. 10)."""
    score_weight: float = 1.0
    """Weight of the completeness loss; 0 leaves it and the completeness score out."""
    regression_weight: float = 1.0
    """lambda_2 of eq. 14; 0 leaves the boundary regression out."""
    regression_tiou: float = 0.3
    """A proposal learns its boundaries if its tIoU with its reliable proposal is at least this."""

    reliable: bool = True
    """Prototypes are the proposals that hold a click (RP); false takes the best by OIC, clicks unseen."""
    negatives: float = 0.5
    """Negative proposals (NP) for each positive one; 0 leaves them out."""
    attention_threshold: float = 0.3
    """theta_A: negatives come from stretches where A is below this and nobody clicked."""
    positives: int = 32
    """Candidates drawn from each recording at a step."""
    jittered: int = 32
    """Moved and stretched copies of its prototypes added to them (ours), since the candidates of recordings
    that stage 1 was trained on are cleaner than those it will meet."""

    fusion: Fusion = "sum"
    """How a detection's OIC, which weighs 1, and its completeness make one score: their weighted sum, as in
    the paper, or their weighted geometric mean (ours), which is low where either is."""
    completeness_weight: float | Literal["judged"] = "judged"
    """Weight of completeness by the network (the paper's is 1). judged: chosen on training recordings that
    were kept apart, by their clicks, and the network is left out where it adds little."""
    exemplar_weight: float | Literal["judged"] = 0.2
    """Weight of completeness by likeness to the training's proposals (ours; 0: none). judged, with a product
    alone: by how much it tells of training recordings that were kept apart."""
    exemplars: int = 3072
    """Proposals that are remembered for it, at most."""

    def __post_init__(self) -> None:
        super().__post_init__()
        named = (("source", Source), ("score_loss", ScoreLoss), ("fusion", Fusion))
        for name, choices in ((name, get_args(kind)) for name, kind in named):
            if getattr(self, name) not in choices:
                raise ConfigError(
                    f"must be one of {', '.join(choices)}, not {getattr(self, name)!r}", where=name
                )
        for name in ("input_dropout", "dropout"):
            if not 0 <= getattr(self, name) < 1:
                raise ConfigError(f"must lie in [0, 1), not {getattr(self, name)}", where=name)
        for name in ("regression_tiou", "attention_threshold"):
            if not 0 <= getattr(self, name) <= 1:
                raise ConfigError(f"must lie in [0, 1], not {getattr(self, name)}", where=name)
        if self.exemplar_weight == "judged" and self.fusion != "product":
            mend = "give a number, or set instance.fusion: product"
            raise ConfigError("is judged for a product alone", where="exemplar_weight", mend=mend)
        weights = ("completeness_weight", "exemplar_weight")
        given = (name for name in weights if getattr(self, name) != "judged")
        for name in ("extension", "score_weight", "regression_weight", "negatives", *given):
            if not 0 <= getattr(self, name) < float("inf"):
                raise ConfigError(f"must be 0 or more, not {getattr(self, name)}", where=name)
        for name, least in (("hidden", 2), ("exemplars", 1)):
            if getattr(self, name) < least:
                raise ConfigError(f"must be at least {least}, not {getattr(self, name)}", where=name)
        if self.positives < 0 or self.jittered < 0 or self.positives + self.jittered < 1:
            raise ConfigError("positives and jittered must be 0 or more, and not both 0", where="positives")
        if not (self.has_network or self.exemplar_weight):
            raise ConfigError(
                "both heads of stage 2 are off, and its exemplars",
                where="score_weight",
                mend="set stages: 1 to do without it",
            )

    @property
    def has_network(self) -> bool:
        """Whether one of its heads is on; without, stage 2 is its exemplars."""
        return bool(self.score_weight or self.regression_weight)

    def without_network(self) -> InstanceConfig:
        """The same with its exemplars alone."""
        return replace(self, score_weight=0.0, regression_weight=0.0, completeness_weight=0.0)

    @property
    def weight(self) -> float:
        """Of completeness; 0 where it is still to be judged."""
        return 0.0 if self.completeness_weight == "judged" else float(self.completeness_weight)

    @property
    def like(self) -> float:
        """Weight of likeness; 0 where it is still to be judged."""
        return 0.0 if self.exemplar_weight == "judged" else float(self.exemplar_weight)

    @property
    def highest(self) -> float:
        """What it adds to a score at most."""
        return self.weight + self.like if self.fusion == "sum" else 0.0
