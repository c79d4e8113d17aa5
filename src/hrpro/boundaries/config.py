"""Settings of the boundary offset."""

from __future__ import annotations

from dataclasses import dataclass

from hrpro.core.errors import ConfigError


@dataclass(frozen=True)
class BoundaryConfig:
    """How the offset of all boundaries is found. Raises ConfigError on a value out of range."""

    reach: float = 1.0
    """Snippets at most by which starts, or ends, are moved; 0: they stay where HR-Pro has them."""
    dimensions: int = 64
    """Principal components of the features that changes are looked for in."""

    def __post_init__(self) -> None:
        if not 0 <= self.reach < float("inf"):
            raise ConfigError(f"must be 0 or more, not {self.reach}", where="reach")
        if self.dimensions < 1:
            raise ConfigError(f"must be at least 1, not {self.dimensions}", where="dimensions")
