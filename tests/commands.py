"""Runs the command ``hrpro`` for the tests of it, in this process or in one of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from hrpro.cli import main

TINY = ("steps=5", "hidden=16", "batch_size=3", "accelerator=cpu")
SMALL = [f"--{stage}.{setting}" for stage in ("snippet", "instance") for setting in TINY]
SMALL += ["--snippet.members=1", "--instance.completeness_weight=0.25", "--quiet"]


def run(*words: str | Path) -> int:
    return main([str(word) for word in words])


def start(*words: str | Path, module: tuple[str, ...] = ("hrpro.cli",)) -> subprocess.Popen[str]:
    """The command in a process of its own, one thread wide, so that bits can be compared."""
    return subprocess.Popen(
        [sys.executable, "-m", *module, *map(str, words)],
        env={**os.environ, "OMP_NUM_THREADS": "1", "COLUMNS": "100"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=600)
    return process.returncode, out, err


def wait_for(folder: Path, pattern: str, process: subprocess.Popen[str]) -> None:
    end = time.monotonic() + 300  # busy machines
    while not any(folder.glob(pattern)):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end
        time.sleep(0.002)


def weights(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((folder / "model").glob("*.safetensors"))}


def command_help(words: str, capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as ended:
        main(words.split())
    assert ended.value.code == 0
    out, err = capsys.readouterr()
    assert err == ""
    return out
