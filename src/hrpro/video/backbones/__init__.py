"""Backbones by name: our own, those of transformers, and those that other packages register.

A package of yours registers one in its pyproject.toml; the entry point is called with ``make``'s options:

    [project.entry-points."hrpro.backbones"]
    mine = "my_package:MyBackbone"
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from importlib.metadata import entry_points
from inspect import signature
from typing import Any

from hrpro.core.errors import ConfigError
from hrpro.video.backbones.base import Backbone, BackboneSpec

__all__ = ["Backbone", "BackboneSpec", "known", "make", "takes"]

GROUP = "hrpro.backbones"
# Imported on use: each needs packages that not everyone has.
_OWN = {
    "classic": "hrpro.video.backbones.classic:Classic",
    "i3d": "hrpro.video.backbones.i3d:I3D",
}
_HUB = "hrpro.video.backbones.hub:Hub"


def known() -> tuple[str, ...]:
    """Names that ``make`` takes, our own first; "hub:NAME" stands for any model of transformers."""
    return (*_OWN, "hub:NAME", *sorted(point.name for point in entry_points(group=GROUP)))


def make(name: str, **options: Any) -> Backbone:
    """The backbone of that name, built with ``options``.

    ``hub:NAME`` takes a model's name or folder. Raises ConfigError for an unknown name, an option that the
    backbone does not have, or a package that it needs and that is not installed.
    """
    factory, model = _factory(name)
    try:
        # Before the call, so that a TypeError from inside the backbone stays what it is.
        signature(factory).bind(**model, **options)
    except TypeError as error:
        raise ConfigError(str(error), where=f"backbone {name}") from error
    return factory(**model, **options)


def takes(name: str, option: str) -> bool:
    """Whether the backbone of that name has such an option by name. Raises ConfigError as ``make``."""
    return option in signature(_factory(name)[0]).parameters


def _factory(name: str) -> tuple[Callable[..., Backbone], dict[str, str]]:
    """What builds it, and the options that its name gives already."""
    kind, colon, model = name.partition(":")
    if kind == "hub":
        if not model:
            raise ConfigError(
                "the model's name is missing", where="backbone hub", mend="write hub:NAME or hub:FOLDER"
            )
        return _loaded(name, lambda: _import(_HUB), extra="hub"), {"model": model}
    if not colon and name in _OWN:
        return _loaded(name, lambda: _import(_OWN[name]), extra="video"), {}
    for point in entry_points(group=GROUP):
        if point.name == name:
            return _loaded(name, point.load), {}
    raise ConfigError(f"there is no backbone {name!r}", mend=f"known: {', '.join(known())}")


def _import(path: str) -> Callable[..., Backbone]:
    module, _, attribute = path.partition(":")
    return getattr(import_module(module), attribute)


def _loaded(
    name: str, load: Callable[[], Callable[..., Backbone]], extra: str | None = None
) -> Callable[..., Backbone]:
    try:
        return load()
    except ImportError as error:
        mend = f"pip install 'hrpro[{extra}]'" if extra else None
        raise ConfigError(f"cannot be loaded: {error}", where=f"backbone {name}", mend=mend) from error
