"""``hrpro extract``: good files, broken files, and whatever can stop it on the way."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("av", reason="the extra [video] is not installed")
pytest.importorskip("cv2", reason="the extra [video] is not installed")

from broken_videos import BROKEN, DAMAGED, SECONDS, WHOLE, broken_folder
from commands import finish, run, start
from hrpro.core.errors import ConfigError
from hrpro.data.features import FeatureFile
from hrpro.video.backbones import make
from hrpro.video.backbones.base import count
from hrpro.video.decode import frames
from hrpro.video.extract import extract
from hrpro.video.origin import Origin, choose
from hrpro.video.store import SUFFIX, About, read_about, sha256_of, write_features
from rendered_videos import even_times, render

pytest_plugins = ["command_fixtures"]
REAL = Path(__file__).resolve().parents[1].parent / "shared/data/real_untrimmed"
SPEC = choose("classic").spec


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three videos, long enough to be stopped in the middle of the second."""
    folder = tmp_path_factory.mktemp("videos")
    render(folder / "a.mp4", even_times(25, 3))
    render(folder / "b.mp4", even_times(25, 30))
    render(folder / "c.mkv", even_times(30, 3), fps=30)
    return folder


@pytest.fixture(scope="module")
def peace(videos: Path) -> dict[str, bytes]:
    """What extraction gives when nothing disturbs it, by file name."""
    extract(videos, videos.parent / "peace")
    return features(videos.parent / "peace")


def features(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*.safetensors"))
        if not path.name.startswith(".")
    }


@pytest.fixture(scope="module")
def long(videos: Path) -> Path:
    """A folder of many videos, so that whenever a machine gets round to stop it, it is amid them."""
    folder = videos.parent / "long"
    for number in range(10, 18):
        (folder / str(number)).mkdir(parents=True)
        os.link(videos / "b.mp4", folder / str(number) / "b.mp4")
    return folder


def manifest(folder: Path, name: str = "manifest.jsonl") -> dict[str, dict]:
    lines = (folder / name).read_text(encoding="utf-8").splitlines()
    return {entry["id"]: entry for entry in map(json.loads, lines)}


def expected(path: Path) -> np.ndarray:
    """The backbone over the decoded frames, and nothing else."""
    network = make("classic")
    return np.stack(list(network.stream(frames(path, rate=25, size=network.frame_size))))


def wait_until(done, process: subprocess.Popen[str]) -> None:
    end = time.monotonic() + 60
    while not done():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end
        time.sleep(0.005)


def wait_gone(group: int) -> None:
    """Until no process of a group is left."""
    end = time.monotonic() + 20
    while True:
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return
        assert time.monotonic() < end
        time.sleep(0.01)


def children(pid: int) -> list[int]:
    """Worker processes of a process, the tracker of multiprocessing left out."""
    found = map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())
    return [child for child in found if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes()]


def test_features_are_the_backbones_with_all_that_is_known(videos: Path, peace: dict[str, bytes]) -> None:
    assert list(peace) == ["a.safetensors", "b.safetensors", "c.safetensors"]
    for name, rate in (("a.mp4", 25), ("c.mkv", 30)):
        path = videos.parent / f"peace/{name[0]}.safetensors"
        about = read_about(path)
        assert about is not None
        assert (about.video, about.sha256) == (name, sha256_of(videos / name))
        assert about.duration == pytest.approx(3, abs=1 / rate)
        assert about.origin.spec == SPEC
        got = FeatureFile(path).read_float32()
        np.testing.assert_array_equal(got, expected(videos / name))
        assert len(got) == count(round(about.duration * 25), 16, 16)
        assert about.timeline.duration_of(len(got)) == pytest.approx(3, abs=0.33)


def test_workers_and_shards_give_the_same(videos: Path, peace: dict[str, bytes], tmp_path: Path) -> None:
    assert run("extract", videos, "--out", tmp_path / "two", "--workers", "2") == 0
    assert features(tmp_path / "two") == peace
    assert list(manifest(tmp_path / "two")) == ["a", "b", "c"]
    for part in ("2/2", "1/2"):
        extract(videos, tmp_path / "parts", part=part)
    assert features(tmp_path / "parts") == peace
    assert list(manifest(tmp_path / "parts", "manifest-1-of-2.jsonl")) == ["a", "c"]
    assert list(manifest(tmp_path / "parts", "manifest-2-of-2.jsonl")) == ["b"]


