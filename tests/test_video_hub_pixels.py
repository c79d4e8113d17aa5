"""What a model of transformers is shown: pictures made as its own processor makes them."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
import torch

from hrpro.core.errors import ConfigError, DataError

transformers = pytest.importorskip("transformers", reason="the extra [hub] is not installed")

from hrpro.video.backbones import recipe  # noqa: E402
from hub_models import PROCESSOR, on_cpu, vectors, video, write_processor  # noqa: E402

pytest_plugins = ["hub_fixtures"]


def test_pictures_that_the_model_cannot_take_are_told(models, tmp_path):
    folder = shutil.copytree(models("videomae"), tmp_path / "model")
    write_processor(folder, {**PROCESSOR, "crop_size": 16})
    with pytest.raises(ConfigError, match="the model refuses its input"):
        list(on_cpu(folder).stream(video(16)))


def test_frames_of_any_size_are_resized_and_bad_ones_told(models):
    backbone = on_cpu(models("dinov2"))
    colour = np.array([200, 30, 90], np.uint8)
    right = vectors(backbone, [np.tile(colour, (36, 40, 1))] * 16)
    for height, width in ((360, 640), (640, 360), (20, 30), (36, 36)):
        frames = [np.tile(colour, (height, width, 1))] * 16
        np.testing.assert_allclose(vectors(backbone, frames), right, rtol=1e-5)
    with pytest.raises(DataError, match="frame 0 is float32"):
        list(backbone.stream([np.zeros((36, 40, 3), np.float32)] * 16))  # type: ignore[list-item]


REFERENCES = {
    "CLIPImageProcessorPil": {"size": {"shortest_edge": 48}, "crop_size": {"height": 40, "width": 40}},
    "SiglipImageProcessorPil": {"size": {"height": 40, "width": 48}},
    "VideoMAEImageProcessorPil": {"size": {"shortest_edge": 48}, "crop_size": {"height": 40, "width": 40}},
    "VivitImageProcessor": {"size": {"shortest_edge": 48}, "crop_size": {"height": 40, "width": 40}},
    "ViTImageProcessorPil": {"size": {"height": 40, "width": 40}},
}


@pytest.mark.parametrize("name", REFERENCES)
@pytest.mark.parametrize("shape", [(48, 65), (97, 120), (130, 71)])
def test_preprocessing_equals_that_of_the_model_s_own_processor(name, shape, tmp_path):
    """Theirs runs on Pillow here, ours on PyTorch; a resize may round a grey value differently."""
    pytest.importorskip("PIL")
    if not hasattr(transformers, name):
        pytest.skip(f"transformers {transformers.__version__} has no {name}")
    processor = getattr(transformers, name)(**REFERENCES[name])
    processor.save_pretrained(tmp_path)
    smooth = np.kron(np.random.default_rng(1).integers(0, 256, (14, 14, 3)), np.ones((10, 10, 1)))
    frame = smooth[: shape[0], : shape[1]].astype(np.uint8)
    frames = [[frame]] if "Vi" in name and "ViT" not in name else [frame]
    theirs = np.asarray(processor(frames, return_tensors="np")["pixel_values"]).reshape(
        -1, 3, *_tail(processor)
    )
    ours = recipe.read(tmp_path)
    got = ours.normalized(torch.from_numpy(np.stack([ours.cut(frame)]))).numpy()
    assert got.shape == theirs.shape
    step = 1 / (255 * min(ours.std)) * (2 if name.startswith("Vivit") else 1)
    difference = np.abs(got - theirs)
    if min(shape) == 48 and isinstance(ours.size, int):
        assert difference.max() < 1e-5, "nothing to resize: the same arithmetic"
    # Bicubic overshoots where black meets white; which way is resized first then shows.
    assert np.quantile(difference, 0.99) < 1.1 * step
    assert difference.max() < (10 if ours.cubic else 1.6) * step
    assert difference.mean() < 0.3 * step


def _tail(processor) -> tuple[int, int]:
    size = getattr(processor, "crop_size", None) or processor.size
    return size["height"], size["width"]


@pytest.mark.parametrize(
    ("stored", "size", "crop"),
    [
        ({"size": 36, "crop_size": 32, "do_center_crop": True}, 36, (32, 32)),
        ({"size": 32, "do_center_crop": False}, (32, 32), (32, 32)),
        ({"size": 32}, (32, 32), (32, 32)),
        ({"size": {"height": 40, "width": 36}, "crop_size": 32, "do_center_crop": True}, (36, 40), (32, 32)),
        (
            {"size": {"height": 40, "width": 36}, "do_center_crop": None, "crop_size": None},
            (36, 40),
            (40, 36),
        ),
    ],
)
def test_old_and_new_ways_to_write_a_size(stored, size, crop, tmp_path):
    write_processor(tmp_path, {"image_mean": 0.5, "image_std": [0.5] * 3, **stored})
    got = recipe.read(tmp_path)
    assert (got.size, got.crop, got.mean, got.scale) == (size, crop, (0.5,) * 3, 1 / 255)


def test_a_processor_of_videos_goes_first_and_a_nested_one_is_found(tmp_path):
    write_processor(tmp_path, {"image_processor": {**PROCESSOR, "crop_size": 20}}, "processor_config.json")
    assert recipe.read(tmp_path).crop == (20, 20)
    write_processor(tmp_path, {**PROCESSOR, "crop_size": 22})
    assert recipe.read(tmp_path).crop == (22, 22)
    video_processor = {**PROCESSOR, "crop_size": 24, "video_processor_type": "VivitVideoProcessor"}
    write_processor(tmp_path, video_processor, "video_preprocessor_config.json")
    got = recipe.read(tmp_path)
    assert (got.crop, got.shift) == ((24, 24), 1.0), "this class shifts to [-1, 1] without saying so"


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"do_center_crop": False}, "without a crop"),
        ({"crop_size": 64}, "a crop of 64x64"),
        ({"size": {"longest_edge": 36}}, "a resize to"),
        ({"do_resize": False}, "a resize to None"),
        ({"image_mean": None}, "image_mean"),
        ({"image_std": [1, 2]}, "cannot be followed"),
        ({"size": {"shortest_edge": 0}}, "pictures of 0x0"),
        (["a list"], "cannot be followed"),
    ],
)
def test_a_processor_that_cannot_be_followed_is_told_with_its_file(change, word, tmp_path):
    write_processor(tmp_path, {**PROCESSOR, **change} if isinstance(change, dict) else change)
    with pytest.raises(DataError, match=word) as caught:
        recipe.read(tmp_path)
    assert "preprocessor_config.json" in str(caught.value)
