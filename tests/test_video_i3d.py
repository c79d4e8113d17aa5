"""Inception-I3D: the authors' layout by name, their padding and shapes, and the backbone around it."""

from __future__ import annotations

import hashlib
import json
from collections import OrderedDict
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional as F

from hrpro.core.errors import ConfigError, DataError

cv2 = pytest.importorskip("cv2", reason="the extra [video] is not installed")

from hrpro.video.backbones import i3d, make  # noqa: E402
from hrpro.video.backbones.base import count  # noqa: E402
from hrpro.video.backbones.i3d import I3D  # noqa: E402
from hrpro.video.backbones.inception import InceptionI3D, load, pad_same  # noqa: E402
from hrpro.video.flow import Flow, has_tvl1  # noqa: E402

# --- the network ----------------------------------------


def lively(channels: int, seed: int = 0) -> InceptionI3D:
    """Random weights that let a signal through all layers, and batch statistics that are not trivial."""
    torch.manual_seed(seed)
    network = InceptionI3D(channels)
    for name, value in [*network.named_parameters(), *network.named_buffers()]:
        if name.endswith("conv3d.weight"):
            torch.nn.init.kaiming_normal_(value, nonlinearity="relu")
        elif name.endswith("bn.weight"):
            torch.nn.init.uniform_(value, 0.5, 1.5)
        elif name.endswith(("bn.bias", "running_mean")):
            torch.nn.init.normal_(value, std=0.1)
        elif name.endswith("running_var"):
            torch.nn.init.uniform_(value, 0.5, 2.5)
    return network.eval().requires_grad_(False)


def published(network: InceptionI3D, classes: int = 400) -> OrderedDict[str, Tensor]:
    """Its state dict as the published checkpoints have it: with a classifier, without counts of batches."""
    state = OrderedDict(
        (name, value)
        for name, value in network.state_dict().items()
        if not name.endswith("num_batches_tracked")
    )
    state["logits.conv3d.weight"] = torch.randn(classes, 1024, 1, 1, 1)
    state["logits.conv3d.bias"] = torch.randn(classes)
    return state


def test_the_parameters_are_those_of_the_published_networks():
    """12,287,264 and the classifier's 410,000 is the published size of the RGB network."""
    assert sum(value.numel() for value in InceptionI3D(3).parameters()) == 12_287_264
    # The flow network's first filter has 2 of the 3 channels: 64 * 7 * 7 * 7 weights fewer.
    assert sum(value.numel() for value in InceptionI3D(2).parameters()) == 12_287_264 - 64 * 343
    names: dict[str, tuple[int, ...]] = {
        name: tuple(value.shape) for name, value in InceptionI3D(3).state_dict().items()
    }
    units = {name.rsplit(".", 2)[0] for name in names}
    mixed = ("3b", "3c", "4b", "4c", "4d", "4e", "4f", "5b", "5c")
    assert units == {"Conv3d_1a_7x7", "Conv3d_2b_1x1", "Conv3d_2c_3x3"} | {
        f"Mixed_{place}.{branch}" for place in mixed for branch in ("b0", "b1a", "b1b", "b2a", "b2b", "b3b")
    }
    assert len(names) == 57 * 6
    assert names["Conv3d_1a_7x7.conv3d.weight"] == (64, 3, 7, 7, 7)
    assert names["Mixed_3b.b0.conv3d.weight"] == (64, 192, 1, 1, 1)
    assert names["Mixed_4e.b2b.conv3d.weight"] == (64, 32, 3, 3, 3)
    assert names["Mixed_5c.b1b.bn.running_var"] == (384,)
    assert all(m.eps == 1e-3 for m in InceptionI3D(2).modules() if isinstance(m, torch.nn.BatchNorm3d))


def test_each_layer_has_the_shape_that_the_authors_give_for_a_full_window():
    network = lively(3)
    shapes: dict[str, tuple[int, ...]] = {}

    def keep(name: str, out: Any) -> None:
        shapes[name] = tuple(out.shape[1:])

    for name, layer in network.named_children():
        layer.register_forward_hook(lambda _, __, out, name=name: keep(name, out))
    with torch.inference_mode():
        features = network(torch.rand(1, 3, 16, 224, 224) * 2 - 1)
    assert list(shapes.items()) == [
        ("Conv3d_1a_7x7", (64, 8, 112, 112)),
        ("MaxPool3d_2a_3x3", (64, 8, 56, 56)),
        ("Conv3d_2b_1x1", (64, 8, 56, 56)),
        ("Conv3d_2c_3x3", (192, 8, 56, 56)),
        ("MaxPool3d_3a_3x3", (192, 8, 28, 28)),
        ("Mixed_3b", (256, 8, 28, 28)),
        ("Mixed_3c", (480, 8, 28, 28)),
        ("MaxPool3d_4a_3x3", (480, 4, 14, 14)),
        ("Mixed_4b", (512, 4, 14, 14)),
        ("Mixed_4c", (512, 4, 14, 14)),
        ("Mixed_4d", (512, 4, 14, 14)),
        ("Mixed_4e", (528, 4, 14, 14)),
        ("Mixed_4f", (832, 4, 14, 14)),
        ("MaxPool3d_5a_2x2", (832, 2, 7, 7)),
        ("Mixed_5b", (832, 2, 7, 7)),
        ("Mixed_5c", (1024, 2, 7, 7)),
    ]
    assert features.shape == (1, 1024)