def test_only_what_has_changed_is_done_again(videos: Path, tmp_path: Path) -> None:
    """By content and settings, not by name or date."""
    mine, out = tmp_path / "mine", tmp_path / "out"
    mine.mkdir()
    for name in ("a.mp4", "c.mkv"):
        shutil.copy(videos / name, mine)

    def states() -> dict[str, str]:
        return {entry.id: entry.state for entry in extract(mine, out)}

    assert states() == {"a": "done", "c": "done"}
    first = features(out)
    os.utime(mine / "a.mp4", (1, 1))
    assert states() == {"a": "kept", "c": "kept"}
    shutil.copy(videos / "a.mp4", mine / "c.mkv")
    assert states() == {"a": "kept", "c": "done"}
    shutil.copy(videos / "c.mkv", mine / "c.mkv")
    about = read_about(out / "a.safetensors")
    assert about is not None
    older = type(about.origin)(type(SPEC)(**{**SPEC.as_dict(), "version": "0"}), "classic")
    stale = type(about)(older, "a.mp4", about.sha256, 1)
    write_features(out / "a.safetensors", np.zeros((2, 512), np.float32), lambda: stale)
    (out / "c.safetensors").write_bytes(first["c.safetensors"][:-100])
    assert states() == {"a": "done", "c": "done"}
    assert features(out) == first
    (mine / "a.mp4").write_bytes(b"no video any more")
    assert states() == {"a": "failed", "c": "kept"}
    assert list(features(out)) == ["c.safetensors"], "the old features do not pass for the new video's"


def test_features_of_another_backbone_are_not_overwritten(videos: Path, tmp_path: Path) -> None:
    """They may have taken days; a forgotten --backbone must not cost them."""
    other = Origin(replace(SPEC, name="mine", dimension=4), "mine")
    about = About(other, "a.mp4", sha256_of(videos / "a.mp4"), 3)
    write_features(tmp_path / "a.safetensors", np.zeros((2, 4), np.float32), lambda: about)
    theirs = (tmp_path / "a.safetensors").read_bytes()
    (entry,) = extract(videos / "a.mp4", tmp_path)
    assert entry.state == "failed"
    assert "holds features made otherwise: name: mine, not classic" in entry.reason
    assert (tmp_path / "a.safetensors").read_bytes() == theirs


