"""Where a value stands in a YAML file: its key and its line."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

import yaml

from hrpro.data.formats.jsonplace import Place


class YamlPlace(Place):
    """As Place, of a YAML file."""

    @staticmethod
    def find(text: str, keys: Iterable[str | int]) -> int:
        """The line, from 1, of the value at ``keys``; where the way ends early, of the last value on it.

        A value that begins on the line after its key counts as its key's. ValueError if it is not YAML.
        """
        node, line = _composed(text), 1
        for key in keys:
            if isinstance(node, yaml.MappingNode):
                found = [(name, value) for name, value in node.value if name.value == key]
            elif isinstance(node, yaml.SequenceNode) and isinstance(key, int) and key < len(node.value):
                found = [(node.value[key], node.value[key])]
            else:
                found = []
            if not found:
                break
            name, node = found[-1]
            line = name.start_mark.line + 1
        return line


@lru_cache(maxsize=1)
def _composed(text: str) -> yaml.Node | None:
    try:
        return yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        raise ValueError from error
