"""The command as people run it: what it prints, writes and returns, and what it says of bad input."""

from __future__ import annotations

import contextlib
import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import yaml

import hrpro
from hrpro.cli import main
from hrpro.config import Config
from hrpro.data.synthetic import make_dataset
from hrpro.settings import build, listed, read_layer

SHARED = Path(__file__).resolve().parents[1].parent / "shared"
TINY = ("steps=5", "hidden=16", "batch_size=3", "accelerator=cpu")
SMALL = [f"--{stage}.{setting}" for stage in ("snippet", "instance") for setting in TINY] + ["--quiet"]


def run(*words: str | Path) -> int:
    return main([str(word) for word in words])


def start(*words: str | Path, module: tuple[str, ...] = ("hrpro.cli",)) -> subprocess.Popen[str]:
    """The command in a process of its own, one thread wide, so that bits can be compared."""
    return subprocess.Popen(
        [sys.executable, "-m", *module, *map(str, words)],
        env={**os.environ, "OMP_NUM_THREADS": "1", "COLUMNS": "100"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=120)
    return process.returncode, out, err


def wait_for(folder: Path, pattern: str, process: subprocess.Popen[str]) -> None:
    end = time.monotonic() + 60
    while not any(folder.glob(pattern)):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end
        time.sleep(0.002)


def weights(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((folder / "model").glob("*.safetensors"))}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("cli") / "data"
    return make_dataset(out, train=5, test=3, classes=2, dim=8, minutes=1.0, rate=1.0)


@pytest.fixture(scope="module")
def trained(data: Path) -> Path:
    folder = data.parent / "trained"
    assert run("train", "--data", data, "--run", folder, *SMALL) == 0
    return folder


@pytest.fixture(scope="module")
def detections(data: Path, trained: Path) -> Path:
    out = data.parent / "detections.json"
    assert run("predict", "--run", trained, "--data", data, "--split", "test", "--out", out) == 0
    return out


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]):
    """Runs bad input: returns the one line said of it, after checking that it is one, and the exit code."""

    def line(*words: str | Path) -> str:
        capsys.readouterr()
        assert run(*words) == 2
        out, err = capsys.readouterr()
        assert out == ""
        assert err.startswith("hrpro: ")
        assert err.count("\n") == 1, err
        return err.removeprefix("hrpro: ").removesuffix("\n")

    return line


