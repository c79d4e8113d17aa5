"""Inception-I3D: Inception-v1 inflated to three dimensions (Carreira and Zisserman, CVPR 2017).

Parameters bear the names of the widely used PyTorch conversions of the authors' Kinetics weights
(``Conv3d_1a_7x7.conv3d.weight``, ``Mixed_3b.b0.bn.running_mean``, ...), so those load by name.
"""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn.functional import max_pool3d, pad, relu
from torch.nn.utils.fusion import fuse_conv_bn_eval

from hrpro.core.errors import DataError

DIMENSION = 1024
# Output channels of the branches: 1x1x1 | 1x1x1 then 3x3x3 | 1x1x1 then 3x3x3 | pooled, then 1x1x1.
_MIXED = {
    "Mixed_3b": (64, 96, 128, 16, 32, 32),
    "Mixed_3c": (128, 128, 192, 32, 96, 64),
    "Mixed_4b": (192, 96, 208, 16, 48, 64),
    "Mixed_4c": (160, 112, 224, 24, 64, 64),
    "Mixed_4d": (128, 128, 256, 24, 64, 64),
    "Mixed_4e": (112, 144, 288, 32, 64, 64),
    "Mixed_4f": (256, 160, 320, 32, 128, 128),
    "Mixed_5b": (256, 160, 320, 32, 128, 128),
    "Mixed_5c": (384, 192, 384, 48, 128, 128),
}
Triple = tuple[int, int, int]


