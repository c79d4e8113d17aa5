"""Models of transformers as backbones: small random ones, saved to disk in the real format, no network."""

from __future__ import annotations

import hashlib
import json
import shutil
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hrpro.core.errors import ConfigError, DataError
from hrpro.video.backbones import make
from hrpro.video.backbones.base import count

transformers = pytest.importorskip("transformers", reason="the extra [hub] is not installed")

from hrpro.video.backbones import recipe  # noqa: E402
from hrpro.video.backbones.hub import Hub  # noqa: E402
from hrpro.video.backbones.pretrained import FAMILIES  # noqa: E402

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


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Folder of a saved model, by kind; each made once."""
    made: dict[str, Path] = {}

    def folder(kind: str) -> Path:
        if kind not in made:
            made[kind] = tmp_path_factory.mktemp(kind) / "model"
            build(kind).save_pretrained(made[kind])  # type: ignore[operator]
            write_processor(made[kind], PROCESSOR)
        return made[kind]

    return folder


def write_processor(folder: Path, stored: object, name: str = "preprocessor_config.json") -> None:
    (folder / name).write_text(json.dumps(stored), encoding="utf-8")


def video(frames: int, height: int = 36, width: int = 40, seed: int = 0) -> list[np.ndarray]:
    return list(np.random.default_rng(seed).integers(0, 256, (frames, height, width, 3), np.uint8))


def vectors(backbone: Hub, frames: list[np.ndarray]) -> np.ndarray:
    return np.array(list(backbone.stream(frames)))


def plain_pixels(frames: list[np.ndarray]) -> torch.Tensor:
    """The processor's arithmetic on 36x40 frames, written out: [F, 3, 32, 32]."""
    cut = np.stack(frames)[:, 2:34, 4:36].astype(np.float64) / 255
    pixels = (cut - np.array(PROCESSOR["image_mean"])) / np.array(PROCESSOR["image_std"])
    return torch.from_numpy(pixels.astype(np.float32)).permute(0, 3, 1, 2)


def plain_vector(kind: str, network, window: list[np.ndarray]) -> np.ndarray:
    """The customary vector of a window of 16, from the model that was saved, family by family."""
    with torch.inference_mode():
        if FAMILIES.get(kind) is not None and FAMILIES[kind].video:
            picks = {
                "videomae": [1, 3, 5, 7, 9, 11, 13, 15],
                "vivit": [1, 3, 5, 7, 9, 11, 13, 15],
                "timesformer": [2, 6, 10, 14],
                "vjepa2": list(range(16)),
            }[kind]
            clip = plain_pixels([window[i] for i in picks])[None]
            if kind == "vjepa2":
                return network.get_vision_features(clip)[0].mean(0).numpy()
            hidden = network(clip).last_hidden_state[0]
            return (hidden.mean(0) if kind == "videomae" else hidden[0]).numpy()
        pixels = plain_pixels([window[i] for i in (2, 6, 10, 14)])
        if kind in ("clip", "siglip"):
            network = network.vision_model
        out = network(pixels)
        if kind == "beit":
            return out.last_hidden_state.mean(1).mean(0).numpy()
        if kind == "resnet":
            return out.last_hidden_state.mean((2, 3)).mean(0).numpy()
        if kind == "vit":
            return out.last_hidden_state[:, 0].mean(0).numpy()
        return out.pooler_output.mean(0).numpy()


@pytest.mark.parametrize("kind", MODELS)
def test_vectors_are_what_the_saved_model_gives(models, kind):
    frames = video(40)
    backbone = make(f"hub:{models(kind)}", device="cpu")
    assert backbone.frame_size == 36
    assert backbone.spec.name == f"hub:{kind}"
    assert (backbone.spec.rate, backbone.spec.window, backbone.spec.stride) == (25.0, 16, 16)
    got = list(backbone.stream(frames))
    assert len(got) == 3
    network = build(kind)
    padded = frames + [frames[-1]] * 8
    for number, vector in enumerate(got):
        assert vector.dtype == np.float32
        assert vector.shape == (24,) == (backbone.spec.dimension,)
        expected = plain_vector(kind, network, padded[16 * number : 16 * number + 16])
        np.testing.assert_allclose(vector, expected, rtol=2e-4, atol=2e-5)
    assert np.abs(got[0] - got[1]).max() > 1e-2, "the model must see the pictures"


@pytest.mark.parametrize("kind", ["videomae", "vjepa2", "clip", "dinov3_convnext"])
def test_a_vector_depends_neither_on_the_batch_nor_on_its_place_in_it(models, kind):
    frames = video(16 * 7)
    alone = vectors(on_cpu(models(kind), batch_size=1), frames)
    for size in (2, 3, 7, 100):
        np.testing.assert_allclose(
            vectors(on_cpu(models(kind), batch_size=size), frames), alone, rtol=1e-4, atol=1e-5
        )
    shifted = vectors(on_cpu(models(kind), batch_size=3), frames[16:])
    np.testing.assert_allclose(shifted, alone[1:], rtol=1e-4, atol=1e-5)


