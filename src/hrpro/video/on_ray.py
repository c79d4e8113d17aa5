"""The engine that does jobs with Ray Data, on this machine or on a cluster: decoding beside the network.

Three stages work at once while the videos flow through them:

    decode   a video -> chunks of frames, a few seconds each     a task a video
    network  a chunk -> its features                             a task a chunk; on a GPU, an actor for all
    finish   a video's features -> its files                     a task a video

A chunk is a whole number of snippets with all the frames they are computed from (``chunks.py``). So features
are the local engine's, bit for bit, wherever the chunks go and in whatever order they come back, and a GPU
never waits for one decoder. What lies between the stages is a few chunks a core, however long the videos
are: a decoder that is too fast waits. (Decoded whole, two hours are 10 GB; window by window, sending costs
more than computing.) A video's features lie in Ray's object store, which goes over to the disk, until the
last of them is there.

A decoder reserves no core, for it waits for the network most of its time; there are only never more of them
than cores. The network's tasks reserve one each. So nothing that holds a core waits for another, and a
cluster that lost a machine goes on with what is left. What a lost worker or machine was at, Ray does again;
what fails all the same is tried once more at the end, and then told.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from typing import Any, Generic

import numpy as np

from hrpro.core.errors import ConfigError, RunError
from hrpro.video.backbones import takes
from hrpro.video.extract import Parts
from hrpro.video.jobs import Engine, Outcome, failure
from hrpro.video.remote import Afar, M

ATTEMPTS = 2


def on_ray(parts: Parts[M], workers: int = 0) -> Engine[M | Afar[M]]:
    """The engine on the cluster that RAY_ADDRESS names, on one that runs here, or on one it starts here.

    workers: chunks at once in the network stage; 0: as many as there are GPUs or cores for it. All machines
    need hrpro, and see paths alike (videos, results, the run, weights). ConfigError if Ray is not installed
    or cannot be reached.
    """
    try:
        import hrpro.video.ray_stages  # noqa: F401
    except ImportError as error:
        raise ConfigError(f"--engine ray needs Ray: {error}", mend="pip install 'hrpro[ray]'") from error

    def engine(
        _: object, jobs: Sequence[M | Afar[M]], on_part: Callable[[int, float | None], None]
    ) -> Generator[tuple[int, Outcome], None, None]:
        waiting = dict(enumerate(jobs))
        with _connected() if jobs else nullcontext():
            for attempt in range(1, ATTEMPTS + 1):
                if not waiting:
                    return
                with closing(_Pass(parts, dict(waiting), workers, on_part).outcomes()) as ended:
                    for number, entry, again in ended:
                        if again and not entry.stop and attempt < ATTEMPTS:
                            continue
                        del waiting[number]
                        yield number, entry
        lost = RunError("the workers or machines that had it were lost, each time")
        for number, job in waiting.items():
            yield number, replace(failure(job, lost), stop=False)

    return engine


class _Pass(Generic[M]):
    """All jobs once: what comes from the network stage is gathered, and finished where it is complete."""

    def __init__(
        self,
        parts: Parts[M],
        jobs: dict[int, M | Afar[M]],
        workers: int,
        on_part: Callable[[int, float | None], None],
    ) -> None:
        self.parts, self.jobs, self.workers, self.on_part = parts, jobs, workers, on_part
        self.gathered: dict[int, _Gathered] = {}
        self.finishing: dict[Any, int] = {}

    def outcomes(self) -> Generator[tuple[int, Outcome, bool], None, None]:
        """(number, outcome, whether to try again may help) of all but what was lost."""
        import ray

        from hrpro.video.ray_stages import finish, outcome_told

        cores = max(1, int(ray.cluster_resources().get("CPU", 1)))
        finishing = ray.remote(num_cpus=0, scheduling_strategy="SPREAD")(finish)
        parts = ray.put(self.parts)
        for row in self._rows(cores):
            number = row["number"]
            if number not in self.jobs:
                continue
            if (told := outcome_told(row)) is not None:
                yield self._end(number, *told)
                continue
            self.on_part(number, row["part"])
            video = self.gathered.setdefault(number, _Gathered())
            video.add(row)
            if video.complete:
                del self.gathered[number]
                task = finishing.remote(parts, self.jobs[number], video.told, video.features())
                self.finishing[task] = number
            yield from self._finished(at_most=cores)
        yield from self._finished(at_most=0)

    def _rows(self, cores: int) -> Iterator[dict[str, Any]]:
        """What comes out of the network stage, a chunk a row, in any order."""
        import ray
        from ray.data import ActorPoolStrategy, TaskPoolStrategy

        from hrpro.video.ray_stages import Network, Shared, Tries, decode, network

        tries = ray.remote(num_cpus=0, max_restarts=-1, max_task_retries=-1)(Tries).remote()
        shared = Shared(self.parts, dict(self.jobs), tries)
        gpus = int(ray.cluster_resources().get("GPU", 0)) if _takes_gpu(self.parts) else 0
        at_once = min(self.workers or gpus or cores, gpus or self.workers or cores)
        first: dict[str, Any] = {
            "fn": decode,
            "fn_args": (shared,),
            "compute": TaskPoolStrategy(size=min(cores, len(self.jobs))),
            "num_cpus": 0,
        }
        second: dict[str, Any] = {
            "fn": network,
            "fn_args": (shared,),
            "compute": TaskPoolStrategy(size=at_once),
            "num_cpus": 1,
        }
        if gpus:
            second = {
                "fn": Network,
                "fn_constructor_args": (shared,),
                "compute": ActorPoolStrategy(min_size=1, max_size=at_once),
                "num_cpus": 0,
                "num_gpus": 1,
            }
        rows = [{"number": number} for number in self.jobs]
        shape: dict[str, Any] = {"batch_size": None, "batch_format": "pyarrow"}
        data = ray.data.from_items(rows, override_num_blocks=len(rows))
        settings = data.context  # a copy, which the stages after it share
        settings.target_max_block_size = 2**20  # less than a chunk: each is a block, and sent on at once
        settings.max_errored_blocks = -1
        settings.enable_progress_bars = settings.print_on_execution_start = False
        batch: Any
        data = data.map_batches(**first, **shape).map_batches(**second, **shape)
        for batch in data.iter_batches(**shape, prefetch_batches=0):
            yield from batch.to_pylist()

    def _finished(self, at_most: int) -> Iterator[tuple[int, Outcome, bool]]:
        """Outcomes of what is finished, after waiting until no more than ``at_most`` tasks are left."""
        import ray
        from ray.exceptions import RayError

        while self.finishing:
            wait = len(self.finishing) > at_most
            ready, _ = ray.wait(list(self.finishing), timeout=None if wait else 0)
            for task in ready:
                number = self.finishing.pop(task)
                try:
                    entry = ray.get(task)
                except RayError:
                    continue  # lost, as it may be in another stage
                yield self._end(number, entry, entry.state == "failed")
            if not ready:
                return

    def _end(self, number: int, entry: Outcome, again: bool) -> tuple[int, Outcome, bool]:
        del self.jobs[number]
        self.gathered.pop(number, None)
        return number, entry, again


@dataclass
class _Gathered:
    """The features of a video as they come. total: snippets, -1 until the last chunk is here.

    chunks: (snippets, ref of their features [T, D]) by the first snippet.
    """

    chunks: dict[int, tuple[int, Any]] = field(default_factory=dict)
    total: int = -1
    told: str = ""

    def add(self, row: dict[str, Any]) -> None:
        import ray

        features_td = np.frombuffer(row["data"], np.float32).reshape(row["shape"])
        self.chunks[row["first"]] = len(features_td), ray.put(features_td)
        if row["told"]:
            self.told, self.total = row["told"], row["first"] + len(features_td)

    @property
    def complete(self) -> bool:
        return self.total == sum(snippets for snippets, _ in self.chunks.values())

    def features(self) -> list[Any]:
        """Their refs, in order."""
        return [self.chunks[first][1] for first in sorted(self.chunks)]


def _takes_gpu(parts: Parts[Any]) -> bool:
    """Whether the backbone has an option ``device``, and was not told to leave GPUs alone."""
    return takes(parts.origin.backbone, "device") and parts.origin.options.get("device") != "cpu"


@contextmanager
def _connected() -> Iterator[None]:
    """To the cluster that this process is connected to already, or else to one of ours, left in the end."""
    import ray

    loggers = [logging.getLogger(name) for name in ("ray", "ray.data")]
    levels = [logger.level for logger in loggers]
    begun = not ray.is_initialized()
    if begun:
        try:
            ray.init(include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
        except (ConnectionError, RuntimeError, ValueError) as error:
            raise ConfigError(f"Ray cannot be reached: {error}", where="--engine ray") from error
    for logger in loggers:  # its own words on what it does again; what fails in the end, we tell
        logger.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module=r"ray\.")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
        if begun:
            ray.shutdown()
