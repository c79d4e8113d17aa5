"""What runs in the workers of ``on_ray``: a video to chunks, a chunk to features, features to files.

From stage to stage go Arrow tables of one row: number (of the job), first (snippet of the chunk), snippets,
part (of the video that is done, if known), shape and data (frames uint8 [N, H, W, 3], then features float32
[T, D]), and told: "" in the middle of a video, in its last chunk what is known of it, and if it comes to no
features, its outcome; in JSON. Nothing here raises for a video: it tells.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from itertools import islice
from typing import Any, Generic

import numpy as np
import pyarrow as pa
import ray.data
from numpy.typing import NDArray

from hrpro.video.chunks import TOGETHER, chunks
from hrpro.video.extract import Parts
from hrpro.video.jobs import Outcome, failure, name_of
from hrpro.video.origin import rebuild
from hrpro.video.remote import Afar, M, at_hand
from hrpro.video.vectors import FeatureStream, check_finite, decoder

DEATHS = 3
NOTHING = np.empty(0, np.uint8)


class Tries:
    """An actor that counts how often each task was begun.

    Ray Data begins a task anew as often as its worker dies, and a damaged video may kill every one.
    """

    def __init__(self) -> None:
        self.begun: Counter[tuple[Any, ...]] = Counter()

    def begin(self, *task: Any) -> int:
        """How often it was begun before."""
        self.begun[task] += 1
        return self.begun[task] - 1


class WorkersDied(Exception):
    """DEATHS of them at one task."""

    def __str__(self) -> str:
        return f"{DEATHS} workers died of it, one after the other"


@dataclass(frozen=True)
class Shared(Generic[M]):
    """What all tasks know. jobs: by number. tries: handle of the actor."""

    parts: Parts[M]
    jobs: Mapping[int, M | Afar[M]]
    tries: Any

    def begin(self, *task: Any) -> None:
        """Raises WorkersDied."""
        died: Any = ray.get(self.tries.begin.remote(*task))
        if died >= DEATHS:
            raise WorkersDied


def decode(table: pa.Table, shared: Shared[M]) -> Generator[pa.Table, None, None]:
    """Numbers of jobs -> chunks of their videos' frames, or the outcome: is done already, cannot be read."""
    for number in table.column("number").to_pylist():
        job = shared.jobs[number]
        try:
            shared.begin("decode", number)
            with at_hand(job) as local:
                content = shared.parts.begin(local)
                if isinstance(content, Outcome):
                    yield _ended(number, replace(content, video=name_of(job)))
                else:
                    yield from _chunks(number, content, shared.parts, local)
        except Exception as error:  # of whatever library: this video's, and no other's
            yield _ended(number, failure(job, error), again=not isinstance(error, WorkersDied))


def _chunks(number: int, content: str, parts: Parts[M], job: M) -> Generator[pa.Table, None, None]:
    spec = parts.origin.spec
    backbone = rebuild(parts.origin, parts.weights)
    pictures = decoder()(job.video, rate=spec.rate, size=backbone.frame_size, threads=job.threads)
    whole = (pictures.info.duration or 0) * spec.rate
    together = int(parts.origin.options.get("batch_size") or TOGETHER)
    with closing(iter(pictures)) as frames:
        for chunk in chunks(frames, spec, together):
            shown = np.stack(chunk.frames) if chunk.frames else NOTHING
            told = ""
            if chunk.end:
                seconds, late = chunk.seen / spec.rate, pictures.info.late
                about = {"content": content, "duration": seconds, "remarks": pictures.remarks, "late": late}
                told = json.dumps(about)
            part = chunk.seen / whole if whole else None
            yield _row(number, chunk.first, chunk.snippets, part, shown, told)


def network(table: pa.Table, shared: Shared[M]) -> pa.Table:
    """A chunk's frames -> its features; outcomes as they are."""
    (row,) = table.drop_columns("data").to_pylist()
    if outcome_told(row) is not None:
        return table
    number, spec = row["number"], shared.parts.origin.spec
    try:
        shared.begin("network", number, row["first"])
        backbone = rebuild(shared.parts.origin, shared.parts.weights)
        frames_nhwc = np.frombuffer(table.column("data")[0].as_buffer(), np.uint8).reshape(row["shape"])
        vectors = list(islice(backbone.stream(frames_nhwc), row["snippets"]))
        features_td = np.array(vectors, np.float32).reshape(row["snippets"], spec.dimension)
        check_finite(features_td, name_of(shared.jobs[number]))
    except Exception as error:
        again = not isinstance(error, WorkersDied)
        return _ended(number, failure(shared.jobs[number], error), again=again)
    return _row(number, row["first"], row["snippets"], row["part"], features_td, row["told"])


class Network(Generic[M]):
    """``network``, in an actor of its own, which keeps a GPU."""

    def __init__(self, shared: Shared[M]) -> None:
        self.shared = shared

    def __call__(self, table: pa.Table) -> pa.Table:
        return network(table, self.shared)


def finish(parts: Parts[M], job: M | Afar[M], told: str, chunks: Sequence[Any]) -> Outcome:
    """A video's features, refs of [T, D] in order, and what its last chunk told -> its files."""
    try:
        about = json.loads(told)
        vectors = (vector for chunk in chunks for vector in ray.get(chunk))
        facts = about["duration"], tuple(about["remarks"]), about["late"]
        made = FeatureStream(vectors, parts.origin.spec.timeline, *facts)
        with at_hand(job, video=parts.film) as local:
            done = parts.finish(local, about["content"], made, lambda _: None)
        return replace(done, video=name_of(job))
    except Exception as error:
        return failure(job, error)


def outcome_told(row: Mapping[str, Any]) -> tuple[Outcome, bool] | None:
    """The outcome that a row tells, if it does, and whether to try again may help."""
    told = json.loads(row["told"] or "{}")
    if "outcome" not in told:
        return None
    words = told["outcome"]
    return Outcome(**{**words, "remarks": tuple(words["remarks"])}), bool(told["again"])


def _ended(number: int, outcome: Outcome, *, again: bool = False) -> pa.Table:
    told = json.dumps({"outcome": asdict(outcome), "again": again})
    return _row(number, 0, 0, None, NOTHING, told)


def _row(
    number: int, first: int, snippets: int, part: float | None, array: NDArray[Any], told: str
) -> pa.Table:
    """The array's memory is taken as it is, not copied."""
    data = pa.py_buffer(np.ascontiguousarray(array).reshape(-1).view(np.uint8))
    ends = pa.py_buffer(np.array([0, data.size], np.int64))
    return pa.table(
        {
            "number": pa.array([number], pa.int64()),
            "first": pa.array([first], pa.int64()),
            "snippets": pa.array([snippets], pa.int64()),
            "part": pa.array([part], pa.float64()),
            "shape": pa.array([list(array.shape)], pa.list_(pa.int64())),
            "told": pa.array([told], pa.string()),
            "data": pa.Array.from_buffers(pa.large_binary(), 1, [None, ends, data]),
        }
    )
