"""What a model of transformers wants done to a frame, read from its processor's file.

Read here and not run by transformers, whose processors need torchvision, and which decoding would have to
follow with a resize of its own.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from hrpro.core.errors import ConfigError, DataError
from hrpro.video.backbones.base import Frame
from hrpro.video.backbones.network import centre_crop, resized

# Files that hold a processor, and the key under which the newest of them nests it.
_FILES = (
    ("video_preprocessor_config.json", None),
    ("preprocessor_config.json", None),
    ("processor_config.json", "video_processor"),
    ("processor_config.json", "image_processor"),
)
_BICUBIC = 3


@dataclass(frozen=True)
class Recipe:
    """Resize (shorter side, or (width, height)), cut the middle, and take (x * scale - shift - mean) / std.

    crop: (height, width) of what the network sees. mean, std: a value each for red, green and blue.
    """

    size: int | tuple[int, int]
    crop: tuple[int, int]
    cubic: bool
    scale: float
    shift: float
    mean: tuple[float, float, float]
    std: tuple[float, float, float]

    def cut(self, frame: Frame) -> Frame:
        """uint8 [H, W, 3] -> uint8 [*crop, 3]."""
        return centre_crop(resized(frame, self.size, cubic=self.cubic), *self.crop)

    def normalized(self, pictures_nhwc: Tensor) -> Tensor:
        """uint8 [..., H, W, 3] -> float32 [..., 3, H, W] on the same device."""
        device = pictures_nhwc.device
        offset, std = (
            torch.tensor(self.mean, device=device) + self.shift,
            torch.tensor(self.std, device=device),
        )
        return ((pictures_nhwc.float() * self.scale - offset) / std).movedim(-1, -3).contiguous()

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        size = self.size if isinstance(self.size, int) else list(self.size)
        return {
            "resize": size,
            "crop": list(self.crop),
            "filter": "bicubic" if self.cubic else "bilinear",
            "scale": self.scale,
            "mean": [value + self.shift for value in self.mean],
            "std": list(self.std),
        }


def read(folder: Path) -> Recipe:
    """The recipe of the model in ``folder``. DataError: no file of a processor, or one not to be followed."""
    for name, key in _FILES:
        path = folder / name
        if not path.is_file():
            continue
        try:
            stored = json.loads(path.read_text(encoding="utf-8"))
            stored = stored if key is None else stored.get(key)
            if stored is not None:
                return _recipe(stored)
        except (ValueError, TypeError, KeyError, AttributeError, ConfigError) as error:
            reason = f"no {error}" if isinstance(error, KeyError) else error
            raise DataError(f"this preprocessing cannot be followed: {reason}", where=path) from error
    raise DataError(
        "there is no preprocessor_config.json",
        where=folder,
        mend="save the model's processor there too",
    )


def _recipe(stored: dict[str, Any]) -> Recipe:
    stored = {key: value for key, value in stored.items() if value is not None}  # null: left at the default
    crops = stored.get("do_center_crop", "crop_size" in stored)
    size = stored.get("size") if stored.get("do_resize", True) else None
    if isinstance(size, int):
        # Old files write one number: a shorter side if a crop follows, else both sides.
        square = stored.get("default_to_square", not crops)
        size = {"height": size, "width": size} if square else {"shortest_edge": size}
    target: int | tuple[int, int]
    if size is not None and "shortest_edge" in size and "longest_edge" not in size:
        target = int(size["shortest_edge"])
    elif size is not None and "height" in size and "width" in size:
        target = (int(size["width"]), int(size["height"]))
    else:
        raise ConfigError(f"a resize to {size}")
    if crops:
        crop = stored["crop_size"]
        if isinstance(crop, int):
            crop = {"height": crop, "width": crop}
        cut = (int(crop["height"]), int(crop["width"]))
    elif isinstance(target, tuple):
        cut = (target[1], target[0])
    else:
        raise ConfigError("pictures that keep their shape, without a crop")
    smallest = (target, target) if isinstance(target, int) else target[::-1]
    if min(*cut, *smallest) < 1 or cut[0] > smallest[0] or cut[1] > smallest[1]:
        raise ConfigError(f"a crop of {cut[1]}x{cut[0]} from pictures of {smallest[1]}x{smallest[0]}")
    normalize = stored.get("do_normalize", True)
    # ViViT's processor of videos shifts to [-1, 1] without saying so in its file.
    kind = str(stored.get("video_processor_type") or stored.get("image_processor_type"))
    shifts = stored.get("offset", kind.startswith("Vivit"))
    return Recipe(
        size=target,
        crop=cut,
        cubic=stored.get("resample", 2) == _BICUBIC,
        scale=float(stored.get("rescale_factor", 1 / 255)) if stored.get("do_rescale", True) else 1.0,
        shift=float(bool(shifts)),
        mean=_three(stored["image_mean"]) if normalize else (0.0, 0.0, 0.0),
        std=_three(stored["image_std"]) if normalize else (1.0, 1.0, 1.0),
    )


def _three(values: Any) -> tuple[float, float, float]:
    red, green, blue = [values] * 3 if isinstance(values, (int, float)) else values
    return float(red), float(green), float(blue)
