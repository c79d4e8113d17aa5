"""A command in a process of its own, and what it took: seconds, CPU seconds, peak memory.

``measure`` starts this file as a script, which starts the command. Two reasons for the process between: the
peak memory that a system reports of a process begins with that of the one that forked it, and this one is
small; and it outlives a killed caller, so that the command is told to stop and its cost is still written.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any


def measure(command: Sequence[str], record: Path, *, held: int, env: dict[str, str]) -> dict[str, Any]:
    """Run ``command`` to its end and return what it took, which lies in the file ``record`` from then on.

    seconds and cpu_seconds of the process, peak_mib of its memory in MiB, code: its exit code, or minus the
    signal that ended it. What it prints goes to standard error. held: an open file that it keeps open, hence
    locked. If the caller is interrupted or dies, in whatever way, the command gets a Ctrl-C; ``record`` holds
    null while the command runs, and for ever if all were killed at once.
    """
    record.parent.mkdir(parents=True, exist_ok=True)
    _write(str(record), None)
    # A session of its own: Ctrl-C in a terminal reaches the caller alone, which hands it on once.
    between = subprocess.Popen(
        [sys.executable, "-I", "-S", __file__, str(record.absolute()), *command],
        stdin=subprocess.PIPE,
        stdout=2,
        pass_fds=(held,),
        start_new_session=True,
        env=env,
    )
    assert between.stdin is not None
    try:
        between.wait()
    except KeyboardInterrupt:
        between.stdin.close()
        between.wait()
        raise
    finally:
        between.stdin.close()
    took = json.loads(record.read_text(encoding="utf-8"))
    return took or {"code": between.returncode}


def main(record: str, command: list[str]) -> None:
    """Start, wait, write down; standard input closes when the command is to stop."""
    signal.signal(signal.SIGINT, lambda *_: None)  # unlike SIG_IGN, not handed down
    began = time.monotonic()
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, close_fds=False)
    threading.Thread(target=_stop_at_end_of_input, args=(process.pid,), daemon=True).start()
    _, status, usage = os.wait4(process.pid, 0)
    unit = 2**20 if sys.platform == "darwin" else 2**10
    took = {
        "seconds": time.monotonic() - began,
        "cpu_seconds": usage.ru_utime + usage.ru_stime,
        "peak_mib": usage.ru_maxrss / unit,
        "code": os.waitstatus_to_exitcode(status),
    }
    _write(record, took)


def _write(record: str, took: dict[str, Any] | None) -> None:
    scratch = f"{record}.tmp"
    with open(scratch, "w", encoding="utf-8") as file:
        json.dump(took, file)
    os.replace(scratch, record)


def _stop_at_end_of_input(pid: int) -> None:
    while os.read(0, 1):
        pass
    try:
        os.kill(pid, signal.SIGINT)
    except ProcessLookupError:
        return


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
