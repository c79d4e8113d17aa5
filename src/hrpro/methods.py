"""The methods by name: HR-Pro, its peers, and the bounds above and below them. Imports nothing heavy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, Literal, Protocol

from hrpro.core.errors import ConfigError
from hrpro.data.faults import did_you_mean

Sight = Literal["clicks", "classes", "segments"]
SEEN: Mapping[Sight, str] = {"clicks": "clicks", "classes": "classes only", "segments": "true segments"}
"""What a method may learn from, in words."""


class Scorer(Protocol):
    """Whatever tells ``SnippetScores`` of a recording's features [T, D]."""

    def scores(self, features_td: Any) -> Any: ...


class StageOne(Scorer, Protocol):
    """What the localizer needs of a method: a network that was taught, and tells scores of a recording.

    Made from classes, feature dimension and its settings; ``fit`` teaches it, ``state_dict`` holds it.
    """

    @property
    def classes(self) -> tuple[str, ...]: ...
    @property
    def dimension(self) -> int: ...
    @property
    def width(self) -> int: ...
    def to(self, device: Any) -> Any: ...
    def state_dict(self) -> dict[str, Any]: ...
    def load_state_dict(self, state: Mapping[str, Any]) -> None: ...


@dataclass(frozen=True)
class Method:
    """One method: its title, what it sees of a training set, and where its stage 1 is found.

    section: of the settings, those its stage 1 takes; also: others that it alone reads. settings, and
    instance: what it changes in those of its stage 1, and of stage 2.
    """

    title: str
    section: str
    stage: str
    sees: Sight = "clicks"
    stages: tuple[int, ...] = (1,)
    also: tuple[str, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    instance: Mapping[str, Any] = field(default_factory=dict)

    def stage_one(self) -> Any:
        """The class of its stage 1."""
        module, _, name = self.stage.partition(":")
        return getattr(import_module(module), name)


_OURS = "hrpro.snippet.ensemble:SnippetEnsemble"
METHODS: Mapping[str, Method] = {
    "hrpro": Method("HR-Pro (AAAI 2024)", "snippet", _OURS, stages=(1, 2)),
    "hrpro-next": Method(
        "HR-Pro with boundaries and kernels that suit the recordings (ours)",
        "snippet",
        _OURS,
        stages=(1, 2),
        also=("boundaries",),
        settings={"narrow": True, "habit": True, "exemplar_weight": 0.5},
        instance={"regression_weight": 0.0, "fusion": "product", "exemplar_weight": "judged"},
    ),
    "base": Method(
        "HR-Pro's baseline: eq. 1 alone, one network",
        "snippet",
        _OURS,
        settings={"blocks": 0, "contrast_weight": 0.0, "members": 1, "exemplar_weight": 0.0},
    ),
    "sfnet": Method("SF-Net (ECCV 2020)", "sfnet", "hrpro.peers.sfnet.stage:SFNetStage"),
    "lacp": Method("LACP (ICCV 2021)", "lacp", "hrpro.peers.lacp.stage:LACPStage"),
    "cola": Method("CoLA (CVPR 2021)", "cola", "hrpro.peers.cola.stage:ColaStage", sees="classes"),
    "full": Method("fully supervised", "full", "hrpro.peers.full.stage:FullStage", sees="segments"),
}


def method_of(name: str, where: str = "method") -> Method:
    """The method of that name; ConfigError, naming those there are, for an unknown one."""
    if name not in METHODS:
        mend = did_you_mean(name, METHODS) or f"take one of {', '.join(METHODS)}"
        raise ConfigError(f"there is no method {name!r}", where=where, mend=mend)
    return METHODS[name]
