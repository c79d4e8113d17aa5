"""SIGKILL in either stage, among the exemplars, or while the two halves learn either stage, then resume: the
saved model is bit-identical to that of a run left in peace.

As in test_training_kill, this file run as a script imports everything once; each training is a fork of it.
"""

from __future__ import annotations

import json
import signal
import sys
from dataclasses import replace
from pathlib import Path
from types import FrameType

from hrpro.config import Config
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
# Halves that also judge stage 2; what they find is in model.json.
JUDGED = replace(CONFIG, instance=replace(CONFIG.instance, steps=16, completeness_weight="judged"))
JUDGES = [("half 1", 1), *((f"half {half} stage 2", step) for half, step in ((1, 1), (1, 3), (2, 4)))]
CASES = {"given": (CONFIG, KILLS), "judged": (JUDGED, JUDGES)}


def train(root: Path, config: Config, run: Path, kill: tuple[str, int] | None) -> None:
    """Fit in this process, dying at a step of a stage if told to; else save the model."""
    asked = 0

    def on_row(row: dict[str, float]) -> None:
        second = "regression" in row
        stage = "instance" if second else "snippet"
        if "half" in row:
            stage = f"half {row['half']}{' stage 2' if second else ''}"
        if kill == (stage, row["step"]):
            die()

    def on_call(frame: FrameType, event: str, _: object) -> None:
        nonlocal asked
        if event == "call" and frame.f_code.co_name == "target" and frame.f_code.co_filename == EXEMPLARS:
            asked += 1
            if kill == ("exemplars", asked):
                die()

    if kill and kill[0] == "exemplars":
        sys.setprofile(on_call)
    HRPro(config).fit(usual(root / "data"), run_dir=run, resume=True, on_row=on_row).save(run / "model")


def main(root: Path) -> list[int]:
    usual(root / "data")
    codes = []
    for case, (config, kills) in CASES.items():
        runs = [("killed", kill) for kill in (*kills, None)] + [("peace", None)]
        codes += [forked(lambda c=config, r=root / case / r, k=k: train(root, c, r, k)) for r, k in runs]
    return codes


def test_a_run_killed_anywhere_ends_with_the_same_model(tmp_path: Path) -> None:
    expected = [code for _, kills in CASES.values() for code in [-signal.SIGKILL] * len(kills) + [0, 0]]
    assert nursery(__file__, tmp_path) == expected
    for case in CASES:
        killed, peace = (tmp_path / case / run / "model" for run in ("killed", "peace"))
        assert sorted(file.name for file in killed.iterdir()) == sorted(file.name for file in peace.iterdir())
        for file in peace.iterdir():
            assert (killed / file.name).read_bytes() == file.read_bytes(), (case, file.name)
    assert (tmp_path / "given/peace/model/instance.safetensors").exists()
    assert json.loads((tmp_path / "judged/peace/model/model.json").read_text())["weighed"]


if __name__ == "__main__":
    # Before the forks, not in each:
    import lightning_fabric  # noqa: F401
    import torch.utils.tensorboard  # noqa: F401

    print(json.dumps(main(Path(sys.argv[1]))))
