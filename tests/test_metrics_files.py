"""Evaluation from files: options, outputs, and the table people see."""

from __future__ import annotations

import csv
import io
import json
import os
import stat
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
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


def test_class_names_are_printed_as_they_are(tmp_path: Path) -> None:
    """They are no markup."""
    names = ("[/x]", "[bold]", "hand [left]")
    truth = [{"label": name, "segment": [0, 10]} for name in names]
    (tmp_path / "gt.json").write_text(json.dumps({"database": {"one": {"annotations": truth}}}))
    rows = [Detection(0, 10, name, 0.9) for name in names]
    write_detections(tmp_path / "found.json", {"one": Detections.from_list(rows)})
    shown = io.StringIO()
    Console(file=shown, width=100).print(table(evaluate_files(tmp_path / "gt.json", tmp_path / "found.json")))
    for name in names:
        assert name in shown.getvalue()


def test_numbers_beyond_all_bounds_are_refused(files: tuple[Path, Path]) -> None:
    truth, found = files
    huge = "1" + "0" * 400
    for path, old in ((truth, '"segment": [0, 10]'), (found, "0.9")):
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, old.replace("10", huge).replace("0.9", huge), 1))
        with pytest.raises(DataError):
            evaluate_files(truth, found)
        path.write_text(text)


def test_recall_and_moments_stand_in_table_json_and_csv(files: tuple[Path, Path], tmp_path: Path) -> None:
    as_json, as_csv = tmp_path / "r.json", tmp_path / "r.csv"
    asked: dict[str, Any] = {"subset": "test", "tiou": "0.5,0.7", "recall": True, "moments": True}
    result = evaluate_files(*files, **asked, json_file=as_json, csv_file=as_csv)
    # Each video has one action and, of two detections, that of "one" first and that of "two" second.
    # The middles of both lie within; the stretch called Ambiguous has its own detection, of another class.
    said = json.loads(as_json.read_text())
    assert said["AR"] == pytest.approx({"1": 2 / 3, "5": 1, "10": 1, "50": 1, "100": 1})
    assert said["moment"] == {"mAP": 0.5, "judged": "middle", "AP": {"Ambiguous": 0, "x": 1}}
    rows = list(csv.reader(io.StringIO(as_csv.read_text())))
    assert rows[0] == ["class", "0.5", "0.7", "moment"]
    names = ["Ambiguous", "x", "AR@1", "AR@5", "AR@10", "AR@50", "AR@100", "mAP"]
    assert [row[0] for row in rows[1:]] == names
    assert {len(row) for row in rows} == {4}
    assert rows[-1][-1] == "0.5"
    text = io.StringIO()
    Console(file=text, width=80).print(table(result))
    shown = {words[0]: words[1:] for line in text.getvalue().splitlines() if len(words := line.split()) > 1}
    assert shown["AR@1"] == ["0.667", "0.667", "0.667"]
    assert (shown["class"][-1], shown["mAP"][-1]) == ("moment", "0.500")
    plain = evaluate_files(*files, subset="test", tiou="0.5,0.7", json_file=as_json)
    assert (plain.recall, plain.moment) == (None, None)
    assert not {"AR", "moment"} & json.loads(as_json.read_text()).keys()


def test_peaks_are_written_read_and_judged(files: tuple[Path, Path], tmp_path: Path) -> None:
    truth, found = files
    columns = Detections.from_list([Detection(0, 10, "x", 0.9), Detection(20, 30, "x", 0.8)])
    with_peaks = {"one": replace(columns, peaks=np.array([12.3456789, 20])), "two": Detections.empty()}
    write_detections(found, with_peaks)
    rows = json.loads(found.read_text())["results"]["one"]
    assert [row["peak"] for row in rows] == [12.345679, 20]
    before = found.read_bytes()
    again = read_detections(found)
    write_detections(found, again)
    assert found.read_bytes() == before
    result = evaluate_files(truth, found, subset="test", moments=True)
    assert result.moment is not None
    assert not result.moment.at_middles
    assert result.moment.mean == 0  # 12.3 s lies outside, though 5 s, the middle, would not
    found.write_text(found.read_text().replace("12.345679", "true"))
    with pytest.raises(DataError, match="'peak' must be seconds, a finite number, not True"):
        read_detections(found)


def test_a_label_that_nothing_has_and_a_length_that_is_not_known(files: tuple[Path, Path]) -> None:
    truth, found = files
    database = json.loads(truth.read_text())
    database["database"]["one"]["duration"] = None
    truth.write_text(json.dumps(database))
    result = evaluate_files(truth, found, drop_labels=("Ambigous", "Ambiguous"))
    assert "1 labels to drop are on none of the videos (Ambigous)" in " ".join(result.coverage.remarks())


def test_what_is_evaluated_is_not_written_over(files: tuple[Path, Path], tmp_path: Path) -> None:
    truth, found = files
    before = truth.read_bytes(), found.read_bytes()
    with pytest.raises(ConfigError, match=r"--json: .*found\.json is what is to be evaluated"):
        evaluate_files(truth, found, json_file=found)
    with pytest.raises(ConfigError, match="--csv: "):
        evaluate_files(truth, found, csv_file=truth)
    with pytest.raises(ConfigError, match="one file cannot be both"):
        evaluate_files(truth, found, json_file=tmp_path / "x", csv_file=tmp_path / "x")
    assert (truth.read_bytes(), found.read_bytes()) == before
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="cannot be written"):
        evaluate_files(truth, found, json_file=tmp_path / "e.json", csv_file=tmp_path / "file/e.csv")
    assert not (tmp_path / "e.json").exists(), "nothing by halves"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes with names")
def test_results_go_into_pipes_and_through_links(files: tuple[Path, Path], tmp_path: Path) -> None:
    truth, found = files
    pipe, link, real = tmp_path / "pipe", tmp_path / "latest.csv", tmp_path / "results" / "1.csv"
    os.mkfifo(pipe)
    real.parent.mkdir()
    link.symlink_to(real)
    with ThreadPoolExecutor(1) as pool:
        read = pool.submit(pipe.read_text)
        evaluate_files(truth, found, json_file=pipe, csv_file=link)
        assert json.loads(read.result(timeout=60))["average_mAP"] >= 0
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    assert link.is_symlink()
    assert real.read_text().startswith("class,")
    # But no link in a folder of somebody else's leads what the studio keeps there out of it.
    write_detections(link, {})
    assert not link.is_symlink()
    assert real.read_text().startswith("class,")
