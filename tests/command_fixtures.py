"""A small data set, a model the command trained on it, its detections, and what it says of bad input."""

from __future__ import annotations

from pathlib import Path

import pytest

from commands import SMALL, run
from hrpro.data.synthetic import make_dataset


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("cli") / "data"
    return make_dataset(out, train=5, test=3, classes=2, dim=8, minutes=1.0, rate=1.0)


@pytest.fixture(scope="session")
def trained(data: Path) -> Path:
    folder = data.parent / "trained"
    assert run("train", "--data", data, "--run", folder, *SMALL) == 0
    return folder


@pytest.fixture(scope="session")
def detections(data: Path, trained: Path) -> Path:
    out = data.parent / "detections.json"
    assert run("predict", "--run", trained, "--data", data, "--split", "test", "--out", out) == 0
    return out


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]):
    """Runs bad input: returns the one line said of it, after checking that it is one, and the exit code."""

    def line(*words: str | Path) -> str:
        capsys.readouterr()
        assert run(*words) == 2
        out, err = capsys.readouterr()
        assert out == ""
        assert err.startswith("hrpro: ")
        assert err.count("\n") == 1, err
        return err.removeprefix("hrpro: ").removesuffix("\n")

    return line
