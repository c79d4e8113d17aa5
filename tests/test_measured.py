"""What a process took is its own; and it stops when whoever asked for it is gone."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hrpro.harness.measured import measure

if not hasattr(os, "wait4"):
    pytest.skip("needs POSIX", allow_module_level=True)


def python(code: str) -> list[str]:
    return [sys.executable, "-I", "-S", "-c", code]


def took(code: str, record: Path) -> dict[str, Any]:
    with record.with_suffix(".lock").open("w") as held:
        result = measure(python(code), record, held=held.fileno(), env=dict(os.environ))
    assert json.loads(record.read_text()) == result
    return result


def test_memory_and_time_are_those_of_the_command_alone(tmp_path: Path) -> None:
    ballast = np.ones(40_000_000)  # 305 MiB of ours, which a process that we forked would begin with
    small = took("import time; time.sleep(0.2)", tmp_path / "small.json")
    large = took("x = b'1' * (200 << 20); sum(i * i for i in range(10 ** 6))", tmp_path / "large.json")
    assert ballast.sum() == 40_000_000
    assert 2 < small["peak_mib"] < 60
    assert 200 < large["peak_mib"] < 260
    assert small["seconds"] > 0.2
    assert small["cpu_seconds"] < large["cpu_seconds"] < large["seconds"] + 0.1
    assert small["code"] == large["code"] == 0


@pytest.mark.parametrize(
    ("code", "expected"), [("raise SystemExit(2)", 2), ("import os; os.kill(os.getpid(), 9)", -9)]
)
def test_the_exit_code_is_told(code: str, expected: int, tmp_path: Path) -> None:
    assert took(code, tmp_path / "r.json")["code"] == expected


def test_what_it_prints_goes_to_standard_error(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    took("print('said')", tmp_path / "r.json")
    assert capfd.readouterr() == ("", "said\n")


WAITS = """
import signal, sys, time, pathlib
def stop(*_):
    pathlib.Path({0!r}).write_text("stopped")
    sys.exit(130)
signal.signal(signal.SIGINT, stop)
pathlib.Path({1!r}).write_text("")
time.sleep(60)
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_a_caller_that_goes_takes_the_command_with_it(number: signal.Signals, tmp_path: Path) -> None:
    """And the lock is held until then, and the cost is known."""
    record, lock, begun, stopped = (tmp_path / name for name in ("r.json", "lock", "begun", "stopped"))
    code = WAITS.format(str(stopped), str(begun))
    caller = (
        "import os, sys, pathlib, fcntl\nfrom hrpro.harness.measured import measure\n"
        f"held = open({str(lock)!r}, 'w'); fcntl.flock(held, fcntl.LOCK_EX)\n"
        f"measure({python(code)!r}, pathlib.Path({str(record)!r}), held=held.fileno(), env=dict(os.environ))"
    )
    process = subprocess.Popen([sys.executable, "-c", caller], stderr=subprocess.DEVNULL)
    wait_until(begun.exists)
    assert record.read_text() == "null"
    assert not free(lock)
    process.send_signal(number)
    process.wait(60)
    wait_until(lambda: free(lock))
    assert stopped.read_text() == "stopped"
    assert json.loads(record.read_text())["code"] == 130


def free(lock: Path) -> bool:
    import fcntl

    with lock.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


def wait_until(true) -> None:
    end = time.monotonic() + 60
    while not true():
        assert time.monotonic() < end
        time.sleep(0.01)
