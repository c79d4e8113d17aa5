"""``hrpro compare``: a real comparison of two methods with two seeds, and all that must not begin one."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import os
import shutil
import signal
import subprocess
import time
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest
import yaml

if os.name != "posix":
    pytest.skip("needs POSIX", allow_module_level=True)
pytest.importorskip("plotly", reason="the extra [report] is not installed")

import hrpro
from commands import finish, run, start, wait_for
from hrpro.metrics.files import evaluate_files
from hrpro.runs import predict_split, run_settings

pytest_plugins = ["command_fixtures"]

TINY = {"steps": 4, "hidden": 8, "batch_size": 3, "accelerator": "cpu"}
SETTINGS = {
    "snippet": {**TINY, "members": 2, "blocks": 1, "heads": 2},
    "instance": {**TINY, "completeness_weight": 0.25},
}


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("compare") / "tiny.yaml"
    path.write_text(yaml.safe_dump(SETTINGS))
    return path


@pytest.fixture(scope="module")
def words(data: Path, config: Path) -> list[str | Path]:
    return ["compare", "--data", data, "--config", config, "--quiet"]


@pytest.fixture(scope="module")
def compared(words: list[str | Path], config: Path) -> tuple[Path, str]:
    """The folder, and what was printed."""
    out, said = config.parent / "out", io.StringIO()
    with contextlib.redirect_stdout(said):
        assert run(*words, "--methods", "base, hrpro", "--seeds", "2", "--out", out) == 0
    return out, said.getvalue()


def trained(out: Path) -> dict[str, tuple[int, int]]:
    """Of every run, when its model was written and how many parts its training had."""
    return {
        path.parent.parent.name: (path.stat().st_mtime_ns, len(list((path.parents[1] / "cost").iterdir())))
        for path in out.glob("*/model/model.json")
    }


def test_table_csv_and_json_are_one(compared: tuple[Path, str]) -> None:
    out, said = compared
    sheet = list(csv.DictReader((out / "compare.csv").open()))
    stored = json.loads((out / "compare.json").read_text())
    assert (
        [row["method"] for row in sheet] == [row["method"] for row in stored["methods"]] == ["base", "hrpro"]
    )
    lines = said.splitlines()
    for cells, row in zip(sheet, stored["methods"], strict=True):
        assert {key: type(row[key])(cell) for key, cell in cells.items()} == row
        place = next(n for n, line in enumerate(lines) if line.split()[:1] == [row["method"]])
        names = ["average_mAP", *(f"mAP@0.{tenth}" for tenth in range(1, 8))]
        assert lines[place].split()[1:9] == [f"{row[f'{name}_mean']:.3f}" for name in names]
        spreads = [f"±{row[f'{name}_sd']:.3f}".replace("±0", "±") for name in names]
        assert lines[place + 1].split() == ["clicks", *spreads]
        assert lines[place].split()[-1] == f"{row['peak_memory_mib']:.0f}"
        assert 100 < row["peak_memory_mib"] < 3000
        assert row["train_seconds_mean"] > 0 < row["train_cpu_seconds_mean"]
        assert row["seeds_of_unknown_cost"] == 0
    assert len(stored["trials"]) == 4
    assert f"table in {out}/compare.csv and compare.json, report in {out}/report.html" in said.replace(
        "\n", " "
    )


def test_figures_are_those_of_predict_and_evaluate(
    compared: tuple[Path, str], data: Path, tmp_path: Path
) -> None:
    stored = json.loads((compared[0] / "compare.json").read_text())
    for trial in stored["trials"]:
        folder = compared[0] / f"{trial['method']}-{trial['seed']}"
        predict_split(folder, data, "test", tmp_path / "d.json", "cpu")
        ours = evaluate_files(data / "gt_full.json", tmp_path / "d.json")
        assert trial["average_mAP"] == pytest.approx(ours.average())
        assert trial["mAP"] == ours.to_dict()["mAP"]
    values = {(trial["method"], trial["seed"]): trial["mAP"] for trial in stored["trials"]}
    assert len({json.dumps(value) for value in values.values()}) > 1


def test_a_method_keeps_what_makes_it_one(compared: tuple[Path, str]) -> None:
    for seed in (0, 1):
        base, ours = (run_settings(compared[0] / f"{name}-{seed}") for name in ("base", "hrpro"))
        assert base is not None
        assert ours is not None
        assert (base.method, base.stages, base.snippet.blocks, base.snippet.members) == ("base", 1, 0, 1)
        assert (ours.method, ours.stages, ours.snippet.blocks, ours.snippet.members) == ("hrpro", 2, 1, 2)
        assert base.snippet.seed == ours.snippet.seed == ours.instance.seed == seed
        assert base.snippet.hidden == 8


def test_the_report_holds_the_first_seeds(compared: tuple[Path, str]) -> None:
    page = (compared[0] / "report.html").read_text(encoding="utf-8")
    assert "base-0" in page
    assert "hrpro-0" in page
    assert "base-1" not in page
    assert "Runs compared" in page


def test_what_is_finished_is_not_trained_again(
    compared: tuple[Path, str],
    words: list[str | Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "out"
    shutil.copytree(compared[0], out)
    before = trained(out)
    table = (out / "compare.csv").read_bytes()
    (out / "compare.csv").unlink()
    assert run(*words, "--methods=base,hrpro", "--seeds=2", "--out", out) == 0
    assert trained(out) == before
    assert (out / "compare.csv").read_bytes() == table
    (out / "base-0/cost/0001.json").write_text("null")  # as if all had been killed at once
    monkeypatch.setattr(hrpro, "__version__", "9.9")
    assert run(*words, "--methods=base", "--seeds=1", "--out", out) == 0
    assert trained(out) == before
    assert f"trained with another hrpro than this, 9.9: base-0 {version('hrpro')}" in capsys.readouterr().err
    assert json.loads((out / "base-0/compare.json").read_text())["predicted"]["of"]["hrpro"] == "9.9"
    row = next(csv.DictReader((out / "compare.csv").open()))
    assert (row["train_seconds_mean"], row["peak_memory_mib"], row["seeds_of_unknown_cost"]) == ("", "", "1")


def test_another_comparison_is_not_mixed_in(
    compared: tuple[Path, str], words: list[str | Path], data: Path, config: Path, said, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    shutil.copytree(compared[0], out)
    before = trained(out)
    both = ["--methods=hrpro,base", "--out", out]
    other = tmp_path / "other.yaml"
    other.write_text(yaml.safe_dump({**SETTINGS, "instance": {**SETTINGS["instance"], "lr": 0.5}}))
    message = said("compare", "--data", data, "--config", other, *both)
    assert message.startswith(f"{out / 'hrpro-0'}: the run has other settings: instance.lr was ")
    assert ", is 0.5 (take another --out" in message
    message = said(*words, *both, "--points", data / "points_human.csv")
    assert message.startswith(f"{out / 'hrpro-0'}: the run learned from other data: clicks was ")
    elsewhere = tmp_path / "data"
    shutil.copytree(data, elsewhere)
    path = elsewhere / "features/train/train_000.npy"
    np.save(path, np.load(path) + np.float32(0.001))
    message = said("compare", "--data", elsewhere, "--config", config, *both)
    assert "the run learned from other data: recordings was " in message
    (out / "base-2").mkdir()
    (out / "base-2" / "theirs.txt").write_text("")
    message = said(*words, *both)
    assert message.startswith(f"{out / 'base-2'}: is there and was not made by a comparison")
    assert trained(out) == before


def test_bad_input_is_told_before_anything_begins(
    words: list[str | Path], data: Path, config: Path, said, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    to = ["--methods=base,hrpro", "--out", out]
    assert said(*words, "--methods=base,sfent", "--out", out) == (
        "--methods: there is no method 'sfent' (did you mean 'sfnet'?)"
    )
    assert said(*words, "--methods=base,hrpro,base", "--out", out) == "--methods: names base twice"
    assert said(*words, "--methods= ,", "--out", out).startswith(
        "--methods: names no method (there are hrpro, "
    )
    assert said(*words, *to, "--seeds=0") == "--seeds: must be at least 1, not 0"
    assert "no device 'cuda:99'" in said(*words, *to, "--device=cuda:99")
    assert "there is no split 'tset' (did you mean 'test'?)" in said(*words, *to, "--split=tset")
    assert "holds no recording of split 'train'" in said(*words, *to, "--split=train")
    assert "there is no click table 'none.csv'" in said(*words, *to, "--points=none.csv")
    assert "no such dataset folder" in said("compare", "--data", tmp_path / "none", *to)
    bare = tmp_path / "bare"
    shutil.copytree(data, bare)
    (bare / "clicks.csv").write_text("video_id,timestamp,label\n")
    assert "no click lies on a recording" in said("compare", "--data", bare, *to)
    (bare / "clicks.csv").unlink()
    assert "there is no default click table" in said("compare", "--data", bare, *to)
    shutil.copy(data / "clicks.csv", bare)
    (bare / "gt_full.json").unlink()
    assert "gt_full.json: there is no ground truth to judge by" in said("compare", "--data", bare, *to)
    bad = tmp_path / "bad.yaml"
    compare = ["compare", "--data", data, "--config", bad]
    for text, why in (
        ("snippet: {stpes: 3}", "snippet.stpes: there is no such setting"),
        ("method: base", "method: goes without --config (name it in --methods)"),
        ("stages: 2", "stages: must be 1 for base, not 2"),
        ("[1]", "must hold settings as `key: value`"),
    ):
        bad.write_text(text)
        assert why in said(*compare, *to)
    assert not out.exists()
    out.mkdir()
    (out / "thesis.tex").write_text("")
    assert said(*words, *to) == (
        f"{out}: holds other things than a comparison (take a new folder, or that of an earlier compare)"
    )
    assert os.listdir(out) == ["thesis.tex"]
    assert "holds other things" in said(*words, "--methods=base", "--out", config)


def test_a_training_that_fails_ends_it_and_the_finished_ones_stay(
    compared: tuple[Path, str], data: Path, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    out, failing = tmp_path / "out", tmp_path / "failing.yaml"
    shutil.copytree(compared[0], out)
    for name in ("hrpro-0", "hrpro-1"):
        shutil.rmtree(out / name)
    (out / "compare.csv").unlink()
    before = trained(out)
    failing.write_text(
        yaml.safe_dump({**SETTINGS, "instance": {**SETTINGS["instance"], "precision": "fp16"}})
    )
    given = ["compare", "--data", data, "--config", failing, "--methods=base,hrpro", "--out", out]
    capfd.readouterr()
    assert run(*given, "--seeds=2") == 2
    said, told = capfd.readouterr()
    assert said == ""
    lines = told.splitlines()
    assert "base, seed 0 (1 of 4)" in lines
    assert lines[-2] == "hrpro: instance.precision: fp16 cannot be trained on a CPU (take bf16 or fp32)"
    assert lines[-1].startswith(
        f"hrpro: {out}/hrpro-0: the training of hrpro with seed 0 ended with exit code 2 ("
    )
    assert trained(out) == before
    assert not (out / "compare.csv").exists()


def test_killed_and_interrupted_it_goes_on_where_it_stood(data: Path, tmp_path: Path) -> None:
    """kill -9 of the command alone stops its training too; then Ctrl-C; then it ends, all costs known."""
    config, out = tmp_path / "c.yaml", tmp_path / "out"
    slow = {**SETTINGS["snippet"], "steps": 80, "checkpoint_every": 0, "log_every": 1}
    config.write_text(yaml.safe_dump({"snippet": slow}))
    given = ["compare", "--data", data, "--config", config, "--methods=base", "--seeds=1", "--out", out]
    steps = []
    for number in (signal.SIGKILL, signal.SIGINT):
        process = start(*given)
        _wait_beyond(out / "base-0", steps[-1] if steps else 0, process)
        process.send_signal(number)
        code, said, told = finish(process)
        assert said == ""
        assert code == (-signal.SIGKILL if number == signal.SIGKILL else 130)
        if number == signal.SIGINT:
            assert told.splitlines()[-1] == "hrpro: stopped; the same command goes on from here"
            assert "Traceback" not in told
        _wait_for_cost(out / "base-0")
        steps.append(_step(out / "base-0"))
        assert 0 < steps[-1] < 80
        assert not (out / "base-0" / "model").exists()
    code, said, told = finish(start(*given))
    assert code == 0, told
    parts = [json.loads(path.read_text()) for path in sorted((out / "base-0/cost").iterdir())]
    assert [part["code"] for part in parts] == [130, 130, 0]
    row = next(csv.DictReader((out / "compare.csv").open()))
    assert float(row["train_seconds_mean"]) == pytest.approx(sum(part["seconds"] for part in parts))
    assert float(row["peak_memory_mib"]) == max(part["peak_mib"] for part in parts)
    logged = (out / "base-0/logs/snippet.csv").read_text().splitlines()[1:]
    assert [int(line.split(",")[0]) for line in logged] == list(range(1, 81))


def _step(folder: Path) -> int:
    return max((int(p.name[-8:]) for p in folder.glob("checkpoints/snippet-0*")), default=0)


def _wait_beyond(folder: Path, step: int, process: subprocess.Popen[str]) -> None:
    wait_for(folder, "checkpoints/snippet-0*", process)
    while _step(folder) <= step:
        assert process.poll() is None, process.communicate()
        time.sleep(0.002)


def _wait_for_cost(folder: Path) -> None:
    end = time.monotonic() + 120
    while any(path.read_text() == "null" for path in (folder / "cost").glob("*.json")):
        assert time.monotonic() < end
        time.sleep(0.01)


def test_two_at_once_wait_for_each_other(compared: tuple[Path, str], words: list[str | Path]) -> None:
    """The second finds all finished when the first lets go."""
    fcntl = pytest.importorskip("fcntl")
    out = compared[0]
    before = trained(out)
    with (out / ".compare.lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        process = start(*words[:-1], "--methods=base,hrpro", "--seeds=2", "--out", out)
        assert process.stderr is not None
        assert process.stderr.readline().startswith("waiting for another compare")
        assert process.poll() is None
    code, _, told = finish(process)
    assert code == 0, told
    assert trained(out) == before
