"""Ten people clicking in one project, and the server killed under them: the load benchmark, short."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from studio_fixtures import require_studio

LOAD = Path(__file__).resolve().parents[1] / "benchmarks" / "studio_load.py"


def test_no_error_and_no_lost_click() -> None:
    require_studio()
    if not LOAD.exists():
        pytest.skip("the benchmarks are not here")
    words = ["--seconds", "5", "--clients", "10", "--clicks", "500", "--hours", "0.1", "--json"]
    ended = subprocess.run(
        [sys.executable, str(LOAD), *words],
        capture_output=True,
        text=True,
        timeout=600,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    result = json.loads(ended.stdout.splitlines()[-1])
    assert (result["errors"], result["lost"], result["changes_not_streamed"]) == (0, 0, 0)
    assert result["acknowledged"] >= 10
