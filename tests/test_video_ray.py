"""``--engine ray`` on a real cluster of two nodes on this machine, of which workers and a node are lost."""

from __future__ import annotations

import json
import logging
import os
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("av", reason="the extra [video] is not installed")
pytest.importorskip("cv2", reason="the extra [video] is not installed")
pytest.importorskip("ray.data", reason="the extra [ray] is not installed")

import ray
import torch

from commands import SMALL, run
from hrpro.core.errors import ConfigError
from hrpro.video import extract as extraction
from hrpro.video import ray_stages
from hrpro.video.decode import probe
from hrpro.video.extract import ExtractJob, Parts, extract, work_through
from hrpro.video.jobs import Outcome
from hrpro.video.on_ray import on_ray
from hrpro.video.origin import choose
from hrpro.video.ray_stages import DEATHS
from rendered_videos import even_times, render

pytest_plugins = ["command_fixtures"]
STORE = 100 * 2**20  # bytes a node
# A lost node is found out in seconds, and workers are kept for the next test.
QUICK = {
    "health_check_initial_delay_ms": 0,
    "health_check_period_ms": 300,
    "health_check_failure_threshold": 5,
    "num_workers_soft_limit": 8,
    "idle_worker_killing_time_threshold_ms": 600_000,
}


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Good ones, of many chunks and of one snippet, and a bad one."""
    folder = tmp_path_factory.mktemp("videos")
    (folder / "deep").mkdir()
    render(folder / "long.mp4", even_times(25, 30))
    render(folder / "deep/other.mkv", even_times(30, 10), fps=30)
    render(folder / "moment.mkv", even_times(25, 0.04))
    (folder / "bad.mp4").write_bytes(b"no video")
    return folder


@pytest.fixture(scope="module")
def peace(videos: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What the local engine makes of them."""
    out = tmp_path_factory.mktemp("peace")
    extract(videos, out)
    return files(out)


@pytest.fixture(scope="module")
def lose_node() -> Iterator[Callable[[], None]]:
    """A cluster of a node with a core, where the driver is, and another, which is lost when this is called.

    Workers can import this module.
    """
    from ray.cluster_utils import Cluster

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("RAY_AUTH_MODE", "disabled")
        patch.setenv("OMP_NUM_THREADS", "1")
        patch.setenv("PYTHONPATH", str(Path(__file__).parent))
        head = {"num_cpus": 1, "object_store_memory": STORE, "include_dashboard": False}
        nodes = Cluster(initialize_head=True, head_node_args={**head, "_system_config": QUICK})
        try:
            second = nodes.add_node(num_cpus=1, object_store_memory=STORE)
            ray.init(address=nodes.address, log_to_driver=False, logging_level=logging.CRITICAL)
            yield lambda: nodes.remove_node(second, allow_graceful=False)
        finally:
            ray.shutdown()
            nodes.shutdown()


def files(folder: Path) -> dict[str, bytes]:
    """All but the manifest, hidden ones too."""
    found = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    return {name: found[name].read_bytes() for name in sorted(found) if not name.endswith(".jsonl")}


def manifest(folder: Path) -> dict[str, dict]:
    lines = (folder / "manifest.jsonl").read_text(encoding="utf-8").splitlines()
    return {entry["id"]: entry for entry in map(json.loads, lines)}


def extracted(videos: Path, out: Path, disturb: Callable[[], object], poison: str = "") -> list[Outcome]:
    """By Ray, while ``disturb`` happens in the middle of the long video."""
    origin, ids = (
        choose("classic"),
        {"long": "long.mp4", "deep/other": "deep/other.mkv", "moment": "moment.mkv"},
    )
    ids |= {poison: "moment.mkv"} if poison else {}
    jobs = [ExtractJob(id, videos / name, out / f"{id}.safetensors", origin, 1) for id, name in ids.items()]
    work = Parts(begin, extraction.finish, origin)
    engine, once = on_ray(work), threading.Event()

    def disturbed(work_: Any, jobs_: Any, on_part: Any) -> Any:
        def told(number: int, part: float | None) -> None:
            on_part(number, part)
            if number == 0 and part and not once.is_set():
                assert part < 1
                once.set()
                threading.Thread(target=disturb).start()

        return engine(work_, jobs_, told)

    found = work_through(work, jobs, out, "snippets", engine=disturbed)
    assert once.is_set()
    return found


def begin(job: ExtractJob) -> Outcome | str:
    if job.id == "poison":
        os.kill(os.getpid(), signal.SIGKILL)
    return extraction.begin(job)


def kill_workers() -> None:
    """One of each stage, with kill -9."""
    for stage in ("decode", "network"):
        end = time.monotonic() + 30
        while not (found := workers(stage)):
            assert time.monotonic() < end
        os.kill(found[0], signal.SIGKILL)


def workers(stage: str) -> list[int]:
    """Process ids of Ray's workers on this machine that are at a stage."""
    named = f"ray::MapBatches({stage})".encode()
    found = [path for path in Path("/proc").glob("[0-9]*/cmdline") if named in content(path)]
    return [int(path.parent.name) for path in found]


