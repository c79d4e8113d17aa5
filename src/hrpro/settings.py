"""From words to typed settings: YAML files, presets and options, checked by name, type and range."""

from __future__ import annotations

import ast
import inspect
import math
import textwrap
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass, is_dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar, get_args, get_origin, get_type_hints

import yaml

from hrpro.config import Config, preset_path
from hrpro.core.errors import ConfigError
from hrpro.data.faults import did_you_mean

if TYPE_CHECKING:
    from hrpro.data.training_set import TrainingSet

Settings = TypeVar("Settings")


@dataclass(frozen=True)
class Setting:
    """One setting: its full key (``snippet.lr``), its values for a help text, its value, what it does."""

    key: str
    takes: str
    value: Any
    help: str


def listed(settings: Any, prefix: str = "") -> Iterator[Setting]:
    """Every setting below ``settings``, as declared; its help is the docstring below its field."""
    kinds, texts = get_type_hints(type(settings)), documented(type(settings))
    for name, kind in kinds.items():
        value = getattr(settings, name)
        if is_dataclass(value):
            yield from listed(value, f"{prefix}{name}.")
        else:
            yield Setting(prefix + name, in_short(kind), value, texts.get(name, ""))


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
    return build(config, options, None)


def build(base: Config, layer: Any, where: str | Path | None) -> Config:
    """``base`` with the nested settings of ``layer``, which come from the file ``where`` (None: options).

    Raises ConfigError, naming key and file, for anything unknown, ill-typed or out of range.
    """
    if not isinstance(layer, dict):
        raise ConfigError("must hold settings as `key: value`", where=where)
    return _replaced(base, layer, where, "")


def nested(options: Mapping[str, str]) -> dict[str, Any]:
    """Options as written, {"snippet.lr": "1e-4"}, to the layer {"snippet": {"lr": 1e-4}}."""
    layer: dict[str, Any] = {}
    for key, text in options.items():
        try:
            value = yaml.safe_load(text)
        except (yaml.YAMLError, ValueError):  # ValueError: what looks like a date and is none
            value = text
        section, _, name = key.rpartition(".")
        (layer.setdefault(section, {}) if section else layer)[name] = value
    return layer


def read_layer(path: str | Path) -> Any:
    """What a YAML file holds, for ``build``. ConfigError, with file and line, if it is none."""
    try:
        content = yaml.load(Path(path).read_text(encoding="utf-8-sig"), Loader=_OnceLoader)
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror}", where=path) from error
    except UnicodeDecodeError as error:
        raise ConfigError("is not UTF-8 text", where=path) from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{path}:{mark.line + 1}" if mark else str(path)
        raise ConfigError(f"faulty YAML: {getattr(error, 'problem', None) or error}", where=where) from error
    return {} if content is None else content


class _OnceLoader(yaml.SafeLoader):
    """A key given twice in one mapping is a fault, not a silent loss of the first."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        names = [key.value for key, _ in node.value]
        for index, (key, _) in enumerate(node.value):
            if key.value in names[:index]:
                raise yaml.MarkedYAMLError(problem=f"{key.value} is given twice", problem_mark=key.start_mark)
        return super().construct_mapping(node, deep)


def _replaced(base: Settings, layer: Mapping[str, Any], where: str | Path | None, prefix: str) -> Settings:
    def place(name: object) -> str:
        return f"--{prefix}{name}" if where is None else f"{where}: {prefix}{name}"

    kinds = get_type_hints(type(base))
    changed: dict[str, Any] = {}
    for name, value in layer.items():
        if name not in kinds:
            raise ConfigError("there is no such setting", where=place(name), mend=_meant(f"{prefix}{name}"))
        present = getattr(base, name)
        if not is_dataclass(present):
            try:
                changed[name] = typed(value, kinds[name])
            except (TypeError, ValueError, OverflowError):
                wanted = in_words(kinds[name])
                raise ConfigError(f"must be {wanted}, not {value!r}", where=place(name)) from None
        elif isinstance(value, dict):
            changed[name] = _replaced(present, value, where, f"{prefix}{name}.")
        elif value is not None:  # a section whose lines are all comments
            raise ConfigError("must hold settings as `key: value`, one a line, indented", where=place(name))
    try:
        return replace(base, **changed)  # type: ignore[type-var]
    except ConfigError as error:
        name = str(error.where).rpartition(".")[2]
        raise ConfigError(error.what, where=place(name), mend=error.mend) from error


def _meant(key: str) -> str | None:
    keys = [setting.key for setting in listed(Config())]
    if key in keys:  # snippet.lr: 1 on one line
        section, _, name = key.partition(".")
        return f"write `{section}:`, and below it, indented, `{name}:`"
    ends = [known.rpartition(".")[2] for known in keys]
    if ends.count(key) == 1:
        return f"did you mean {keys[ends.index(key)]!r}?"
    return did_you_mean(key, {*keys, *(known.partition(".")[0] for known in keys)})


def typed(value: Any, kind: Any) -> Any:
    """``value`` as a setting of type ``kind``; TypeError or ValueError if it is none."""
    if get_origin(kind) is Literal:
        if value not in get_args(kind):
            raise ValueError
        return value
    if get_origin(kind) is tuple:
        several = value.split(",") if isinstance(value, str) else value
        several = several if isinstance(several, list | tuple) else [several]
        return tuple(typed(one, get_args(kind)[0]) for one in several)
    if kind is float:
        if isinstance(value, bool) or not math.isfinite(number := float(value)):  # YAML reads 1e-4 as text
            raise ValueError
        return number
    if type(value) is not kind:
        raise TypeError
    return value


def in_words(kind: Any) -> str:
    """What ``typed`` takes for this type."""
    if get_origin(kind) is Literal:
        return f"one of {', '.join(get_args(kind))}"
    if get_origin(kind) is tuple:
        return "numbers with commas between"
    return {int: "a whole number", float: "a finite number", bool: "true or false"}.get(kind, "text")


def in_short(kind: Any) -> str:
    """The same for a help text."""
    if get_origin(kind) is Literal:
        return "|".join(get_args(kind))
    if get_origin(kind) is tuple:
        return "X,X,..."
    return {int: "N", float: "X", bool: "true|false"}.get(kind, "TEXT")


def documented(kind: type) -> dict[str, str]:
    """The docstring below each field of a dataclass and of its bases."""
    texts: dict[str, str] = {}
    for base in reversed(kind.__mro__[:-1]):
        (definition,) = ast.parse(textwrap.dedent(inspect.getsource(base))).body
        assert isinstance(definition, ast.ClassDef)
        for field, below in pairwise(definition.body):
            if not (isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)):
                continue
            if isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant):
                texts[field.target.id] = " ".join(str(below.value.value).split())
    return texts