def test_inspect_says_what_train_would_of_another_grid(
    videos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    extract(videos / "a.mp4", tmp_path / "features")
    (tmp_path / "clicks.csv").write_text("video_id,timestamp,label\na,1.0,jump\n")
    for stride, code in ((0.64, 0), (0.5, 1)):
        (tmp_path / "dataset.yaml").write_text(f"features: {{stride: {stride}}}\n")
        assert run("inspect", "--data", tmp_path) == code
        assert ("not how these features were made" in " ".join(capsys.readouterr().out.split())) == bool(code)


def test_features_made_elsewhere_are_not_overwritten(videos: Path, tmp_path: Path) -> None:
    from safetensors.numpy import save_file

    save_file({"x": np.zeros((3, 4), np.float32)}, tmp_path / "a.safetensors")
    theirs = (tmp_path / "a.safetensors").read_bytes()
    (entry,) = extract(videos / "a.mp4", tmp_path)
    assert entry.reason.startswith(
        f"{tmp_path}/a.safetensors: is there already and was not made by hrpro ext"
    )
    assert (tmp_path / "a.safetensors").read_bytes() == theirs


def test_broken_files_are_told_and_the_others_go_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, out = broken_folder(tmp_path / "videos"), tmp_path / "features"
    code = run("extract", folder, "--out", out, "--workers", "2", "--quiet")
    printed, err = capsys.readouterr()
    assert (code, err) == (3, "")
    told = manifest(out)
    assert told.keys() == {*BROKEN, *DAMAGED, *WHOLE}
    for id, why in BROKEN.items():
        assert told[id]["state"] == "failed"
        assert why in told[id]["reason"], id
        assert str(folder / id) in told[id]["reason"]
        assert id in printed
    for id, why in DAMAGED.items():
        assert told[id]["state"] == "done"
        assert any(why in remark for remark in told[id]["remarks"]), told[id]
        about = read_about(out / f"{id}.safetensors")
        assert about is not None
        assert list(about.remarks) == told[id]["remarks"]
        assert 0.5 < about.duration < SECONDS + 0.1
    for id in WHOLE:
        assert (told[id]["state"], told[id]["remarks"]) == ("done", [])
    assert told["moment"]["count"] == 1
    assert features(out).keys() == {f"{id}.safetensors" for id in (*DAMAGED, *WHOLE)}
    assert f"{len(DAMAGED) + len(WHOLE)} of {len(told)} videos" in printed
    assert f"what failed, and why: {out / 'manifest.jsonl'}" in printed
    assert run("extract", folder / "inner/good.mp4", "--out", tmp_path / "one", "--quiet") == 0
    assert run("extract", folder / "empty.mp4", "--out", tmp_path / "one", "--quiet") == 3
    capsys.readouterr()


@pytest.mark.skipif(not REAL.is_dir(), reason="the real videos are not here")
def test_the_real_videos(tmp_path: Path) -> None:
    outcomes = extract(REAL, tmp_path)
    assert [(entry.id, entry.state, entry.count) for entry in outcomes] == [
        ("highjump", "done", 38),
        ("tennis26", "done", 18),
    ]
    assert [entry.seconds for entry in outcomes] == pytest.approx([24.2, 11.3], abs=0.1)


def test_kill_9_leaves_whole_files_and_the_rest_is_done_later(
    videos: Path, peace: dict[str, bytes], tmp_path: Path
) -> None:
    process = start("extract", videos, "--out", tmp_path)
    wait_until((tmp_path / "a.safetensors").exists, process)
    workers = children(process.pid)
    process.kill()
    assert finish(process)[0] == -signal.SIGKILL
    assert len(workers) == 1
    assert features(tmp_path).items() <= peace.items()
    end = time.monotonic() + 30
    while any(Path(f"/proc/{worker}/cmdline").exists() for worker in workers):
        assert time.monotonic() < end, "the worker does not outlive the command for long"
        time.sleep(0.01)
    code, _, err = finish(start("extract", videos, "--out", tmp_path))
    assert code == 0
    assert "a: 5 snippets, as before" in err
    assert features(tmp_path) == peace
    assert sorted(os.listdir(tmp_path)) == [*peace, "manifest.jsonl"]


def test_a_killed_worker_is_told_and_its_video_done_again(
    long: Path, peace: dict[str, bytes], tmp_path: Path
) -> None:
    process = start("extract", long, "--out", tmp_path)
    wait_until((tmp_path / "10/b.safetensors").exists, process)
    time.sleep(0.2)
    (worker,) = children(process.pid)
    os.kill(worker, signal.SIGKILL)
    code, out, err = finish(process)
    assert code == 0, err
    assert "done at the second attempt" in out
    remarks = [entry["remarks"] for entry in manifest(tmp_path).values() if entry["remarks"]]
    assert remarks == [["its first worker died; done at the second attempt"]]
    assert set(features(tmp_path).values()) == {peace["b.safetensors"]}
    assert len(features(tmp_path)) == len(os.listdir(long))


def test_ctrl_c_cleans_up_and_says_how_to_go_on(long: Path, peace: dict[str, bytes], tmp_path: Path) -> None:
    """As a terminal sends it: to the command and its workers."""
    words = ["extract", str(long), "--out", str(tmp_path), "--workers=2"]
    process = subprocess.Popen(
        [sys.executable, "-m", "hrpro.cli", *words], stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    third = tmp_path / "12/b.safetensors"  # of two workers: one of them was heard of by then
    wait_until(third.exists, process)
    time.sleep(0.2)
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err.splitlines()[-1] == "hrpro: stopped; the same command goes on from here"
    assert "Traceback" not in err
    whole = features(tmp_path)
    assert set(whole.values()) == {peace["b.safetensors"]}
    left = {path.name for path in tmp_path.rglob("*") if path.is_file()}
    assert left == {"b.safetensors", "manifest.jsonl"}, "nothing half-written, no scratch file"
    done = {f"{id}{SUFFIX}" for id, entry in manifest(tmp_path).items() if entry["state"] == "done"}
    assert set() < done <= whole.keys()
    wait_gone(process.pid)


def test_a_full_disk_stops_it_with_one_line(videos: Path, tmp_path: Path) -> None:
    code = (
        "import resource, sys; from hrpro.cli import main\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))\n"
        "sys.exit(main(sys.argv[1:]))\n"
    )
    words = ["extract", str(videos), "--out", str(tmp_path), "--quiet"]
    done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr == f"hrpro: {tmp_path}/b.safetensors: cannot be written: File too large\n"
    assert sorted(os.listdir(tmp_path)) == ["a.safetensors", "manifest.jsonl"]
    assert {id: entry["state"] for id, entry in manifest(tmp_path).items()} == {"a": "done", "b": "failed"}


def test_bad_words_end_in_one_line(videos: Path, said, tmp_path: Path) -> None:
    words = ["extract", videos, "--out", tmp_path / "out"]
    (tmp_path / "bare").mkdir()
    (tmp_path / "file").write_text("")
    assert "required: VIDEO|DIR|list.txt (hrpro" in said("extract", "--out", tmp_path)
    assert (
        said("extract", tmp_path / "no.mp4", *words[2:])
        == f"{tmp_path}/no.mp4: there is no such video, folder or list"
    )
    assert "there is no video file in this folder (known" in said("extract", tmp_path / "bare", *words[2:])
    assert "no backbone 'clasic' (known: classic, i3d" in said(*words, "--backbone", "clasic")
    assert "backbone hub: the model's name is missing" in said(*words, "--backbone", "hub:")
    assert said(*words, "--weights", "x") == "backbone classic: takes no weights (leave --weights out)"
    assert "no weights are given: I3D needs" in said(*words, "--backbone", "i3d")
    assert "--shard: must be I/N" in said(*words, "--shard", "3/2")
    assert said(*words, "--workers", "0").startswith("--workers: Not of type PositiveInt: 0")
    line = said(*words[:3], tmp_path / "file/x")
    assert (
        line == f"{tmp_path}/file/x: cannot be written to: Not a directory (name a folder you may write to)"
    )
    assert not (tmp_path / "out").exists()
    with pytest.raises(ConfigError, match="must be 0 or more"):
        extract(videos, tmp_path / "out", workers=-1)


@pytest.mark.parametrize("missing", ["av", "cv2"])
def test_without_the_extra_it_says_how_to_get_it(videos: Path, tmp_path: Path, missing: str) -> None:
    code = f"import sys; sys.modules['{missing}'] = None; from hrpro.cli import main; sys.exit(main())"
    words = [sys.executable, "-c", code, "extract", str(videos), "--out", str(tmp_path / "out")]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    assert "(pip install 'hrpro[video]')" in done.stderr
    assert not (tmp_path / "out").exists()


def test_what_cannot_be_opened_stops_no_other(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A URL of a kind that nothing here knows, and a pipe without a writer, beside a film."""
    render(tmp_path / "good.mp4", even_times(25, 1))
    os.mkfifo(tmp_path / "pipe.mp4")
    (tmp_path / "list.txt").write_text("foo://bar/x.mp4\npipe.mp4\ngood.mp4\n")
    assert run("extract", tmp_path / "list.txt", "--out", tmp_path / "out", "--quiet") == 3
    told = [json.loads(line) for line in (tmp_path / "out/manifest.jsonl").read_text().splitlines()]
    states = {Path(entry["video"]).name: entry["state"] for entry in told}
    assert states == {"x.mp4": "failed", "pipe.mp4": "failed", "good.mp4": "done"}
    assert "cannot be opened here" in " ".join(entry.get("reason", "") for entry in told)


@pytest.mark.skipif(os.name == "nt", reason="needs the rights of files")
def test_what_is_all_done_can_lie_where_nobody_may_write() -> None:
    with tempfile.TemporaryDirectory() as place:
        folder, out = Path(place) / "videos", Path(place) / "features"
        folder.mkdir()
        render(folder / "a.mp4", even_times(25, 2))
        extract(folder, out)
        before = (out / "manifest.jsonl").read_bytes()
        for path in (Path(place), out, *out.iterdir()):
            os.chmod(path, 0o555)
        # Root may write everywhere: the modules are loaded as whoever we are, the rest is done as nobody.
        code = (
            "import os, sys\n"
            "import hrpro.video.extract, hrpro.video.backbones.classic\n"
            "if os.getuid() == 0: os.setgid(65534); os.setuid(65534)\n"
            "try: print([entry.state for entry in hrpro.video.extract.extract(*sys.argv[1:])])\n"
            "except hrpro.video.extract.RunError as error: print(error)\n"
        )

        def again() -> str:
            words = [sys.executable, "-c", code, str(folder), str(out)]
            done = subprocess.run(words, capture_output=True, text=True, check=False, cwd=place)
            return done.stdout + done.stderr

        assert again() == "['kept']\n"
        assert (out / "manifest.jsonl").read_bytes() == before
        render(folder / "b.mp4", even_times(25, 2))
        assert again() == f"{out}: cannot be written to: Permission denied (name a folder you may write to)\n"
        assert sorted(os.listdir(out)) == ["a.safetensors", "manifest.jsonl"]
