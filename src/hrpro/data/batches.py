"""From a training set to arrays: features read or remembered, clicks on the snippet grid, batches."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hrpro.core.errors import DataError
from hrpro.data.training_set import TrainingSet

CACHE_BYTES = 2 << 30


@dataclass(frozen=True, eq=False)
class Sample:
    """One recording: features [T, D] float32 and its clicks [n], each a snippet index and a class index."""

    features_td: NDArray[np.float32]
    snippets: NDArray[np.int64]
    classes: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Statistics:
    """Of every feature dimension over a whole set: mean [D], deviation [D]; and a checksum of all values."""

    mean: NDArray[np.float32]
    deviation: NDArray[np.float32]
    checksum: int


class Samples:
    """The recordings of a training set by index. Features stay in memory while all of them fit there."""

    def __init__(self, training_set: TrainingSet, *, cache_bytes: int = CACHE_BYTES) -> None:
        if not training_set.recordings:
            raise DataError("the training set holds no recording")
        self.training_set = training_set
        size = sum(r.features.shape[0] * r.features.shape[1] * 4 for r in training_set.recordings)
        self._cache: dict[int, NDArray[np.float32]] | None = {} if size <= cache_bytes else None
        self._class_of = {name: i for i, name in enumerate(training_set.classes)}
        for id, clicks in training_set.clicks.items():
            if strange := {click.label for click in clicks} - self._class_of.keys():
                raise DataError(f"a click's class {min(strange)!r} is none of the set's", where=id)

    def __len__(self) -> int:
        return len(self.training_set.recordings)

    def features(self, index: int) -> NDArray[np.float32]:
        """Features [T, D]; raises as FeatureFile.read_float32 does, DataError if D is not the set's."""
        if self._cache is not None and index in self._cache:
            return self._cache[index]
        file = self.training_set.recordings[index].features
        features_td = file.read_float32()
        if features_td.shape[1] != self.training_set.dimension:
            raise DataError(
                f"features have {features_td.shape[1]} dimensions, the first recording's "
                f"{self.training_set.dimension}",
                where=file.path,
                mend="extract all recordings with the same backbone",
            )
        if self._cache is not None:
            self._cache[index] = features_td
        return features_td

    def __getitem__(self, index: int) -> Sample:
        recording = self.training_set.recordings[index]
        features_td = self.features(index)
        clicks = self.training_set.clicks[recording.id]
        times = np.array([click.time for click in clicks], np.float64)
        classes = np.array([self._class_of[click.label] for click in clicks], np.int64)
        return Sample(features_td, recording.timeline.index(times, len(features_td)), classes)

    def clicks_checksum(self) -> int:
        """Of all clicks on the snippet grid, recording by recording."""
        each = map(self.__getitem__, range(len(self)))
        return zlib.crc32(json.dumps([[s.snippets.tolist(), s.classes.tolist()] for s in each]).encode())


def statistics(recordings: Iterable[NDArray[np.float32]]) -> Statistics:
    """One pass over the features [T, D] of all recordings, one at a time; there must be at least one."""
    count, checksum = 0, 0
    shift = total = squares = np.zeros(0)
    for features_td in recordings:
        if not count:
            shift = features_td.mean(0, dtype=np.float64)  # squares about a value near the mean do not cancel
            total, squares = np.zeros_like(shift), np.zeros_like(shift)
        checksum = zlib.crc32(np.ascontiguousarray(features_td).data, checksum)
        count += len(features_td)
        moved_td = features_td - shift
        total += moved_td.sum(0)
        squares += (moved_td**2).sum(0)
    assert count
    deviation = np.sqrt(np.maximum(squares / count - (total / count) ** 2, 0))
    mean = shift + total / count
    deviation = np.where(varies(mean, deviation), deviation, 1)
    return Statistics(mean.astype(np.float32), deviation.astype(np.float32), checksum)


def varies(mean: NDArray[np.float64], deviation: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which dimensions [D] say anything: not those that hardly change, beside their own size or most others.

    To divide by mere rounding would make noise of it. "Most", not "the largest": one dimension of another
    unit, or one absurd value, must not silence the rest.
    """
    return deviation > 1e-6 * np.maximum(np.abs(mean), max(float(np.median(deviation)), 1e-12))


def replay(sample: Sample, factor: float) -> Sample:
    """The recording played ``factor`` times as long (> 1: slower), features interpolated, clicks moved."""
    length = len(sample.features_td)
    stretched = max(round(length * factor), 1)
    at = np.clip((np.arange(stretched) + 0.5) * length / stretched - 0.5, 0, length - 1)
    left = np.minimum(at.astype(np.int64), max(length - 2, 0))
    part = (at - left).astype(np.float32)[:, None]
    right = np.minimum(left + 1, length - 1)
    features_td = sample.features_td[left] * (1 - part) + sample.features_td[right] * part
    moved = ((sample.snippets + 0.5) * stretched / length).astype(np.int64)
    return Sample(
        features_td.astype(np.float32, copy=False), np.minimum(moved, stretched - 1), sample.classes
    )


def replayed(samples: Sequence[Sample], warp: float, rng: np.random.Generator) -> list[Sample]:
    """Each recording ``replay``ed at a speed of its own, by up to exp(warp) either way; 0: as they are."""
    if not warp:
        return list(samples)
    factors = np.exp(rng.uniform(-warp, warp, len(samples)))
    return [replay(sample, float(factor)) for sample, factor in zip(samples, factors, strict=True)]


def pack(features: Sequence[NDArray[np.float32]]) -> tuple[Tensor, list[int]]:
    """Features [T_i, D] of several recordings -> [sum T, D] end to end (a copy), and their lengths T_i."""
    return torch.from_numpy(np.concatenate(features)), [len(features_td) for features_td in features]
