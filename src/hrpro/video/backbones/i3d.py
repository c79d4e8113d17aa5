"""Two-stream I3D as a backbone: the features that HR-Pro and most of the literature use.

RGB and optical flow at 25 frames a second, 16 frames a snippet, shorter side 256, the middle 224x224; each
network's Mixed_5c averaged over the snippet, 1024 + 1024 values.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from hrpro.core.errors import ConfigError
from hrpro.video.backbones.base import BackboneSpec, Frame, windows
from hrpro.video.backbones.inception import DIMENSION, InceptionI3D, layout, load, quick
from hrpro.video.backbones.network import (
    batch_size_for,
    batches,
    centre_crop,
    device_of,
    dtype_of,
    resized,
    sha256_of,
)
from hrpro.video.flow import Flow, has_tvl1

RATE, WINDOW, SHORT_SIDE, CROP = 25.0, 16, 256, 224
BOUND = 20.0  # pixels a frame: longer motion is cut off, as when the networks were trained
CHANNELS = {"rgb": 3, "flow": 2}


class I3D:
    """The backbone ``i3d``.

    weights: folder with ``rgb_imagenet`` and ``flow_imagenet``, each ``.pt`` or ``.safetensors``; with one of
    them there, that stream alone, 1024 values. stride: frames. flow: "auto" (TV-L1, on which the flow network
    was trained, where OpenCV has it; else DIS; what it costs is said), "tvl1" or "dis". batch_size: snippets
    at once. device: "auto" or a PyTorch name. precision: "auto" (fp32), "fp32" or "bf16": on a CPU with
    instructions for it several times as fast, off by about 1 %, and features that are told apart from the
    others. Raises ConfigError without weights, DataError for broken ones.
    """

    frame_size = SHORT_SIDE

    def __init__(
        self,
        *,
        weights: str | Path | None = None,
        stride: int = 16,
        flow: str = "auto",
        batch_size: int | None = None,
        device: str = "auto",
        precision: str = "auto",
    ) -> None:
        files = _files(weights)
        self._device, self._dtype = device_of(device), dtype_of(precision)
        self._batch_size = batch_size_for(self._device, batch_size)
        self._networks: dict[str, InceptionI3D] = {
            name: quick(load(path, CHANNELS[name]), self._device, self._dtype) for name, path in files.items()
        }
        self._flow = Flow(_method(flow)) if "flow" in files else None
        self.settled = {} if self._flow is None else {"flow": self._flow.method}
        preprocessing = {"streams": list(files), "resize": SHORT_SIDE, "crop": CROP, "values": [-1, 1]}
        if self._flow is not None:
            preprocessing |= {"flow": self._flow.method, "flow bound": BOUND}
        if precision == "bf16":
            preprocessing |= {"precision": precision}
        self.spec = BackboneSpec(
            name="i3d",
            version="1",
            dimension=DIMENSION * len(files),
            rate=RATE,
            window=WINDOW,
            stride=stride,
            preprocessing=preprocessing,
            weights=sha256_of(files.values()),
        )

    def stream(self, frames: Iterable[Frame]) -> Iterator[NDArray[np.float32]]:
        """Frames uint8 RGB [H, W, 3] at 25 a second -> a vector float32 [D] a snippet, RGB before flow."""
        for batch in batches(self._clips(frames), self._batch_size):
            parts = [
                self._features(name, np.stack([clip[name] for clip in batch])) for name in self._networks
            ]
            yield from np.concatenate(parts, axis=1)

    def _clips(self, frames: Iterable[Frame]) -> Iterator[dict[str, NDArray]]:
        """Each snippet's rgb uint8 [T, 224, 224, 3] and flow float32 [T, 224, 224, 2] in pixels a frame."""
        flows: list[NDArray[np.float32]] = []  # of the snippet before, kept where the next one overlaps it
        for window in windows(frames, WINDOW, self.spec.stride):
            pictures = [resized(frame, SHORT_SIDE) for frame in window]
            clip = {}
            if "rgb" in self._networks:
                clip["rgb"] = np.stack([centre_crop(picture, CROP, CROP) for picture in pictures])
            if self._flow is not None:
                flows = flows[self.spec.stride :]
                grey = (_grey(picture) for picture in pictures[len(flows) :])
                for before, after in pairwise(grey):
                    # On the whole picture: motion comes into the crop from outside.
                    flows.append(centre_crop(self._flow(before, after), CROP, CROP))
                # A snippet is of its own frames only, so the last frame moves as the one before did.
                clip["flow"] = np.stack([*flows, flows[-1]])
            yield clip

    @torch.inference_mode()
    def _features(self, name: str, clips_bthwc: NDArray) -> NDArray[np.float32]:
        """Clips [B, T, H, W, C] -> [B, 1024]."""
        seen = torch.from_numpy(clips_bthwc).to(self._device).movedim(-1, 1).float()
        scaled = seen.mul_(2 / 255).sub_(1) if name == "rgb" else seen.clamp_(-BOUND, BOUND).div_(BOUND)
        clips = scaled.to(self._dtype).contiguous(memory_format=layout(self._device))
        return self._networks[name](clips).float().cpu().numpy()


def _method(flow: str) -> str:
    if flow != "auto":
        return flow
    if has_tvl1():
        warnings.warn(
            "I3D: TV-L1 optical flow, as the published features have it, takes 15 to 60 s of a core for each"
            " second of video; --flow dis (in Python flow='dis') takes under 1 s, and gives features that"
            " do not mix with these",
            stacklevel=3,
        )
        return "tvl1"
    warnings.warn(
        "I3D: this OpenCV has no TV-L1 optical flow, on which the flow network was trained: DIS is taken"
        " (opencv-contrib-python-headless has it; --flow dis, or flow='dis', takes DIS without this line)",
        stacklevel=3,
    )
    return "dis"


def _grey(frame: Frame) -> NDArray[np.uint8]:
    return np.asarray(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY), np.uint8)


def _files(weights: str | Path | None) -> dict[str, Path]:
    """The weight file of each stream that has one, RGB first; safetensors before PyTorch's own."""
    found: dict[str, Path] = {}
    if weights is not None:
        for name in CHANNELS:
            for end in (".pt", ".safetensors"):
                if (path := Path(weights).expanduser() / f"{name}_imagenet{end}").is_file():
                    found[name] = path
    if not found:
        here = "no weights are given" if weights is None else "there are no weights here"
        raise ConfigError(
            f"{here}: I3D needs rgb_imagenet.pt and flow_imagenet.pt, the Kinetics weights of pytorch-i3d"
            " (or the same as .safetensors; one of the two gives half of the features)",
            where="backbone i3d" if weights is None else weights,
            mend="put them into a folder and give it as --weights FOLDER;"
            " or use --backbone classic, which needs none",
        )
    return found
