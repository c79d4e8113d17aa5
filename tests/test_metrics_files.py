"""Evaluation from files: options, outputs, and the table people see."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from hrpro.core.annotations import Detection, Detections
from hrpro.core.errors import ConfigError, DataError
from hrpro.data.formats.activitynet import read_detections, read_ground_truth, write_detections
from hrpro.metrics.ambiguous import read_ambiguous, without_ambiguous
from hrpro.metrics.files import evaluate_files, table

SHARED = Path(__file__).resolve().parents[1].parent / "shared"
GOLDEN = SHARED / "golden/evaluation_thumos14"
THUMOS = SHARED / "data/annotations/thumos14"

DATABASE = {
    "one": {"subset": "Test", "annotations": [{"label": "x", "segment": [0, 10]}]},
    "two": {
        "subset": "test",
        "annotations": [{"label": "x", "segment": [0, 10]}, {"label": "Ambiguous", "segment": [20, 30]}],
    },
    "three": {"subset": "Train", "annotations": [{"label": "y", "segment": [0, 10]}]},
}


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    truth, found = tmp_path / "gt.json", tmp_path / "found.json"
    truth.write_text(json.dumps({"database": DATABASE}))
    rows = [Detection(0, 10, "x", 0.9), Detection(20, 30, "x", 0.8)]
    write_detections(found, {"one": Detections.from_list(rows), "two": Detections.from_list(rows[::-1])})
    return truth, found


def test_options_choose_what_is_evaluated(files: tuple[Path, Path]) -> None:
    everything = evaluate_files(*files)
    assert everything.classes == ("Ambiguous", "x", "y")
    assert everything.average() == pytest.approx(1 / 3)
    assert evaluate_files(*files, subset="TEST").classes == ("Ambiguous", "x")
    test = evaluate_files(*files, subset="test", drop_labels=["Ambiguous"])
    assert (test.classes, test.average(), test.coverage.videos) == (("x",), 1, 2)
    one = evaluate_files(*files, subset="test", exclude=["two", "three", "four"], tiou="0.5,0.7")
    assert (one.n_truth.tolist(), one.tious) == ([1], (0.5, 0.7))
    assert one.coverage.excluded_unknown == ("three", "four")
    assert one.coverage.remarks() == [
        "2 detections ignored: in 1 videos that are not in the ground truth (two)",
        "2 videos to exclude were not in the ground truth (three, four)",
    ]


def test_ambiguous_stretches_take_detections_out(files: tuple[Path, Path], tmp_path: Path) -> None:
    stretches = tmp_path / "ambiguous.txt"
    stretches.write_text("\n two  30 31.5 \n\ntwo\t29.5 30\none 9 12\nelse 0 100\n")
    result = evaluate_files(*files, subset="test", ambiguous=stretches, drop_labels=["Ambiguous"])
    # one: [0, 10] touches [9, 12]; two: [20, 30] touches [29.5, 30] but only meets [30, 31.5].
    assert result.coverage.ambiguous_detections == 2
    assert result.n_detections.tolist() == [2]
    assert result.average() == 0.5
    result = evaluate_files(*files, subset="test", ambiguous=stretches, exclude=["two"])
    assert result.coverage.ambiguous_detections == 1
    only_meets = tmp_path / "meets.txt"
    only_meets.write_text("two 30 31.5\none 12 20\nthree 0 1\n")
    result = evaluate_files(*files, subset="test", ambiguous=only_meets)
    assert result.coverage.ambiguous_detections == 0


@pytest.mark.parametrize(
    "line", ["one 1", "one 1 2 3", "one a b", "one 2 1", "one nan 1", "one 0 inf", "just-one"]
)
def test_faults_in_the_stretches_name_the_line(line: str, tmp_path: Path) -> None:
    path = tmp_path / "ambiguous.txt"
    path.write_text(f"one 0 1\n\n{line}\n")
    with pytest.raises(DataError, match=r"ambiguous\.txt:3: "):
        read_ambiguous(path)


def test_stretches_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    for path in (tmp_path / "none", tmp_path, tmp_path / "binary"):
        with pytest.raises(DataError, match=path.name):
            read_ambiguous(path)


@pytest.mark.skipif(not GOLDEN.exists(), reason="the shared reference vectors are not here")
def test_the_published_stretches_on_published_detections() -> None:
    truth = read_ground_truth(THUMOS / "gt_full.json", subset="Test")
    found = {v: d for v, d in read_detections(GOLDEN / "detections.json").items() if v in truth.videos}
    lines = [line.split() for line in (THUMOS / "Ambiguous_test.txt").read_text().splitlines() if line]
    clean, removed = without_ambiguous(found, read_ambiguous(THUMOS / "Ambiguous_test.txt"))
    touching = {
        (video, row)
        for video, rows in found.items()
        for row in rows
        for name, start, end in lines
        if name == video and max(row.start, float(start)) < min(row.end, float(end))
    }
    assert removed == len(touching) > 0
    kept = {(video, row) for video, rows in clean.items() for row in rows}
    assert kept == {(video, row) for video, rows in found.items() for row in rows} - touching


def test_written_results_hold_what_was_returned(files: tuple[Path, Path], tmp_path: Path) -> None:
    as_json, as_csv = tmp_path / "out" / "result.json", tmp_path / "out" / "result.csv"
    result = evaluate_files(*files, tiou="0.5:0.95", json_file=as_json, csv_file=as_csv)
    assert json.loads(as_json.read_text()) == json.loads(json.dumps(result.to_dict()))
    with open(as_csv, newline="") as file:
        header, *rows = csv.reader(file)
    assert header == ["class", "0.5", "0.55", "0.6", "0.65", "0.7", "0.75", "0.8", "0.85", "0.9", "0.95"]
    assert [row[0] for row in rows] == ["Ambiguous", "x", "y", "mAP"]
    assert [float(value) for value in rows[-1][1:]] == result.mean.tolist()
    assert sorted(path.name for path in as_json.parent.iterdir()) == ["result.csv", "result.json"]


def test_bad_thresholds_and_outputs_are_refused(files: tuple[Path, Path], tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="tIoU thresholds"):
        evaluate_files(*files, tiou="half")
    with pytest.raises(DataError, match="cannot be written"):
        evaluate_files(*files, json_file=tmp_path)
    with pytest.raises(DataError, match="cannot be written"):
        evaluate_files(*files, csv_file=files[0] / "below a file.csv")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["found.json", "gt.json"]


def test_the_table_fits_a_terminal(files: tuple[Path, Path]) -> None:
    result = evaluate_files(*files)
    screen = io.StringIO()
    Console(file=screen, width=80).print(table(result))
    lines = screen.getvalue().splitlines()
    header = next(line.split() for line in lines if "class" in line and "mean" in line)
    assert header == ["class", "n", *(f"0.{k}" for k in range(1, 8)), "mean"]
    rows = {line.split()[0]: line.split()[1:] for line in lines if line.split()}
    assert rows["x"] == ["2", *["1.000"] * 8]
    assert any(line.split() == ["mAP", "4", *["0.333"] * 8] for line in lines)
    assert any("0.3333 over 0.1:0.5" in line for line in lines)
