"""How features were made: the backbone's spec, and the words that build the same backbone again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from hrpro.core.errors import ConfigError, DataError
from hrpro.video.backbones import Backbone, BackboneSpec, make, takes

_HUB = "hub"
_DEVICE = "device"


@dataclass(frozen=True)
class Origin:
    """spec: what decides the values. backbone, options: what ``backbones.make`` was given to get there.

    The spec alone counts when features are compared; weights may have moved since.
    """

    spec: BackboneSpec
    backbone: str = field(compare=False)
    options: Mapping[str, Any] = field(default_factory=dict, hash=False, compare=False)

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON values; ``from_dict`` gives an equal one back. No device: it is this machine's."""
        options = {name: value for name, value in self.options.items() if name != _DEVICE}
        return {"spec": self.spec.as_dict(), "backbone": self.backbone, "options": options}

    @classmethod
    def from_dict(cls, stored: Any, where: str | Path | None = None) -> Origin:
        """What ``as_dict`` gave. DataError: it is something else."""
        place = None if where is None else str(where)
        try:
            spec, backbone, options = stored["spec"], str(stored["backbone"]), dict(stored["options"])
        except (TypeError, KeyError, ValueError) as error:
            raise DataError("does not say how the features were made", where=place) from error
        return cls(BackboneSpec.from_dict(spec, place), backbone, options)

    def difference(self, other: Origin) -> str:
        """What differs, on one line, as "key: mine, not theirs"; empty if both give the same features."""
        return "; ".join(self.spec.difference(other.spec))

    def otherwise(self, other: Origin) -> str:
        """As ``difference``, but empty for another version of the same backbone."""
        mine, theirs = self.spec, other.spec
        newer = mine.name == theirs.name and mine.version != theirs.version
        return "" if newer else self.difference(other)

    def on(self, device: str) -> Origin:
        """The same, computed on that device; as it is, if the backbone has no choice of one."""
        if not takes(self.backbone, _DEVICE):
            return self
        return replace(self, options={**self.options, _DEVICE: device})


def choose(
    backbone: str, weights: str | Path | None = None, options: Mapping[str, Any] | None = None
) -> Origin:
    """The origin of the features that this backbone makes. Builds it, and raises what that raises."""
    name, words = _relocated(backbone, dict(options or {}), weights)
    try:
        network = _built(name, _canonical(words))
    except ConfigError as error:
        for word in words.keys() & {"weights", "flow", "precision", _DEVICE}:
            if f"unexpected keyword argument '{word}'" in error.what:
                mend = f"leave --{word} out"
                raise ConfigError(f"takes no {word}", where=error.where, mend=mend) from error
        raise
    spec = network.spec
    # Another machine might choose otherwise, and a worker would say again what was chosen.
    words |= getattr(network, "settled", {})
    # As JSON gives it back, so that it equals what is read from a file.
    return Origin(BackboneSpec.from_dict(json.loads(json.dumps(spec.as_dict()))), name, words)


def rebuild(origin: Origin, weights: str | Path | None = None) -> Backbone:
    """The backbone of ``origin``; weights: where they lie now, None: where they lay then.

    The one built last is kept. Raises what ``backbones.make`` raises, and ConfigError, saying what differs,
    if it is no longer the same.
    """
    try:
        now = choose(origin.backbone, weights, origin.options)
    except ConfigError as error:
        if not origin.spec.weights or weights is not None:
            raise
        mend = "if they have moved, say where to: --weights PATH"
        raise ConfigError(f"the weights of the features' backbone: {error}", mend=mend) from error
    if differs := now.difference(origin):
        raise ConfigError(
            f"the backbone here is another than the one the features were made with: {differs}",
            where=f"backbone {now.backbone}",
            mend="give the same weights with --weights PATH, or extract all features anew",
        )
    return _built(now.backbone, _canonical(now.options))


def _relocated(name: str, options: dict[str, Any], weights: str | Path | None) -> tuple[str, dict[str, Any]]:
    """Name and options with ``weights`` put in; local paths in full, for a later run from another folder."""
    kind, _, model = name.partition(":")
    if kind == _HUB:
        model = str(weights or model)
        local = Path(model).expanduser()
        return f"{_HUB}:{local.resolve() if model and local.exists() else model}", options
    if weights is not None:
        options["weights"] = str(weights)
    if isinstance(options.get("weights"), str | Path):
        options["weights"] = str(Path(options["weights"]).expanduser().resolve())
    return name, options


def _canonical(options: Mapping[str, Any]) -> str:
    try:
        return json.dumps(dict(options), sort_keys=True)
    except TypeError as error:
        raise ConfigError(f"a backbone's options must be plain JSON values: {error}") from error


@lru_cache(maxsize=1)
def _built(name: str, options: str) -> Backbone:
    return make(name, **json.loads(options))
