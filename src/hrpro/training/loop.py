"""The training loop, from the first step to the last, in the order things happen. It knows neither stage.

On a CPU, the same settings, thread count and library versions give bit-identical weights, however often a
run was killed and resumed: all that is random in a step is seeded from its number just before it. A step
cut into micro-steps or spread over processes gives the same weights up to the rounding of sums (except for
dropout, drawn anew for each part). On a GPU some kernels add in no fixed order.
"""

from __future__ import annotations

import math
import time
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hrpro.core.errors import DataError, RunError
from hrpro.training.checkpoint import Checkpoint, Checkpoints, gather, restore
from hrpro.training.config import TrainingConfig
from hrpro.training.devices import adamw, launch, place, seed_torch, tell_move
from hrpro.training.ema import Ema
from hrpro.training.finite import GRADIENT, blame, culprit
from hrpro.training.interrupt import Interrupt
from hrpro.training.logs import Logs, Row
from hrpro.training.memory import PAUSE, release_memory
from hrpro.training.progress import Display
from hrpro.training.schedule import epoch_batches, lr_factor, random_state, shares
from hrpro.training.task import Task


@dataclass(frozen=True)
class TrainedWeights:
    """State dicts on the CPU, and the rows of the log: ``ema`` has the mean weights, to predict with."""

    ema: dict[str, Tensor]
    last: dict[str, Tensor]
    history: list[Row]


def train(
    task: Task,
    config: TrainingConfig,
    *,
    name: str = "training",
    run_dir: str | Path | None = None,
    resume: bool = False,
    progress: bool = True,
    on_row: Callable[[Row], None] | None = None,
) -> TrainedWeights:
    """Train ``task.module`` in place (it stays on the device) and return its weights, equal in all processes.

    name: tells this training from others in ``run_dir``. run_dir: takes checkpoints/ and logs/; None keeps
    nothing. resume: go on from the newest checkpoint, or begin if there is none; a finished training returns
    at once. progress: show it on standard error. on_row: is given each row of the log (process 0 only).

    Raises NonFiniteError (NaN or Inf), RunError (checkpoint damaged, unwritable, of other settings, or there
    without ``resume``), ConfigError (no such device), DataError (no recordings). On Ctrl-C the step is
    finished and checkpointed, then KeyboardInterrupt is raised.
    """
    run_dir = None if run_dir is None else Path(run_dir)
    if not task.recordings:
        raise DataError("there is no recording to train on", where=name)
    learner = Learner(task, config, name)
    first = learner.fabric.is_global_zero  # the process that writes and shows
    folder = run_dir / "logs" if run_dir and first else None
    logs = Logs(folder, name, steps=config.steps, every=config.log_every)
    checkpoints = Checkpoints(run_dir / "checkpoints", name, settings(task, config)) if run_dir else None
    if checkpoints:
        begin(checkpoints, learner, logs, resume)
    learner.fabric.barrier()  # all have read before the first one writes

    if learner.step < config.steps:
        with (
            ThreadPoolExecutor(1) as reader,
            Interrupt(patient=learner.fabric.world_size > 1) as interrupt,
            logs,
            Display(name, steps=config.steps, done=learner.step, visible=progress and first) as display,
        ):
            ahead = reader.submit(learner.prepare, learner.step)
            saved = release = time.monotonic()
            writing = 0.0  # seconds that the last checkpoint took
            while learner.step < config.steps:
                began = time.monotonic()
                parts = ahead.result()
                if learner.step + 1 < config.steps:
                    ahead = reader.submit(learner.prepare, learner.step + 1)
                values, stop = learner.learn(parts, interrupt)

                seconds = time.monotonic() - began
                display.update(learner.step, values, min(config.batch_size, len(task.recordings)))
                row = logs.add(learner.step, {**values, "step_seconds": seconds})
                if row and time.monotonic() >= release:
                    release = time.monotonic() + PAUSE * release_memory()
                if row and on_row and first:
                    on_row(row)

                finished = learner.step == config.steps
                wait = max(config.checkpoint_every, 20 * writing) if config.checkpoint_every else 0.0
                if checkpoints and first and (stop or finished or time.monotonic() - saved >= wait):
                    began = time.monotonic()
                    tensors, scaler = learner.state(moments=not finished)
                    state = {"scaler": scaler, "logs": logs.state(), "place": place(learner.fabric)}
                    checkpoints.save(learner.step, tensors, state, keep=1 if finished else 2)
                    saved = time.monotonic()
                    writing = saved - began
                if stop:
                    learner.fabric.barrier()  # a process that ends takes the others with it
                    raise KeyboardInterrupt
    learner.fabric.barrier()  # the last checkpoint is complete before any process goes on
    return TrainedWeights(*learner.weights(), logs.history)


@dataclass(frozen=True)
class Part:
    """A micro-batch: ``share`` of the step's recordings; ``chance`` seeds what is random in it."""

    batch: Any
    share: float
    chance: np.random.SeedSequence


