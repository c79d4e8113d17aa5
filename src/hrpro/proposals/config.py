"""Settings of candidates and of their suppression."""

from __future__ import annotations

import math
from dataclasses import dataclass

from hrpro.core.errors import ConfigError


@dataclass(frozen=True)
class GenerateConfig:
    """How candidates are generated. Raises ConfigError on a value out of range."""

    class_thresholds: tuple[float, ...] = tuple(round(0.02 + 0.03 * k, 2) for k in range(31))
    """theta_P, on P; they reach to the top (the paper stops at 0.25), where boundaries are the sharpest."""
    attention_thresholds: tuple[float, ...] = ()
    """Thresholds on A; none: candidates come from P alone, as in the paper's text."""
    upsample: int = 4
    """Samples a snippet, by linear interpolation."""
    outer: float = 0.25
    """Length of each outer region of the OIC score as a part of the candidate's."""
    video_threshold: float = 0.0
    """Classes whose highest P in the recording is below this are not looked for; the best always is."""
    unique: bool = True
    """One candidate for equal spans of a class, the best, instead of one a threshold."""
    reference: bool = False
    """The released form. Samples stand at the start of their cell instead of its middle, which moves every
    boundary a quarter of a snippet early at upsample 2; the left outer region is rounded up to whole samples
    and the right one down; and for candidates from P, values up to their threshold count as zero."""

    def __post_init__(self) -> None:
        if not 1 <= self.upsample <= 64:
            raise ConfigError(f"must be 1 to 64, not {self.upsample}", where="upsample")
        if not (math.isfinite(self.outer) and self.outer >= 0):
            raise ConfigError(f"must be 0 or more, not {self.outer}", where="outer")
        for name in ("class_thresholds", "attention_thresholds"):
            if bad := [theta for theta in getattr(self, name) if not 0 <= theta <= 1]:
                raise ConfigError(f"must be from 0 to 1, not {bad[0]}", where=name)
        if not (self.class_thresholds or self.attention_thresholds):
            raise ConfigError("no threshold is given", where="class_thresholds", mend="give at least one")


@dataclass(frozen=True)
class SuppressConfig:
    """How overlapping detections are suppressed. Raises ConfigError on a value out of range."""

    sigma: float = 0.3
    """Width of the gaussian of soft-NMS; the smaller, the harder overlapping detections are suppressed."""
    floor: float = 0.001
    """Detections whose score falls below this are dropped."""
    limit: int = 0
    """At most so many detections of a recording are kept, the best; 0: all."""

    def __post_init__(self) -> None:
        if not self.sigma > 0:
            raise ConfigError(f"must be positive, not {self.sigma}", where="sigma")
        if self.limit < 0:
            raise ConfigError(f"must be 0 or more, not {self.limit}", where="limit")
