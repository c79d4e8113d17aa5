"""The demo does the whole job, says where everything lies, and never writes over an earlier one."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from hrpro.cli import main
from hrpro.core.errors import RunError
from hrpro.demo import run_demo
from hrpro.localizer import HRPro
from tiny_sets import CONFIG

SIZE = {"train": 4, "test": 2, "classes": 2, "dim": 8, "minutes": 1.0, "rate": 1.0}


def demo(out: Path | None = None, seed: int = 0) -> float:
    return run_demo(out, seed, config=CONFIG, size=SIZE)


def test_it_ends_with_the_table_and_where_the_results_lie(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    average = demo(tmp_path / "d")
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == f"average mAP = {average:.4f}"
    named = [Path(line.split()[-1]) for line in lines[-4:-1]]
    assert [path.name for path in named] == ["run", "detections.json", "evaluation.json"]
    assert HRPro.load(named[0]).classes == ("action_1", "action_2")
    assert json.loads(named[1].read_text())["results"].keys() == {"test_000", "test_001"}
    assert json.loads(named[2].read_text())["average_mAP"] == pytest.approx(average)
    text = "\n".join(lines)
    assert text.index("4 recordings") < text.index("AP by class and tIoU") < text.index("action_2")


def test_a_seed_decides_it(tmp_path: Path) -> None:
    found = []
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        demo(tmp_path / name, seed)
        found.append((tmp_path / name / "detections.json").read_bytes())
    assert found[0] == found[1] != found[2]


def test_without_a_folder_it_takes_the_next_free_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "demo-2").mkdir()
    for _ in range(2):
        demo()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["demo", "demo-2", "demo-3"]
    assert not any((tmp_path / "demo-2").iterdir())
    assert (tmp_path / "demo-3/detections.json").is_file()


def test_a_folder_in_use_is_left_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mine").write_text("mine")
    for out in (tmp_path, tmp_path / "mine"):
        with pytest.raises(RunError, match="is not an empty folder"):
            demo(out)
        assert main(["demo", "--out", str(out)]) == 2
        assert capsys.readouterr().err.startswith(f"hrpro: {out}: is not an empty folder (name another")
    assert (tmp_path / "mine").read_text() == "mine"
    (tmp_path / "empty").mkdir()
    demo(tmp_path / "empty")


def test_the_command_shows_its_progress_and_can_be_stopped(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "hrpro.cli", "demo"],
        cwd=tmp_path,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    end = time.monotonic() + 60
    while not (tmp_path / "demo/run/config.yaml").exists():
        assert process.poll() is None
        assert time.monotonic() < end
        time.sleep(0.01)
    assert process.stderr is not None
    first = process.stderr.readline()
    assert first.startswith("snippet-1 ")
    assert first.endswith(" left\n")
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err.splitlines()[-1] == "hrpro: stopped"
    assert "recordings to learn from" in out
