"""SIGKILL at any moment, then resume: the final weights are bit-identical to those of a run left in peace.

The processes are forked from one that has imported everything (this file run as a script) and never trains
itself; each trains, is killed for real, and the next one resumes from what lies on the disk.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from pathlib import Path

from safetensors.torch import load_file, save_file

from hrpro.training.config import TrainingConfig
from hrpro.training.loop import train
from killing import child, die_at_disk_event, ended, forked, needs_fork, nursery
from training_task import Regression

pytestmark = needs_fork

BIG = TrainingConfig(steps=36, batch_size=4, lr=1e-2, checkpoint_every=0, log_every=7, accelerator="cpu")
SMALL = TrainingConfig(steps=2, batch_size=4, lr=1e-2, checkpoint_every=0, log_every=1, accelerator="cpu")


def run(config: TrainingConfig, width: int, folder: Path, resume: bool) -> None:
    """Train in this process and leave the weights in ``folder``/final.safetensors."""
    task = Regression(d=256, width=width)
    weights = train(task, config, name="snippet", run_dir=folder, resume=resume, progress=False)
    tensors = {f"{kind}/{k}": v for kind in ("ema", "last") for k, v in getattr(weights, kind).items()}
    save_file(tensors, folder / "final.safetensors")
    rows = [{k: v for k, v in row.items() if k != "step_seconds"} for row in weights.history]
    (folder / "history.json").write_text(json.dumps(rows))


def kill_at_random(root: Path) -> dict[str, int]:
    """Kill a large run after random delays until it is through; what was found on the disk each time."""
    chance = random.Random(0)
    folder = root / "killed"
    found = {"kills": 0, "while_writing": 0, "after_a_checkpoint": 0}
    while True:
        pid = child(lambda: run(BIG, 1024, folder, resume=True))
        # The first kills come before and soon after the first step, later ones anywhere.
        time.sleep(chance.uniform(0, 0.1 + 0.04 * found["kills"]))
        os.kill(pid, signal.SIGKILL)
        code = ended(pid)
        if code == 0:
            break
        assert code == -signal.SIGKILL, code
        found["kills"] += 1
        found["while_writing"] += bool(list(folder.glob("checkpoints/.snippet-*")))
        found["after_a_checkpoint"] += bool(list(folder.glob("checkpoints/snippet-*")))
    assert forked(lambda: run(BIG, 1024, root / "peace", resume=False)) == 0
    return found


def run_to_event(config: TrainingConfig, folder: Path, nth: int) -> None:
    die_at_disk_event(folder, nth)
    run(config, 16, folder, resume=True)


def kill_at_every_event(root: Path) -> dict[str, int]:
    """Kill a small run before its first, second, ... operation on the disk; each time resume to the end."""
    assert forked(lambda: run(SMALL, 16, root / "peace", resume=False)) == 0
    expected = (root / "peace" / "final.safetensors").read_bytes()
    history = (root / "peace" / "history.json").read_text()
    nth = 0
    while True:
        nth += 1
        folder = root / f"killed_{nth}"
        folder.mkdir()
        code = forked(lambda folder=folder, nth=nth: run_to_event(SMALL, folder, nth))
        if code == 0:
            return {"kills": nth - 1}
        assert code == -signal.SIGKILL, code
        assert forked(lambda folder=folder: run(SMALL, 16, folder, resume=True)) == 0, nth
        assert (folder / "final.safetensors").read_bytes() == expected, nth
        assert (folder / "history.json").read_text() == history, nth


def test_a_run_killed_at_random_moments_ends_with_the_same_bits(tmp_path: Path) -> None:
    found = nursery(__file__, "random", tmp_path)
    assert found["kills"] >= 5
    assert found["while_writing"] >= 1
    assert found["after_a_checkpoint"] >= 3
    killed, peace = (load_file(tmp_path / kind / "final.safetensors") for kind in ("killed", "peace"))
    assert killed.keys() == peace.keys()
    assert all(killed[k].numpy().tobytes() == peace[k].numpy().tobytes() for k in peace)
    rows = [(tmp_path / kind / "history.json").read_text() for kind in ("killed", "peace")]
    assert rows[0] == rows[1]
    assert len((tmp_path / "killed" / "logs" / "snippet.csv").read_text().splitlines()) == 1 + 6


def test_a_run_killed_before_each_single_disk_operation_ends_with_the_same_bits(tmp_path: Path) -> None:
    # Two checkpoints, the second of which removes the first, and the rows of the log.
    assert nursery(__file__, "every", tmp_path)["kills"] > 30


if __name__ == "__main__":
    # Before the forks, not in each:
    import lightning_fabric  # noqa: F401
    import torch.utils.tensorboard  # noqa: F401

    work = {"random": kill_at_random, "every": kill_at_every_event}[sys.argv[1]]
    print(json.dumps(work(Path(sys.argv[2]))))
