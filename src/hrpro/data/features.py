"""Feature files: the snippet features [T, D] of one recording, as .npy, .npz or .safetensors.

Shapes come from the file's header, rows from a memory map where the format has one (.npy, .safetensors), so a
data set never has to fit into memory. Nothing is ever unpickled.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray
from safetensors import safe_open

from hrpro.core.errors import DataError, HRProError, NonFiniteError
from hrpro.data.faults import some_of

SUFFIXES = (".npy", ".npz", ".safetensors")
_BLOCK_VALUES = 1 << 22
_SAFETENSORS_DTYPES = {"F16": "float16", "F32": "float32", "F64": "float64"}


@dataclass(frozen=True)
class FeatureFile:
    """Snippet features of one recording: a path and, for files of several arrays, the array's name.

    Every access opens the file anew and raises DataError when it is missing, broken, pickled, not a float16,
    float32 or float64 array [T, D], or empty.
    """

    path: Path
    key: str | None = None

    @property
    def shape(self) -> tuple[int, int]:
        """(T snippets, D dimensions), both > 0; reads the header only."""
        return self._header()[0]

    @property
    def dtype(self) -> np.dtype:
        """The stored float type; reads the header only."""
        return self._header()[1]

    def read(self) -> NDArray[np.floating]:
        """Features [T, D] as stored: a read-only memory map for .npy, else an array.

        A memory map keeps its file open while it lives: hold a few, not one for each recording.
        """
        return self._rows(0, None)

    def read_float32(self, start: int = 0, stop: int | None = None) -> NDArray[np.float32]:
        """Snippets [start, stop), cut at T, as a new contiguous float32 array [stop - start, D].

        Raises NonFiniteError, naming the first bad snippet and dimension, where a value is NaN or Inf or does
        not fit into a float32.
        """
        assert start >= 0
        stored_td = self._rows(start, stop)
        with np.errstate(over="ignore"):
            features_td = np.array(stored_td, dtype=np.float32, order="C")
        finite_td = np.isfinite(features_td)
        if not finite_td.all():
            snippet, dimension = np.unravel_index(int(np.argmin(finite_td)), finite_td.shape)
            value = float(stored_td[snippet, dimension])
            kind = "too large for a float32" if np.isfinite(value) else "not a finite number"
            raise NonFiniteError(
                f"snippet {start + int(snippet)}, dimension {int(dimension)} is {kind}: {value}",
                where=self.path,
                mend="extract these features again, or replace the value",
            )
        return features_td

    def check_finite(self) -> None:
        """Look at every value, a few megabytes at a time; raises as ``read_float32`` does."""
        length, dimension = self.shape
        # A compressed archive has no rows to step through: each step would unpack it all again.
        step = length if self.path.suffix == ".npz" else max(1, _BLOCK_VALUES // dimension)
        for start in range(0, length, step):
            self.read_float32(start, start + step)

    def _header(self) -> tuple[tuple[int, int], np.dtype]:
        with _faults_of(self.path):
            if self.path.suffix == ".npy":
                with self.path.open("rb") as file:
                    return self._checked(*_npy_header(file))
            if self.path.suffix == ".npz":
                with zipfile.ZipFile(self.path) as archive, archive.open(self._member(archive)) as file:
                    return self._checked(*_npy_header(file))
            with safe_open(self.path, framework="numpy") as file:
                part = file.get_slice(self._name(list(file.keys())))
                dtype = str(part.get_dtype())
                if dtype not in _SAFETENSORS_DTYPES:
                    raise self._wrong_dtype(dtype)
                return self._checked(tuple(part.get_shape()), np.dtype(_SAFETENSORS_DTYPES[dtype]))

    def _rows(self, start: int, stop: int | None) -> NDArray[np.floating]:
        (length, dimension), dtype = self._header()
        stop = length if stop is None else min(stop, length)
        if start >= stop:
            return np.empty((0, dimension), dtype)
        with _faults_of(self.path):
            if self.path.suffix == ".npy":
                return np.lib.format.open_memmap(self.path, mode="r")[start:stop]
            if self.path.suffix == ".npz":
                with zipfile.ZipFile(self.path) as archive, archive.open(self._member(archive)) as file:
                    return np.lib.format.read_array(file, allow_pickle=False)[start:stop]
            with safe_open(self.path, framework="numpy") as file:
                return file.get_slice(self._name(list(file.keys())))[start:stop]

    def _member(self, archive: zipfile.ZipFile) -> str:
        return self._name([name.removesuffix(".npy") for name in archive.namelist()]) + ".npy"

    def _name(self, names: Sequence[str]) -> str:
        if self.key is None and len(names) == 1:
            return names[0]
        if self.key is not None and self.key in names:
            return self.key
        held = some_of(sorted(names)) or "nothing"
        if self.key is None:
            what, mend = f"holds not one array but {held}", "name the one in dataset.yaml, features.key"
        else:
            what, mend = f"holds no array {self.key!r}, but {held}", "correct features.key in dataset.yaml"
        raise DataError(what, where=self.path, mend=mend)

    def _checked(self, shape: tuple[int, ...], dtype: np.dtype) -> tuple[tuple[int, int], np.dtype]:
        if dtype.kind != "f" or dtype.itemsize not in (2, 4, 8):
            raise self._wrong_dtype(str(dtype))
        if len(shape) != 2:
            mend = "save a two-dimensional array, one row a snippet"
            raise DataError(f"features must be [T, D], not {list(shape)}", where=self.path, mend=mend)
        if 0 in shape:
            mend = "extract this recording's features again, or take it out of its split"
            raise DataError(f"the recording is empty: features {list(shape)}", where=self.path, mend=mend)
        return (shape[0], shape[1]), dtype

    def _wrong_dtype(self, dtype: str) -> DataError:
        pickled = " (pickled Python objects, which are never loaded)" if dtype == "object" else ""
        what = f"features must be float16, float32 or float64, not {dtype}{pickled}"
        return DataError(what, where=self.path, mend="save them with .astype(np.float32)")


def _npy_header(file: IO[bytes]) -> tuple[tuple[int, ...], np.dtype]:
    version = np.lib.format.read_magic(file)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, dtype = read(file)
    return shape, dtype


@contextmanager
def _faults_of(path: Path) -> Iterator[None]:
    """Whatever a foreign parser throws at a broken file (it differs by format and version), as DataError."""
    if path.suffix not in SUFFIXES:
        mend = f"features are read from {', '.join(SUFFIXES)}"
        raise DataError(f"unknown kind of feature file {path.suffix!r}", where=path, mend=mend)
    try:
        yield
    except HRProError:
        raise
    except FileNotFoundError as error:
        raise DataError("there is no such feature file", where=path) from error
    except Exception as error:
        mend = "the file is damaged, cut off, or not what its name says: write it again"
        what = f"cannot be read as {path.suffix} features: {error}"
        raise DataError(what, where=path, mend=mend) from error
