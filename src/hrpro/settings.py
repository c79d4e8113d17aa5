"""From words to typed settings: YAML files, presets and options; jsonargparse types each value."""

from __future__ import annotations

import json
import re
from argparse import ArgumentError
from collections.abc import Iterator, Mapping
from dataclasses import asdict, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from jsonargparse import ArgumentParser

from hrpro.config import SECTIONS, Config, preset_path
from hrpro.core.errors import ConfigError
from hrpro.data.faults import did_you_mean
from hrpro.data.yaml_once import OnceLoader

if TYPE_CHECKING:
    from hrpro.data.training_set import TrainingSet


def choose(
    training_set: TrainingSet | None,
    preset: str | None,
    file: str | Path | None,
    options: Mapping[str, Any],
    seed: int | None = None,
) -> Config:
    """The settings of a training: the preset's, or else what follows from the data, or else the defaults;
    over them what the method changes, those of ``file``, ``seed`` for all that is trained, and ``options``,
    as given on the command line."""
    config = Config.for_data(training_set) if training_set is not None and preset is None else Config()
    own = {} if file is None else read_layer(file)
    if preset is not None:
        config = build(config, read_layer(preset_path(preset)), preset_path(preset))
    for layer, where in ((options, "--method"), (own, f"{file}: method")):
        if isinstance(layer, Mapping) and "method" in layer:
            try:
                config = config.with_method(str(layer["method"]))
            except ConfigError as error:
                raise ConfigError(error.what, where=where, mend=error.mend) from error
            break
    config = build(config, own, file)
    return build(config if seed is None else config.with_seed(seed), options, None)


def build(base: Config, layer: Any, where: str | Path | None) -> Config:
    """``base`` with the settings of ``layer``, which come from the file ``where`` (None: options).

    layer: {"snippet": {"lr": 1e-4}} or {"snippet.lr": 1e-4}; a value may also be its text.
    Raises ConfigError, naming key and file, for anything unknown, ill-typed or out of range.
    """
    if not isinstance(layer, Mapping):
        raise ConfigError("must hold settings as `key: value`", where=where)
    place = "--" if where is None else f"{where}: "
    changes: dict[str, dict[str, Any]] = {}
    for key, value in _flat(layer):
        section, _, name = key.rpartition(".")
        changes.setdefault(section, {})[name] = _typed(key, value, place + key)
    for section, values in changes.items():
        try:
            part = replace(getattr(base, section), **values) if section else None
            base = replace(base, **{section: part} if section else values)
        except ConfigError as error:
            name = str(error.where).rpartition(".")[2]
            key = f"{section}.{name}" if section else name
            raise ConfigError(error.what, where=place + key, mend=error.mend) from error
    return base


def read_layer(path: str | Path) -> Any:
    """What a YAML file holds, for ``build``. ConfigError, with file and line, if it is none."""
    try:
        content = yaml.load(Path(path).read_text(encoding="utf-8-sig"), Loader=OnceLoader)
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror}", where=path) from error
    except UnicodeDecodeError as error:
        raise ConfigError("is not UTF-8 text", where=path) from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{path}:{mark.line + 1}" if mark else path
        raise ConfigError(f"faulty YAML: {getattr(error, 'problem', None) or error}", where=where) from error
    return {} if content is None else content


@cache
def _parser() -> ArgumentParser:
    parser = ArgumentParser(exit_on_error=False)
    parser.add_class_arguments(Config, as_group=False)
    return parser


def _flat(layer: Mapping[Any, Any]) -> Iterator[tuple[str, Any]]:
    """Settings by their full key, ``snippet.lr``; a section whose lines are all comments holds none."""
    for name, value in layer.items():
        if name in SECTIONS and isinstance(value, Mapping):
            yield from ((f"{name}.{key}", below) for key, below in value.items())
        elif name not in SECTIONS or value is not None:
            yield str(name), value


_ALL = json.loads(json.dumps(asdict(Config())))
KEYS = dict(_flat(_ALL))


def _typed(key: str, value: Any, where: str) -> Any:
    if key in SECTIONS:
        raise ConfigError("must hold settings as `key: value`, one a line, indented", where=where)
    if key not in KEYS:
        ends = [known for known in KEYS if known.endswith(f".{key}")]
        near = f"did you mean {ends[0]!r}?" if len(ends) == 1 else did_you_mean(key, {*KEYS, *SECTIONS})
        raise ConfigError("there is no such setting", where=where, mend=near)
    if value is None:  # which jsonargparse takes for a setting not given
        raise ConfigError("has no value", where=where)
    if isinstance(KEYS[key], list) and isinstance(value, str | int | float):  # as people write 0.1, 0.2
        value = f"[{str(value).strip('[]')}]"
    try:
        typed = _parser().parse_object({key: value}, defaults=False)[key]
        json.dumps(typed, allow_nan=False)
    except ArgumentError as error:
        fault = str(error).partition(":\n")[2].strip()
        theirs = r"Expected a (?:<class '(\w+)'>|typing\.)(.*)\. Got value: ?"
        fault = re.sub(theirs, r"must be \1\2, not ", fault)
        if either := re.search(r"Subtypes: \[(.*)\]\s+Errors:", fault, re.DOTALL):
            kinds = re.sub(r"<class '(\w+)'>|typing\.Literal\[(.*?)\]", r"\1\2", either[1])
            fault = f"must be {kinds.replace(', ', ' or ')}, not {value}"
        raise ConfigError(fault, where=where) from None
    except (ValueError, OverflowError):
        raise ConfigError(f"must be a finite number, not {value}", where=where) from None
    return typed
