"""Models of transformers as backbones: small random ones, saved to disk in the real format, no network."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hrpro.core.errors import ConfigError
from hrpro.video.backbones import make
from hrpro.video.backbones.base import count

transformers = pytest.importorskip("transformers", reason="the extra [hub] is not installed")

from hrpro.video.backbones.hub import Hub  # noqa: E402
from hrpro.video.backbones.pretrained import FAMILIES  # noqa: E402
from hub_models import MODELS, build, on_cpu, plain_pixels, vectors, video  # noqa: E402

pytest_plugins = ["hub_fixtures"]


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
