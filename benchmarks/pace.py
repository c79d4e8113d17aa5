"""Accuracy of stage 1 by how many snippets are read as one, on held-out TRAINING recordings, 3 folds.

    python benchmarks/pace.py --data hapt --paces 1 2 3
    python benchmarks/pace.py --data ucf_untrimmed --finer 4 --paces 1 2 3 4 --folds 2

--finer gives the recordings that many times as many snippets first, interpolated, as a finer stride would.
One network and the settings that follow from the data otherwise; near-centre clicks, or those of --points.
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np

from accuracy import CLICKS, SHARED, splits, trials
from hrpro.core.timeline import Timeline
from hrpro.data.features import FeatureFile
from hrpro.data.folder import open_dataset
from hrpro.data.pace import pace
from hrpro.data.training_set import Recording


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", default="hapt", help="name in ../shared/data, or a folder")
    parser.add_argument("--finer", type=int, default=1, metavar="F")
    parser.add_argument("--paces", type=int, nargs="+", default=[1, 2, 3], metavar="K")
    parser.add_argument("--folds", type=int, default=3, metavar="N", help="of the three, the first N")
    parser.add_argument("--points", default=CLICKS[0], help="click table")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    dataset = open_dataset(Path(args.data) if Path(args.data).is_dir() else SHARED / args.data)
    rows = {f"pace {k}": {"pace": k, "stages": 1, "snippet.members": 1} for k in args.paces}
    found: dict[str, list[float]] = {row: [] for row in rows}
    with tempfile.TemporaryDirectory() as scratch:
        for number, (kept, held) in enumerate(splits(dataset, args.points, 3)):
            if number == args.folds:
                break
            fine = [
                tuple(finer(x, args.finer, Path(scratch)) for x in part) for part in (kept.recordings, held)
            ]
            learn, judge = replace(kept, recordings=fine[0]), fine[1]
            print(f"fold {number + 1}: from these data follows pace {pace(learn)}", flush=True)
            for row, value, took, _ in trials(dataset, learn, judge, rows, {"method": "hrpro"}, args.seed):
                found[row].append(value)
                print(f"{args.data}, {args.finer} times as fine, {row}: {value:.4f}  {took}", flush=True)
    for row, values in found.items():
        print(f"| {row} | {np.mean(values):.3f} | {' | '.join(f'{value:.3f}' for value in values)} |")


def finer(item: Recording, times: int, folder: Path) -> Recording:
    """The recording with ``times`` as many snippets, interpolated linearly, its features in ``folder``."""
    if times == 1:
        return item
    coarse_td, path = item.features.read_float32(), folder / f"{item.id}.npy"
    path.parent.mkdir(parents=True, exist_ok=True)
    at = np.arange(len(coarse_td) * times) / times
    left = at.astype(np.int64)
    right, part = np.minimum(left + 1, len(coarse_td) - 1), (at - left).astype(np.float32)[:, None]
    np.save(path, coarse_td[left] * (1 - part) + coarse_td[right] * part)
    grid = item.timeline
    return replace(
        item, features=FeatureFile(path), timeline=Timeline(grid.stride / times, grid.window, grid.offset)
    )


if __name__ == "__main__":
    main()
