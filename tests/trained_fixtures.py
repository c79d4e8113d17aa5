"""A small trained model, in its folder and in memory, and features to use it on."""

import numpy as np
import pytest

from hrpro.localizer import HRPro
from tiny_sets import tiny_config, usual


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A training set (a.npy, b.npy, c.npy) and, in model/, what was learned from it."""
    root = tmp_path_factory.mktemp("trained")
    HRPro(tiny_config()).fit(usual(root)).save(root / "model")
    return root


@pytest.fixture
def model(folder):
    return HRPro.load(folder / "model")


@pytest.fixture
def features(folder):
    return np.load(folder / "a.npy")
