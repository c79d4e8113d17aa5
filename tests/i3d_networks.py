"""Random Inception-I3D networks, and their weights as the published checkpoints hold them."""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import Tensor

from hrpro.video.backbones.inception import InceptionI3D


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
