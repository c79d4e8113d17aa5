"""Where a training runs: one device, or one device for each process that ``torchrun`` started."""

from __future__ import annotations

import os
import warnings
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.optim import AdamW, Optimizer

from hrpro.core.errors import ConfigError
from hrpro.training.config import TrainingConfig
from hrpro.training.task import Task

if TYPE_CHECKING:
    from lightning_fabric import Fabric

PRECISIONS = {"fp32": "32-true", "bf16": "bf16-mixed", "fp16": "16-mixed"}


def is_first() -> bool:
    """Of the processes that torchrun started, whether this is the one that writes and shows."""
    return os.environ.get("RANK", "0") == "0"


def device_of(config: TrainingConfig, section: str | None = None) -> str:
    """cpu, cuda or mps. ConfigError, of the setting in ``section``, if this machine cannot train so."""
    inside = "" if section is None else f"{section}."
    available = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    device = config.accelerator
    if device == "auto":
        device = next(name for name, there in available.items() if there)
    if not available[device]:
        what = f"this machine, or this PyTorch, has no {device} device"
        raise ConfigError(what, where=f"{inside}accelerator")
    if config.precision == "fp16" and device == "cpu":
        where, mend = f"{inside}precision", "take bf16 or fp32"
        raise ConfigError("fp16 cannot be trained on a CPU", where=where, mend=mend)
    return device


def launch(config: TrainingConfig) -> Fabric:
    """Fabric, ready to set up a network. ConfigError if this machine cannot compute on that device so."""
    # Imported here: it brings PyTorch's compiler along, two seconds that predicting has no use for.
    from lightning_fabric import Fabric
    from lightning_fabric.plugins.environments.lightning import LightningEnvironment
    from lightning_fabric.plugins.environments.torchelastic import TorchElasticEnvironment
    from lightning_fabric.strategies.ddp import DDPStrategy

    device = device_of(config)
    world = local = 1
    if TorchElasticEnvironment.detect():
        world, local = int(os.environ["WORLD_SIZE"]), int(os.environ["LOCAL_WORLD_SIZE"])
    fabric = Fabric(
        accelerator=device,
        precision=PRECISIONS[config.precision],  # type: ignore[arg-type]
        devices=local,
        num_nodes=world // local,
        # Keeping buffers equal is the task's (Task.after_step); DDP would overwrite them while in use.
        strategy=DDPStrategy(broadcast_buffers=False) if world > 1 else "auto",
        # Named, or Fabric takes a job scheduler's variables for an order to start several processes.
        plugins=[TorchElasticEnvironment() if world > 1 else LightningEnvironment()],
    )
    fabric.launch()
    return fabric


def place(fabric: Fabric) -> str:
    """Where it computes, as far as that decides the last bits of sums."""
    threads = f", {torch.get_num_threads()} threads" if fabric.device.type == "cpu" else ""
    return f"{fabric.world_size} x {fabric.device.type}{threads}"


def tell_move(began: str | None, fabric: Fabric) -> None:
    """Warn if a training goes on elsewhere than it began (None: not known)."""
    now = place(fabric)
    if began not in (None, now) and fabric.is_global_zero:
        what = f"the training began on {began} and goes on on {now}"
        warnings.warn(f"{what}: its weights will differ in their last bits", stacklevel=2)


def adamw(task: Task, config: TrainingConfig, device: torch.device) -> Optimizer:
    """AdamW over the task's parameters; each group remembers its peak learning rate as ``peak``."""
    optimizer = AdamW(
        task.parameter_groups(config),
        lr=config.lr,
        weight_decay=config.weight_decay,
        # Four to six times faster on a CPU. With fp16 it would leave Fabric no way to clip the gradient.
        fused=device.type in ("cpu", "cuda") and config.precision != "fp16",
    )
    for group in optimizer.param_groups:
        group["peak"] = group["lr"]
    return optimizer


def seed_torch(device: torch.device, chance: np.random.SeedSequence) -> None:
    """Set PyTorch's generators for the CPU and for ``device`` (dropout draws from them)."""
    seed = int(chance.generate_state(1)[0])
    # torch.manual_seed would do, but formats a stack trace at every call where CUDA is idle.
    torch.default_generator.manual_seed(seed)
    if device.type == "cuda":
        torch.cuda.manual_seed(seed)
    elif device.type == "mps":
        torch.mps.manual_seed(seed)
