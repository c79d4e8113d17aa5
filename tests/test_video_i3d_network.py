"""Inception-I3D: the authors' layout by name, their padding and shapes, and how its weights are read."""

from __future__ import annotations

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

from hrpro.core.errors import DataError

cv2 = pytest.importorskip("cv2", reason="the extra [video] is not installed")

from hrpro.video.backbones.inception import InceptionI3D, layout, load, pad_same, quick  # noqa: E402
from i3d_networks import lively  # noqa: E402

pytest_plugins = ["i3d_fixtures"]


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
        quicker = quick(network, torch.device("cpu"), torch.float64)
        again = quicker(clip.contiguous(memory_format=layout(clip.device)))
    assert expected.std() > 0.01, "the signal must survive to the end"
    torch.testing.assert_close(got, expected, rtol=1e-9, atol=1e-9)
    assert not any(isinstance(part, torch.nn.BatchNorm3d) for part in quicker.modules())
    torch.testing.assert_close(again, expected, rtol=1e-9, atol=1e-9)


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
