"""Any video or image encoder of transformers as a backbone, by name or local folder.

A video encoder sees the frames it was trained for, taken evenly from the window; an image encoder sees some
frames of the window, and its vectors are averaged.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hrpro.core.errors import ConfigError
from hrpro.video.backbones import recipe
from hrpro.video.backbones.base import BackboneSpec, Frame, windows
from hrpro.video.backbones.network import (
    batch_size_for,
    batches,
    device_of,
    dtype_of,
    sha256_of,
)
from hrpro.video.backbones.pretrained import Family, config_of, family_of, folder_of, load, weight_files

IMAGES_PER_WINDOW = 4


class Hub:
    """A backbone made of a model of transformers.

    model: a name on the Hugging Face hub, or a folder in which ``save_pretrained`` left a model and its
    processor. rate: frames a second. window, stride: frames. frames: how many of a window's frames the
    network sees; None: what the model was made for, or 4 for an image encoder. batch_size: windows at once.
    device: "auto" or a PyTorch name. precision: "auto" (bf16 on a GPU that can, else fp32), "fp32" or "bf16";
    features of a "bf16" that was asked for are told apart from others.

    The spec's name tells the architecture and its ``weights`` the model: where the folder lies is nobody's
    matter. Raises ConfigError for a model that is not there or not of this kind, DataError for a broken one.
    """

    def __init__(
        self,
        model: str | Path,
        *,
        rate: float = 25.0,
        window: int = 16,
        stride: int = 16,
        frames: int | None = None,
        batch_size: int | None = None,
        device: str = "auto",
        precision: str = "auto",
    ) -> None:
        folder = folder_of(str(model))
        self._where = str(model)
        self._device = device_of(device)
        self._batch_size = batch_size_for(self._device, batch_size)
        config = config_of(folder, self._where)
        self._family = family_of(config, self._where)
        self._recipe = recipe.read(folder)
        files = weight_files(folder)
        self._model = load(self._family, folder, files, self._where)
        gpu = self._device.type == "cuda" and torch.cuda.is_bf16_supported()
        self._dtype = dtype_of(precision, torch.bfloat16 if gpu else torch.float32)
        self._model.to(self._device, self._dtype).eval().requires_grad_(False)  # type: ignore[arg-type]
        shown = _frames_wanted(self._model.config, self._family, window, frames, self._where)
        # The middles of equal parts; a window shorter than that shows frames more than once.
        self._picks = [(2 * i + 1) * window // (2 * shown) for i in range(shown)]
        self.spec = BackboneSpec(
            name=f"hub:{config.model_type}",
            version="1",
            dimension=_dimension(self._model.config, self._where),
            rate=rate,
            window=window,
            stride=stride,
            preprocessing={
                **self._recipe.as_dict(),
                "frames": shown,
                "pooling": self._family.pool,
                **({"precision": precision} if precision == "bf16" else {}),
            },
            weights=sha256_of(files),
        )

    @property
    def frame_size(self) -> int | tuple[int, int]:
        """The shorter side, or (width, height), that the model's processor resizes to."""
        return self._recipe.size

    def stream(self, frames: Iterable[Frame]) -> Iterator[NDArray[np.float32]]:
        """Frames uint8 RGB [H, W, 3] at ``spec.rate`` -> a vector float32 [D] a snippet."""
        shown = (
            [self._recipe.cut(window[pick]) for pick in self._picks]
            for window in windows(frames, self.spec.window, self.spec.stride)
        )
        for batch in batches(shown, self._batch_size):
            yield from self._vectors(np.array(batch)).numpy()

    @torch.inference_mode()
    def _vectors(self, pictures_bfhwc: NDArray[np.uint8]) -> Tensor:
        """uint8 [B, F, H, W, 3] -> float32 [B, D], on the CPU."""
        seen_bfhwc = torch.from_numpy(pictures_bfhwc).to(self._device)
        pixels_bfchw = self._recipe.normalized(seen_bfhwc).to(self._dtype)
        size, shown = pixels_bfchw.shape[:2]
        pixels = pixels_bfchw if self._family.video else pixels_bfchw.flatten(0, 1)
        options = {"skip_predictor": True} if self._family.skip else {}
        try:
            out = self._model(**{self._model.main_input_name: pixels}, **options)
        except ValueError as error:  # its own checks of size and number of frames
            raise ConfigError(f"the model refuses its input: {error}", where=self._where) from error
        vectors_nd = _pooled(out, self._family.pool)
        if not self._family.video:
            vectors_nd = vectors_nd.view(size, shown, -1).mean(1)
        if vectors_nd.shape != (size, self.spec.dimension):
            raise ConfigError(
                f"the model gives {list(vectors_nd.shape[1:])} a window, not {self.spec.dimension}",
                where=self._where,
            )
        return vectors_nd.cpu()


def _pooled(out: Any, pool: str) -> Tensor:
    """Outputs for N inputs -> float32 [N, D]."""
    if pool == "pooler":
        return out.pooler_output.float().flatten(1)
    hidden = out.last_hidden_state.float()
    if pool == "first":
        return hidden[:, 0]
    return hidden.mean((2, 3)) if hidden.ndim == 4 else hidden.mean(1)  # [N, D, H, W] or [N, tokens, D]


def _frames_wanted(config: Any, family: Family, window: int, asked: int | None, where: str) -> int:
    if asked is not None and asked < 1:
        raise ConfigError(f"must be a whole number above 0, not {asked!r}", where="frames")
    if not family.video:
        return IMAGES_PER_WINDOW if asked is None else asked
    if family.skip:  # V-JEPA 2 tells its frames' places by rotation: any number goes, in whole tubelets
        shown = min(config.frames_per_clip, window) if asked is None else asked
        return max(1, shown // config.tubelet_size) * config.tubelet_size
    if asked not in (None, config.num_frames):
        raise ConfigError(f"this model takes {config.num_frames} frames, not {asked}", where=where)
    return config.num_frames


def _dimension(config: Any, where: str) -> int:
    sizes = getattr(config, "hidden_size", None) or getattr(config, "hidden_sizes", None)
    if not sizes:
        raise ConfigError(f"{config.model_type} does not tell the size of its vectors", where=where)
    return sizes if isinstance(sizes, int) else sizes[-1]
