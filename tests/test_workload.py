"""What settings follow from long recordings and few dimensions, and what they cost then.

Run as a script, this file takes one step of each training of a model on a long recording, in a process whose
highest memory tells of nothing else.
"""

from __future__ import annotations

import math
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hrpro.config import Config
from hrpro.core.annotations import Click
from hrpro.data.features import FeatureFile
from hrpro.data.training_set import Recording, TrainingSet
from hrpro.localizer import HRPro
from hrpro.workload import PASS_BYTES, snippet_bytes
from killing import script
from tiny_sets import STRIDE, TIMELINE, by_hand

LONG = 9000


def empty(folder: Path, lengths: list[int], dimension: int, classes: int, clicks: int) -> TrainingSet:
    """Files that hold nothing yet (and take no room), and clicks spread over them."""
    names = tuple(f"class {i}" for i in range(classes))
    recordings, clicked = [], {}
    for number, length in enumerate(lengths):
        path = folder / f"{number}.npy"
        np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=(length, dimension))
        recordings.append(Recording(f"{number}", FeatureFile(path), TIMELINE))
        own = clicks // len(lengths) + (number < clicks % len(lengths))
        times = np.linspace(0, length * STRIDE, own, endpoint=False)
        clicked[f"{number}"] = tuple(Click(float(t), names[i % classes]) for i, t in enumerate(times))
    return TrainingSet(names, tuple(recordings), clicked)


THUMOS = [*range(120, 600, 3), *range(400, 1400, 26), 2202]
HOURS = [20_000 + 2800 * k for k in range(29)]

# lengths, dimension, classes, clicks: hidden, blocks, recordings of a step, parts it is cut into
SHAPES = {
    "hapt": (([593] * 41 + [1002], 128, 12, 849), (256, 1, 16, 1)),
    "ucf_untrimmed": (([84] * 27, 672, 6, 216), (256, 1, 16, 1)),
    "i3d_stitched": (([40] * 24, 2048, 13, 189), (256, 1, 16, 1)),
    "thumos14 at 256": ((THUMOS, 256, 20, 3007), (256, 1, 16, 1)),
    "thumos14 at 2048": ((THUMOS, 2048, 20, 3007), (256, 1, 16, 1)),
    "activitynet's clicks": ((THUMOS, 2048, 200, 15_000), (512, 1, 16, 1)),
    "one long among short": (([300] * 99 + [50_000], 128, 5, 900), (256, 0, 16, 1)),
    "an hour of video": (([5625] * 40, 2048, 20, 900), (256, 1, 16, 2)),
    "a day of video": (([9000] * 30, 2048, 20, 900), (256, 0, 14, 2)),
    "sensor, minutes": (([3000] * 50, 6, 6, 900), (128, 1, 16, 1)),
    "sensor, hours": ((HOURS, 40, 6, 900), (128, 0, 2, 1)),
    "sensor, hours, many clicks": ((HOURS, 128, 6, 30_000), (256, 0, 2, 2)),
    "one recording of a week": (([400_000], 40, 6, 900), (128, 0, 2, 1)),
}


@pytest.mark.parametrize("name", SHAPES)
def test_what_follows_from_length_and_dimension(name: str, tmp_path: Path) -> None:
    (lengths, dimension, classes, clicks), expected = SHAPES[name]
    config = Config.for_data(empty(tmp_path, lengths, dimension, classes, clicks))
    for part in (config.snippet, config.instance):
        assert (part.hidden, part.batch_size, part.accumulate) == (expected[0], *expected[2:])
    assert config.snippet.blocks == expected[1]
    each = snippet_bytes(config.snippet, dimension, classes) * math.exp(config.snippet.time_warp)
    together = -(-min(config.snippet.batch_size, len(lengths)) // config.snippet.accumulate)
    assert sum(sorted(lengths)[-together:]) * each <= PASS_BYTES or together == 1


@pytest.mark.parametrize(
    ("recordings", "clicks", "members", "steps", "later"),
    [(4, 40, 4, 150, 225), (42, 849, 4, 259, 388), (199, 1999, 4, 564, 846), (200, 3007, 1, 792, 849)],
)
def test_many_clicks_take_one_network_and_more_steps(
    tmp_path: Path, recordings: int, clicks: int, members: int, steps: int, later: int
) -> None:
    config = Config.for_data(empty(tmp_path, [300] * recordings, 16, 5, clicks))
    assert (config.snippet.members, config.snippet.steps) == (members, steps)
    assert config.instance.steps == later


def test_a_peer_keeps_to_the_same_bounds(tmp_path: Path) -> None:
    config = Config.for_data(empty(tmp_path, [9000] * 30, 2048, 20, 900)).with_method("lacp")
    assert (config.lacp.batch_size, config.lacp.accumulate) == (14, 2)


def peak() -> int:
    """Highest resident memory of this process so far, in bytes."""
    with open("/proc/self/status") as file:
        (line,) = [line for line in file if line.startswith("VmHWM:")]
    return int(line.split()[1]) << 10


def main(folder: Path) -> None:
    """One step of each training on long recordings, after short ones for which all code is loaded."""
    marks = [(at, ("jump", "run")[at // 50 % 2]) for at in range(25, LONG, 50)]
    short = by_hand(folder / "short", {"a": (80, marks[:2]), "b": (60, marks[:1])}, dimension=8)
    long = by_hand(folder / "long", {"a": (LONG, marks), "b": (LONG, marks)}, dimension=8, reach=10)
    config = Config.for_data(long)
    snippet = replace(config.snippet, steps=1, members=1, exemplars=300, accelerator="cpu")
    config = replace(config, snippet=snippet, instance=replace(config.instance, steps=1, accelerator="cpu"))
    HRPro(config).fit(short)
    before = peak()
    HRPro(config).fit(long)
    print(peak() - before, 2 * LONG * math.exp(snippet.time_warp) * snippet_bytes(snippet, 8, 2))


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux tells the highest memory so")
def test_a_training_on_long_recordings_keeps_to_the_memory_that_was_foreseen(tmp_path: Path) -> None:
    used, foreseen = map(float, script(__file__, tmp_path).stdout.split())
    assert used < foreseen
    assert foreseen < 2**28


if __name__ == "__main__":
    main(Path(sys.argv[1]))
