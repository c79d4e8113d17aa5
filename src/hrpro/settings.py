"""From words to typed settings: YAML files, presets and command-line options, checked by name and type."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from jsonargparse import ArgumentError, ArgumentParser, Namespace, set_parsing_settings

from hrpro.config import Config, preset_path
from hrpro.core.errors import ConfigError

if TYPE_CHECKING:
    from hrpro.data.training_set import TrainingSet

# The help text of an option is the docstring below its field.
set_parsing_settings(docstring_parse_attribute_docstrings=True)


def add_settings(parser: ArgumentParser, base: Config) -> None:
    """Add every setting as an option (``--snippet.lr``), with ``base`` as the defaults."""
    parser.add_class_arguments(Config, None, as_group=False)
    parser.set_defaults(flat(base))


def flat(settings: Any, prefix: str = "") -> dict[str, Any]:
    """Nested settings -> {"snippet.lr": ...}."""
    values: dict[str, Any] = {}
    for part in fields(settings):
        value = getattr(settings, part.name)
        if is_dataclass(value):
            values |= flat(value, f"{prefix}{part.name}.")
        else:
            values[prefix + part.name] = value
    return values


def read_layer(path: str | Path) -> dict[str, Any]:
    """A YAML file of settings. ConfigError, with file and line, if it is none."""
    try:
        content = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot be read: {error}", where=path) from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{path}:{mark.line + 1}" if mark else str(path)
        raise ConfigError(f"is not YAML: {getattr(error, 'problem', error)}", where=where) from error
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise ConfigError("must hold settings as `key: value`", where=path)
    return content


def build(base: Config, layer: Mapping[str, Any], where: str | Path) -> Config:
    """``base`` with the nested settings of ``layer``.

    Raises ConfigError, naming key and ``where``, for anything unknown, ill-typed or out of range.
    """
    parser = ArgumentParser(exit_on_error=False)
    add_settings(parser, base)
    try:
        namespace = parser.parse_object(dict(layer))
    except (ArgumentError, TypeError, ValueError) as error:
        raise ConfigError(one_line(error), where=where) from error
    return from_namespace(namespace, where)


def choose(
    training_set: TrainingSet | None, preset: str | None, file: Path | None, options: Mapping[str, Any]
) -> Config:
    """The settings of a training: the preset's, or else what follows from the data, or else the defaults;
    over them those of ``file``; over them ``options`` (nested, as given on the command line)."""
    config = Config.for_data(training_set) if training_set is not None and preset is None else Config()
    if preset is not None:
        path = preset_path(preset)
        config = build(config, read_layer(path), path)
    if file is not None:
        config = build(config, read_layer(file), file)
    return build(config, options, "options")


def from_namespace(namespace: Namespace, where: str | Path) -> Config:
    """Parsed settings -> Config; ConfigError names the key in full."""
    values: dict[str, Any] = {}
    for part in fields(Config):
        given = namespace[part.name]
        if not isinstance(given, Namespace):
            values[part.name] = given
            continue
        kind = type(getattr(Config(), part.name))
        try:
            values[part.name] = kind(**{f.name: given[f.name] for f in fields(kind)})
        except ConfigError as error:
            key = f"{part.name}.{str(error.where).rpartition('.')[2]}"
            raise ConfigError(error.what, where=f"{where}: {key}", mend=error.mend) from error
    try:
        return Config(**values)
    except ConfigError as error:
        raise ConfigError(error.what, where=f"{where}: {error.where}", mend=error.mend) from error


def one_line(error: Exception) -> str:
    """The parser's message without its line breaks and type noise."""
    return " ".join(str(error).replace("<class '", "").replace("'>", "").split())
