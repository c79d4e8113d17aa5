"""The I3D backbone: what it makes of frames, of one stream or both, and what it says of itself."""

from __future__ import annotations

import hashlib
import json
from itertools import pairwise

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from hrpro.core.errors import ConfigError

cv2 = pytest.importorskip("cv2", reason="the extra [video] is not installed")

from hrpro.video.backbones import i3d, make  # noqa: E402
from hrpro.video.backbones.base import count  # noqa: E402
from hrpro.video.backbones.i3d import I3D  # noqa: E402
from hrpro.video.flow import Flow, has_tvl1  # noqa: E402
from i3d_networks import lively  # noqa: E402

pytest_plugins = ["i3d_fixtures"]


# --- the backbone ----------------------------------------


def film(frames: int, height: int = 48, width: int = 52, seed: int = 0) -> list[np.ndarray]:
    """A soft texture that drifts by some pixels a frame, faster and faster."""
    chance = np.random.default_rng(seed)
    ground = cv2.GaussianBlur(chance.normal(size=(height + 99, width + 99, 3)), (0, 0), 3)
    ground = ((ground - ground.min()) / np.ptp(ground) * 255).astype(np.uint8)
    steps = (np.arange(frames) * 0.5 + np.arange(frames) ** 2 * 0.02).astype(int) % 99
    return [np.ascontiguousarray(ground[s : s + height, 99 - s : 99 - s + width]) for s in steps]


def vectors(backbone: I3D, frames: list[np.ndarray]) -> np.ndarray:
    return np.array(list(backbone.stream(frames)))


@pytest.fixture
def small(monkeypatch):
    """Pictures of 48, cut to 40: the same way through the code, a thirtieth of the arithmetic."""
    monkeypatch.setattr(i3d, "SHORT_SIDE", 48)
    monkeypatch.setattr(i3d, "CROP", 40)


def close(got: np.ndarray, expected: np.ndarray, limit: float = 1e-4) -> None:
    """Each vector's RGB and flow half within ``limit`` of its length (sums run in another order)."""
    assert got.shape == expected.shape
    got, expected = got.reshape(-1, 1024), expected.reshape(-1, 1024)
    assert (np.linalg.norm(got - expected, axis=1) < limit * np.linalg.norm(expected, axis=1)).all()


def test_a_full_window_of_both_streams_is_what_the_two_networks_give(weights):
    frames = film(20, 256, 340)
    frames[8:] = [np.roll(frame, 30, axis=1) for frame in frames[8:]]  # a leap beyond the bound of 20 pixels
    backbone = make("i3d", weights=weights, flow="dis", device="cpu")
    assert backbone.frame_size == 256
    (vector,) = list(backbone.stream(frames))  # the 4 frames left over are less than half a window
    assert vector.dtype == np.float32
    assert vector.shape == (2048,) == (backbone.spec.dimension,)

    cut = np.stack(frames[:16])[:, 16:240, 58:282].astype(np.float32)
    flow = Flow("dis")
    motion = [
        flow(*pair) for pair in pairwise(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in frames[:16])
    ]
    assert max(np.abs(m).max() for m in motion) > 25
    moved = np.stack([*motion, motion[-1]])[:, 16:240, 58:282].clip(-20, 20) / 20
    with torch.inference_mode():
        for half, network, clip in (
            (vector[:1024], lively(3, seed=1), cut / 127.5 - 1),
            (vector[1024:], lively(2, seed=2), moved),
        ):
            expected = network(torch.from_numpy(clip).permute(3, 0, 1, 2)[None])[0].numpy()
            close(half, expected)


def test_the_spec_tells_streams_flow_and_the_files_hashes(weights, tmp_path):
    both = I3D(weights=weights, flow="dis").spec
    sums = [
        hashlib.sha256((weights / f"{name}_imagenet.pt").read_bytes()).hexdigest() for name in ("rgb", "flow")
    ]
    assert both.weights == "+".join(sums)
    assert (both.name, both.dimension, both.rate, both.window, both.stride) == ("i3d", 2048, 25.0, 16, 16)
    assert both.timeline.stride == both.timeline.window == 0.64
    assert both.preprocessing["streams"] == ["rgb", "flow"]
    assert both.preprocessing["flow"] == "dis"
    assert type(both).from_dict(json.loads(json.dumps(both.as_dict()))) == both
    for name, own, other in (("rgb", 0, "flow"), ("flow", 1, "rgb")):
        folder = tmp_path / name
        folder.mkdir()
        (folder / f"{name}_imagenet.pt").symlink_to(weights / f"{name}_imagenet.pt")
        spec = I3D(weights=folder, flow="dis").spec
        assert spec.dimension == 1024
        assert spec.weights == sums[own]
        assert spec.preprocessing["streams"] == [name]
        assert ("flow" in spec.preprocessing) == (name == "flow")
        lines = spec.difference(both)
        assert f"streams: ['{name}'], not ['rgb', 'flow']" in lines
        assert any(line.startswith("dimension: 1024, not 2048") for line in lines)
        assert not any(other in line and "streams" not in line and "unsaid" not in line for line in lines)


def test_one_stream_gives_its_half_of_both(weights, small, tmp_path):
    frames = film(24)
    both = vectors(I3D(weights=weights, flow="dis", device="cpu"), frames)
    assert both.shape == (2, 2048), "half a window is kept"
    for name, half in (("rgb", both[:, :1024]), ("flow", both[:, 1024:])):
        folder = tmp_path / name
        folder.mkdir()
        (folder / f"{name}_imagenet.pt").symlink_to(weights / f"{name}_imagenet.pt")
        alone = vectors(I3D(weights=folder, flow="dis", device="cpu"), frames)
        close(alone, half)


