"""What the files of a dataset folder may say, and how their faults are told."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from data_folders import DIM, LENGTH
from hrpro.core.annotations import Click
from hrpro.core.errors import DataError, HRProError
from hrpro.core.timeline import Timeline
from hrpro.data.folder import open_dataset
from hrpro.data.inspect import inspect_dataset
from hrpro.data.layout import read_layout

pytest_plugins = ["folder_fixtures"]


class TestDatasetYaml:
    @pytest.mark.parametrize(
        ("features", "timeline"),
        [
            ("{stride: 0.5}", Timeline(0.5)),
            ("{stride: 5e-1, window: 2, offset: -0.25}", Timeline(0.5, 2.0, -0.25)),
            ("{fps: 50, stride: 32, window: 64}", Timeline(0.64, 1.28)),
            ("{fps: 50, stride: 25, offset: 100}", Timeline(0.5, 0.5, 2.0)),
        ],
    )
    def test_the_grid_in_seconds_or_frames(self, own: Path, features: str, timeline: Timeline):
        (own / "clicks.csv").write_text("b,9,jump\nb,11,run\n")
        (own / "dataset.yaml").write_text(f"features: {features}\nclasses: [run, jump, swim]\n")
        dataset = open_dataset(own)
        assert dataset.recordings("train")[0].timeline == timeline
        assert dataset.training_set().clicks == {"b": (Click(9.0, "jump"), Click(11.0, "run"))}
        assert dataset.training_set().classes == dataset.classes == ("run", "jump", "swim")

    def test_the_key_of_archives(self, own: Path):
        path = own / "features" / "b.npy"
        np.savez(path.with_suffix(".npz"), rgb=np.load(path), flow=np.zeros((3, 3)))
        path.unlink()
        (own / "dataset.yaml").write_text("features: {stride: 0.8, key: rgb}\n")
        assert open_dataset(own).training_set().recordings[1].features.shape == (LENGTH, DIM)

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            (
                "features: {stride: 1}\nclases: []\n",
                r"yaml:2: clases: unknown key 'clases' .*mean 'classes'\?",
            ),
            (
                "features: {stride: 1, rate: 2}\n",
                r"yaml:1: features.rate: unknown key 'rate' \(known keys: stride",
            ),
            ("features: {window: 1}\n", "yaml:1: features: stride is missing"),
            ("classes: [a]\n", "the snippets' stride is missing"),
            ("", "must be a mapping"),
            ("- a\n", "must be a mapping"),
            ("!!map [a, b]\n", r"dataset\.yaml:1: not a YAML file"),
            ("features: 3\n", "yaml:1: features: must be a mapping"),
            ("features: {stride: fast}\n", "features.stride: must be a positive number, not 'fast'"),
            ("features: {stride: -1}\n", "features.stride: must be a positive number, not -1"),
            ("features: {stride: true}\n", "features.stride: must be a positive number, not True"),
            ("features: {stride: .nan}\n", "features.stride: must be a positive number, not nan"),
            ("features: {stride: 1, offset: a}\n", "features.offset: must be a number, not 'a'"),
            ("features: {stride: 1, key: 3}\n", r"features\.key: must be a name, not 3"),
            ("features: {stride: 1}\nclasses: [yes]\n", r"True is not a name \(put it in quotes"),
            ("features: {stride: 1}\nclasses: jump\n", "classes: must be a list of names, not 'jump'"),
            ("features: {stride: 1}\nclasses: [a, b, a]\n", "classes: 'a' is listed twice"),
            ("features: {stride: 1}\nclasses: []\n", "classes: the list is empty"),
            ("features: {stride: 1}\nsplits: {train: [007]}\n", r"splits\.train: 7 is not a name"),
            ("features: {stride: 1}\nsplits: [a]\n", "splits: must be a mapping"),
            ("features: {stride: 1}\nsplits: {train: no.txt}\n", r"no\.txt: the split file cannot be read"),
            ("features: {stride: 1}\n\tclasses: [a\n", r"dataset\.yaml:2: not a YAML file"),
            (
                "features: {stride: 1}\nsplits:\n  train: [a]\n  train: [b]\n",
                "yaml:4: .* is given twice",
            ),
            (
                "features: {stride: 1}\nsplits: {train: [2023-31-12]}\n",
                r"\.yaml: not a YAML file: month",
            ),
        ],
    )
    def test_faults_name_the_key_and_the_file(self, own: Path, content: str, message: str):
        (own / "dataset.yaml").write_text(content)
        with pytest.raises(DataError, match=message) as caught:
            open_dataset(own)
        assert str(own) in str(caught.value.where)

    @pytest.mark.parametrize(
        ("content", "place"),
        [
            ("features:\n  stride: fast\n", "2: features.stride"),
            ("classes: [a]\nfeatures:\n  stride: 1\n  windo: 2\n", "4: features.windo"),
            ("features: {stride: 1}\n# so\nclasses:\n  - a\n  - a\n", "3: classes"),
            ("features: {stride: 1}\nspits: {}\n", "2: spits"),
            ("classes: [a]\nfeatures: {fps: 25}\n", "2: features"),
        ],
    )
    def test_faults_name_the_line(self, own: Path, content: str, place: str):
        (own / "dataset.yaml").write_text(content)
        with pytest.raises(DataError) as caught:
            open_dataset(own)
        assert caught.value.where == f"{own / 'dataset.yaml'}:{place}"

    def test_a_recording_listed_twice_is_told_with_both_lines(self, own: Path):
        (own / "dataset.yaml").write_text("features: {stride: 1}\nsplits:\n  train:\n  - b\n  - b\n")
        found = [problem for problem in inspect_dataset(own).problems if "listed twice" in problem.what]
        assert [(problem.where, problem.mend) for problem in found] == [
            (
                f"{own / 'dataset.yaml'}:5: splits.train[1]",
                f"first in {own / 'dataset.yaml'}:4: splits.train[0]",
            )
        ]


class TestFieldFaults:
    def test_a_folder_that_is_no_data_set(self, tmp_path: Path):
        (tmp_path / "notes.txt").write_text("")
        with pytest.raises(DataError, match=r"not a data set \(write dataset\.yaml, or add gt_full\.json"):
            open_dataset(tmp_path)
        with pytest.raises(DataError, match="no such dataset folder"):
            open_dataset(tmp_path / "missing")

    @pytest.mark.parametrize(
        ("name", "content", "message"),
        [
            ("meta.json", '{"fps": "fast"}', r"meta\.json:1: fps: must be a positive number, not 'fast'"),
            ("meta.json", f'{{"fps": 1{"0" * 400}}}', r"meta\.json:1: fps: must be a positive number"),
            ("meta.json", '{"fps": 0}', r"meta\.json:1: fps: must be a positive number, not 0"),
            ("meta.json", '{"classes": "a"}', "must be a list of names"),
            ("meta.json", "[]", "must be a mapping"),
            ("gt_full.json", "{", r"gt_full\.json: not JSON"),
            ("gt_full.json", "{}", r"gt_full\.json:1: database: must be a mapping"),
            (
                "gt_full.json",
                '{"database": {"v": {"duration": -3}}}',
                r"json:1: database\.v\.duration: must be a pos",
            ),
            ("gt_full.json", '{"database": {"v": 3}}', r"gt_full\.json:1: database\.v: must be a mapping"),
        ],
    )
    def test_faults_name_the_file(self, field: Path, name: str, content: str, message: str):
        (field / name).write_text(content)
        with pytest.raises(DataError, match=message):
            open_dataset(field)

    def test_thousands_of_faults_each_have_their_line(self, tmp_path: Path):
        entries = ",\n".join(f'"v{i}": {{"fps": "x"}}' for i in range(3000))
        (tmp_path / "gt_full.json").write_text(f'{{"database": {{\n{entries}}}}}')
        faults: list[HRProError] = []
        read_layout(tmp_path, faults.append)
        path = tmp_path / "gt_full.json"
        assert [fault.where for fault in faults] == [
            f"{path}:{i + 2}: database.v{i}.fps" for i in range(3000)
        ]

    def test_meta_may_be_partial(self, field: Path):
        (field / "meta.json").write_text(json.dumps({"snippet_stride_frames": 8}))
        assert open_dataset(field).recordings("test")[0].timeline == Timeline(8 / 25)
