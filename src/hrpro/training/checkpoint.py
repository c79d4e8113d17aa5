"""Checkpoints that survive a crash at any moment: safetensors and JSON, complete or not there at all.

A checkpoint is a folder ``<name>-<step>`` of state.json and tensors.safetensors. It is written under another
name, flushed to the disk and renamed when complete; only then is the one before the last removed.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.optim import Optimizer

from hrpro.core.errors import RunError
from hrpro.training.ema import Ema

FORMAT = 1
STATE, TENSORS = "state.json", "tensors.safetensors"


@dataclass(frozen=True)
class Checkpoint:
    """Where a run stood after ``step`` steps: its tensors (mapped from the file) and all else (JSON)."""

    step: int
    tensors: dict[str, Tensor]
    state: dict[str, Any]


@dataclass(frozen=True)
class Checkpoints:
    """Those of the training ``name`` in ``folder``; ``settings`` (JSON) is all that decides its outcome."""

    folder: Path
    name: str
    settings: Mapping[str, Any]

    def steps(self) -> list[int]:
        """Steps of the complete checkpoints, newest first."""
        found = (p.name.removeprefix(f"{self.name}-") for p in self.folder.glob(f"{self.name}-*"))
        return sorted((int(step) for step in found if step.isdecimal()), reverse=True)

    def path(self, step: int) -> Path:
        return self.folder / f"{self.name}-{step:08d}"

    def save(
        self, step: int, tensors: Mapping[str, Tensor], state: Mapping[str, Any], *, keep: int = 2
    ) -> None:
        """Write the checkpoint of ``step``, then leave the newest ``keep``. RunError if it cannot be."""
        partial = self.folder / f".{self.name}-{step:08d}.partial"
        try:
            self._clear()
            partial.mkdir(parents=True)
            save_file(dict(tensors), partial / TENSORS)
            content = {
                "format": FORMAT,
                "step": step,
                "settings": self.settings,
                "checksum": checksum(partial / TENSORS),
                "state": state,
            }
            (partial / STATE).write_text(json.dumps(content, indent=1), encoding="utf-8")
            for path in (partial / TENSORS, partial / STATE, partial):
                flush(path)
            # One of this step or a later one can only be damaged, and passed over when the run resumed.
            for stale in [s for s in self.steps() if s >= step]:
                shutil.rmtree(self.path(stale))
            os.replace(partial, self.path(step))
            for path in (self.folder, self.folder.parent):
                flush(path)
            for old in self.steps()[keep:]:
                shutil.rmtree(self.path(old))
        except (OSError, SafetensorError) as error:
            shutil.rmtree(partial, ignore_errors=True)
            raise RunError(
                f"the checkpoint of step {step} cannot be written: {error}",
                where=self.folder,
                mend="free space or mend the permissions, then resume"
                + ("; the checkpoint before it is intact" if self.steps() else ""),
            ) from error

    def load(self) -> Checkpoint | None:
        """The newest sound checkpoint, or None if there is none yet.

        A damaged one is passed over for the one before it, with a warning. RunError if every one is damaged,
        or if the run had other settings: the message names them.
        """
        damage: list[RunError] = []
        for step in self.steps():
            try:
                checkpoint = self._read(step)
            except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
                damage.append(RunError(f"the checkpoint is damaged: {error}", where=self.path(step)))
                continue
            for error in damage:
                logging.getLogger(__name__).warning("%s; going on from step %d", error, step)
            return checkpoint
        if damage:
            what, where = damage[0].what, damage[0].where
            raise RunError(what, where=where, mend="remove it and train anew") from damage[0]
        return None

    def _read(self, step: int) -> Checkpoint:
        path = self.path(step)
        content = json.loads((path / STATE).read_text(encoding="utf-8"))
        if content["format"] != FORMAT:
            raise RunError(f"the checkpoint has format {content['format']}, not {FORMAT}", where=path)
        changes = list(differences(content["settings"], json.loads(json.dumps(self.settings))))
        if changes:
            raise RunError(
                f"the run began with other settings: {'; '.join(changes)}",
                where=path,
                mend="resume with the settings it began with, or train into another folder",
            )
        if checksum(path / TENSORS) != content["checksum"]:
            raise ValueError(f"{TENSORS} does not match its checksum")
        return Checkpoint(int(content["step"]), load_file(path / TENSORS), dict(content["state"]))

    def _clear(self) -> None:
        """Remove what an earlier process was writing when it was killed."""
        for path in self.folder.glob(f".{self.name}-*.partial"):
            shutil.rmtree(path)


def gather(module: nn.Module, ema: Ema, optimizer: Optimizer | None) -> dict[str, Tensor]:
    """Every tensor a run needs to go on: weights and buffers, their means, the optimizer's moments."""
    tensors = {f"module/{name}": value for name, value in module.state_dict().items()}
    tensors |= {f"ema/{name}": value for name, value in ema.means.items()}
    if optimizer is not None:
        for index, moments in optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer/{index}/{name}": value for name, value in moments.items()}
    return {name: value.detach().cpu().contiguous() for name, value in tensors.items()}


def restore(checkpoint: Checkpoint, module: nn.Module, ema: Ema, optimizer: Optimizer) -> None:
    """Put the tensors of ``gather`` back. RunError if they belong to a network of another shape."""
    tensors = checkpoint.tensors
    state: dict[str, dict[str, Tensor]] = {"module": {}, "ema": {}}
    moments: dict[int, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        part, name = key.split("/", 1)
        if part == "optimizer":
            index, name = name.split("/", 1)
            moments.setdefault(int(index), {})[name] = value.clone()  # the optimizer keeps what it is given
        else:
            state[part][name] = value
    try:
        module.load_state_dict(state["module"])
    except RuntimeError as error:
        raise RunError(f"the checkpoint is of another network: {error}") from error
    for name, mean in ema.means.items():
        mean.copy_(state["ema"][name])
    optimizer.load_state_dict({**optimizer.state_dict(), "state": moments})


def checksum(path: Path) -> int:
    """CRC-32 of a file, read piece by piece."""
    value = 0
    with path.open("rb") as file:
        while piece := file.read(1 << 22):
            value = zlib.crc32(piece, value)
    return value


def flush(path: Path) -> None:
    """Force a file, or a folder's list of names, onto the disk."""
    if path.is_dir() and os.name != "posix":
        return  # only POSIX can open a folder
    descriptor = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def differences(old: Any, new: Any, key: str = "") -> Iterator[str]:
    """``key was x, is y`` for every leaf in which two JSON values differ."""
    if isinstance(old, dict) and isinstance(new, dict):
        for name in sorted(old.keys() | new.keys()):
            yield from differences(old.get(name), new.get(name), f"{key}.{name}" if key else name)
    elif old != new:
        yield f"{key} was {brief(old)}, is {brief(new)}"


def brief(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
