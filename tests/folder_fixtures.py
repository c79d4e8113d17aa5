"""A dataset folder of each layout."""

from __future__ import annotations

from pathlib import Path

import pytest

from data_folders import field_layout, own_layout


@pytest.fixture
def field(tmp_path: Path) -> Path:
    return field_layout(tmp_path / "field")


@pytest.fixture
def own(tmp_path: Path) -> Path:
    return own_layout(tmp_path / "own")
