"""Settings of a training run: one frozen dataclass, checked when it is made. Imports nothing heavy."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

from hrpro.core.errors import ConfigError

Precision = Literal["fp32", "bf16", "fp16"]
Accelerator = Literal["auto", "cpu", "cuda", "mps"]


@dataclass(frozen=True)
class TrainingConfig:
    """How a network is trained, whichever stage it belongs to. Raises ConfigError on a value out of range."""

    steps: int = 1000
    """Optimizer steps in all."""
    batch_size: int = 16
    """Recordings one step learns from, over all devices and micro-steps (a smaller set is taken whole)."""
    lr: float = 1e-4
    """Peak learning rate of AdamW."""
    weight_decay: float = 1e-3
    """Decoupled weight decay of matrices and kernels; vectors (biases, norms) are not decayed."""
    warmup: float = 0.05
    """Share of the steps over which the learning rate rises linearly from near 0, in [0, 1]."""
    min_lr: float = 0.01
    """Learning rate at the last step as a share of the peak, in [0, 1]; cosine in between."""
    clip: float = 1.0
    """Largest norm of the gradient; 0 leaves it as it is."""
    ema: float = 0.999
    """Decay of the running mean of the weights, in [0, 1); 0 means the last weights alone."""
    accumulate: int = 1
    """Micro-steps one step is cut into, to save memory; the result is that of the batch, but for dropout."""
    precision: Precision = "fp32"
    """Arithmetic of the forward and backward pass: fp32, or bf16 / fp16 mixed (weights stay fp32)."""
    accelerator: Accelerator = "auto"
    """Where to compute: auto, cpu, cuda or mps. One device; several through torchrun, one process each."""
    seed: int = 0
    """Decides batch order, dropout and augmentation."""
    log_every: int = 10
    """Steps that one row of the log averages."""
    checkpoint_every: float = 60.0
    """Seconds between checkpoints (more if writing them would take over 1/20 of the time); 0: every step."""

    def __post_init__(self) -> None:
        for name, low in (("steps", 1), ("batch_size", 1), ("accumulate", 1), ("log_every", 1), ("seed", 0)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < low:
                raise ConfigError(f"must be a whole number of at least {low}, not {value!r}", where=name)
            if value >= 2**63:
                raise ConfigError(f"must be below 2 ** 63, not {value}", where=name)
        for name, high, open_end in (
            ("lr", math.inf, True),
            ("weight_decay", math.inf, True),
            ("clip", math.inf, True),
            ("checkpoint_every", math.inf, True),
            ("warmup", 1.0, False),
            ("min_lr", 1.0, False),
            ("ema", 1.0, True),
        ):
            value = getattr(self, name)
            number = isinstance(value, (int, float)) and not isinstance(value, bool)
            if not number or not (0 <= value < high or (value == high and not open_end)):
                bound = "" if high == math.inf else f" and {'below' if open_end else 'at most'} {high:g}"
                raise ConfigError(f"must be a finite number of at least 0{bound}, not {value!r}", where=name)
        for name, choices in (("precision", get_args(Precision)), ("accelerator", get_args(Accelerator))):
            if getattr(self, name) not in choices:
                raise ConfigError(
                    f"must be one of {', '.join(choices)}, not {getattr(self, name)!r}", where=name
                )

    def outcome(self) -> dict[str, Any]:
        """The settings that decide the weights: all but where it runs and how often it reports."""
        settings = asdict(self)
        for name in ("accelerator", "log_every", "checkpoint_every"):
            del settings[name]
        return settings
