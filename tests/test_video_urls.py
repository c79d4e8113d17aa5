"""Videos and results at URLs: found, copied, put back; of two real kinds, and files that are not there."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import fsspec
import pytest

pytest.importorskip("av", reason="the extra [video] is not installed")
pytest.importorskip("cv2", reason="the extra [video] is not installed")

from hrpro.core.errors import ConfigError, DataError, RunError
from hrpro.video.extract import extract
from hrpro.video.sources import find_videos
from hrpro.video.urls import Remote, send
from rendered_videos import even_times, render


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("videos")
    (made / "deep").mkdir()
    render(made / "a.mp4", even_times(25, 1))
    render(made / "deep/b.mkv", even_times(25, 2))
    return made


@pytest.fixture(scope="module")
def peace(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    out = tmp_path_factory.mktemp("peace")
    extract(folder, out)
    return {id: (out / f"{id}.safetensors").read_bytes() for id in ("a", "deep/b")}


@pytest.fixture
def memory() -> Iterator[fsspec.AbstractFileSystem]:
    fs = fsspec.filesystem("memory")
    fs.store.clear()
    yield fs
    fs.store.clear()


@pytest.fixture(scope="module")
def web(folder: Path) -> Iterator[str]:
    (folder / "list.txt").write_text("a.mp4\ndeep/b.mkv\ngone.mp4\n")

    class Silent(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Silent, directory=folder)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_from_memory_to_memory(
    folder: Path, peace: dict[str, bytes], memory: fsspec.AbstractFileSystem
) -> None:
    """A file system without a rename; and what is stale goes there too."""
    memory.put(str(folder), "/in", recursive=True)
    memory.pipe_file("/in/.hidden.mp4", b"x")

    def states() -> dict[str, str]:
        return {entry.id: entry.state for entry in extract("memory://in", "memory://out")}

    assert states() == {"a": "done", "deep/b": "done"}
    assert {id: memory.cat_file(f"/out/{id}.safetensors") for id in peace} == peace
    lines = memory.cat_file("/out/manifest.jsonl").splitlines()
    assert [json.loads(line)["video"] for line in lines] == ["memory://in/a.mp4", "memory://in/deep/b.mkv"]
    assert states() == {"a": "kept", "deep/b": "kept"}
    memory.pipe_file("/in/a.mp4", b"no video any more")
    assert states() == {"a": "failed", "deep/b": "kept"}
    assert not memory.exists("/out/a.safetensors"), "the old features do not pass for the new video's"


def test_from_a_web_server(web: str, peace: dict[str, bytes], tmp_path: Path) -> None:
    (first,) = find_videos(f"{web}/deep/b.mkv?token=1")
    assert (first.id, first.path) == ("b", Path("b.mkv"))
    assert first.remote is not None
    assert first.remote.size > 1000
    mixed = tmp_path / "list.txt"
    mixed.write_text(f"{web}/a.mp4\nb.mp4\n")
    assert [(s.id, str(s.remote or s.path)) for s in find_videos(mixed)] == [
        ("a", f"{web}/a.mp4"),
        ("b", f"{tmp_path}/b.mp4"),
    ]
    found = {entry.id: entry for entry in extract(f"{web}/list.txt", tmp_path / "out", workers=1)}
    assert {id: entry.state for id, entry in found.items()} == {
        "a": "done",
        "deep/b": "done",
        "gone": "failed",
    }
    assert found["gone"].reason == f"{web}/gone.mp4: no such file"
    assert {id: (tmp_path / f"out/{id}.safetensors").read_bytes() for id in peace} == peace


def test_what_is_not_there_is_one_clear_line(memory: fsspec.AbstractFileSystem, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"memory://a\.mp4: no such file"):
        find_videos("memory://a.mp4")
    with pytest.raises(DataError, match="memory://a: there is no video file in this folder"):
        find_videos("memory://a")
    with pytest.raises(ConfigError, match="nonsense://a: cannot be opened here"):
        find_videos("nonsense://a")
    memory.pipe_file("/x/a.mp4", b"x")
    memory.pipe_file("/x/a.avi", b"x")
    with pytest.raises(DataError, match=r"memory://x/a.* would both be called 'a'"):
        find_videos("memory://x")
    (tmp_path / "file").write_text("x")
    with pytest.raises(RunError, match=f"file://{tmp_path}/file/y: cannot be written"):
        send(tmp_path / "file", f"file://{tmp_path}/file/y")


def test_a_file_appears_whole(tmp_path: Path) -> None:
    """Where there is a rename, by it: nothing is left of an upload that was cut off before."""
    (tmp_path / ".y.partial").write_text("half of it")
    (tmp_path / "x").write_text("all")
    (tmp_path / "y").write_text("old")
    send(tmp_path / "x", f"file://{tmp_path}/y")
    assert (tmp_path / "y").read_text() == "all"
    assert not (tmp_path / ".y.partial").exists()
    assert Remote("https://host/a%20b.mp4?x=/y").name == "a%20b.mp4"
