"""Small random models of transformers, of every family, and the videos that tests give them."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

from hrpro.video.backbones import make

transformers = pytest.importorskip("transformers", reason="the extra [hub] is not installed")

from hrpro.video.backbones.hub import Hub  # noqa: E402

SMALL = {"hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
SIGHT = {**SMALL, "image_size": 32, "patch_size": 16}
PROCESSOR = {
    "do_resize": True,
    "size": {"shortest_edge": 36},
    "do_center_crop": True,
    "crop_size": {"height": 32, "width": 32},
    "do_rescale": True,
    "rescale_factor": 1 / 255,
    "do_normalize": True,
    "image_mean": [0.485, 0.456, 0.406],
    "image_std": [0.229, 0.224, 0.225],
    "resample": 2,
}
# What config.json says: the class that wrote it, and its settings. Dimension 24 throughout.
MODELS = {
    "videomae": ("VideoMAEModel", "VideoMAEConfig", {**SIGHT, "num_frames": 8, "use_mean_pooling": False}),
    "timesformer": ("TimesformerModel", "TimesformerConfig", {**SIGHT, "num_frames": 4}),
    "vivit": ("VivitModel", "VivitConfig", {**SIGHT, "num_frames": 8, "tubelet_size": [2, 16, 16]}),
    "vjepa2": (
        "VJEPA2Model",
        "VJEPA2Config",
        {
            **SMALL,
            "crop_size": 32,
            "frames_per_clip": 16,
            "mlp_ratio": 2,
            "pred_hidden_size": 24,
            "pred_num_attention_heads": 2,
            "pred_num_hidden_layers": 1,
        },
    ),
    "clip": ("CLIPModel", "CLIPConfig", {"vision_config": SIGHT, "text_config": SMALL, "projection_dim": 10}),
    "clip_vision_model": ("CLIPVisionModel", "CLIPVisionConfig", SIGHT),
    "siglip": ("SiglipModel", "SiglipConfig", {"vision_config": SIGHT, "text_config": SMALL}),
    "siglip_vision_model": ("SiglipVisionModel", "SiglipVisionConfig", SIGHT),
    "dinov2": ("Dinov2Model", "Dinov2Config", {**SIGHT, "image_size": 64, "mlp_ratio": 2}),
    "dinov2_with_registers": (
        "Dinov2WithRegistersModel",
        "Dinov2WithRegistersConfig",
        {**SIGHT, "mlp_ratio": 2},
    ),
    "dinov3_vit": ("DINOv3ViTModel", "DINOv3ViTConfig", SIGHT),
    "dinov3_convnext": (
        "DINOv3ConvNextModel",
        "DINOv3ConvNextConfig",
        {"hidden_sizes": [8, 8, 16, 24], "depths": [1, 1, 1, 1]},
    ),
    "vit": ("ViTModel", "ViTConfig", SIGHT),
    # Not in the table: image encoders all the same.
    "beit": ("BeitModel", "BeitConfig", SIGHT),
    "resnet": (
        "ResNetModel",
        "ResNetConfig",
        {"embedding_size": 8, "hidden_sizes": [8, 24], "depths": [1, 1]},
    ),
}


# Where there is a GPU it would be taken, and bfloat16 with it.
on_cpu = partial(Hub, device="cpu")


def build(kind: str) -> torch.nn.Module:
    model, config, options = MODELS[kind]
    if not hasattr(transformers, model):
        pytest.skip(f"transformers {transformers.__version__} has no {model}")
    torch.manual_seed(7)
    network = getattr(transformers, model)(getattr(transformers, config)(**options))
    # Initial weights are so small that every input would give nearly the same vector.
    with torch.no_grad():
        for value in network.parameters():
            value.add_(torch.randn_like(value) * 0.2)
    return network.eval()


def write_processor(folder: Path, stored: object, name: str = "preprocessor_config.json") -> None:
    (folder / name).write_text(json.dumps(stored), encoding="utf-8")


def video(frames: int, height: int = 36, width: int = 40, seed: int = 0) -> list[np.ndarray]:
    return list(np.random.default_rng(seed).integers(0, 256, (frames, height, width, 3), np.uint8))


def vectors(backbone: Hub, frames: list[np.ndarray]) -> np.ndarray:
    return np.array(list(backbone.stream(frames)))


def fails(error: type[Exception], folder: Path | str, *words: str) -> None:
    with pytest.raises(error) as caught:
        make(f"hub:{folder}")
    line = str(caught.value)
    assert "\n" not in line
    for word in words:
        assert word in line


def plain_pixels(frames: list[np.ndarray]) -> torch.Tensor:
    """The processor's arithmetic on 36x40 frames, written out: [F, 3, 32, 32]."""
    cut = np.stack(frames)[:, 2:34, 4:36].astype(np.float64) / 255
    pixels = (cut - np.array(PROCESSOR["image_mean"])) / np.array(PROCESSOR["image_std"])
    return torch.from_numpy(pixels.astype(np.float32)).permute(0, 3, 1, 2)
