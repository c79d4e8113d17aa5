"""What happened to a thing, as the log keeps it and the pages hear of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal["click", "class", "segment", "verdict"]


@dataclass(frozen=True)
class Change:
    """value: the thing as JSON, None if it is deleted. revision: number in the log, from 1. client: who."""

    kind: Kind
    id: str
    value: dict[str, Any] | None
    revision: int
    client: str

    def as_dict(self) -> dict[str, Any]:
        """As JSON."""
        return dict(vars(self))  # asdict would copy the value too


@dataclass(frozen=True)
class Applied:
    """What came of a request: the last revision, its changes in order, and in a few words what it did."""

    revision: int
    changed: tuple[Change, ...]
    label: str

    def as_dict(self) -> dict[str, Any]:
        """As JSON."""
        changed = [change.as_dict() for change in self.changed]
        return {"revision": self.revision, "changed": changed, "label": self.label}
