"""Reading YAML that people wrote by hand."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import yaml


class OnceLoader(yaml.SafeLoader):
    """A key given twice in one mapping is a fault, not a silent loss of the first."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        if not isinstance(node, yaml.MappingNode):  # of another kind that is tagged as one
            return super().construct_mapping(node, deep)
        names = [key.value for key, _ in node.value]
        for index, (key, _) in enumerate(node.value):
            if key.value in names[:index]:
                raise yaml.MarkedYAMLError(problem=f"{key.value} is given twice", problem_mark=key.start_mark)
        return super().construct_mapping(node, deep)
