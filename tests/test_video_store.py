"""Feature files: what is written is there whole or not at all, says how it was made, and is compared."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tracemalloc
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hrpro.core.errors import DataError, RunError
from hrpro.core.timeline import Timeline
from hrpro.data.features import FeatureFile
from hrpro.data.whole import appearing
from hrpro.video.backbones.base import BackboneSpec
from hrpro.video.origin import Origin
from hrpro.video.store import About, common_origin, read_about, sha256_of, write_features

SPEC = BackboneSpec("some", "1", 3, rate=25.0, window=32, stride=16, preprocessing={"size": [160, 120]})
ABOUT = About(Origin(SPEC, "some", {"weights": "w"}), "ä.mp4", "ab" * 32, 12.36, ("cut off",))
FEATURES = np.linspace(0, 1, 12, dtype=np.float32).reshape(4, 3)


def test_features_and_what_they_are_come_back(tmp_path: Path) -> None:
    path = tmp_path / "new/a.safetensors"
    write_features(path, FEATURES, lambda: ABOUT)
    about = read_about(path)
    assert about == ABOUT
    assert about is not None
    assert about.origin.options == {"weights": "w"}
    assert about.timeline == Timeline(0.64, 1.28, 0.32)
    np.testing.assert_array_equal(FeatureFile(path).read_float32(), FEATURES)
    assert os.listdir(path.parent) == ["a.safetensors"]


words = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    shape=st.tuples(st.integers(1, 40), st.integers(1, 17)),
    video=words,
    remark=words,
    seconds=st.floats(0, 9e9),
)
def test_the_bytes_are_those_of_safetensors(
    tmp_path: Path, shape: tuple[int, int], video: str, remark: str, seconds: float
) -> None:
    """Of a file that it writes in one go, of the array and the words that it reads from ours."""
    from safetensors import safe_open
    from safetensors.numpy import save

    features_td = np.random.default_rng(0).standard_normal(shape, np.float32)
    origin = Origin(
        replace(SPEC, dimension=shape[1], preprocessing={video: remark}), remark, {"weights": video}
    )
    about = About(origin, video, "ab" * 32, seconds, (remark, video))
    path = tmp_path / "a.safetensors"
    assert write_features(path, iter(features_td), lambda: about) == shape[0]
    with safe_open(path, framework="numpy") as file:
        np.testing.assert_array_equal(file.get_tensor("features"), features_td)
        assert path.read_bytes() == save({"features": features_td}, file.metadata())
    assert read_about(path) == about


def test_memory_does_not_grow_with_the_number_of_vectors(tmp_path: Path) -> None:
    wide = replace(ABOUT, origin=Origin(replace(SPEC, dimension=2048), "wide"))

    def vectors(length: int) -> Iterator[np.ndarray]:
        for number in range(length):
            yield np.full(2048, number, np.float32)

    peaks = []
    for length in (100, 5000):  # 40 MB, of an hour and a half of I3D
        path = tmp_path / f"{length}.safetensors"
        tracemalloc.start()
        try:
            assert write_features(path, vectors(length), lambda: wide) == length
            peaks.append(tracemalloc.get_traced_memory()[1])
        finally:
            tracemalloc.stop()
        first, last = FeatureFile(path).read_float32()[:: length - 1]
        assert (set(first), set(last)) == ({0}, {length - 1})
    assert peaks[1] < peaks[0] + 2e6
    assert peaks[1] < 5e6


def test_a_fault_of_who_computes_them_stays_what_it_is(tmp_path: Path) -> None:
    """Also where it looks like one of the disk: the other videos go on."""

    def vectors() -> Iterator[np.ndarray]:
        yield FEATURES[0]
        raise OSError("of the backbone")

    with pytest.raises(OSError, match="of the backbone"):
        write_features(tmp_path / "a.safetensors", vectors(), lambda: ABOUT)
    assert os.listdir(tmp_path) == []


def test_features_made_elsewhere_say_nothing(tmp_path: Path) -> None:
    from safetensors.numpy import save_file

    np.save(tmp_path / "a.npy", FEATURES)
    save_file({"x": FEATURES}, tmp_path / "a.safetensors")
    assert read_about(tmp_path / "a.npy") is None
    assert read_about(tmp_path / "a.safetensors") is None


def test_damaged_ones_are_named(tmp_path: Path) -> None:
    from safetensors.numpy import save_file

    path = tmp_path / "a.safetensors"
    with pytest.raises(DataError, match="no such feature file"):
        read_about(path)
    write_features(path, FEATURES, lambda: ABOUT)
    whole = path.read_bytes()
    for length in range(0, len(whole), 41):
        path.write_bytes(whole[:length])
        with pytest.raises(DataError, match=r"a\.safetensors: is no feature file, or damaged"):
            read_about(path)
    for text in ("", "[]", "{}", '{"video": 1}', "null"):
        save_file({"features": FEATURES}, path, {"hrpro": text})
        with pytest.raises(DataError, match=r"a\.safetensors: "):
            read_about(path)


def test_a_killed_writer_leaves_nothing_in_sight(tmp_path: Path) -> None:
    """SIGKILL between the first byte and the last; the next writer removes what it left."""
    target = tmp_path / "a.bin"
    code = (
        "import os, pathlib, sys; from hrpro.data.whole import appearing\n"
        "with appearing(pathlib.Path(sys.argv[1])) as scratch:\n"
        "    scratch.write_bytes(b'half'); os.kill(os.getpid(), 9)\n"
    )
    for before in (b"", b"older"):
        if before:
            target.write_bytes(before)
        done = subprocess.run([sys.executable, "-c", code, str(target)], check=False)
        assert done.returncode == -signal.SIGKILL
        assert [path.name for path in tmp_path.glob("[!.]*")] == (["a.bin"] if before else [])
        assert len(list(tmp_path.glob(".*.partial"))) == 1
        assert not before or target.read_bytes() == before
    with appearing(target) as scratch:
        scratch.write_bytes(b"whole")
    assert os.listdir(tmp_path) == ["a.bin"]
    assert target.read_bytes() == b"whole"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only here have such files no name at all")
def test_killed_among_the_vectors_there_is_no_file_at_all(tmp_path: Path) -> None:
    code = (
        "import os, sys, pathlib; sys.path.insert(0, sys.argv[2])\n"
        "from test_video_store import *\n"
        "def vectors():\n"
        "    yield from np.repeat(FEATURES, 4000, 0)\n"
        "    print(*os.listdir(sys.argv[1]), sep='', flush=True)\n"
        "    os.kill(os.getpid(), 9)\n"
        "write_features(pathlib.Path(sys.argv[1], 'a.safetensors'), vectors(), lambda: ABOUT)\n"
    )
    words = [sys.executable, "-c", code, str(tmp_path), str(Path(__file__).parent)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (-signal.SIGKILL, "\n")
    assert os.listdir(tmp_path) == []


def test_a_failed_writer_leaves_what_was_there(tmp_path: Path) -> None:
    target = tmp_path / "a[1].bin"
    target.write_bytes(b"older")

    def stopped() -> None:
        with appearing(target) as scratch:
            scratch.write_bytes(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped()
    assert os.listdir(tmp_path) == ["a[1].bin"]
    assert target.read_bytes() == b"older"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_an_error(tmp_path: Path) -> None:
    code = (
        "import resource, sys, pathlib; sys.path.insert(0, sys.argv[2])\n"
        "from test_video_store import *; from hrpro.core.errors import RunError\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (300, 300))\n"
        "for times in (1, 30, 4000):\n"  # it is full at the end; among the vectors, late; early
        "    try: write_features(pathlib.Path(sys.argv[1]), np.repeat(FEATURES, times, 0), lambda: ABOUT)\n"
        "    except RunError as error: print(error)\n"
    )
    path = tmp_path / "a.safetensors"
    words = [sys.executable, "-c", code, str(path), str(Path(__file__).parent)]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == (3 * f"{path}: cannot be written: File too large\n", "")
    assert os.listdir(tmp_path) == []

    def onto_a_full_device() -> None:
        with appearing(path) as scratch:
            scratch.symlink_to("/dev/full")
            scratch.write_bytes(b"x")

    with pytest.raises(RunError, match="cannot be written: No space left on device"):
        onto_a_full_device()
    assert os.listdir(tmp_path) == []


def written(folder: Path, name: str, spec: BackboneSpec | None) -> tuple[Path, Timeline]:
    path = folder / f"{name}.safetensors"
    if spec is None:
        np.save(path.with_suffix(".npy"), FEATURES)
        return path.with_suffix(".npy"), SPEC.timeline
    write_features(path, FEATURES, lambda: replace(ABOUT, origin=Origin(spec, name)))
    return path, spec.timeline


def test_a_set_of_features_is_of_one_origin(tmp_path: Path) -> None:
    one, two = written(tmp_path, "one", SPEC), written(tmp_path, "two", SPEC)
    other = written(tmp_path, "other", replace(SPEC, version="2", weights="ff"))
    foreign = written(tmp_path, "foreign", None)
    assert common_origin([one, two]) == Origin(SPEC, "whoever")
    assert common_origin([foreign, foreign]) is None
    assert common_origin([]) is None
    with pytest.raises(
        DataError, match=r"other\S+: made otherwise than one.safetensors: version: 2, not 1; w"
    ):
        common_origin([one, other])
    with pytest.raises(DataError, match=r"foreign\.npy: made otherwise .* this one does not say how"):
        common_origin([one, foreign])
    with pytest.raises(DataError, match=r"one\.safetensors: made otherwise .* that one does not say how"):
        common_origin([foreign, one])


def test_a_data_set_that_takes_them_for_another_grid_is_told(tmp_path: Path) -> None:
    path, timeline = written(tmp_path, "one", SPEC)
    assert common_origin([(path, replace(timeline, stride=0.64 + 1e-9))]) is not None
    for wrong in (Timeline(0.5), Timeline(0.64), Timeline(0.64, 1.28)):
        with pytest.raises(DataError, match=r"features: \{stride: 0\.64, window: 1\.28, offset: 0\.32\}"):
            common_origin([(path, wrong)])


def test_the_hash_is_that_of_sha256sum(tmp_path: Path) -> None:
    (tmp_path / "abc").write_bytes(b"abc")
    assert sha256_of(tmp_path / "abc").startswith(
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f2"
    )
    with pytest.raises(DataError, match="no such file"):
        sha256_of(tmp_path / "abd")
    with pytest.raises(DataError, match="cannot be read: Is a directory"):
        sha256_of(tmp_path)