@contextlib.contextmanager
def unprivileged() -> Iterator[None]:
    """File permissions hold for us too: root takes another effective user."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


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


def test_help_is_there_for_every_verb(capsys: pytest.CaptureFixture[str]) -> None:
    assert hrpro.__version__ in command_help("--version", capsys)
    overview = command_help("--help", capsys)
    for verb in ("inspect", "train", "predict", "evaluate", "demo"):
        text = command_help(f"{verb} --help", capsys)
        assert text.startswith(f"usage: hrpro {verb}")
        assert f"hrpro {verb}" in text.partition("\n\n")[2] or verb == "demo", "an example"
        assert text.partition("\n\n")[2][:20] in overview
    text = command_help("train --help", capsys)
    for setting in listed(Config()):
        assert f"--{setting.key} " in text
    for preset in (Path(hrpro.__file__).parent / "presets").iterdir():
        assert preset.stem in text


def command_help(words: str, capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as ended:
        main(words.split())
    assert ended.value.code == 0
    out, err = capsys.readouterr()
    assert err == ""
    return out


def test_without_a_word_it_shows_its_verbs(capsys: pytest.CaptureFixture[str]) -> None:
    assert command_help("", capsys) == command_help("--help", capsys)


def test_what_it_prints_as_settings_it_takes_as_settings(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--snippet.lr", "3e-4", "--proposals.class_thresholds", "0.1,0.2", "--seed", "7"]
    assert run("train", "--data", data, "--preset", "sensor", *options, "--print_config") == 0
    printed, err = capsys.readouterr()
    assert err == ""
    path = tmp_path / "my.yaml"
    path.write_text(printed)
    for more in ([], ["--data", data], ["--preset", "gtea"], ["--data", data, "--print-config"]):
        assert run("train", *more, "--config", path, "--print_config") == 0
        assert capsys.readouterr().out == printed
    config = build(Config(), yaml.safe_load(printed), None)
    assert (config.snippet.seed, config.instance.seed, config.snippet.hidden) == (7, 7, 128)
    assert run("train", "--config", path, "--snippet.seed", "1", "--seed", "2", "--print_config") == 0
    config = build(Config(), yaml.safe_load(capsys.readouterr().out), None)
    assert (config.snippet.seed, config.instance.seed) == (1, 2)


def test_bad_words_end_in_one_line(data: Path, said, tmp_path: Path) -> None:
    train = ["train", "--data", data, "--run", tmp_path / "r"]
    assert said("fit").startswith("argument VERB: invalid choice: ")
    assert "required: --data (hrpro inspect --help" in said("inspect")
    assert "required: --ground-truth, --detections" in said("evaluate")
    assert said("train", "--data", data) == "train needs --data DIR and --run RUN"
    assert "inspect has no option 'more'" in said("inspect", "--data", data, "more")
    assert (
        said(*train, "--snippet.lrr=1")
        == "train has no option '--snippet.lrr' (did you mean '--snippet.lr'?)"
    )
    assert "no option '--dat'" in said("inspect", "--data", data, "--dat", data)
    assert "argument --run: expected one argument" in said("train", "--data", data, "--run")
    assert "--snippet.lr: must be a finite number, not 'abc'" in said(*train, "--snippet.lr", "abc")
    assert "--snippet.lr: must be a finite number of at least 0, not -0.1" in said(
        *train, "--snippet.lr", "-0.1"
    )
    assert "argument --seed: must be a whole number of at least 0" in said(*train, "--seed", "-1")
    assert "no preset 'x' (take one of activitynet13, beoid" in said(*train, "--preset", "x")
    path = tmp_path / "my.yaml"
    path.write_text("instance:\n  step: 5\n")
    expected = f"{path}: instance.step: there is no such setting (did you mean 'instance.steps'?)"
    assert said(*train, "--config", path) == expected
    assert said(*train, "--config", tmp_path / "no.yaml").startswith(
        f"{tmp_path / 'no.yaml'}: cannot be read"
    )
    assert not (tmp_path / "r").exists()


def test_bad_files_end_in_one_line(data: Path, detections: Path, said, tmp_path: Path) -> None:
    empty, latin, folder = tmp_path / "empty", tmp_path / "latin", tmp_path / "folder"
    empty.write_text("")
    latin.write_bytes(b"\xe9\xff,1,a\n")
    folder.mkdir()
    for bad in (empty, latin, folder, tmp_path / "missing", tmp_path / "empty" / "below"):
        for words in (
            ("evaluate", "--ground-truth", bad, "--detections", detections),
            ("evaluate", "--ground-truth", data / "gt_full.json", "--detections", bad),
            ("train", "--data", data, "--points", bad, "--run", tmp_path / "r"),
            ("train", "--data", bad, "--run", tmp_path / "r"),
            ("predict", "--run", bad, "--data", data, "--out", tmp_path / "o.json"),
        ):
            line = said(*words)
            assert str(bad) in line, (words, line)
            assert "Errno" not in line
    ambiguous = ("--detections", detections, "--ambiguous", latin)
    assert str(latin) in said("evaluate", "--ground-truth", data / "gt_full.json", *ambiguous)
    assert "Validation" in said(
        "evaluate",
        "--ground-truth",
        data / "gt_full.json",
        "--detections",
        detections,
        "--subset",
        "Validation",
    )
    assert "tIoU" in said(
        "evaluate",
        "--ground-truth",
        data / "gt_full.json",
        "--detections",
        detections,
        "--tiou",
        "0.5:0.1:0.1",
    )
    assert sorted(os.listdir(tmp_path)) == ["empty", "folder", "latin"]


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


def test_a_run_is_never_overwritten(data: Path, trained: Path, said) -> None:
    before = weights(trained)
    train = ["train", "--data", data, "--run", trained, *SMALL]
    assert said(*train) == f"{trained}: holds a trained model already (take another folder, or remove it)"
    written = (trained / "config.yaml").read_bytes()
    message = said(*train, "--resume", "--snippet.lr", "0.1")
    assert (
        f"{trained}: the run began with other settings: snippet.lr was 0.0005, is 0.1 (resume with" in message
    )
    assert (trained / "config.yaml").read_bytes() == written
    assert run(*train, "--resume") == 0
    assert run("train", "--data", data, "--run", trained, "--resume", "--quiet") == 0
    assert weights(trained) == before
    folder = trained.parent / "theirs"
    folder.mkdir()
    (folder / "model").write_text("theirs")
    assert "holds a trained model already" in said("train", "--data", data, "--run", folder, *SMALL)


def test_a_killed_training_resumes_to_the_same_bits(data: Path, said, tmp_path: Path) -> None:
    """kill -9 of the command in each stage; the command says what to do, and does it."""
    words = ["train", "--data", data, *SMALL, "--snippet.checkpoint_every=0", "--instance.checkpoint_every=0"]
    words += ["--snippet.steps=60", "--instance.steps=60", "--snippet.log_every=1"]
    peace = start(*words, "--run", tmp_path / "peace")
    killed = tmp_path / "killed"
    for pattern in ("checkpoints/snippet-0000000*", "checkpoints/instance-0000000*"):
        process = start(*words, "--run", killed, "--resume")
        wait_for(killed, pattern, process)
        process.kill()
        assert finish(process)[0] == -signal.SIGKILL
        assert not (killed / "model").exists()
        message = said("predict", "--run", killed, "--data", data, "--out", tmp_path / "o.json")
        assert message == f"{killed}: the training is not finished (go on with hrpro train --resume)"
        config = (killed / "config.yaml").read_bytes()
        message = said(*words, "--run", killed)
        assert message.startswith(f"{killed}: holds a training that was stopped (go on with --resume")
        assert "seed was 0, is 9" in said(*words, "--run", killed, "--resume", "--seed", "9")
        other = ["--points", data / "points_human.csv"]
        assert "task.clicks was" in said(*words, "--run", killed, "--resume", *other)
        assert (killed / "config.yaml").read_bytes() == config
    code, _, err = finish(start("train", "--data", data, "--run", killed, "--resume"))
    assert code == 0, err
    code, _, err = finish(peace)
    assert code == 0, err
    assert len(weights(killed)) == 2
    assert weights(killed) == weights(tmp_path / "peace")
    rows = [(folder / "logs/snippet.csv").read_text().splitlines() for folder in (killed, tmp_path / "peace")]
    assert len(rows[0]) == len(rows[1]) == 61


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs POSIX signals")
def test_ctrl_c_finishes_the_step_and_says_how_to_go_on(data: Path, tmp_path: Path) -> None:
    process = start("train", "--data", data, "--run", tmp_path / "r", *SMALL, "--snippet.steps=1000000")
    wait_for(tmp_path / "r", "config.yaml", process)
    time.sleep(1)
    process.send_signal(signal.SIGINT)
    code, _, err = finish(process)
    assert code == 130
    assert err.splitlines()[-1] == "hrpro: stopped; the same command with --resume goes on from here"
    assert "Traceback" not in err


def test_torchrun_trains_one_model_over_two_processes(data: Path, tmp_path: Path) -> None:
    launcher = ("torch.distributed.run", "--standalone", "--nproc-per-node=2", "-m", "hrpro.cli", "--")
    folder = tmp_path / "r"
    code, out, err = finish(start("train", "--data", data, "--run", folder, *SMALL[:-1], module=launcher))
    assert code == 0, err
    assert out.count("model in") == 1
    assert err.count("snippet  5/5") == 1
    assert len(weights(folder)) == 2
    assert len((folder / "logs/snippet.csv").read_text().splitlines()) == 2
    assert run("predict", "--run", folder, "--data", data, "--out", tmp_path / "d.json") == 0


def test_folders_that_cannot_be_written_are_named(data: Path, trained: Path, detections: Path, said) -> None:
    assert detections.exists()  # all is imported that another user could not read
    with tempfile.TemporaryDirectory() as temporary:
        open_to_all = Path(temporary)
        open_to_all.chmod(0o755)
        closed, file, own_data, own_run = (open_to_all / name for name in ("closed", "file", "data", "run"))
        closed.mkdir(0o555)
        file.write_text("")
        shutil.copytree(data, own_data)
        shutil.copytree(trained, own_run)
        with unprivileged():
            for path in (closed / "r", file / "r"):
                message = said("train", "--data", own_data, "--run", path, *SMALL)
                assert message.startswith(f"{path}: the run's folder cannot be written: ")
            for path in (closed / "d.json", file / "d.json", closed):
                message = said("predict", "--run", own_run, "--data", own_data, "--out", path)
                assert message.startswith(f"{path}: cannot be written: ")
        assert os.listdir(closed) == []


def test_detections_are_written_whole_or_not_at_all(data: Path, trained: Path, said, tmp_path: Path) -> None:
    broken, out = tmp_path / "data", tmp_path / "out"
    shutil.copytree(data, broken)
    predict = ["predict", "--run", trained, "--data", broken, "--out", out / "d.json"]
    assert run(*predict) == 0
    before = (out / "d.json").read_bytes()
    path = broken / "features/test/test_002.npy"
    features_td = np.load(path)
    for change, why in (
        (lambda f: np.where(np.arange(len(f))[:, None] == 3, np.nan, f), "snippet 3, dimension 0 is not"),
        (lambda f: f[:, :5], "features must be [T, 8]"),
        (lambda f: f[:0], ""),
    ):
        np.save(path, change(features_td).astype(np.float32))
        message = said(*predict)
        assert str(path) in message
        assert why in message
    path.write_bytes(path.read_bytes()[:-40])
    assert str(path) in said(*predict)
    path.unlink()
    assert "test_002" in said(*predict)
    assert "no split 'tset' (did you mean 'test'?)" in said(*predict, "--split", "tset")
    assert "no device 'cuda:99'" in said(*predict, "--device", "cuda:99")
    assert "no device 'cpu:x'" in said(*predict, "--device", "cpu:x")
    assert os.listdir(out) == ["d.json"]
    assert (out / "d.json").read_bytes() == before


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
