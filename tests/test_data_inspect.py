"""``hrpro inspect``: a healthy folder has no problems; each way to break one is found, alone or with all."""

from __future__ import annotations

import io
import json
import re
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from data_folders import (
    FIELD_CLICKS,
    LENGTH,
    OWN_CLICKS,
    SHARED,
    edit_json,
    field_layout,
    own_layout,
    save_features,
)
from hrpro.core.errors import DataError
from hrpro.data.folder import open_dataset
from hrpro.data.inspect import Report, inspect_dataset, render

Break = Callable[[Path], object]


def rendered(report: Report) -> str:
    out = io.StringIO()
    render(report, Console(file=out, width=100))
    return out.getvalue()


@pytest.mark.parametrize("layout", [field_layout, own_layout])
def test_a_healthy_folder_has_figures_and_no_problems(tmp_path: Path, layout: Callable[[Path], Path]):
    report = inspect_dataset(layout(tmp_path / "data"))
    assert report.problems == []
    assert report.classes == ("jump", "run")
    train, test = report.splits
    assert (train.name, train.recordings, train.with_features) == ("train", 2, 2)
    assert (test.name, test.recordings, test.with_features) == ("test", 1, 1)
    assert (train.clicks, test.clicks) == ({"jump": 2, "run": 1}, {})
    assert train.hours == pytest.approx(80 / 3600)
    assert (train.lengths, train.dimensions, train.dtypes) == ((LENGTH, LENGTH), (4,), ("float32",))
    text = rendered(report)
    assert "1.25 snippets a second: stride 0.8 s" in text
    assert re.search(r"jump +│ +2", text)
    assert text.endswith("no problems found\n")


def clicks(text: str) -> Break:
    return lambda root: (root / "point_labels" / "point_gaussian.csv").write_text(text)


def features(name: str, array: np.ndarray) -> Break:
    return lambda root: np.save(root / "features" / f"{name}.npy", array)


def gt(change: Callable[[dict], object]) -> Break:
    return lambda root: edit_json(root / "gt_full.json", lambda content: change(content["database"]))


def meta(**changes: object) -> Break:
    return lambda root: edit_json(root / "meta.json", lambda content: content.update(changes))


def holed(value: float) -> np.ndarray:
    features_td = np.zeros((LENGTH, 4), np.float32)
    features_td[17, 3] = value
    return features_td


