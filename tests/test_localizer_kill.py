"""SIGKILL in either stage, among the exemplars, or while the threshold's two halves learn, then resume: the
saved model is bit-identical to that of a run left in peace.

As in test_training_kill, this file run as a script imports everything once; each training is a fork of it.
"""

from __future__ import annotations

import json
import signal
import sys
from pathlib import Path
from types import FrameType

from hrpro.localizer import HRPro
from hrpro.snippet import exemplars
from killing import die, forked, needs_fork, nursery
from tiny_sets import tiny_config, usual

pytestmark = needs_fork
EXEMPLARS = exemplars.__file__

CONFIG = tiny_config(snippet={"checkpoint_every": 0, "members": 2}, instance={"checkpoint_every": 0})
# Rows are given before their step's checkpoint: the first step is lost, later ones stand at the one before.
# Each member of stage 1 runs through the same steps; resumed, the first goes on where it stood.
# Exemplars ask for the targets of each recording: of the three, then of the two that the first half has.
KILLS = [
    *(("snippet", step) for step in (1, 3, 4, 1, 4)),
    ("exemplars", 2),
    *(("instance", step) for step in (1, 3, 4)),
    ("half 1", 1),
    ("exemplars", 5),
    ("half 2", 1),
    ("exemplars", 6),
]


def train(root: Path, run: Path, kill: tuple[str, int] | None) -> None:
    """Fit in this process, dying at a step of a stage if told to; else save the model."""
    asked = 0

    def on_row(row: dict[str, float]) -> None:
        stage = "instance" if "regression" in row else "snippet"
        if kill == (f"half {row['half']}" if "half" in row else stage, row["step"]):
            die()

    def on_call(frame: FrameType, event: str, _: object) -> None:
        nonlocal asked
        if event == "call" and frame.f_code.co_name == "target" and frame.f_code.co_filename == EXEMPLARS:
            asked += 1
            if kill == ("exemplars", asked):
                die()

    if kill and kill[0] == "exemplars":
        sys.setprofile(on_call)
    HRPro(CONFIG).fit(usual(root / "data"), run_dir=run, resume=True, on_row=on_row).save(run / "model")


def main(root: Path) -> list[int]:
    usual(root / "data")
    codes = [forked(lambda kill=kill: train(root, root / "killed", kill)) for kill in KILLS]
    return [*codes, *(forked(lambda run=run: train(root, root / run, None)) for run in ("killed", "peace"))]


def test_a_run_killed_anywhere_ends_with_the_same_model(tmp_path: Path) -> None:
    assert nursery(__file__, tmp_path) == [-signal.SIGKILL] * len(KILLS) + [0, 0]
    for name in ("model.json", "snippet.safetensors", "instance.safetensors"):
        killed, peace = ((tmp_path / run / "model" / name).read_bytes() for run in ("killed", "peace"))
        assert killed == peace, name


if __name__ == "__main__":
    import torch.utils.tensorboard  # noqa: F401  (before the forks, not in each)

    print(json.dumps(main(Path(sys.argv[1]))))