def test_a_vector_comes_as_soon_as_its_frames_are_there(models):
    seen = 0

    def counted():
        nonlocal seen
        for frame in video(64):
            seen += 1
            yield frame

    stream = on_cpu(models("dinov2"), batch_size=2).stream(counted())
    next(stream)
    assert seen == 32
    next(stream)
    assert seen == 32
    next(stream)
    assert seen == 64


@settings(max_examples=15, deadline=None)
@given(
    frames=st.integers(0, 40), window=st.integers(1, 12), stride=st.integers(1, 14), batch=st.integers(1, 5)
)
def test_any_window_and_stride_give_the_promised_number_of_vectors(models, frames, window, stride, batch):
    backbone = on_cpu(models("resnet"), window=window, stride=stride, batch_size=batch, frames=1)
    assert len(list(backbone.stream(video(frames)))) == count(frames, window, stride)
    assert backbone.spec.timeline.window == pytest.approx(window / 25)


def test_frames_are_taken_evenly_and_repeated_where_the_window_is_short(models):
    frames = video(6)
    short = vectors(on_cpu(models("videomae"), window=4, stride=4), frames[:4])[0]
    clip = plain_pixels([frames[i] for i in (0, 0, 1, 1, 2, 2, 3, 3)])[None]
    with torch.inference_mode():
        expected = build("videomae")(clip).last_hidden_state[0].mean(0).numpy()
    np.testing.assert_allclose(short, expected, rtol=2e-4, atol=2e-5)
    assert Hub(models("vjepa2"), window=7).spec.preprocessing["frames"] == 6
    assert Hub(models("vjepa2"), window=1).spec.preprocessing["frames"] == 2
    assert Hub(models("vjepa2"), window=99).spec.preprocessing["frames"] == 16
    assert Hub(models("clip"), frames=16).spec.preprocessing["frames"] == 16
    with pytest.raises(ConfigError, match="takes 8 frames, not 16"):
        on_cpu(models("videomae"), frames=16)
    with pytest.raises(ConfigError, match=r"frames: .*above 0"):
        on_cpu(models("clip"), frames=0)


def test_the_spec_tells_the_weights_and_all_that_vectors_depend_on(models, tmp_path):
    folder = models("dinov2")
    spec = on_cpu(folder).spec
    assert spec.weights == hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
    assert spec.preprocessing == {
        "resize": 36,
        "crop": [32, 32],
        "filter": "bilinear",
        "scale": 1 / 255,
        "mean": [0.485, 0.456, 0.406],
        "std": [0.229, 0.224, 0.225],
        "frames": 4,
        "pooling": "first",
    }
    assert type(spec).from_dict(json.loads(json.dumps(spec.as_dict()))) == spec
    moved = shutil.copytree(folder, tmp_path / "elsewhere")
    assert Hub(moved).spec.difference(spec) == [], "where the folder lies is nobody's matter"
    write_processor(moved, {**PROCESSOR, "image_mean": [0.5] * 3})
    assert Hub(moved).spec.difference(spec) == ["mean: [0.5, 0.5, 0.5], not [0.485, 0.456, 0.406]"]


def test_shards_are_loaded_and_all_hashed(models, tmp_path):
    build("dinov2").save_pretrained(tmp_path, max_shard_size="10KB")  # type: ignore[operator]
    write_processor(tmp_path, PROCESSOR)
    shards = sorted(tmp_path.glob("model-*.safetensors"))
    assert len(shards) > 2
    frames = video(16)
    whole, parts = on_cpu(models("dinov2")), on_cpu(tmp_path)
    np.testing.assert_array_equal(vectors(parts, frames), vectors(whole, frames))
    sums = [hashlib.sha256(shard.read_bytes()).hexdigest() for shard in shards]
    assert parts.spec.weights == "+".join(sums)
    shards[1].unlink()
    with pytest.raises(DataError, match=f"lacks {shards[1].name}"):
        on_cpu(tmp_path)


