"""Small random models, saved to disk in the real format."""

from __future__ import annotations

from pathlib import Path

import pytest

from hub_models import PROCESSOR, build, write_processor


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Folder of a saved model, by kind; each made once."""
    made: dict[str, Path] = {}

    def folder(kind: str) -> Path:
        if kind not in made:
            made[kind] = tmp_path_factory.mktemp(kind) / "model"
            build(kind).save_pretrained(made[kind])  # type: ignore[operator]
            write_processor(made[kind], PROCESSOR)
        return made[kind]

    return folder