class Learner:
    """The network in training: its weights, their means, the optimizer, and the number of steps done."""

    def __init__(self, task: Task, config: TrainingConfig, name: str) -> None:
        self.task, self.config, self.name = task, config, name
        self.fabric = launch(config)
        self.module, self.optimizer = self.fabric.setup(task.module, adamw(task, config, self.fabric.device))
        self.module.train()
        self.ema = Ema(task.module, config.ema)
        self.step = 0

    def recordings(self, step: int) -> NDArray[np.int64]:
        """Indices of the recordings that a step learns from, over all processes."""
        return epoch_batches(len(self.task.recordings), self.config.batch_size, step, self.config.seed)

    def prepare(self, step: int) -> list[Part]:
        """This process's micro-batches of a step; called in another thread, a step ahead."""
        rank, world = self.fabric.global_rank, self.fabric.world_size
        parts = []
        for number, indices, share in shares(self.recordings(step), rank, world, self.config.accumulate):
            chance = random_state(self.config.seed, self.name, step, number)
            batch = self.task.batch(step, indices, np.random.default_rng(chance))
            parts.append(Part(batch, share, chance))
        return parts

    def learn(self, parts: list[Part], interrupt: Interrupt) -> tuple[dict[str, float], bool]:
        """One step. Returns its lr, loss parts and gradient norm (before clipping), over all processes, and
        whether any process was interrupted."""
        fabric, config = self.fabric, self.config
        factor = lr_factor(self.step, steps=config.steps, warmup=config.warmup, floor=config.min_lr)
        for group in self.optimizer.param_groups:
            group["lr"] = group["peak"] * factor
        self.optimizer.zero_grad()

        batches = []
        sums: dict[str, Tensor] = {}
        for part in parts:
            seed_torch(fabric.device, part.chance)
            batch = fabric.to_device(part.batch)
            with fabric.no_backward_sync(self.module, enabled=part is not parts[-1]):
                losses = self.task.losses(self.module, batch)
                # DDP takes the mean over the processes, but shares of the step's recordings add up.
                fabric.backward(losses["total"] * (part.share * fabric.world_size))
            for name, loss in losses.items():
                sums[name] = sums.get(name, 0) + loss.detach().float() * part.share
            if part.share:
                batches.append(batch)
        stop = torch.tensor(float(interrupt.asked), device=fabric.device)
        means = self.add_up(torch.stack([*sums.values(), stop]))
        norm = fabric.clip_gradients(
            self.module, self.optimizer, max_norm=config.clip or math.inf, error_if_nonfinite=False
        )
        assert norm is not None

        # One transfer from the device, before the weights move: what is checkpointed is finite.
        *totals, stops, length = torch.cat([means, norm.float().reshape(1)]).tolist()
        values = dict(zip([*sums, GRADIENT], [*totals, length], strict=True))
        bad = culprit(values)
        if bad and not (bad == GRADIENT and self._overflowed()):
            indices = self.recordings(self.step)
            raise blame(fabric, self.task, self.module, self.step, indices, part=bad, value=values[bad])

        self.optimizer.step()
        self.task.after_step(batches, self.add_up)
        self.ema.update(self.task.module, self.step)
        self.step += 1
        values = {name: value for name, value in values.items() if math.isfinite(value)}
        return {"lr": config.lr * factor, **values}, stops > 0

    def add_up(self, tensor: Tensor) -> Tensor:
        """Sum over the processes."""
        total = self.fabric.all_reduce(tensor.clone(), reduce_op="sum")
        assert isinstance(total, Tensor)
        return total

    def _overflowed(self) -> bool:
        """fp16: the gradient was scaled beyond its range; the step is left out, the scale halved (to 1)."""
        scaler = getattr(self.fabric.strategy.precision, "scaler", None)
        return scaler is not None and scaler.get_scale() > 1

    def state(self, *, moments: bool) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """All that a checkpoint keeps: tensors (``moments``: the optimizer's too), and fp16's loss scale."""
        optimizer = self.optimizer.optimizer if moments else None
        tensors = gather(self.task.module, self.ema, optimizer)
        return tensors, self.fabric.strategy.precision.state_dict()

    def resume(self, checkpoint: Checkpoint) -> None:
        restore(checkpoint, self.task.module, self.ema, self.optimizer.optimizer)
        self.fabric.strategy.precision.load_state_dict(checkpoint.state["scaler"])
        self.step = checkpoint.step
        if self.step < self.config.steps:
            tell_move(checkpoint.state.get("place"), self.fabric)

    def weights(self) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """Copies on the CPU: the state dict with mean weights, and with the last."""
        last = self.task.module.state_dict()
        mean = {name: self.ema.means.get(name, value) for name, value in last.items()}
        mean, last = ({n: t.detach().cpu().clone() for n, t in d.items()} for d in (mean, last))
        return mean, last


def begin(checkpoints: Checkpoints, learner: Learner, logs: Logs, resume: bool) -> None:
    """Go on from the newest checkpoint, if any. RunError if there is one and ``resume`` was not asked for."""
    if not resume and (steps := checkpoints.steps()):
        raise RunError(
            f"there is a training at step {steps[0]} already",
            where=checkpoints.folder,
            mend="resume it, choose another folder, or remove it",
        )
    if checkpoint := checkpoints.load():
        learner.resume(checkpoint)
        logs.resume(checkpoint.state["logs"])


def settings(task: Task, config: TrainingConfig) -> dict[str, Any]:
    """All that decides the outcome, as JSON: a run resumes only if it is equal."""
    names = "\n".join(task.recordings).encode()
    return {
        "training": config.outcome(),
        "task": dict(task.fingerprint),
        "recordings": {"count": len(task.recordings), "checksum": zlib.crc32(names)},
    }
