"""Both stages under ``torchrun`` with two processes: the model that one process learns, bit for bit.

One process that cuts each step in two (``accumulate``) draws the same chance for the same halves: replay,
dropout and proposals. Without that it draws them for the whole, so there is no such model to compare with.
This file is also the script of all three: torchrun gives each of its processes one thread, and with another
number of threads sums come out otherwise.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import torch
from safetensors.torch import load_file

from hrpro.localizer import HRPro
from killing import script
from tiny_sets import tiny_config, usual

LAUNCHER = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")


def taught(data: Path, run: Path, parts: int) -> HRPro:
    """Two members, since the second begins where the first left the processes."""
    part = {"accumulate": parts}
    config = tiny_config(snippet={**part, "members": 2}, instance=part)
    return HRPro(config).fit(usual(data), run_dir=run)


def worker(out: Path) -> None:
    rank = os.environ.get("RANK", "alone")  # a folder of data for each, since all write it
    run, parts = ("run-1", 2) if rank == "alone" else ("run-2", 1)
    taught(out / f"data-{rank}", out / run, parts).save(out / f"model-{rank}")
    if rank != "alone":
        torch.distributed.destroy_process_group()


def test_two_processes_learn_what_one_learns_in_both_stages(tmp_path: Path) -> None:
    script(__file__, tmp_path, launcher=LAUNCHER)
    script(__file__, tmp_path)
    about, *others = (
        json.loads((tmp_path / f"model-{name}/model.json").read_text()) for name in ("alone", "0", "1")
    )
    for name, other in zip(("0", "1"), others, strict=True):
        assert (other["min_score"], other["classes"]) == (about["min_score"], about["classes"])
        for stage in ("snippet", "instance"):
            alone, both = (
                load_file(tmp_path / f"model-{which}/{stage}.safetensors") for which in ("alone", name)
            )
            assert alone.keys() == both.keys()
            assert [key for key in alone if not torch.equal(alone[key], both[key])] == [], (name, stage)


if __name__ == "__main__":
    worker(Path(sys.argv[1]))