def content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:  # has ended meanwhile
        return b""


def test_from_url_to_url_by_both_engines(
    lose_node: Callable[[], None],
    videos: Path,
    peace: dict[str, bytes],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = ["extract", f"file://{videos}/", "--out", f"file://{tmp_path}/out", "--quiet"]
    assert run(*words, "--engine", "ray") == 3
    printed = capsys.readouterr().out
    assert f"what failed, and why: file://{tmp_path}/out/manifest.jsonl" in printed
    assert files(tmp_path / "out") == peace
    told = manifest(tmp_path / "out")
    assert {id: entry["state"] for id, entry in told.items()} == {
        "bad": "failed",
        "deep/other": "done",
        "long": "done",
        "moment": "done",
    }
    assert told["bad"]["reason"].startswith(f"file://{videos}/bad.mp4: not a video")
    assert told["long"]["video"] == f"file://{videos}/long.mp4"
    assert (told["long"]["count"], told["long"]["seconds"]) == (47, 30)
    assert run(*words) == 3
    states = {id: entry["state"] for id, entry in manifest(tmp_path / "out").items()}
    assert states == {"bad": "failed", "deep/other": "kept", "long": "kept", "moment": "kept"}
    assert files(tmp_path / "out") == peace


def test_a_video_that_does_not_say_how_long_it_is(tmp_path: Path) -> None:
    """As a raw stream, or what a browser recorded: the chunks are those of any other."""
    path = tmp_path / "raw.h264"
    render(path, even_times(25, 2), codec="libx264")
    assert probe(path).duration is None
    origin = choose("classic")
    job = ExtractJob("raw", path, tmp_path / "raw.safetensors", origin, 1)
    parts = Parts(extraction.begin, extraction.finish, origin)
    tables = list(ray_stages._chunks(0, "content", parts, job))
    assert tables[-1].column_names == tables[0].column_names
    assert sum(table.num_rows for table in tables) == len(tables) > 0


def test_killed_workers_cost_nothing_but_time_unless_all_die(
    lose_node: Callable[[], None], videos: Path, peace: dict[str, bytes], tmp_path: Path
) -> None:
    """Two are killed from outside; one video kills whoever touches it, and is told."""
    found = extracted(videos, tmp_path, kill_workers, poison="poison")
    assert {entry.id: entry.state for entry in found if entry.state != "done"} == {"poison": "failed"}
    assert (
        manifest(tmp_path)["poison"]["reason"]
        == f"WorkersDied: {DEATHS} workers died of it, one after the other"
    )
    assert files(tmp_path) == peace


def test_predictions_are_those_of_the_local_engine(
    lose_node: Callable[[], None], videos: Path, tmp_path: Path
) -> None:
    clicks = "video,seconds,label\nlong,5,a\nlong,20,b\nother,2,a\nother,8,b\n"
    (tmp_path / "clicks.csv").write_text(clicks)
    trained = tmp_path / "run"
    mine = tmp_path / "videos"
    shutil.copytree(videos, mine, ignore=lambda *_: ["bad.mp4", "moment.mkv"])
    words = ["--videos", mine, "--clicks", tmp_path / "clicks.csv", "--run", trained]
    assert run("train", *words, *SMALL) == 0
    words = ["predict", "--run", trained, "--video", mine, "--device", "cpu", "--quiet", "--render"]
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # as a worker of Ray has: with another number sums come out otherwise
    assert run(*words, "--out", tmp_path / "local") == 0
    torch.set_num_threads(threads)
    assert run(*words, "--out", f"file://{tmp_path}/ray", "--engine", "ray") == 0
    got, expected = files(tmp_path / "ray"), files(tmp_path / "local")
    assert got.keys() == expected.keys()
    assert len(expected) == 11
    for name in expected:
        if name.endswith(".mp4"):  # an encoder's bytes depend on its threads
            assert probe(tmp_path / "ray" / name) == probe(tmp_path / "local" / name)
        else:
            assert got[name] == expected[name]


def test_a_lost_node_costs_nothing_but_time(
    lose_node: Callable[[], None], videos: Path, peace: dict[str, bytes], tmp_path: Path
) -> None:
    found = extracted(videos, tmp_path, lose_node)
    assert ray.cluster_resources()["CPU"] == 1
    assert {entry.state for entry in found} == {"done"}
    assert files(tmp_path) == peace


def test_bad_words_end_in_one_line(
    monkeypatch: pytest.MonkeyPatch, said, videos: Path, tmp_path: Path
) -> None:
    words = ["--out", tmp_path / "out", "--engine", "ray"]
    line = said("predict", "--run", tmp_path, "--video", videos, *words, "--device", "cuda")
    assert line.startswith("--device: with --engine ray")
    monkeypatch.setitem(__import__("sys").modules, "hrpro.video.ray_stages", None)
    with pytest.raises(ConfigError, match=r"pip install 'hrpro\[ray\]'"):
        extract(videos, tmp_path / "out", engine="ray")
