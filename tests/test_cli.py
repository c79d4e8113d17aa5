"""The command as people run it: what it prints, writes and returns."""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from commands import SMALL, run, start, weights
from hrpro.config import Config
from hrpro.settings import build, read_layer

pytest_plugins = ["command_fixtures"]
SHARED = Path(__file__).resolve().parents[1].parent / "shared"


def test_inspect_train_predict_evaluate(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("inspect", "--data", data) == 0
    assert "no problems found" in capsys.readouterr().out

    assert run("train", "--data", data, "--run", tmp_path / "r", "--seed", "3", *SMALL[:-1]) == 0
    out, err = capsys.readouterr()
    assert (
        f"5 recordings, {len((data / 'clicks.csv').read_text().splitlines()) - 1} clicks of 2 classes" in out
    )
    assert out.splitlines()[-1] == f"model in {tmp_path / 'r' / 'model'}"
    assert "snippet  5/5" in err
    assert "instance  5/5" in err
    config = build(Config(), read_layer(tmp_path / "r/config.yaml"), None)
    assert (config.snippet.seed, config.instance.seed, config.snippet.steps) == (3, 3, 5)
    assert config.snippet.lr == Config().snippet.lr

    found = tmp_path / "new" / "detections.json"
    command = ["predict", "--run", tmp_path / "r", "--data", data, "--split", "test", "--out", found]
    assert run(*command) == 0
    content = json.loads(found.read_text())
    assert content.keys() == {"version", "results", "external_data"}
    assert content["results"].keys() == {"test_000", "test_001", "test_002"}
    rows = [row for rows in content["results"].values() for row in rows]
    assert capsys.readouterr().out == f"{len(rows)} detections in {found}\n"
    assert {row["label"] for row in rows} <= {"action_1", "action_2"}
    assert os.listdir(found.parent) == ["detections.json"]
    first = found.read_bytes()
    assert run(*command) == 0
    assert found.read_bytes() == first

    capsys.readouterr()
    truth = data / "gt_full.json"
    assert run("evaluate", "--ground-truth", truth, "--detections", found, "--subset", "Test") == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert out.splitlines()[-1].startswith("average mAP = 0.")
    assert len(out.splitlines()[-1]) == len("average mAP = 0.xxxx")


def test_evaluate_prints_and_writes_the_same_figures(
    data: Path, detections: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = ["--json", tmp_path / "a/e.json", "--csv", tmp_path / "e.csv"]
    base = ["evaluate", "--ground-truth", data / "gt_full.json", "--detections", detections]
    capsys.readouterr()
    assert run(*base, *files, "--tiou", "0.1,0.5", "--diagnose") == 0
    out = capsys.readouterr().out
    assert "Errors at tIoU 0.5" in out
    assert "By length at tIoU 0.5" in out
    average = out.splitlines()[-1].removeprefix("average mAP = ")
    figures = json.loads((tmp_path / "a/e.json").read_text())
    assert f"{figures['average_mAP']:.4f}" == average
    table = list(csv.reader((tmp_path / "e.csv").open(newline="")))
    assert [cell for cell in table[0] if cell in ("0.1", "0.5", "0.7")] == ["0.1", "0.5"]
    assert run(*base, "--exclude", "test_000,test_001", "--tiou", "0.1") == 0
    alone = capsys.readouterr().out
    assert "ignored: in 2 videos" in alone
    stretch = tmp_path / "ambiguous.txt"
    stretch.write_text("test_002 0 1000\n")
    assert run(*base, "--exclude", "test_000, test_001", "--tiou", "0.1", "--ambiguous", stretch) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "average mAP = 0.0000"
    assert alone.splitlines()[-1] != "average mAP = 0.0000"


def test_the_diagnosis_is_of_what_is_evaluated(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every option that chooses what is evaluated shows in the diagnosis as it shows in the figures."""
    database = json.loads((data / "gt_full.json").read_text())["database"]
    found, stretches = tmp_path / "found.json", tmp_path / "ambiguous.txt"
    rows = {
        video: [{**action, "score": 0.5} for action in entry["annotations"]]
        for video, entry in database.items()
        if video.startswith("test")
    }
    found.write_text(json.dumps({"results": rows}))
    stretches.write_text("test_002 0 1000\n")
    base = ["evaluate", "--ground-truth", data / "gt_full.json", "--detections", found, "--subset", "test"]
    titles = []
    for which in (
        [],
        ["--drop-labels", "action_2"],
        ["--ambiguous", stretches],
        ["--drop-labels", "action_2", "--ambiguous", stretches],
        ["--exclude", "test_002"],
    ):
        figures = tmp_path / "figures.json"
        assert run(*base, *which, "--tiou", "0.5", "--diagnose", "--json", figures) == 0
        told = " ".join(capsys.readouterr().out.split())
        title = re.search(r"Errors at tIoU 0.5 \(mAP (\d\.\d+)\); (\d+) of (\d+) missed", told)
        assert title is not None
        result = json.loads(figures.read_text())
        assert title[1] == f"{result['average_mAP']:.3f}"
        dropped = {"action_2"} if "--drop-labels" in which else set()
        kept = [
            (action["label"], video)
            for video, actions in rows.items()
            for action in actions
            if action["label"] not in dropped and not ("--exclude" in which and video == "test_002")
        ]
        missed = sum(video == "test_002" for _, video in kept) if "--ambiguous" in which else 0
        assert (int(title[2]), int(title[3])) == (missed, len(kept))
        titles.append(title.groups())
    assert len(set(titles)) == len(titles)


def test_evaluate_gives_the_published_figure(capsys: pytest.CaptureFixture[str]) -> None:
    golden, truth = SHARED / "golden/evaluation_thumos14", SHARED / "data/annotations/thumos14/gt_full.json"
    if not golden.is_dir() or not truth.is_file():
        pytest.skip("no ../shared with THUMOS14's ground truth and published detections")
    left_out = ",".join(f"video_test_{number:07d}" for number in (270, 1292, 1496))
    files = ["--ground-truth", truth, "--detections", golden / "detections.json"]
    assert run("evaluate", *files, "--subset", "Test", "--exclude", left_out, "--tiou", "0.1:0.7:0.1") == 0
    assert capsys.readouterr().out.splitlines()[-1] == "average mAP = 0.4327"


@pytest.mark.parametrize("name", ["hapt", "ucf_untrimmed", "i3d_stitched"])
def test_real_folders_are_inspected_and_give_settings(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    folder = SHARED / "data" / name
    if not folder.is_dir():
        pytest.skip(f"no ../shared/data/{name}")
    assert run("inspect", "--data", folder) == 0
    assert "no problems found" in capsys.readouterr().out
    chosen = {}
    for points in ([], ["--points", "point_gaussian.csv"], ["--points", "point_human.csv"]):
        assert run("train", "--data", folder, *points, "--print_config") == 0
        chosen[" ".join(points)] = yaml.safe_load(capsys.readouterr().out)
    assert len(chosen) == 3
    assert chosen[""]["snippet"]["steps"] != Config().snippet.steps
    assert chosen[""] == chosen["--points point_gaussian.csv"]


def test_inspect_fails_on_a_faulty_folder_and_names_what(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = tmp_path / "data"
    shutil.copytree(data, broken)
    with (broken / "clicks.csv").open("a") as table:
        table.write("train_000,99999,action_1\n")
    (broken / "features/test/test_001.npy").unlink()
    assert run("inspect", "--data", broken) == 1
    out = capsys.readouterr().out
    assert f"clicks.csv:{len((broken / 'clicks.csv').read_text().splitlines())}" in out
    assert "test_001" in out
    assert "2 errors" in out
    assert run("inspect", "--data", tmp_path / "missing") == 1
    assert "no such dataset folder" in capsys.readouterr().out


def test_clicks_are_taken_by_name_or_path(data: Path, said, tmp_path: Path) -> None:
    field = tmp_path / "data"
    shutil.copytree(data, field)
    (field / "point_labels").mkdir()
    (field / "clicks.csv").rename(field / "point_labels/point_gaussian.csv")
    rows = (field / "points_human.csv").read_text().splitlines()
    (field / "points_human.csv").rename(field / "point_labels/point_human.csv")
    mine = tmp_path / "mine.csv"
    mine.write_text("\n".join(row for row in rows if not row.endswith("action_2")) + "\n")
    counted = {}
    for name, words in {
        "default": [],
        "gaussian": ["--points", "point_gaussian.csv"],
        "human": ["--points", "point_human.csv"],
        "path": ["--points", field / "point_labels/point_human.csv"],
        "mine": ["--points", mine],
    }.items():
        folder = tmp_path / name
        assert run("train", "--data", field, "--run", folder, *words, *SMALL, "--stages=1") == 0
        counted[name] = weights(folder)
    assert counted["default"] == counted["gaussian"] != counted["human"] == counted["path"] != counted["mine"]
    message = said("train", "--data", field, "--run", tmp_path / "x", "--points", "point_humans.csv")
    assert "point_humans.csv" in message
    assert "point_human.csv" in message


def test_warnings_are_one_line_each_on_standard_error(
    data: Path, trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    faster = tmp_path / "data"
    shutil.copytree(data, faster)
    text = (faster / "dataset.yaml").read_text()
    (faster / "dataset.yaml").write_text(text.replace("stride: 1.0", "stride: 0.25"))
    capsys.readouterr()
    assert run("predict", "--run", trained, "--data", faster, "--out", tmp_path / "d.json") == 0
    out, err = capsys.readouterr()
    assert out.startswith(tuple("0123456789"))
    assert err.splitlines() == [
        "hrpro: these features have a snippet every 0.25 s, those of the training had one every 1 s: "
        "expect worse detections"
    ]


def test_a_reader_that_leaves_early_is_no_error(data: Path, detections: Path) -> None:
    words = ["evaluate", "--ground-truth", str(data / "gt_full.json"), "--detections", str(detections)]
    process = start(*words)
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    assert process.stderr.read() == ""
    assert process.wait(timeout=60) == 1


def test_a_terminal_that_cannot_show_a_name_is_no_reason_to_end(data: Path, detections: Path) -> None:
    words = ["evaluate", "--ground-truth", str(data / "gt_full.json"), "--detections", str(detections)]
    for encoding in ("ascii", "cp1252", "utf-8"):
        done = subprocess.run(
            [sys.executable, "-m", "hrpro.cli", *words, "--tiou", "0.05:1:0.05"],
            capture_output=True,
            check=False,
            env={**os.environ, "PYTHONIOENCODING": encoding, "COLUMNS": "80"},
        )
        assert (done.returncode, done.stderr) == (0, b"")
        out = done.stdout.decode(encoding)
        assert "\u2026" not in out, "every figure is whole"
        assert out.splitlines()[-1].startswith("average mAP = ")
    inspect = [sys.executable, "-m", "hrpro.cli", "inspect", "--data", str(data)]
    env = {**os.environ, "PYTHONIOENCODING": "ascii", "COLUMNS": "80"}
    assert subprocess.run(inspect, capture_output=True, check=False, env=env).returncode == 0


def test_detections_overwrite_nothing_else(data: Path, trained: Path, tmp_path: Path, said) -> None:
    out = tmp_path / "notes.json"
    out.write_text("[1, 2]")
    told = said("predict", "--run", trained, "--data", data, "--out", out)
    assert "is there already and was not written by hrpro predict" in told
    assert out.read_text() == "[1, 2]"
