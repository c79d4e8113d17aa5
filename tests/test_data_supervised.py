"""Segments to learn from: read with the clicks, checked, and out of the reach of all other methods."""

from __future__ import annotations

import ast
import warnings
from pathlib import Path

import pytest

import hrpro
from data_folders import edit_json, field_layout, own_layout
from hrpro.core.annotations import Segment
from hrpro.core.errors import DataError
from hrpro.data.folder import open_dataset
from hrpro.data.supervised import SupervisedSet

SOURCE = Path(hrpro.__file__).parent
SEES_SEGMENTS = {"peers/full/stage.py"}
HAND_THEM_ON = {"data/folder.py", "localizer.py", "runs.py"}


def annotate(root: Path, video: str, *rows: tuple[float, float, str]) -> None:
    def change(content):
        content["database"][video]["annotations"] = [{"label": c, "segment": [s, e]} for s, e, c in rows]

    edit_json(root / "gt_full.json", change)


def test_segments_come_with_the_same_recordings_and_clicks(tmp_path):
    root = field_layout(tmp_path)
    annotate(root, "a one", (20.0, 24.0, "run"), (9.6, 10.4, "jump"))
    annotate(root, "b")
    dataset = open_dataset(root)
    made, plain = dataset.supervised_set(), dataset.training_set()
    assert made.segments == {"a one": (Segment(9.6, 10.4, "jump"), Segment(20.0, 24.0, "run")), "b": ()}
    assert made.training_set.clicks == plain.clicks
    assert [r.id for r in made.training_set.recordings] == [r.id for r in plain.recordings]


def test_the_split_decides_whose_segments_are_read(tmp_path):
    root = field_layout(tmp_path)
    edit_json(root / "gt_full.json", lambda content: content["database"].pop("c"))
    assert open_dataset(root).supervised_set().segments.keys() == {"a one", "b"}


def test_a_subset_keeps_its_own_segments(tmp_path):
    made = open_dataset(field_layout(tmp_path)).supervised_set()
    part = made.subset(["b"])
    assert part.segments == {"b": made.segments["b"]}
    assert [r.id for r in part.training_set.recordings] == ["b"]
    assert part.training_set.classes == made.training_set.classes
    with pytest.raises(DataError, match="not in this training set: x"):
        made.subset(["x"])


def test_labels_of_no_class_are_left_out_with_a_warning(tmp_path):
    root = field_layout(tmp_path)
    annotate(root, "b", (1.0, 2.0, "Ambiguous"), (3.0, 4.0, "jump"))
    with pytest.warns(UserWarning, match="left out segments of no class of the set: Ambiguous"):
        made = open_dataset(root).supervised_set()
    assert made.segments["b"] == (Segment(3.0, 4.0, "jump"),)


def test_nothing_strange_warns_of_nothing(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        open_dataset(field_layout(tmp_path)).supervised_set()


def test_a_folder_without_ground_truth(tmp_path):
    with pytest.raises(DataError, match=r"no gt_full\.json.*learns from clicks"):
        open_dataset(own_layout(tmp_path / "own")).supervised_set()


def test_a_recording_without_an_entry(tmp_path):
    root = field_layout(tmp_path)
    edit_json(root / "gt_full.json", lambda content: content["database"].pop("b"))
    with pytest.raises(DataError, match=r"gt_full.json: 1 of 2 recordings have no entry: b .*\[\]"):
        open_dataset(root).supervised_set()


def test_not_a_single_segment_of_a_class(tmp_path):
    root = field_layout(tmp_path)
    annotate(root, "a one", (1.0, 2.0, "Ambiguous"))
    annotate(root, "b")
    with pytest.raises(DataError, match=r"no segment of the set's classes.*jump, run"):
        open_dataset(root).supervised_set()


def test_a_set_must_hold_the_segments_of_all_its_recordings(tmp_path):
    plain = open_dataset(field_layout(tmp_path)).training_set()
    with pytest.raises(DataError, match="recordings without ground truth: b"):
        SupervisedSet(plain, {"a one": ()})


def imports(path: Path) -> set[str]:
    """Every module, and every name of a module, that a file imports."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def test_no_room_but_that_of_full_imports_the_segments():
    importers = {
        path.relative_to(SOURCE).as_posix()
        for path in SOURCE.rglob("*.py")
        if any(name.startswith("hrpro.data.supervised") for name in imports(path))
    }
    assert "peers/full/stage.py" in importers  # the search finds what there is
    assert importers <= SEES_SEGMENTS | HAND_THEM_ON, "segments would reach a method that learns from clicks"


def test_no_room_that_learns_imports_full():
    names = {path.relative_to(SOURCE).as_posix(): imports(path) for path in SOURCE.rglob("*.py")}
    importers = {
        file
        for file, imported in names.items()
        if any(name.startswith("hrpro.peers.full") for name in imported)
    }
    assert "peers/full/stage.py" in importers  # the search finds what there is
    settings = {"hrpro.peers.full.config", "hrpro.peers.full.config.DenseConfig"}
    for file in importers:
        if not file.startswith("peers/full/"):
            assert file == "config.py"
            assert {name for name in names[file] if name.startswith("hrpro.peers.full")} <= settings