@pytest.mark.parametrize("stride", [5, 16, 21])
def test_a_vector_is_of_its_own_window_whatever_the_stride_and_the_batch(weights, small, stride):
    """Flow is reused where snippets overlap: that must change nothing."""
    frames = film(16 + 3 * stride + 9)
    backbone = I3D(weights=weights, flow="dis", stride=stride, batch_size=3, device="cpu")
    got = vectors(backbone, frames)
    assert len(got) == count(len(frames), 16, stride) >= 4
    single = I3D(weights=weights, flow="dis", device="cpu")
    for number, vector in enumerate(got):
        own = frames[number * stride : number * stride + 16]
        (expected,) = vectors(single, own)
        close(vector, expected)
    assert np.linalg.norm(got[0] - got[-1]) > 0.05 * np.linalg.norm(got[0])


def test_in_bf16_it_gives_nearly_the_same_and_the_features_are_told_apart(weights, small):
    exact, quick = (I3D(weights=weights, flow="dis", device="cpu", precision=p) for p in ("fp32", "bf16"))
    frames = film(40)
    expected, got = vectors(exact, frames), vectors(quick, frames)
    assert got.dtype == np.float32
    assert np.abs(got - expected).max() > 0, "it must have been computed otherwise"
    close(got, expected, 0.03)
    assert quick.spec.difference(exact.spec) == ["precision: bf16, not unsaid"]
    assert exact.spec == I3D(weights=weights, flow="dis").spec


def test_one_frame_is_a_video_that_stands_still(weights, small):
    backbone = I3D(weights=weights, flow="dis", device="cpu")
    (vector,) = vectors(backbone, film(1))
    with torch.inference_mode():
        still = lively(2, seed=2)(torch.zeros(1, 2, 16, 40, 40))[0].numpy()
    close(vector[1024:], still, 0.01)
    assert len(vectors(backbone, [])) == 0


def test_frames_of_another_size_are_resized(weights, small):
    backbone = I3D(weights=weights, flow="dis", device="cpu")
    colour = np.array([200, 30, 90], np.uint8)
    right = vectors(backbone, [np.tile(colour, (48, 52, 1))] * 16)
    for shape in ((720, 1280), (300, 200), (48, 48), (30, 20)):
        other = vectors(backbone, [np.tile(colour, (*shape, 1))] * 16)
        close(other, right)


def test_tv_l1_flow_gives_finite_features_and_says_so(weights, small, tmp_path):
    if not has_tvl1():
        pytest.skip("this OpenCV has no TV-L1")
    with pytest.warns(UserWarning, match="15 to 60 s of a core.*--flow dis") as told:
        backbone = I3D(weights=weights, device="cpu")
    assert len(told) == 1
    assert backbone.spec.preprocessing["flow"] == "tvl1"
    frames = film(8)
    quick = vectors(I3D(weights=weights, flow="dis", device="cpu"), frames)
    exact = vectors(backbone, frames)
    assert np.isfinite(exact).all()
    np.testing.assert_array_equal(exact[:, :1024], quick[:, :1024])
    apart = np.linalg.norm(exact[:, 1024:] - quick[:, 1024:]) / np.linalg.norm(exact[:, 1024:])
    assert 0 < apart < 0.5, "two ways to see the same motion"


def test_without_tv_l1_dis_is_taken_and_said_so(weights, monkeypatch):
    monkeypatch.setattr(i3d, "has_tvl1", lambda: False)
    with pytest.warns(UserWarning, match="no TV-L1 optical flow.*DIS is taken"):
        assert I3D(weights=weights).spec.preprocessing["flow"] == "dis"


def test_without_weights_one_line_says_which_where_and_what_else(weights, tmp_path):
    for given_ in (None, tmp_path, tmp_path / "missing", weights / "rgb_imagenet.pt"):
        with pytest.raises(ConfigError) as caught:
            make("i3d", weights=given_)
        line = str(caught.value)
        assert "\n" not in line
        for word in ("rgb_imagenet.pt", "flow_imagenet.pt", "--weights FOLDER", "--backbone classic"):
            assert word in line
        assert given_ is None or str(given_) in line


def test_options_out_of_range_are_told(weights, tmp_path):
    (tmp_path / "rgb_imagenet.pt").symlink_to(weights / "rgb_imagenet.pt")
    for options, word in (
        ({"stride": 0}, "stride must be"),
        ({"batch_size": 0}, "batch_size"),
        ({"device": "abacus"}, "no device 'abacus'"),
        ({"precision": "half"}, "precision: must be one of auto, fp32, bf16, not 'half'"),
        ({"colour": "blue"}, "i3d"),
    ):
        with pytest.raises(ConfigError, match=word):
            make("i3d", weights=tmp_path, **options)
    with pytest.raises(ConfigError, match="flow"):
        make("i3d", weights=weights, flow="guess")


def test_safetensors_go_before_pytorch_files(weights, states, tmp_path):
    (tmp_path / "rgb_imagenet.pt").write_bytes(b"not looked at")
    save_file(states["rgb"], tmp_path / "rgb_imagenet.safetensors")
    digest = hashlib.sha256((tmp_path / "rgb_imagenet.safetensors").read_bytes()).hexdigest()
    assert I3D(weights=tmp_path).spec.weights == digest


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
def test_a_gpu_gives_the_same_features_whatever_the_batch(weights):
    frames = film(16 * 5, 256, 300)
    slow = vectors(I3D(weights=weights, flow="dis", device="cpu"), frames)
    for size in (1, 2, 8):
        fast = vectors(I3D(weights=weights, flow="dis", device="cuda", batch_size=size), frames)
        close(fast, slow, 0.01)
