"""Feature files: three formats, three float types, and every way a file can be broken."""

from __future__ import annotations

import contextlib
import pickle
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from safetensors.numpy import save_file

from hrpro.core.errors import DataError, NonFiniteError
from hrpro.data.features import SUFFIXES, FeatureFile


def write(path: Path, **arrays: NDArray) -> Path:
    if path.suffix == ".npy":
        np.save(path, next(iter(arrays.values())))
    elif path.suffix == ".npz":
        np.savez_compressed(path, **arrays)  # pyright: ignore[reportArgumentType]
    else:
        save_file(arrays, path)
    return path


def features(length: int = 7, dim: int = 3, dtype: str = "float32") -> NDArray:
    return np.random.default_rng(0).normal(size=(length, dim)).astype(dtype)


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_every_format_and_type_is_handed_out_as_stored(tmp_path: Path, suffix: str, dtype: str):
    stored_td = features(dtype=dtype)
    file = FeatureFile(write(tmp_path / f"v.1{suffix}", x=stored_td))
    assert file.shape == (7, 3)
    assert file.dtype == np.dtype(dtype)
    assert file.read().dtype == np.dtype(dtype)
    np.testing.assert_array_equal(file.read(), stored_td)
    file.check_finite()


@settings(max_examples=30, deadline=None)
@given(data=st.data(), suffix=st.sampled_from(SUFFIXES), dtype=st.sampled_from(["<f2", "<f4", "<f8"]))
def test_float32_rows_are_the_stored_rows(tmp_path_factory: pytest.TempPathFactory, data, suffix, dtype):
    length, dim = data.draw(st.integers(1, 40)), data.draw(st.integers(1, 9))
    stored_td = features(length, dim, dtype)
    file = FeatureFile(write(tmp_path_factory.mktemp("f") / f"v{suffix}", x=stored_td))
    start = data.draw(st.integers(0, length))
    stop = data.draw(st.none() | st.integers(start, length + 5))
    rows_td = file.read_float32(start, stop)
    assert rows_td.dtype == np.float32
    assert rows_td.flags.c_contiguous
    assert rows_td.flags.writeable
    np.testing.assert_array_equal(rows_td, stored_td[start:stop].astype(np.float32))


def test_npy_is_mapped_and_its_shape_costs_no_memory(tmp_path: Path):
    path = write(tmp_path / "v.npy", x=np.zeros((20_000, 200), np.float64))
    tracemalloc.start()
    assert FeatureFile(path).shape == (20_000, 200)
    assert isinstance(FeatureFile(path).read(), np.memmap)
    FeatureFile(path).read_float32(10, 20)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 200_000


def test_values_are_checked_block_by_block(tmp_path: Path):
    stored_td = np.zeros((40_000, 400), np.float32)
    stored_td[39_999, 7] = np.inf
    file = FeatureFile(write(tmp_path / "v.npy", x=stored_td))
    tracemalloc.start()
    with pytest.raises(NonFiniteError, match=r"v\.npy: snippet 39999, dimension 7"):
        file.check_finite()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < stored_td.nbytes / 2


@pytest.mark.parametrize("order", ["C", "F"])
def test_other_memory_orders_read_the_same(tmp_path: Path, order: str):
    stored_td = np.asarray(features(), order=order).astype(">f4", order="K")  # pyright: ignore
    rows_td = FeatureFile(write(tmp_path / "v.npy", x=stored_td)).read_float32(1, 5)
    assert rows_td.dtype.isnative
    np.testing.assert_array_equal(rows_td, features()[1:5])


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("value", [np.nan, -np.inf])
def test_the_first_bad_value_is_named_wherever_reading_starts(tmp_path: Path, suffix: str, value: float):
    stored_td = features()
    stored_td[4, 2] = stored_td[5, 0] = value
    file = FeatureFile(write(tmp_path / f"v{suffix}", x=stored_td))
    for start in (0, 3):
        with pytest.raises(NonFiniteError, match="snippet 4, dimension 2 is not a finite number"):
            file.read_float32(start)
    np.testing.assert_array_equal(file.read_float32(0, 4), stored_td[:4])


