"""A model's files: weights in every form, all of them hashed; what is no model is told in one line."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

pytest.importorskip("av", reason="the extra [video] is not installed")

from commands import run
from hrpro.core.errors import ConfigError, DataError
from hrpro.video.backbones import make
from hrpro.video.origin import choose, rebuild
from hrpro.video.store import read_about
from rendered_videos import even_times, render

transformers = pytest.importorskip("transformers", reason="the extra [hub] is not installed")

from hrpro.video.backbones.hub import Hub  # noqa: E402
from hub_models import (  # noqa: E402
    PROCESSOR,
    SIGHT,
    SMALL,
    build,
    fails,
    on_cpu,
    plain_pixels,
    vectors,
    video,
    write_processor,
)

pytest_plugins = ["command_fixtures", "hub_fixtures"]


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


def test_bf16_that_was_asked_for_is_nearly_the_same_and_told_apart(models):
    exact, quick = (on_cpu(models("dinov2"), precision=p) for p in ("auto", "bf16"))
    expected, got = vectors(exact, video(20)), vectors(quick, video(20))
    assert 0 < np.linalg.norm(got - expected) < 0.05 * np.linalg.norm(expected)
    assert quick.spec.difference(exact.spec) == ["precision: bf16, not unsaid"]


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


def test_the_device_is_named_by_the_command_and_not_kept_with_the_features(models, said, tmp_path):
    film = render(tmp_path / "a.mp4", even_times(25, 1))
    words = ("extract", film, "--out", tmp_path / "out", "--quiet")
    hub = ("--backbone", f"hub:{models('dinov2')}")
    assert "no device 'abacus' here" in said(*words, *hub, "--device", "abacus")
    assert said(*words, "--device", "cpu") == "backbone classic: takes no device (leave --device out)"
    told = said(*words, "--precision", "bf16")
    assert told == "backbone classic: takes no precision (leave --precision out)"
    assert run(*words, *hub, "--device", "cpu", "--precision", "bf16") == 0
    about = read_about(tmp_path / "out/a.safetensors")
    assert about is not None
    assert about.origin.options["precision"] == "bf16"
    assert rebuild(about.origin.on("cpu")).spec == about.origin.spec
    assert "device" not in about.origin.options
    assert "device" not in rebuild(about.origin.on("cpu")).spec.as_dict()
    with pytest.raises(ConfigError, match="no device 'abacus' here"):
        rebuild(about.origin.on("abacus"))
    classic = choose("classic")
    assert classic.on("abacus").options == classic.options
