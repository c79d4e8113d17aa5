"""How many times faster than real time each part of a backbone is, on one core, on a 320 x 240 video.

i3d without weights has random ones, which cost the same, and hub:FAMILY, such as hub:videomae, is a random
model of transformers' default size (mostly "base"). ``backbones.py`` is the command.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import islice, pairwise
from pathlib import Path

import cv2
import numpy as np
from torch.utils.flop_counter import FlopCounterMode

from backbone_given import Given, told
from hrpro.video.backbones import make
from hrpro.video.backbones.classic import BLOCKS, Classic
from hrpro.video.backbones.histograms import camera_motion
from hrpro.video.decode import frames
from hrpro.video.flow import Flow
from step import matmul_rate


def speed(data: Path, video: Path, snippets: int = 60) -> bool:
    """Whether ``classic`` is quicker than the features that lie beside the videos."""
    backbone, spec = Classic(), Classic.spec
    wanted = snippets * spec.stride

    def source() -> Iterator:
        return islice(frames(video, rate=spec.rate, size=backbone.frame_size, threads=1), wanted)

    pictures = list(source())
    seconds = len(pictures) / spec.rate
    taken = [pictures[k : k + spec.window] for k in range(0, len(pictures) - spec.window + 1, spec.stride)]
    measured = [backbone.measure(window) for window in taken]
    fields = [backbone.flow(window.small_nhw) for window in measured]
    print(f"{video.name}: {seconds:.0f} s of video; seconds of one core, and times faster than real time")
    parts: dict[str, Callable[[], object]] = {
        "decode (to 160 x 120)": lambda: list(source()),
        "optical flow": lambda: [backbone.flow(window.small_nhw) for window in measured],
        "camera fit": lambda: [camera_motion(field) for field in fields],
    }
    for block in BLOCKS:
        parts[block.__name__] = lambda block=block: [block(window) for window in measured]
    parts["all, from frames"] = lambda: list(backbone.stream(pictures))
    parts["all, from the file"] = lambda: list(backbone.stream(source()))
    given = Given()
    parts["the given, from frames"] = lambda: [given(window) for window in taken]
    costs = {}
    for name, work in parts.items():
        costs[name] = min(_cpu_seconds(work) for _ in range(3))
        print(f"  {name:<24}{costs[name]:8.2f} s{seconds / costs[name]:10.0f} x", flush=True)
    told(data)
    times = costs["the given, from frames"] / costs["all, from frames"]
    print(f"  classic is {times:.2f} times as fast as the given", flush=True)
    return times > 1


def speed_of(name: str, weights: Path | None, video: Path, snippets: int, given: dict[str, str]) -> None:
    """Of any backbone, on the CPU: decoding, optical flow where it has one, and the network: the rest."""
    with tempfile.TemporaryDirectory() as folder:
        if name == "i3d" and weights is None:
            weights = Path(folder)
            random_i3d(weights)
        if name.startswith("hub:") and (family := name.removeprefix("hub:")) in families():
            random_hub(family, Path(folder))
            name = f"hub:{folder}"
        options = {"device": "cpu"} if name == "i3d" or name.startswith("hub:") else {}
        backbone = make(name, **options, **given, **({} if weights is None else {"weights": str(weights)}))
    spec = backbone.spec
    wanted = (snippets - 1) * spec.stride + spec.window

    def source() -> Iterator:
        return islice(frames(video, rate=spec.rate, size=backbone.frame_size, threads=1), wanted)

    costs = {"decode": _cpu_seconds(lambda: list(source()))}
    pictures = list(source())
    seconds = len(pictures) / spec.rate
    if method := spec.preprocessing.get("flow"):
        engine = Flow(method)
        greys = [np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), np.uint8) for picture in pictures]
        costs[f"optical flow ({method})"] = _cpu_seconds(lambda: [engine(*pair) for pair in pairwise(greys)])
    operations = FlopCounterMode(display=False)
    with operations:  # the first time, when memory is fetched and kernels are chosen
        list(backbone.stream(pictures))
    whole = _cpu_seconds(lambda: list(backbone.stream(pictures)))
    costs["network"] = whole - sum(list(costs.values())[1:])
    costs["all, from the file"] = whole + costs["decode"]
    print(f"{video.name}, {name}: {seconds:.1f} s; seconds of one core, and times faster than real time")
    for part, cost in costs.items():
        print(f"  {part:<24}{cost:8.2f} s{seconds / cost:10.2f} x", flush=True)
    if total := operations.get_total_flops():
        rate = matmul_rate(2048, 2048)
        print(
            f"the network takes {total / seconds / 1e9:.0f} GFLOP for a second of video; at the rate of this"
            f" core's float32 matrix product, {rate / 1e9:.0f} GFLOP/s, that alone would be"
            f" {rate * seconds / total:.2f} x real time"
        )


def random_i3d(folder: Path) -> None:
    """Weight files of both streams."""
    from safetensors.torch import save_file

    from hrpro.video.backbones.i3d import CHANNELS
    from hrpro.video.backbones.inception import InceptionI3D

    for name, channels in CHANNELS.items():
        save_file(InceptionI3D(channels).state_dict(), folder / f"{name}_imagenet.safetensors")


def families() -> tuple[str, ...]:
    from hrpro.video.backbones.pretrained import FAMILIES

    return tuple(FAMILIES)


def random_hub(family: str, folder: Path) -> None:
    """A model of that family, and its processor's file: pictures of the size it is made for."""
    from hrpro.video.backbones.pretrained import FAMILIES, logging, transformers

    logging.disable_progress_bar()
    known = FAMILIES[family]
    made = getattr(transformers, known.model)(getattr(transformers, known.model.replace("Model", "Config"))())
    made.save_pretrained(folder)
    size = getattr(made.config, "image_size", None) or getattr(made.config, "crop_size", 224)
    processor = {
        "size": {"shortest_edge": size},
        "crop_size": {"height": size, "width": size},
        "image_mean": [0.5] * 3,
        "image_std": [0.5] * 3,
    }
    (folder / "preprocessor_config.json").write_text(json.dumps(processor), encoding="utf-8")


def _cpu_seconds(work: Callable[[], object]) -> float:
    """Of all threads: what the work costs one core, whoever else is on the machine."""
    start = time.process_time()
    work()
    return time.process_time() - start