class Loot:
    """Unpickling one writes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return (Path.write_text, (self.path, "taken"))


def test_pytorch_weights_load_as_tensors_and_never_as_objects(models, tmp_path):
    folder = shutil.copytree(models("dinov2"), tmp_path / "old")
    (folder / "model.safetensors").unlink()
    state = build("dinov2").state_dict()
    torch.save(state, folder / "pytorch_model.bin")
    frames = video(16)
    np.testing.assert_array_equal(vectors(on_cpu(folder), frames), vectors(on_cpu(models("dinov2")), frames))
    torch.save({**state, "evil": Loot(tmp_path / "loot")}, folder / "pytorch_model.bin")
    with pytest.raises(DataError, match="the weights cannot be loaded"):
        on_cpu(folder)
    assert not (tmp_path / "loot").exists()


def test_code_that_lies_beside_a_model_is_not_run(models, tmp_path):
    folder = shutil.copytree(models("dinov2"), tmp_path / "model")
    config = json.loads((folder / "config.json").read_text())
    (folder / "mine.py").write_text(f"open({str(tmp_path / 'loot')!r}, 'w').close()\n")
    for kind in ("dinov2", "my_own"):
        auto = {"AutoConfig": "mine.Config", "AutoModel": "mine.Model"}
        (folder / "config.json").write_text(json.dumps({**config, "model_type": kind, "auto_map": auto}))
        if kind == "dinov2":
            on_cpu(folder)
        else:
            with pytest.raises(ConfigError, match="no model that transformers knows") as caught:
                on_cpu(folder)
            assert "\n" not in str(caught.value)
    assert not (tmp_path / "loot").exists()


def test_weights_that_lack_a_part_are_refused_and_an_unused_head_is_not_missed(models, tmp_path):
    from safetensors.torch import load_file, save_file

    def without(kind: str, part: str) -> Path:
        folder = shutil.copytree(models(kind), tmp_path / f"{kind}-{part}")
        state = load_file(folder / "model.safetensors")
        kept = {name: value for name, value in state.items() if part not in name}
        assert len(kept) < len(state)
        save_file(kept, folder / "model.safetensors", metadata={"format": "pt"})
        return folder

    with pytest.raises(DataError, match=r"the weights lack .*1\.attention.* and \d+ more"):
        on_cpu(without("beit", "layer.1."))
    with pytest.raises(DataError, match=r"the weights lack .*head\.attention"):
        on_cpu(without("siglip_vision_model", "head.attention"))
    frames = video(16)
    np.testing.assert_array_equal(
        vectors(on_cpu(without("vit", "pooler.")), frames), vectors(on_cpu(models("vit")), frames)
    )


def test_a_classifier_of_videos_serves_as_an_encoder(tmp_path):
    """What the hub mostly holds: a fine-tuned classifier, its encoder under a prefix."""
    torch.manual_seed(3)
    config = transformers.VideoMAEConfig(
        **{**SIGHT, "num_frames": 8, "use_mean_pooling": True, "num_labels": 5}
    )
    network = transformers.VideoMAEForVideoClassification(config).eval()
    network.save_pretrained(tmp_path)
    write_processor(tmp_path, PROCESSOR)
    frames = video(16)
    with torch.inference_mode():
        clip = plain_pixels(frames[1::2])[None]
        expected = network.videomae(clip).last_hidden_state[0].mean(0).numpy()
    np.testing.assert_allclose(vectors(on_cpu(tmp_path), frames)[0], expected, rtol=2e-4, atol=2e-5)


def test_half_precision_weights_are_computed_with_in_full_on_a_cpu(models, tmp_path):
    build("clip").half().save_pretrained(tmp_path)  # type: ignore[operator]
    write_processor(tmp_path, PROCESSOR)
    frames = video(16)
    half, full = vectors(on_cpu(tmp_path), frames), vectors(on_cpu(models("clip")), frames)
    np.testing.assert_allclose(half, full, rtol=0.02, atol=0.02)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
@pytest.mark.parametrize("kind", MODELS)
def test_a_gpu_computes_in_bfloat16_nearly_the_same_whatever_the_batch(models, kind):
    frames = video(16 * 9)
    full = vectors(on_cpu(models(kind)), frames)
    eight, three = (vectors(Hub(models(kind), device="cuda", batch_size=size), frames) for size in (8, 3))
    assert not np.array_equal(eight, full), "that was not bfloat16"
    for first, second in ((eight, full), (three, eight)):
        off = np.linalg.norm(first - second, axis=1) / np.linalg.norm(full, axis=1)
        assert off.max() < 0.03
    assert Hub(models(kind), device="cuda").spec == on_cpu(models(kind)).spec, "the same features"


def fails(error: type[Exception], folder: Path | str, *words: str) -> None:
    with pytest.raises(error) as caught:
        make(f"hub:{folder}")
    line = str(caught.value)
    assert "\n" not in line
    for word in words:
        assert word in line


def test_what_is_no_model_is_one_clear_line(models, tmp_path, monkeypatch):
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    fails(ConfigError, "nobody/nothing-of-the-kind", "nobody/nothing", "could not be fetched", "classic")
    fails(ConfigError, tmp_path / "missing", "is no folder here")
    fails(ConfigError, tmp_path, "no model that transformers knows")
    folder = shutil.copytree(models("dinov2"), tmp_path / "model")
    (folder / "preprocessor_config.json").unlink()
    fails(DataError, folder, "no preprocessor_config.json", "save the model's processor")
    write_processor(folder, PROCESSOR)
    (folder / "model.safetensors").write_bytes(b"broken")
    fails(DataError, folder, "the weights cannot be loaded")
    (folder / "model.safetensors").unlink()
    fails(DataError, folder, "no model.safetensors")
    text = tmp_path / "bert"
    transformers.BertConfig(**SMALL).save_pretrained(text)
    fails(ConfigError, text, "'bert'", "known: videomae")
    with pytest.raises(ConfigError, match="no device 'abacus'"):
        make(f"hub:{models('dinov2')}", device="abacus")
    with pytest.raises(ConfigError, match=r"batch_size: .*above 0"):
        make(f"hub:{models('dinov2')}", batch_size=0)
    with pytest.raises(ConfigError, match="window must be"):
        make(f"hub:{models('dinov2')}", window=0)
    with pytest.raises(ConfigError, match="hub"):
        make(f"hub:{models('dinov2')}", colour="blue")


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