def same_1d(signal: np.ndarray, weights: np.ndarray, stride: int) -> np.ndarray:
    """TensorFlow's 'SAME', sample by sample: ceil(n / stride) outputs, the odd zero at the end."""
    n, k = len(signal), len(weights)
    outputs = int(np.ceil(n / stride))
    total = max((outputs - 1) * stride + k - n, 0)
    result = np.zeros(outputs)
    for i in range(outputs):
        for j in range(k):
            at = i * stride + j - total // 2
            if 0 <= at < n:
                result[i] += weights[j] * signal[at]
    return result


@given(
    sizes=st.tuples(*[st.integers(1, 15)] * 3),
    kernel=st.tuples(*[st.integers(1, 7)] * 3),
    stride=st.tuples(*[st.integers(1, 4)] * 3),
    seed=st.integers(0, 99),
)
def test_padding_is_tensorflow_s_same_on_every_axis(sizes, kernel, stride, seed):
    """A separable filter on a separable volume is three filters in one dimension each."""
    chance = np.random.default_rng(seed)
    signals = [chance.normal(size=size) for size in sizes]
    filters = [chance.normal(size=k) for k in kernel]
    volume, weight = (
        torch.from_numpy(np.einsum("i,j,k->ijk", *three))[None, None] for three in (signals, filters)
    )
    got = F.conv3d(pad_same(volume, kernel, stride), weight, stride=stride)[0, 0].numpy()
    lines = [same_1d(*three) for three in zip(signals, filters, stride, strict=True)]
    np.testing.assert_allclose(got, np.einsum("i,j,k->ijk", *lines), atol=1e-9)


def reference(state: dict[str, Tensor], clip: Tensor) -> Tensor:
    """The forward pass written out from the names in a state dict, maxima taken over a padding of -inf."""

    def around(x: Tensor, kernel, stride, value: float) -> Tensor:
        for axis, (k, s) in enumerate(zip(kernel, stride, strict=True), start=2):
            n = x.shape[axis]
            total = max(k - s, 0) if n % s == 0 else max(k - n % s, 0)
            ends = [list(x.shape), list(x.shape)]
            ends[0][axis], ends[1][axis] = total // 2, total - total // 2
            x = torch.cat([x.new_full(ends[0], value), x, x.new_full(ends[1], value)], axis)
        return x

    def unit(x: Tensor, name: str, s: int = 1) -> Tensor:
        weight = state[f"{name}.conv3d.weight"]
        x = F.conv3d(around(x, weight.shape[2:], (s, s, s), 0.0), weight, stride=s)
        mean, variance, scale, shift = (
            state[f"{name}.bn.{key}"][:, None, None, None]
            for key in ("running_mean", "running_var", "weight", "bias")
        )
        return ((x - mean) / (variance + 1e-3).sqrt() * scale + shift).clamp(min=0)

    def pool(x: Tensor, k, s) -> Tensor:
        return F.max_pool3d(around(x, k, s, float("-inf")), k, s)

    def mixed(x: Tensor, name: str) -> Tensor:
        deep = [unit(unit(x, f"{name}.b{i}a"), f"{name}.b{i}b") for i in (1, 2)]
        return torch.cat(
            [unit(x, f"{name}.b0"), *deep, unit(pool(x, (3, 3, 3), (1, 1, 1)), f"{name}.b3b")], 1
        )

    x = pool(unit(clip, "Conv3d_1a_7x7", 2), (1, 3, 3), (1, 2, 2))
    x = unit(unit(x, "Conv3d_2b_1x1"), "Conv3d_2c_3x3")
    x = mixed(mixed(pool(x, (1, 3, 3), (1, 2, 2)), "Mixed_3b"), "Mixed_3c")
    x = pool(x, (3, 3, 3), (2, 2, 2))
    for place in "bcdef":
        x = mixed(x, f"Mixed_4{place}")
    x = mixed(mixed(pool(x, (2, 2, 2), (2, 2, 2)), "Mixed_5b"), "Mixed_5c")
    return x.mean((2, 3, 4))