def pad_same(volume_bcthw: Tensor, kernel: Triple, stride: Triple) -> Tensor:
    """Zeros around [B, C, T, H, W] so that a step of ``stride`` gives ceil(size / stride) outputs.

    TensorFlow's 'SAME': what cannot be halved goes to the end, so the padding depends on the size.
    """
    sides: list[int] = []
    for size, k, s in zip(volume_bcthw.shape[:1:-1], kernel[::-1], stride[::-1], strict=True):
        missing = max((-(-size // s) - 1) * s + k - size, 0)
        sides += [missing // 2, missing - missing // 2]
    return pad(volume_bcthw, sides) if any(sides) else volume_bcthw


class Unit(nn.Module):
    """Convolution without bias, batch normalization, ReLU; 'SAME' padding."""

    def __init__(self, channels_in: int, channels_out: int, kernel: int = 1, stride: int = 1) -> None:
        super().__init__()
        self.kernel, self.stride = (kernel, kernel, kernel), (stride, stride, stride)
        self.conv3d = nn.Conv3d(channels_in, channels_out, kernel, stride, bias=False)
        self.bn: nn.Module = nn.BatchNorm3d(channels_out, eps=1e-3)

    def forward(self, volume_bcthw: Tensor) -> Tensor:
        return relu(self.bn(self.conv3d(pad_same(volume_bcthw, self.kernel, self.stride))), inplace=True)


class Pool(nn.Module):
    """Maximum pooling with 'SAME' padding; its input is never negative, so zeros never win unduly."""

    def __init__(self, kernel: Triple, stride: Triple) -> None:
        super().__init__()
        self.kernel, self.stride = kernel, stride

    def forward(self, volume_bcthw: Tensor) -> Tensor:
        return max_pool3d(pad_same(volume_bcthw, self.kernel, self.stride), self.kernel, self.stride)


class Mixed(nn.Module):
    """An Inception block: four branches side by side, concatenated over channels."""

    def __init__(self, channels_in: int, branches: tuple[int, int, int, int, int, int]) -> None:
        super().__init__()
        straight, narrow1, wide1, narrow2, wide2, pooled = branches
        self.b0 = Unit(channels_in, straight)
        self.b1a, self.b1b = Unit(channels_in, narrow1), Unit(narrow1, wide1, 3)
        self.b2a, self.b2b = Unit(channels_in, narrow2), Unit(narrow2, wide2, 3)
        self.b3a, self.b3b = Pool((3, 3, 3), (1, 1, 1)), Unit(channels_in, pooled)
        self.channels = straight + wide1 + wide2 + pooled

    def forward(self, volume_bcthw: Tensor) -> Tensor:
        return torch.cat(
            [
                self.b0(volume_bcthw),
                self.b1b(self.b1a(volume_bcthw)),
                self.b2b(self.b2a(volume_bcthw)),
                self.b3b(self.b3a(volume_bcthw)),
            ],
            dim=1,
        )


class InceptionI3D(nn.Sequential):
    """Clips [B, channels (3 RGB or 2 flow), T, H, W] in [-1, 1] -> features [B, 1024], any T, H, W > 0.

    The features are Mixed_5c averaged over time and place. There is no classifier.
    """

    def __init__(self, channels: int) -> None:
        layers: OrderedDict[str, nn.Module] = OrderedDict()
        layers["Conv3d_1a_7x7"] = Unit(channels, 64, 7, 2)
        layers["MaxPool3d_2a_3x3"] = Pool((1, 3, 3), (1, 2, 2))
        layers["Conv3d_2b_1x1"] = Unit(64, 64)
        layers["Conv3d_2c_3x3"] = Unit(64, 192, 3)
        layers["MaxPool3d_3a_3x3"] = Pool((1, 3, 3), (1, 2, 2))
        width = 192
        for name, branches in _MIXED.items():
            if name == "Mixed_4b":
                layers["MaxPool3d_4a_3x3"] = Pool((3, 3, 3), (2, 2, 2))
            elif name == "Mixed_5b":
                layers["MaxPool3d_5a_2x2"] = Pool((2, 2, 2), (2, 2, 2))
            layers[name] = mixed = Mixed(width, branches)
            width = mixed.channels
        assert width == DIMENSION
        super().__init__(layers)

    def forward(self, input: Tensor) -> Tensor:
        volume_bcthw = super().forward(input)
        return volume_bcthw.mean((2, 3, 4), dtype=torch.promote_types(volume_bcthw.dtype, torch.float32))


def layout(device: torch.device) -> torch.memory_format:
    """How volumes lie in memory there: on a CPU channels last, 1.5 times as fast on two cores."""
    return torch.channels_last_3d if device.type == "cpu" else torch.contiguous_format


def load(path: Path, channels: int) -> InceptionI3D:
    """The network with the weights of a ``.pt`` or ``.safetensors`` file, ready to predict.

    The file's classifier (``logits.*``) is left aside, whatever its classes. Raises DataError for a file that
    is no such state dict, and for a missing, unknown or misshapen entry.
    """
    given = {name: value for name, value in _read(path).items() if not name.startswith("logits.")}
    network = InceptionI3D(channels)
    # Checkpoints older than PyTorch 0.4.1 do not count batches, and nothing here reads that count.
    own = {name: value for name, value in network.state_dict().items() if not _counts(name)}
    given = {name: value for name, value in given.items() if not _counts(name)}
    faults = [f"{name} is missing" for name in own if name not in given]
    faults += [f"{name} is not one of I3D's" for name in given if name not in own]
    faults += [
        f"{name} is {list(given[name].shape)}, not {list(own[name].shape)}"
        for name in own
        if name in given and given[name].shape != own[name].shape
    ]
    if faults:
        more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
        mend = f"a state dict of I3D with {channels} input channels, named as in pytorch-i3d, is needed"
        raise DataError(f"{faults[0]}{more}", where=path, mend=mend)
    network.load_state_dict(given, strict=False)
    return network.eval().requires_grad_(False)


def quick(network: InceptionI3D, device: torch.device, dtype: torch.dtype) -> InceptionI3D:
    """Move it there, changed into the same function with fewer steps, of values of that type.

    A trained normalization only scales and shifts, which its convolution can do.
    """
    for unit in network.modules():
        if isinstance(unit, Unit) and isinstance(unit.bn, nn.BatchNorm3d):
            unit.conv3d, unit.bn = fuse_conv_bn_eval(unit.conv3d, unit.bn), nn.Identity()
            laid_out = unit.conv3d.weight.contiguous(memory_format=layout(device))
            unit.conv3d.weight = nn.Parameter(laid_out, requires_grad=False)
    return network.to(device, dtype)


def _counts(name: str) -> bool:
    return name.endswith("num_batches_tracked")


def _read(path: Path) -> dict[str, Tensor]:
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # the readers raise whatever a broken file leads them to
        reason = str(error).strip().split("\n")[0] or type(error).__name__
        raise DataError(
            f"cannot be read as weights: {reason}", where=path, mend="fetch the file again"
        ) from error
    if not isinstance(state, dict) or not all(isinstance(value, Tensor) for value in state.values()):
        raise DataError("holds something else than a state dict", where=path, mend="save model.state_dict()")
    return state
