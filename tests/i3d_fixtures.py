"""Weights of both streams, in memory and in files."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from i3d_networks import lively, published


@pytest.fixture(scope="module")
def states():
    return {"rgb": published(lively(3, seed=1)), "flow": published(lively(2, seed=2), classes=157)}


@pytest.fixture(scope="module")
def weights(states, tmp_path_factory) -> Path:
    """Both files, the one in PyTorch's old format: the published files are that old."""
    folder = tmp_path_factory.mktemp("weights")
    torch.save(states["rgb"], folder / "rgb_imagenet.pt", _use_new_zipfile_serialization=False)
    torch.save(states["flow"], folder / "flow_imagenet.pt")
    return folder