@pytest.mark.parametrize(("channels", "shape"), [(3, (16, 64, 64)), (2, (11, 45, 70)), (3, (1, 9, 8))])
def test_the_forward_pass_equals_one_written_out_from_the_names(channels, shape):
    network = lively(channels, seed=channels).double()
    clip = torch.rand(2, channels, *shape, generator=torch.Generator().manual_seed(5)).double() * 2 - 1
    with torch.inference_mode():
        got, expected = network(clip), reference(network.state_dict(), clip)
    assert expected.std() > 0.01, "the signal must survive to the end"
    torch.testing.assert_close(got, expected, rtol=1e-9, atol=1e-9)


# --- its weights ----------------------------------------


@pytest.fixture(scope="module")
def states():
    return {"rgb": published(lively(3, seed=1)), "flow": published(lively(2, seed=2), classes=157)}


@pytest.fixture(scope="module")
def weights(states, tmp_path_factory) -> Path:
    """Both files, the one in PyTorch's old format: the published files are that old."""
    folder = tmp_path_factory.mktemp("weights")
    torch.save(states["rgb"], folder / "rgb_imagenet.pt", _use_new_zipfile_serialization=False)
    torch.save(states["flow"], folder / "flow_imagenet.pt")
    return folder


def test_every_way_to_store_them_gives_the_same_network(states, weights, tmp_path):
    clip = torch.rand(1, 3, 4, 32, 32)
    expected = lively(3, seed=1)(clip)
    torch.testing.assert_close(load(weights / "rgb_imagenet.pt", 3)(clip), expected, rtol=0, atol=0)
    save_file(states["rgb"], tmp_path / "rgb_imagenet.safetensors")
    torch.testing.assert_close(load(tmp_path / "rgb_imagenet.safetensors", 3)(clip), expected, rtol=0, atol=0)
    counted = lively(
        3, seed=1
    ).state_dict()  # a newer PyTorch counts batches, and a classifier need not be there
    assert "Mixed_5c.b0.bn.num_batches_tracked" in counted
    torch.save(counted, tmp_path / "rgb_imagenet.pt")
    network = load(tmp_path / "rgb_imagenet.pt", 3)
    torch.testing.assert_close(network(clip), expected, rtol=0, atol=0)
    assert not network.training
    assert not any(value.requires_grad for value in network.parameters())


def test_a_missing_unknown_or_misshapen_entry_is_one_clear_line(states, tmp_path):
    path = tmp_path / "rgb_imagenet.safetensors"

    def fails(state: dict[str, Tensor], *words: str) -> None:
        save_file(state, path)
        with pytest.raises(DataError) as caught:
            load(path, 3)
        line = str(caught.value)
        assert "\n" not in line
        for word in (*words, str(path), "3 input channels"):
            assert word in line

    state = dict(states["rgb"])
    fails({k: v for k, v in state.items() if k != "Mixed_4c.b1b.bn.bias"}, "Mixed_4c.b1b.bn.bias is missing")
    fails({k: v for k, v in state.items() if not k.startswith("Mixed_5c")}, "is missing (and 29 more)")
    fails({**state, "fc.weight": torch.zeros(3)}, "fc.weight is not one of I3D's")
    fails({**state, "Mixed_3b.b0.bn.bias": torch.zeros(65)}, "Mixed_3b.b0.bn.bias is [65], not [64]")
    fails(dict(states["flow"]), "Conv3d_1a_7x7.conv3d.weight is [64, 2, 7, 7, 7], not [64, 3, 7, 7, 7]")


class Loot:
    """Unpickling one writes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return (Path.write_text, (self.path, "taken"))


@pytest.mark.parametrize("old", [True, False])
def test_a_file_that_is_no_state_dict_is_told_and_never_unpickled(old, tmp_path):
    path = tmp_path / "rgb_imagenet.pt"
    torch.save({"weights": Loot(tmp_path / "loot")}, path, _use_new_zipfile_serialization=not old)
    with pytest.raises(DataError, match="cannot be read as weights"):
        load(path, 3)
    assert not (tmp_path / "loot").exists()
    for content in ([torch.zeros(2)], {"state_dict": {"a": torch.zeros(2)}}, torch.zeros(2)):
        torch.save(content, path, _use_new_zipfile_serialization=not old)
        with pytest.raises(DataError, match="something else than a state dict"):
            load(path, 3)


@given(content=st.binary(max_size=64), kind=st.sampled_from(["pt", "safetensors"]))
def test_any_bytes_are_refused_with_one_line(content, kind, tmp_path_factory):
    path = tmp_path_factory.getbasetemp() / f"bytes.{kind}"
    path.write_bytes(content)
    with pytest.raises(DataError) as caught:
        load(path, 3)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)


def test_a_cut_off_file_is_told(weights, tmp_path):
    for name, channels in (("rgb_imagenet.pt", 3), ("flow_imagenet.pt", 2)):
        path = tmp_path / name
        path.write_bytes((weights / name).read_bytes()[: 10**7])
        with pytest.raises(DataError, match="cannot be read as weights"):
            load(path, channels)


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
    backbone = I3D(weights=weights, device="cpu")
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
