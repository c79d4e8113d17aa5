"""Compiled kernels run wherever the package lies: their machine code is kept where it may be, or nowhere."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "src" / "hrpro"
RUN_KERNEL = """
import hrpro.proposals.suppress as module
index, scores = module.soft_nms([[0, 2], [0, 2], [4, 5]], [1.0, 0.5, 0.7], sigma=0.3)
assert module.__file__.startswith(SITE), module.__file__
assert index.tolist() == [0, 2, 1] and abs(scores[2] - 0.5 * 2.718281828459045 ** (-1 / 0.3)) < 1e-12
print(sum(module._suppress.stats.cache_hits.values()))
"""


@pytest.fixture
def site(tmp_path):
    """An installed copy where nothing can be written beside the sources, not even by root."""
    shutil.copytree(PACKAGE, tmp_path / "site" / "hrpro", ignore=shutil.ignore_patterns("__pycache__"))
    for folder in [tmp_path / "site" / "hrpro", *(tmp_path / "site" / "hrpro").rglob("*")]:
        if folder.is_dir():
            (folder / "__pycache__").touch()
    return tmp_path / "site"


def run(site, home):
    """Cache hits of the kernel in a fresh process."""
    code = f"SITE = {str(site)!r}\nimport sys; sys.path.insert(0, SITE)\n{RUN_KERNEL}"
    dropped = ("XDG_CACHE_HOME", "NUMBA_CACHE_DIR", "PYTHONPATH", "LOCALAPPDATA")
    env = {name: value for name, value in os.environ.items() if name not in dropped}
    env |= {"HOME": str(home), "USERPROFILE": str(home)}
    done = subprocess.run(
        [sys.executable, "-B", "-c", code], env=env, cwd=site, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


def test_a_read_only_install_keeps_its_code_with_the_user(site, tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    assert run(site, home) == 0
    assert list(home.rglob("*.nbc")), "nothing was kept"
    assert run(site, home) == 1
    assert not list(site.rglob("*.nbc"))


def test_with_no_writable_place_at_all_it_still_runs(site, tmp_path):
    home = tmp_path / "home"
    home.write_text("not a folder")
    assert run(site, home) == 0
