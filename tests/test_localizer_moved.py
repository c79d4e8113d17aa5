"""A run that goes on elsewhere: other kernels give stage 1's scores other last bits, and stage 2 goes on.

As in test_localizer_kill, but that each half is a process of its own: PyTorch chooses its kernels when it
starts, and without the processor's vector instructions computes as on another machine.
"""

from __future__ import annotations

import json
import sys
import zlib
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import torch

from hrpro.core.errors import RunError
from hrpro.localizer import HRPro
from killing import script
from tiny_sets import tiny_config, usual

EACH_STEP = {"checkpoint_every": 0}
CONFIG = tiny_config(snippet=EACH_STEP, instance=EACH_STEP)


class Stopped(Exception):
    """Ends a training from inside."""


def train(root: Path, stop: int) -> int:
    """Train in root/run up to that step of stage 2 (0: to the end); a checksum of stage 1's scores."""

    def on_row(row: dict[str, float]) -> None:
        if "regression" in row and row["step"] == stop:
            raise Stopped

    training_set = usual(root / "data")
    with suppress(Stopped):
        HRPro(CONFIG).fit(training_set, run_dir=root / "run", resume=True, on_row=on_row).save(root / "model")
    alone = tiny_config(snippet=EACH_STEP, stages=1)
    snippet = HRPro(alone).fit(training_set, run_dir=root / "run", resume=True).snippet
    assert snippet is not None
    return zlib.crc32(snippet.scores(np.load(root / "data/a.npy")).activation_tc.data)


def test_stage_two_goes_on_where_the_same_scores_have_other_last_bits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = json.loads(script(__file__, tmp_path, "3").stdout)
    monkeypatch.setenv("ATEN_CPU_CAPABILITY", "default")
    monkeypatch.setenv("MKL_CBWR", "COMPATIBLE")
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "SSE41")
    assert json.loads(script(__file__, tmp_path, "0").stdout) != begun, "nothing differs: this shows nothing"
    HRPro.load(tmp_path / "model").predict(np.load(tmp_path / "data/a.npy"))


def test_what_stage_two_learned_from_must_not_change(tmp_path: Path) -> None:
    training_set = usual(tmp_path / "data")
    HRPro(CONFIG).fit(training_set, run_dir=tmp_path / "run")
    other = tiny_config(snippet=EACH_STEP, instance=EACH_STEP, proposals=type(CONFIG.proposals)(upsample=2))
    with pytest.raises(RunError, match=r"task.settings.proposals.upsample was 4, is 2"):
        HRPro(other).fit(training_set, run_dir=tmp_path / "run", resume=True)


def test_a_training_that_goes_on_with_another_number_of_threads_says_so(tmp_path: Path) -> None:
    def on_row(row: dict[str, float]) -> None:
        if row["step"] == 3:
            raise Stopped

    training_set, before = usual(tmp_path / "data"), torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        with pytest.raises(Stopped):
            HRPro(CONFIG).fit(training_set, run_dir=tmp_path / "run", on_row=on_row)
        torch.set_num_threads(2)
        with pytest.warns(UserWarning, match="began on 1 x cpu, 1 threads and goes on on 1 x cpu, 2 threads"):
            HRPro(CONFIG).fit(training_set, run_dir=tmp_path / "run", resume=True)
    finally:
        torch.set_num_threads(before)


if __name__ == "__main__":
    print(json.dumps(train(Path(sys.argv[1]), int(sys.argv[2]))))
