"""Freed memory goes back to the system."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

SCRIPT = """
import sys
import torch
from hrpro.training.memory import release_memory

def resident():
    return int(open("/proc/self/statm").read().split()[1]) * 4096

held, pins = [], []
for number in range(400):  # blocks below glibc's threshold for mapping, each with a small one behind it
    held.append(torch.ones(25_000))
    pins.append(torch.ones(100))
used = resident()
held.clear()
kept = resident()
release_memory()
print(used, kept, resident())
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only glibc keeps, and can give back")
def test_what_is_free_between_pinned_blocks_is_given_back() -> None:
    # Left to itself glibc gives back what is free at the heap's end, and whether the pins lie between the
    # blocks or in older holes differs between machines.
    keeps = {**os.environ, "MALLOC_TRIM_THRESHOLD_": str(2**40)}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True, env=keeps
    )
    used, kept, after = map(int, done.stdout.split())
    assert kept > used - 10e6, "the allocator gave it back by itself: the test shows nothing"
    assert after < used - 25e6