BREAKS: dict[str, tuple[Break, str, str, str]] = {
    "missing features": (
        lambda root: (root / "features/train/b.npy").unlink(),
        "error", "split_train.txt:2", "'b' of split 'train' has no feature file",
    ),
    "extra features": (
        lambda root: save_features(root / "features/train/x.npy"),
        "warning", "features/train/x.npy", "features of 'x', which is in no split",
    ),
    "extra flat features": (
        lambda root: save_features(root / "features/x.npy"),
        "warning", "features/x.npy", "features of 'x', which is in no split",
    ),
    "a folder that is no split": (
        lambda root: save_features(root / "features/val/x.npy"),
        "warning", "features/val", "1 feature files in a folder that is no split",
    ),
    "two files": (
        lambda root: np.savez(root / "features/test/c.npz", np.zeros((LENGTH, 4))),
        "warning", "features/test/c.npy", "'c' has 2 feature files: c.npy, c.npz",
    ),
    "NaN": (features("train/b", holed(np.nan)), "error", "train/b.npy", "snippet 17, dimension 3 is not a f"),
    "Inf": (features("test/c", holed(-np.inf)), "error", "test/c.npy", "snippet 17, dimension 3 is not a f"),
    "dimension": (
        features("test/c", np.zeros((LENGTH, 5), "f4")), "error", "test/c.npy", "5 feature dimensions",
    ),
    "integers": (features("test/c", np.zeros((LENGTH, 4), int)), "error", "test/c.npy", "not int64"),
    "objects": (
        features("test/c", np.array([[None]], object)), "error", "test/c.npy", "pickled Python objects",
    ),
    "no matrix": (
        features("test/c", np.zeros(LENGTH, "f4")), "error", "test/c.npy", "must be [T, D], not [50]",
    ),
    "empty": (features("train/b", np.zeros((0, 4), "f4")), "error", "train/b.npy", "the recording is empty"),
    "damaged": (
        lambda root: (root / "features/train/b.npy").write_bytes(b"\x93NUMPY"),
        "error", "train/b.npy", "cannot be read as .npy features",
    ),
    "a little too short": (
        features("test/c", np.zeros((LENGTH - 4, 4), "f4")),
        "warning", "test/c.npy", "46 snippets, but 40 s hold 50.0 at 1.25 snippets a second",
    ),
    "far too long": (
        features("test/c", np.zeros((2 * LENGTH, 4), "f4")),
        "error", "test/c.npy", "100 snippets, but 40 s hold 50.0 at 1.25 snippets a second",
    ),
    "click beyond the end": (
        clicks(FIELD_CLICKS + "jump,0,1,b,1100\n"),
        "error", "point_gaussian.csv:5", "the click at 44 s lies beyond the end of 'b', 40.8 s",
    ),
    "negative click": (
        clicks(FIELD_CLICKS + "jump,0,1,b,-2\n"), "error", "gaussian.csv:5", "a finite number from 0 on",
    ),
    "unparsable row": (
        clicks(FIELD_CLICKS + "jump,0,1,b\n"), "error", "gaussian.csv:5", "4 columns where 5 are expected",
    ),
    "unknown class": (
        clicks(FIELD_CLICKS + "hop,0,1,b,9\n"), "error", "point_gaussian.csv:5", "unknown class 'hop'",
    ),
    "unknown recording": (
        clicks(FIELD_CLICKS + "jump,0,1,zz,9\n"), "error", "point_gaussian.csv:5", "unknown recording 'zz'",
    ),
    "a slip in a long table": (
        clicks(FIELD_CLICKS + "".join(f"jump,,,b,{i}\n" for i in range(200)) + "jump,,,bb,9\n"),
        "warning", "point_gaussian.csv:205", "unknown recording 'bb'",
    ),
    "the same click twice": (
        clicks(FIELD_CLICKS + "jump,0,1,b,750\n"),
        "warning", "point_gaussian.csv:5", "the same click as in line 4",
    ),
    "click on a test recording": (
        clicks(FIELD_CLICKS + "jump,0,1,c,750\n"),
        "warning", "point_gaussian.csv:5", "1 clicks on recordings outside split 'train'",
    ),
    "recording without clicks": (
        clicks(FIELD_CLICKS.replace(",b,", ",a one,")), "warning", "split_train.txt:2", "'b' has no click",
    ),
    "class without clicks": (
        meta(classes=["jump", "run", "swim"]), "warning", "point_gaussian.csv", "class 'swim' has no click",
    ),
    "no clicks": (clicks(FIELD_CLICKS.split("\n")[0]), "error", "gaussian.csv", "no click lies on a rec"),
    "no table": (
        lambda root: (root / "point_labels/point_gaussian.csv").unlink(),
        "error", "", "there is no default click table",
    ),
    "not a table": (clicks("hello\n"), "error", "gaussian.csv:1", "neither a known header nor"),
    "repeated id": (
        lambda root: (root / "split_train.txt").write_text("a one\nb\n\na one\n"),
        "error", "split_train.txt:4", "'a one' is listed twice in split 'train'",
    ),
    "overlapping splits": (
        lambda root: (
            (root / "split_test.txt").write_text("c\nb\n"), save_features(root / "features/test/b.npy"),
        ),
        "error", "split_test.txt:2", "'b' is in split 'test' and in split 'train'",
    ),
    "empty split": (
        lambda root: ((root / "split_test.txt").write_text("\n"), (root / "features/test/c.npy").unlink()),
        "warning", "", "split 'test' is empty",
    ),
    "duration": (
        gt(lambda database: database["b"].update(duration="long")),
        "error", ": database.b.duration", "must be a positive number, not 'long'",
    ),
    "no such fps": (
        lambda root: (
            gt(lambda database: database["b"].pop("fps"))(root),
            edit_json(root / "meta.json", lambda content: content.update(fps=None)),
        ),
        "warning", "point_gaussian.csv", "25 frames a second are assumed for clicks on b",
    ),
    "meta": (meta(fps="x"), "error", ": fps", "must be a positive number, not 'x'"),
    "gt": (lambda root: (root / "gt_full.json").write_text("{"), "error", "gt_full.json", "not JSON"),
    "no features": (
        lambda root: (root / "features/test/c.npy").unlink(),
        "error", "features/test", "none of the 1 recordings of split 'test' has features",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BREAKS)
def test_each_fault_is_found_and_nothing_else(tmp_path: Path, name: str):
    broken, severity, where, what = BREAKS[name]
    root = field_layout(tmp_path / "data")
    broken(root)
    report = inspect_dataset(root)
    assert len(report.problems) == 1, report.problems
    found = report.problems[0]
    assert found.severity == severity
    assert (found.where or "").removeprefix(str(root)).endswith(where)
    assert what in found.what
    assert len(report.errors) == (severity == "error")
    assert len(report.warnings) == (severity == "warning")


def test_all_faults_are_found_at_once(tmp_path: Path):
    root = field_layout(tmp_path / "data")
    for i in range(20):
        save_features(root / "features/train" / f"v{i}.npy")
    names = "\n".join(["a one", "b", *(f"v{i}" for i in range(21)), "v3", "c"])
    (root / "split_train.txt").write_text(names)
    features("train/v0", holed(np.nan))(root)
    features("train/v1", np.zeros((LENGTH, 9), "f4"))(root)
    features("train/v2", np.zeros((0, 4), "f4"))(root)
    features("train/v4", np.zeros((4, LENGTH), "f4"))(root)
    features("train/stray", np.zeros((LENGTH, 4), "f4"))(root)
    rows = ["hop,0,0,v5,1", "jump,0,0,v5,bad", "jump,0,0,v5,9e9", "jump,0,0,nobody,5", '"jump,0,0,v5,7']
    clicks(FIELD_CLICKS + "\n".join(rows) + "\n")(root)
    text = "\n".join(str(problem) for problem in inspect_dataset(root).problems)
    for expected in (
        "split_train.txt:23: 'v20' of split 'train' has no feature file",
        "split_train.txt:24: 'v3' is listed twice",
        "'c' is in split 'test' and in split 'train'",
        "v0.npy: snippet 17, dimension 3 is not a finite number: nan",
        "v1.npy: 9 feature dimensions, the other recordings have 4",
        "v2.npy: the recording is empty: features [0, 4]",
        "v4.npy: 50 feature dimensions, the other recordings have 4 (it looks transposed: save it as [T, D])",
        "stray.npy: features of 'stray', which is in no split",
        "csv:5: a click of an unknown class 'hop'",
        "csv:6: the click's time is not a number: 'bad'",
        "csv:7: the click at 3.6e+08 s lies beyond the end of 'v5'",
        "csv:8: a click on an unknown recording 'nobody'",
        "csv:9: not a row of comma-separated values",
        "split_train.txt:3: 'v0' has no click",
    ):
        assert expected in text


def test_clicks_before_the_first_snippet_are_told(tmp_path: Path):
    """Features that begin later than the recording: training refuses such clicks as inspect does."""
    root = own_layout(tmp_path / "data", "features: {stride: 0.8, offset: 100}\n")
    report = inspect_dataset(root)
    early = [problem for problem in report.problems if "lies before the first snippet" in problem.what]
    assert early
    with pytest.raises(DataError, match=r"clicks\.csv:2: .* lies before the first snippet"):
        open_dataset(root).training_set()


def test_our_layout_reports_every_unknown_key_and_goes_on(tmp_path: Path):
    root = own_layout(tmp_path / "data", "features: {stride: 0.8, rate: 2}\nclases: [jump]\n")
    (root / "clicks.csv").write_text(OWN_CLICKS + "b,oops,jump\n")
    report = inspect_dataset(root)
    assert [problem.what for problem in report.problems] == [
        "unknown key 'clases'",
        "unknown key 'rate'",
        "the click's time is not a number: 'oops'",
    ]
    assert report.problems[-1].where == f"{root / 'clicks.csv'}:5"
    assert [split.name for split in report.splits] == ["train", "test"]


def test_folders_that_cannot_be_opened(tmp_path: Path):
    for path in (tmp_path, tmp_path / "missing"):
        report = inspect_dataset(path)
        assert [problem.severity for problem in report.problems] == ["error"]
        assert "1 error, 0 warnings" in rendered(report)


def test_a_folder_to_predict_on_needs_no_clicks(tmp_path: Path):
    root = own_layout(tmp_path / "data")
    (root / "clicks.csv").unlink()
    report = inspect_dataset(root)
    assert report.problems == []
    assert [(split.name, split.recordings) for split in report.splits] == [("test", 3)]
    missing = inspect_dataset(root, points="mine.csv").problems
    assert [problem.what for problem in missing] == ["there is no click table 'mine.csv'"]


def test_values_are_looked_at_only_if_asked(tmp_path: Path):
    root = field_layout(tmp_path / "data")
    features("train/b", holed(np.nan))(root)
    assert inspect_dataset(root, check_values=False).problems == []
    assert len(inspect_dataset(root).errors) == 1


def test_only_one_block_of_features_is_in_memory(tmp_path: Path):
    splits = "{train: [a one], test: [v0, v1]}"
    root = own_layout(tmp_path / "data", f"features: {{stride: 0.8}}\nsplits: {splits}\n")
    for i in range(2):
        np.save(root / "features" / f"v{i}.npy", np.zeros((60_000, 250), np.float32))
    tracemalloc.start()
    report = inspect_dataset(root)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert report.splits[1].lengths == (60_000, 60_000)
    assert peak < 60_000 * 250 * 4


@settings(max_examples=40, deadline=None)
@given(
    stride=st.integers(1, 50),
    overlap=st.integers(1, 4),
    frames=st.integers(200, 5000),
    form=st.sampled_from(["floor", "round", "ceil", "fitting"]),
)
def test_any_way_of_rounding_a_length_is_accepted(tmp_path_factory, stride, overlap, frames, form):
    window = stride * overlap
    length = {
        "floor": frames // stride,
        "round": round(frames / stride),
        "ceil": -(-frames // stride),
        "fitting": max(1, (frames - window) // stride + 1),
    }[form]
    root = field_layout(tmp_path_factory.mktemp("d") / "data")
    meta(snippet_stride_frames=stride, snippet_frames=window)(root)
    gt(lambda database: [entry.update(duration=frames / 25) for entry in database.values()])(root)
    for name in ("train/a one", "train/b", "test/c"):
        features(name, np.zeros((length, 1), np.float32))(root)
    clicks(f"{FIELD_CLICKS.splitlines()[0]}\njump,,,a one,9\nrun,,,b,{frames}\n")(root)
    assert inspect_dataset(root).problems == []
    features("test/c", np.zeros((length + 5 + overlap, 1), np.float32))(root)
    assert f"{length + 5 + overlap} snippets, but" in inspect_dataset(root).problems[0].what


def test_names_are_printed_as_they_are(tmp_path: Path):
    root = field_layout(tmp_path / "data")
    meta(classes=["jump", "run", "[bold]swim[/bold]"])(root)
    clicks(FIELD_CLICKS + f"[red]hop,0,1,b,9\njump,0,1,{'long name ' * 20},9\n")(root)
    text = rendered(inspect_dataset(root))
    assert "│ [bold]swim[/bold] │" in text
    lines = text.splitlines()
    table = root / "point_labels" / "point_gaussian.csv"
    assert any(line.startswith(f"error: {table}:5: a click of an unknown class '[red]hop'") for line in lines)
    assert any(("long name " * 19) in line and line.startswith(f"error: {table}:6: ") for line in lines)
    assert lines[-1] == "2 errors, 1 warning"


@pytest.mark.skipif(not SHARED.is_dir(), reason="the real data sets are not on this machine")
@pytest.mark.parametrize("name", ["hapt", "ucf_untrimmed", "i3d_stitched"])
@pytest.mark.parametrize("points", ["point_gaussian.csv", "point_human.csv"])
def test_the_real_folders_are_sound(name: str, points: str):
    report = inspect_dataset(SHARED / name, points)
    assert report.problems == []
    number = {"hapt": 849, "ucf_untrimmed": 216, "i3d_stitched": 189}[name]
    assert sum(report.splits[0].clicks.values()) == number
    assert report.timeline is not None
    assert report.timeline.rate == pytest.approx(1.5625)
    classes = json.loads((SHARED / name / "meta.json").read_text())["classes"]
    assert report.classes == tuple(classes)


def test_without_a_click_table_it_says_that_nothing_can_be_learned(tmp_path: Path) -> None:
    own = own_layout(tmp_path / "own")
    (own / "clicks.csv").rename(own / "cliks.csv")
    (problem,) = inspect_dataset(own).problems
    assert (problem.severity, "cliks.csv is not read as its click table" in problem.what) == ("warning", True)
    assert inspect_dataset(own, own / "cliks.csv").problems == []
    (own / "cliks.csv").unlink()
    (own / "clicks.csv").mkdir()
    assert "clicks.csv is not read" in inspect_dataset(own).problems[0].what


def test_of_hundreds_of_wrong_names_the_first_are_guessed_at(tmp_path: Path) -> None:
    own = own_layout(tmp_path / "own")
    rows = "".join(f"a one{number:03d},1,jump\n" for number in range(300))
    (own / "clicks.csv").write_text("video_id,timestamp,label\n" + rows)
    told = [problem.mend or "" for problem in inspect_dataset(own).problems if "a one" in problem.what]
    assert len(told) == 300
    assert "did you mean 'a one'?" in told[0]
    assert 50 < sum("did you mean" in mend for mend in told) <= 100
