"""Two real processes under ``torchrun``: one result, the same on both and the same as one process gives.

This file is also the script that torchrun runs in each of the two.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from hrpro.core.errors import NonFiniteError
from hrpro.training.config import TrainingConfig
from hrpro.training.loop import train
from killing import script
from training_task import Fragile, Regression, Stopped, stop_at

# Five recordings on two processes: three and two.
CONFIG = TrainingConfig(
    steps=20, batch_size=5, lr=1e-2, ema=0.9, log_every=3, checkpoint_every=0, accelerator="cpu"
)
CASES: dict[str, tuple[TrainingConfig, int]] = {
    "plain": (CONFIG, 13),
    "accumulated": (replace(CONFIG, accumulate=2), 13),
    "alone": (replace(CONFIG, accumulate=2), 1),  # fewer recordings than processes
}


def calm(now: int, losses: dict[str, Tensor], indices: Tensor) -> None:
    pass


def learner(n: int, trouble: Callable[[int, dict[str, Tensor], Tensor], None] = calm) -> Fragile:
    return Fragile(trouble, n=n, dropout=0, noise=0)


def interrupt_one(now: int, losses: dict[str, Tensor], indices: Tensor) -> None:
    if now == 5 and os.environ["RANK"] == "1":
        os.kill(os.getpid(), signal.SIGINT)


def worker(out: Path) -> None:
    """Everything the tests look at, one after the other in the same process, as two stages would be."""
    rank = os.environ["RANK"]
    tensors: dict[str, Tensor] = {}
    said: dict[str, str] = {}
    for case, (config, n) in CASES.items():
        weights = train(learner(n), config, name=case, run_dir=out / "run", progress=case == "plain")
        tensors |= {f"{case}/last/{k}": v for k, v in weights.last.items()}
        tensors |= {f"{case}/ema/{k}": v for k, v in weights.ema.items()}
        said[case] = json.dumps([{**row, "step_seconds": 0} for row in weights.history])
    try:
        train(learner(13, stop_at(11)), CONFIG, run_dir=out / "crash", progress=False)
    except Stopped:
        weights = train(learner(13), CONFIG, run_dir=out / "crash", resume=True, progress=False)
        tensors |= {f"crash/last/{k}": v for k, v in weights.last.items()}
    try:
        train(learner(13, interrupt_one), CONFIG, run_dir=out / "ctrl-c", progress=False)
    except KeyboardInterrupt:
        said["ctrl-c"] = " ".join(sorted(p.name for p in (out / "ctrl-c" / "checkpoints").iterdir()))
    task = learner(13)
    task.inputs_nd[6, 2] = np.nan
    try:
        train(task, CONFIG, progress=False)
    except NonFiniteError as error:
        said["nan"] = str(error)
    save_file(tensors, out / f"{rank}.safetensors")
    (out / f"{rank}.json").write_text(json.dumps(said))
    torch.distributed.destroy_process_group()


@pytest.fixture(scope="module")
def spread(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("spread")
    launcher = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")
    done = script(__file__, out, launcher=launcher)
    (out / "stderr").write_text(done.stderr)
    return out


def results(spread: Path, rank: int) -> tuple[dict[str, Tensor], dict[str, str]]:
    return load_file(spread / f"{rank}.safetensors"), json.loads((spread / f"{rank}.json").read_text())


def test_both_processes_end_with_the_same_bits(spread: Path) -> None:
    (one, said), (other, also) = results(spread, 0), results(spread, 1)
    assert one.keys() == other.keys()
    assert all(torch.equal(one[name], other[name]) for name in one)
    assert said == also


@pytest.mark.parametrize("case", CASES)
def test_two_processes_give_what_one_gives(spread: Path, case: str) -> None:
    config, n = CASES[case]
    found, said = results(spread, 0)
    weights = train(learner(n), config, progress=False)
    for kind in ("last", "ema"):
        for name, value in getattr(weights, kind).items():
            torch.testing.assert_close(found[f"{case}/{kind}/{name}"], value, rtol=0, atol=1e-5)
    for row, expected in zip(json.loads(said[case]), weights.history, strict=True):
        assert row == pytest.approx({**expected, "step_seconds": 0}, rel=1e-3)
    assert int(found[f"{case}/last/updates"]) == 20


def test_a_crash_of_both_is_resumed(spread: Path) -> None:
    found, _ = results(spread, 0)
    names = [name for name in found if name.startswith("crash/last/")]
    assert len(names) == len(Regression().net.state_dict())
    assert all(torch.equal(found[name], found[name.replace("crash", "plain")]) for name in names)


def test_only_the_first_writes_and_shows(spread: Path) -> None:
    shown = [line for line in (spread / "stderr").read_text().splitlines() if "recordings/s" in line]
    assert len(shown) == 1
    rows = (spread / "run" / "logs" / "plain.csv").read_text().splitlines()
    assert [row.split(",")[0] for row in rows] == ["step", "3", "6", "9", "12", "15", "18", "20"]


def test_ctrl_c_in_one_stops_both_after_the_same_step(spread: Path) -> None:
    assert results(spread, 0)[1]["ctrl-c"] == "training-00000005 training-00000006"


def test_a_bad_recording_is_named_by_both(spread: Path) -> None:
    assert all(results(spread, rank)[1]["nan"].startswith('video_6: the loss part "fit"') for rank in (0, 1))


if __name__ == "__main__":
    worker(Path(sys.argv[1]))
