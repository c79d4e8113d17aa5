"""Run folders and outputs of the command: never overwritten, resumed after any stop, written whole."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from commands import SMALL, finish, run, start, wait_for, weights

pytest_plugins = ["command_fixtures"]


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
    endless = ["--snippet.steps=1000000", "--snippet.checkpoint_every=0"]
    process = start("train", "--data", data, "--run", tmp_path / "r", *SMALL, *endless)
    wait_for(tmp_path / "r", "checkpoints/snippet-0*", process)
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