def test_a_double_beyond_float32_is_told_from_inf(tmp_path: Path):
    stored_td = np.zeros((3, 2))
    stored_td[1, 1] = 1e300
    with pytest.raises(NonFiniteError, match=r"snippet 1, dimension 1 is too large for a float32: 1e\+300"):
        FeatureFile(write(tmp_path / "v.npy", x=stored_td)).read_float32()


@pytest.mark.parametrize("suffix", [".npz", ".safetensors"])
def test_of_several_arrays_the_key_decides(tmp_path: Path, suffix: str):
    path = write(tmp_path / f"v{suffix}", rgb=features(dim=3), flow=features(dim=5))
    assert FeatureFile(path, "flow").shape == (7, 5)
    assert FeatureFile(path, "rgb").read().shape == (7, 3)
    with pytest.raises(DataError, match=r"not one array but flow, rgb .*features\.key"):
        _ = FeatureFile(path).shape
    with pytest.raises(DataError, match="no array 'audio', but flow, rgb"):
        FeatureFile(path, "audio").read()


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((3, 4), np.int64), "float16, float32 or float64, not"),
        (np.zeros((3, 4, 1), np.float32), r"must be \[T, D\], not \[3, 4, 1\]"),
        (np.zeros(3, np.float32), r"must be \[T, D\], not \[3\]"),
        (np.zeros((0, 4), np.float32), r"the recording is empty: features \[0, 4\]"),
        (np.zeros((4, 0), np.float32), r"empty: features \[4, 0\]"),
    ],
)
def test_arrays_that_are_no_features(tmp_path: Path, suffix: str, array: NDArray, message: str):
    file = FeatureFile(write(tmp_path / f"v{suffix}", x=array))
    for access in (lambda: file.shape, file.read, file.read_float32, file.check_finite):
        with pytest.raises(DataError, match=message) as caught:
            access()
        assert caught.value.where == str(file.path)
        assert caught.value.mend


class Bomb:
    def __reduce__(self):
        return exec, ("raise SystemExit('unpickled')",)


@pytest.mark.parametrize("suffix", [".npy", ".npz"])
def test_nothing_is_ever_unpickled(tmp_path: Path, suffix: str):
    path = write(tmp_path / f"v{suffix}", x=np.array([[Bomb()]], object))
    with pytest.raises(DataError, match="pickled"):
        _ = FeatureFile(path).shape
    with pytest.raises(DataError, match="pickled"):
        FeatureFile(path).read()
    (tmp_path / "raw.npy").write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(DataError, match="damaged"):
        FeatureFile(tmp_path / "raw.npy").read()


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_damaged_missing_and_foreign_files(tmp_path: Path, suffix: str):
    path = write(tmp_path / f"v{suffix}", x=features(200, 50))
    whole = path.read_bytes()
    for broken in (b"", b"\x00" * 64, whole[: len(whole) // 2], b"no features at all, but text"):
        path.write_bytes(broken)
        with pytest.raises(DataError, match="damaged"):
            FeatureFile(path).read_float32()
    with pytest.raises(DataError, match="no such feature file"):
        _ = FeatureFile(tmp_path / f"missing{suffix}").shape
    (tmp_path / f"folder{suffix}").mkdir()
    with pytest.raises(DataError):
        FeatureFile(tmp_path / f"folder{suffix}").read()


@settings(max_examples=60, deadline=None)
@given(data=st.data(), suffix=st.sampled_from(SUFFIXES))
def test_a_flipped_byte_never_escapes_as_another_error(tmp_path_factory, data, suffix):
    path = write(tmp_path_factory.mktemp("f") / f"v{suffix}", x=features(9, 4))
    content = bytearray(path.read_bytes())
    content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(content)
    with contextlib.suppress(DataError, NonFiniteError):
        FeatureFile(path).read_float32()


def test_an_unknown_suffix_names_those_that_are_read(tmp_path: Path):
    (tmp_path / "v.pt").write_bytes(b"")
    with pytest.raises(DataError, match=r"\.npy, \.npz, \.safetensors"):
        FeatureFile(tmp_path / "v.pt").read()


def test_bfloat16_is_refused_by_name(tmp_path: Path):
    import torch
    from safetensors.torch import save_file as save_torch

    save_torch({"x": torch.zeros(3, 2, dtype=torch.bfloat16)}, tmp_path / "v.safetensors")
    with pytest.raises(DataError, match="not BF16"):
        FeatureFile(tmp_path / "v.safetensors").read()
