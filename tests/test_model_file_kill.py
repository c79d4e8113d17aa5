"""SIGKILL while a model replaces another: whenever it happens, the one or the other is there, whole."""

from __future__ import annotations

import json
import shutil
import signal
import sys
from pathlib import Path

import pytest
import torch

from hrpro.config import Config
from hrpro.core.errors import RunError
from hrpro.core.timeline import Timeline
from hrpro.model_file import Stored, read_model, write_model
from hrpro.model_folder import fingerprint
from killing import die_at_disk_event, forked, needs_fork, nursery


def stored(number: int) -> Stored:
    networks = {name: {"weight": torch.full((3, 4), float(number))} for name in ("snippet", "instance")}
    return Stored(Config(), ("jump",), 4, Timeline(0.5), networks, min_score=float(number))


def number_in(path: Path) -> int:
    """Which model lies there; AssertionError if it is of two."""
    found = read_model(path)
    values = {float(found.networks[name]["weight"].mean()) for name in found.networks}
    assert values == {found.min_score}
    return int(found.min_score)


def replace_until(path: Path, nth: int) -> None:
    die_at_disk_event(path.parent, nth)
    write_model(path, stored(2))


def kill_at_every_event(root: Path) -> list[int]:
    """What is found after a death before the first, second, ... operation on the disk."""
    found = []
    while True:
        nth = len(found) + 1
        run = root / f"run_{nth}"
        write_model(run / "model", stored(1))
        code = forked(lambda run=run, nth=nth: replace_until(run / "model", nth))
        found.append(number_in(run / "model"))
        assert number_in(run) == found[-1], "as a run's folder"
        assert fingerprint(run)
        write_model(run / "model", stored(3))
        assert number_in(run) == 3
        assert [path.name for path in run.iterdir()] == ["model"], "nothing is left of the attempt"
        if code == 0:
            return found
        assert code == -signal.SIGKILL, code


@needs_fork
def test_killed_before_each_single_disk_operation(tmp_path: Path) -> None:
    found = nursery(__file__, tmp_path)
    assert sorted(found) == found
    assert set(found) == {1, 2}
    assert len(found) > 10


def test_a_failing_write_keeps_what_a_killed_one_left_aside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "model"
    write_model(path, stored(1))
    path.rename(tmp_path / ".model.old")
    monkeypatch.chdir(tmp_path)
    assert number_in(Path("model")) == number_in(tmp_path) == 1
    broken = Stored(
        Config(), ("jump",), 4, Timeline(0.5), {"snippet": {"weight": torch.zeros(2)}, "no/such": {}}
    )
    with pytest.raises(RunError, match="cannot be written"):
        write_model(path, broken)
    assert number_in(path) == 1
    shutil.rmtree(path)
    with pytest.raises(RunError, match="no trained model"):
        read_model(path)


if __name__ == "__main__":
    print(json.dumps(kill_at_every_event(Path(sys.argv[1]))))
