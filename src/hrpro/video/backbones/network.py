"""What backbones with a network share: pictures of the right size, batches, the device, the weights' hash."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import interpolate

from hrpro.core.errors import ConfigError, DataError
from hrpro.video.backbones.base import Frame

Item = TypeVar("Item")
Picture = TypeVar("Picture", bound=NDArray)


def resized(frame: Frame, size: int | tuple[int, int], *, cubic: bool = False) -> Frame:
    """[H, W, 3] with its shorter side, or its (width, height), of that size; smoothed where it shrinks.

    Frames decoded at the backbone's ``frame_size`` come back as they are.
    """
    height, width = frame.shape[:2]
    if isinstance(size, int):
        short = min(height, width)
        wanted = (height * size // short, width * size // short)
    else:
        wanted = size[::-1]
    if wanted == (height, width):
        return frame
    frame_1chw = torch.from_numpy(np.ascontiguousarray(frame)).permute(2, 0, 1)[None]
    mode = "bicubic" if cubic else "bilinear"
    result_1chw = interpolate(frame_1chw, wanted, mode=mode, align_corners=False, antialias=True)
    return result_1chw[0].permute(1, 2, 0).numpy()


def centre_crop(picture: Picture, height: int, width: int) -> Picture:
    """The middle [height, width, ...] of [H, W, ...], a view. DataError if the picture is smaller."""
    top, left = (picture.shape[0] - height) // 2, (picture.shape[1] - width) // 2
    if min(top, left) < 0:
        size = f"{picture.shape[1]}x{picture.shape[0]}"
        raise DataError(f"a frame of {size} is smaller than the {width}x{height} that are cut from it")
    return picture[top : top + height, left : left + width]  # type: ignore[return-value]


def batches(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """Lists of ``size`` items, the last one shorter; no more than one list is held."""
    batch = []
    for item in items:
        batch.append(item)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


def device_of(name: str) -> torch.device:
    """ "auto" (a CUDA GPU if there is one) or a device's name. ConfigError if this machine lacks it."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(1, device=device).cpu()
    except (RuntimeError, AssertionError) as error:
        reason = str(error).strip().split("\n")[0]
        raise ConfigError(f"no device {name!r} here: {reason}", where="device", mend="take auto") from error
    return device


def dtype_of(precision: str, natural: torch.dtype = torch.float32) -> torch.dtype:
    """ "auto" (``natural``), "fp32" or "bf16". ConfigError for another word."""
    known = {"auto": natural, "fp32": torch.float32, "bf16": torch.bfloat16}
    if precision not in known:
        raise ConfigError(f"must be one of {', '.join(known)}, not {precision!r}", where="precision")
    return known[precision]


def batch_size_for(device: torch.device, batch_size: int | None) -> int:
    """Snippets at once: as asked (ConfigError if < 1), else 8 on a GPU; a CPU gains nothing from several."""
    if batch_size is None:
        return 1 if device.type == "cpu" else 8
    if batch_size < 1:
        raise ConfigError(f"must be a whole number above 0, not {batch_size!r}", where="batch_size")
    return batch_size


def sha256_of(files: Iterable[Path]) -> str:
    """The files' sha256 in hexadecimal (what ``sha256sum`` prints), joined by "+"."""
    sums = []
    for path in files:
        digest = hashlib.sha256()
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
        sums.append(digest.hexdigest())
    return "+".join(sums)
