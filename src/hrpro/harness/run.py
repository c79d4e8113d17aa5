"""A run of a comparison: a folder as ``hrpro train`` makes it, trained in a process of its own.

It holds beside: compare.json (checksums of what it learned from; its predictions), cost/ (what each part of
its training took) and detections.json.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import sys
import time
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import yaml

import hrpro
from hrpro.config import Config
from hrpro.core.annotations import Segment
from hrpro.core.errors import RunError
from hrpro.core.timeline import Timeline
from hrpro.data.formats.activitynet import read_detections, write_detections
from hrpro.data.formats.jsonfile import read_json, write_atomic
from hrpro.data.training_set import Recording
from hrpro.harness.measured import measure
from hrpro.harness.table import Trial
from hrpro.localizer import HRPro
from hrpro.metrics.detection import mean_average_precision
from hrpro.model_folder import DESCRIPTION, FOLDER, fingerprint, is_trained, model_folder
from hrpro.runs import SETTINGS, check_features, deciding, predict_recordings, run_settings
from hrpro.training.checkpoint import checksum, differences

TIOUS = "0.1:0.7"
LOCK, RECORD, COST, DETECTIONS = ".compare.lock", "compare.json", "cost", "detections.json"


@dataclass(frozen=True)
class Run:
    """One method with one seed: its folder, its settings, and checksums of what it learns from."""

    method: str
    seed: int
    folder: Path
    config: Config
    taught: dict[str, Any]

    def check(self) -> None:
        """RunError if the run's folder holds anything but this training, begun or finished."""
        if not self.folder.exists() or not any(path.name[0] != "." for path in self.folder.iterdir()):
            return
        other = "take another --out, or remove it"
        if not (self.folder / RECORD).is_file():
            raise RunError("is there and was not made by a comparison", where=self.folder, mend=other)
        if changes := list(differences(read_json(self.folder / RECORD)["taught"], self.taught)):
            raise RunError(
                f"the run learned from other data: {'; '.join(changes)}", where=self.folder, mend=other
            )
        begun = run_settings(self.folder)
        if begun and (changes := list(differences(deciding(begun), deciding(self.config)))):
            raise RunError(f"the run has other settings: {'; '.join(changes)}", where=self.folder, mend=other)

    def train(self, data: Path, points: Path, on: torch.device, *, lock: int, quiet: bool) -> None:
        """Train it, or go on with it, unless it is finished. RunError if that fails."""
        if is_trained(self.folder):
            return
        if not (self.folder / RECORD).is_file():
            write_atomic(self.folder / RECORD, json.dumps({"taught": self.taught}))
        write_atomic(self.folder / SETTINGS, yaml.safe_dump(self.config.as_dict(), sort_keys=False))
        command = [sys.executable, "-m", "hrpro.cli", "train", f"--data={data}", f"--run={self.folder}"]
        command += [f"--points={points.absolute()}", "--resume", *(["--quiet"] if quiet else [])]
        part = self.folder / COST / f"{len(self._parts()) + 1:04d}.json"
        took = measure(command, part, held=lock, env=_environment(on))
        # Python ends by the signal itself where Ctrl-C came while it imported.
        if took["code"] in (130, -signal.SIGINT):
            raise KeyboardInterrupt
        if took["code"] or not is_trained(self.folder):
            why = f"by signal {-took['code']}" if took["code"] < 0 else f"with exit code {took['code']}"
            raise RunError(
                f"the training of {self.method} with seed {self.seed} ended {why}",
                where=self.folder,
                mend="those before it are finished; the same command goes on from here",
            )

    def predict(self, judged: Sequence[Recording], by: int, timeline: Timeline, on: torch.device) -> None:
        """Localize the actions of ``judged`` (``contents``: by), unless this model has done so there."""
        record, file = read_json(self.folder / RECORD), self.folder / DETECTIONS
        of = {
            "model": fingerprint(self.folder),
            "recordings": by,
            "device": str(on),
            "hrpro": hrpro.__version__,
        }
        if file.is_file() and record.get("predicted", {}).get("of") == of:
            return
        model = HRPro.load(self.folder, device=on)
        check_features(judged, timeline, model)
        predict_recordings(model, judged[:1])  # what is compiled and set up once counts for no method
        began = time.monotonic()
        found = predict_recordings(model, judged)
        kept = {"of": of, "seconds": time.monotonic() - began}
        write_detections(file, found, external_data={"hrpro": hrpro.__version__, "run": self.folder.name})
        write_atomic(self.folder / RECORD, json.dumps(record | {"predicted": kept}))

    def trained_with(self) -> str:
        """The version of hrpro that finished its training."""
        return str(read_json(model_folder(self.folder / FOLDER) / DESCRIPTION)["hrpro"])

    def trial(self, truth: Mapping[str, Sequence[Segment]]) -> Trial:
        """Its figures, after ``train`` and ``predict``."""
        result = mean_average_precision(truth, read_detections(self.folder / DETECTIONS), TIOUS)
        parts = self._parts()
        known = [part for part in parts if part is not None]
        told = bool(known) and len(known) == len(parts)
        return Trial(
            self.method,
            self.seed,
            result.to_dict()["mAP"],
            read_json(self.folder / RECORD)["predicted"]["seconds"],
            sum(part["seconds"] for part in known) if told else None,
            sum(part["cpu_seconds"] for part in known) if told else None,
            max(part["peak_mib"] for part in known) if told else None,
        )

    def _parts(self) -> list[dict[str, float] | None]:
        """What each part of its training took; None where all was killed at once."""
        return [read_json(path) for path in sorted((self.folder / COST).glob("*.json"))]


@contextmanager
def held(out: Path, quiet: bool) -> Iterator[int]:
    """The folder for this process alone: the lock goes with it and with the training it started."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        lock = os.open(out / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise RunError(f"cannot be written: {error.strerror}", where=out) from error
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            tell(f"waiting for another compare, or a training it left, to let go of {out}", quiet)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield lock
    finally:
        os.close(lock)


def _environment(on: torch.device) -> dict[str, str]:
    """This process's, in which device 0 is the one that was asked for."""
    if on.type != "cuda" or on.index is None:
        return dict(os.environ)
    seen = os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")
    number = seen[on.index] if on.index < len(seen) and seen[on.index] else str(on.index)
    return {**os.environ, "CUDA_VISIBLE_DEVICES": number}


def contents(recordings: Sequence[Recording]) -> int:
    """A checksum of their ids, snippet grids and feature files."""
    facts = [[item.id, repr(item.timeline), checksum(item.features.path)] for item in recordings]
    return zlib.crc32(json.dumps(facts).encode())


def tell(line: str, quiet: bool) -> None:
    if not quiet:
        print(line, file=sys.stderr, flush=True)
