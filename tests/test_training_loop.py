"""The training loop on one process: what it computes, how it resumes, stops and complains."""

from __future__ import annotations

import csv
import os
import signal
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch import Tensor

from hrpro.core.errors import ConfigError, DataError, NonFiniteError, RunError
from hrpro.training.config import TrainingConfig
from hrpro.training.logs import Row
from hrpro.training.loop import TrainedWeights, train
from hrpro.training.schedule import epoch_batches, lr_factor
from training_task import Fragile, Regression, Stopped, stop_at

CONFIG = TrainingConfig(
    steps=20, batch_size=4, lr=1e-2, ema=0.9, log_every=3, checkpoint_every=0, accelerator="cpu"
)


def quietly(task: Regression, config: TrainingConfig = CONFIG, **options: Any) -> TrainedWeights:
    return train(task, config, progress=False, **options)


def assert_same(one: dict[str, Tensor], other: dict[str, Tensor], tolerance: float = 0.0) -> None:
    assert one.keys() == other.keys()
    for name, value in one.items():
        torch.testing.assert_close(value, other[name], rtol=0, atol=tolerance, msg=name)


def measured(rows: list[Row]) -> list[Row]:
    return [{name: value for name, value in row.items() if name != "step_seconds"} for row in rows]


def logged_on_board(run_dir: Path) -> list[int]:
    board = EventAccumulator(str(run_dir / "logs" / "tensorboard" / "training")).Reload()
    return [event.step for event in board.Scalars("fit")]


def test_it_learns() -> None:
    history = quietly(Regression(), replace(CONFIG, steps=300)).history
    assert history[-1]["fit"] < 0.3 * history[0]["fit"]


def test_it_is_adamw_with_clipping_and_means_written_out_by_hand() -> None:
    config = replace(CONFIG, lr=0.05, weight_decay=0.1, clip=0.5, warmup=0.3)
    weights = quietly(Regression(dropout=0, noise=0), config)
    task = Regression(dropout=0, noise=0)
    net, names = task.net, [name for name, _ in task.net.named_parameters()]
    first = {name: torch.zeros_like(p) for name, p in net.named_parameters()}
    second = {name: torch.zeros_like(p) for name, p in net.named_parameters()}
    mean = {name: p.detach().clone() for name, p in net.named_parameters()}
    clipped = 0
    for step in range(config.steps):
        lr = 0.05 * lr_factor(step, steps=20, warmup=0.3, floor=0.01)
        batch = task.batch(step, epoch_batches(13, 4, step, 0), np.random.default_rng(0))
        net.zero_grad()
        task.losses(net, batch)["total"].backward()
        norm = float(sum(p.grad.square().sum() for p in net.parameters() if p.grad is not None)) ** 0.5
        clipped += norm > 0.5
        with torch.no_grad():
            for name, p in net.named_parameters():
                assert p.grad is not None
                gradient = p.grad * min(1.0, 0.5 / norm)
                first[name] = 0.9 * first[name] + 0.1 * gradient
                second[name] = 0.999 * second[name] + 0.001 * gradient**2
                unbiased = first[name] / (1 - 0.9 ** (step + 1)), second[name] / (1 - 0.999 ** (step + 1))
                p.mul_(1 - lr * (0.1 if p.ndim >= 2 else 0))
                p.sub_(lr * unbiased[0] / (unbiased[1].sqrt() + 1e-8))
                decay = min(0.9, (1 + step) / (10 + step))
                mean[name] = decay * mean[name] + (1 - decay) * p
        task.after_step([batch], lambda tensor: tensor)
    assert clipped > 3
    assert_same(weights.last, dict(net.state_dict()), 1e-5)
    assert_same({name: weights.ema[name] for name in names}, mean, 1e-5)
    assert torch.equal(weights.ema["memory"], weights.last["memory"])


@pytest.mark.parametrize("accumulate", [2, 3, 7])
def test_micro_steps_give_what_the_whole_batch_gives(accumulate: int) -> None:
    # 3 does not divide the batch of 4, 7 exceeds it.
    whole = quietly(Regression(dropout=0, noise=0))
    parts = quietly(Regression(dropout=0, noise=0), replace(CONFIG, accumulate=accumulate))
    assert_same(whole.last, parts.last, 1e-5)
    for one, other in zip(measured(whole.history), measured(parts.history), strict=True):
        assert one == pytest.approx(other, rel=1e-3)


def test_the_seed_decides_everything() -> None:
    one, again, other = (quietly(Regression(), replace(CONFIG, seed=seed)) for seed in (5, 5, 6))
    assert_same(one.last, again.last)
    assert measured(one.history) == measured(again.history)
    assert not torch.equal(one.last["first.weight"], other.last["first.weight"])


@pytest.mark.parametrize("n", [1, 3])
def test_fewer_recordings_than_a_batch(n: int) -> None:
    weights = quietly(Regression(n=n), replace(CONFIG, accumulate=2))
    assert all(bool(torch.isfinite(tensor).all()) for tensor in weights.ema.values())


def test_without_a_mean_the_last_weights_are_both() -> None:
    weights = quietly(Regression(), replace(CONFIG, ema=0))
    assert_same(weights.ema, weights.last)


@pytest.mark.parametrize("step", [0, 13, 19])
def test_a_crashed_run_resumes_to_the_same_bits(tmp_path: Path, step: int) -> None:
    peace = quietly(Regression(), run_dir=tmp_path / "peace")
    with pytest.raises(Stopped):
        quietly(Fragile(stop_at(step)), run_dir=tmp_path / "crash")
    time.sleep(1)  # TensorBoard reads files of one second by a number's digits, 10 before 9
    resumed = quietly(Regression(), run_dir=tmp_path / "crash", resume=True)
    assert_same(resumed.last, peace.last)
    assert_same(resumed.ema, peace.ema)
    assert measured(resumed.history) == measured(peace.history)
    rows = []
    for kind in ("peace", "crash"):
        with (tmp_path / kind / "logs" / "training.csv").open() as table:
            rows.append(list(csv.DictReader(table)))
    assert [r["step"] for r in rows[0]] == ["3", "6", "9", "12", "15", "18", "20"]
    assert [r["total"] for r in rows[0]] == [r["total"] for r in rows[1]]
    assert logged_on_board(tmp_path / "crash") == [3, 6, 9, 12, 15, 18, 20]


def test_a_damaged_checkpoint_costs_a_step_and_no_bit(tmp_path: Path) -> None:
    config = replace(CONFIG, log_every=1)
    with pytest.raises(Stopped):
        quietly(Fragile(stop_at(10)), config, run_dir=tmp_path)
    newest = max((tmp_path / "checkpoints").iterdir())
    (newest / "tensors.safetensors").write_bytes(b"torn")
    time.sleep(1)  # TensorBoard reads its files in the order of the second they were begun in
    resumed = quietly(Regression(), config, run_dir=tmp_path, resume=True)
    assert_same(resumed.last, quietly(Regression()).last)
    # Step 10 was logged twice; only the second counts.
    with (tmp_path / "logs" / "training.csv").open() as table:
        assert [int(row["step"]) for row in csv.DictReader(table)] == list(range(1, 21))
    assert logged_on_board(tmp_path) == list(range(1, 21))


def test_a_finished_run_returns_at_once(tmp_path: Path) -> None:
    done = quietly(Regression(), run_dir=tmp_path)
    again = quietly(Fragile(stop_at(0)), run_dir=tmp_path, resume=True)
    assert_same(done.last, again.last)
    assert_same(done.ema, again.ema)
    assert again.history == done.history


def test_a_run_is_never_overwritten_nor_mixed(tmp_path: Path) -> None:
    with pytest.raises(Stopped):
        quietly(Fragile(stop_at(10)), run_dir=tmp_path)
    with pytest.raises(RunError, match=r"a training at step 10 already .*resume"):
        quietly(Regression(), run_dir=tmp_path)
    with pytest.raises(RunError, match=r"training\.lr was 0\.01, is 0\.02"):
        quietly(Regression(), replace(CONFIG, lr=0.02), run_dir=tmp_path, resume=True)
    with pytest.raises(RunError, match=r"task\.data\.seed was 0, is 1"):
        quietly(Regression(seed=1), run_dir=tmp_path, resume=True)
    with pytest.raises(RunError, match=r"recordings\.count was 13, is 12"):
        quietly(Regression(n=12), run_dir=tmp_path, resume=True)
    # Where it runs and how often it reports may change, and another training may use the folder.
    quietly(Regression(), replace(CONFIG, log_every=5, checkpoint_every=60), run_dir=tmp_path, resume=True)
    quietly(Regression(), replace(CONFIG, steps=2), run_dir=tmp_path, name="instance")


def test_checkpoints_are_as_frequent_as_asked(tmp_path: Path) -> None:
    seen: list[int] = []

    def look(row: Row) -> None:
        seen.append(len(list((tmp_path / "checkpoints").glob("training-*"))))

    config = replace(CONFIG, checkpoint_every=3600, log_every=1)
    quietly(Regression(), config, run_dir=tmp_path, on_row=look)
    assert seen == [0] * 20
    assert [p.name for p in (tmp_path / "checkpoints").iterdir()] == ["training-00000020"]


def test_ctrl_c_finishes_the_step_saves_and_goes_on(tmp_path: Path) -> None:
    def trouble(now: int, losses: dict[str, Tensor], indices: Tensor) -> None:
        if now == 7:
            os.kill(os.getpid(), signal.SIGINT)

    before = signal.getsignal(signal.SIGINT)
    config = replace(CONFIG, checkpoint_every=3600)
    with pytest.raises(KeyboardInterrupt):
        quietly(Fragile(trouble), config, run_dir=tmp_path)
    assert signal.getsignal(signal.SIGINT) is before
    assert [p.name for p in (tmp_path / "checkpoints").iterdir()] == ["training-00000008"]
    assert_same(quietly(Regression(), config, run_dir=tmp_path, resume=True).last, quietly(Regression()).last)


def test_a_second_ctrl_c_stops_at_once(tmp_path: Path) -> None:
    def trouble(now: int, losses: dict[str, Tensor], indices: Tensor) -> None:
        if now == 7:
            os.kill(os.getpid(), signal.SIGINT)
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        quietly(Fragile(trouble), replace(CONFIG, checkpoint_every=3600), run_dir=tmp_path)
    assert not (tmp_path / "checkpoints").exists()


def test_it_trains_in_a_thread() -> None:
    found: list[TrainedWeights] = []
    thread = threading.Thread(target=lambda: found.append(quietly(Regression())))
    thread.start()
    thread.join()
    assert_same(found[0].last, quietly(Regression()).last)


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("accumulate", [1, 2])
def test_a_recording_with_a_bad_feature_is_named(value: float, accumulate: int) -> None:
    task = Regression()
    task.inputs_nd[6, 2] = value
    step = next(k for k in range(20) if 6 in epoch_batches(13, 4, k, 0))
    with pytest.raises(NonFiniteError, match=f'^video_6: the loss part "fit" became NaN at step {step + 1} '):
        quietly(task, replace(CONFIG, accumulate=accumulate))


def test_the_loss_part_is_named_and_the_checkpoint_before_is_sound(tmp_path: Path) -> None:
    guilty = int(epoch_batches(13, 4, 5, 0)[-1])

    def trouble(now: int, losses: dict[str, Tensor], indices: Tensor) -> None:
        if now == 5 and guilty in indices:
            losses["flat"] = losses["flat"] * torch.inf
            losses["total"] = losses["total"] + losses["flat"]

    message = f'^video_{guilty}: the loss part "flat" became infinite at step 6 '
    with pytest.raises(NonFiniteError, match=message):
        quietly(Fragile(trouble), run_dir=tmp_path)
    assert_same(quietly(Regression(), run_dir=tmp_path, resume=True).last, quietly(Regression()).last)


def test_a_bad_gradient_of_a_good_loss_is_found() -> None:
    def trouble(now: int, losses: dict[str, Tensor], indices: Tensor) -> None:
        if 4 in indices:  # the square root's slope at 0 is infinite, its value is not
            losses["total"] = losses["total"] + (losses["fit"] - losses["fit"].detach()).sqrt()

    with pytest.raises(NonFiniteError, match=r"^video_4: the gradient became (NaN|infinite) at step"):
        quietly(Fragile(trouble))


def test_when_no_recording_is_at_fault_alone_all_are_named() -> None:
    def trouble(now: int, losses: dict[str, Tensor], indices: Tensor) -> None:
        if len(indices) == 13:
            losses["total"] = losses["total"] * torch.nan

    with pytest.raises(NonFiniteError, match=r'^one of (video_\d+, ){7}video_\d+ and 5 more: .* "total"'):
        quietly(Fragile(trouble), replace(CONFIG, batch_size=13))


def test_bf16_trains_close_to_fp32_and_keeps_its_weights_in_fp32() -> None:
    # Dropout off: its mask may be drawn otherwise in another precision.
    full, half = (
        quietly(Regression(dropout=0), replace(CONFIG, precision=precision)) for precision in ("fp32", "bf16")
    )
    assert all(half.last[name].dtype == full.last[name].dtype for name in full.last)
    assert not torch.equal(full.last["first.weight"], half.last["first.weight"])
    assert_same(full.last, half.last, 0.05)


def test_what_the_machine_cannot_do_is_said() -> None:
    with pytest.raises(ConfigError, match="fp16 cannot be trained on a CPU"):
        quietly(Regression(), replace(CONFIG, precision="fp16"))
    if not torch.cuda.is_available():
        with pytest.raises(ConfigError, match="no cuda device"):
            quietly(Regression(), replace(CONFIG, accelerator="cuda"))
    with pytest.raises(DataError, match="no recording"):
        quietly(Regression(n=0))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("precision", ["fp32", "bf16", "fp16"])
def test_cuda_trains_resumes_and_agrees_with_the_cpu(tmp_path: Path, precision: Any) -> None:
    cpu = quietly(Regression(dropout=0))
    config = replace(CONFIG, accelerator="cuda", precision=precision)
    with pytest.raises(Stopped):
        quietly(Fragile(stop_at(11), dropout=0), config, run_dir=tmp_path)
    cuda = quietly(Regression(dropout=0), config, run_dir=tmp_path, resume=True)
    assert_same(cpu.last, cuda.last, 1e-3 if precision == "fp32" else 0.05)
    task = Regression()
    task.inputs_nd[6, 2] = np.nan
    with pytest.raises(NonFiniteError, match=r"^video_6: "):
        quietly(task, config)


def test_a_log_that_cannot_be_written_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "logs").write_text("a file in the folder's place")
    with pytest.raises(RunError, match=r"logs: the log cannot be written"):
        quietly(Regression(), run_dir=tmp_path)


def test_progress_is_plain_lines_off_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    rows: list[Row] = []
    train(Regression(), CONFIG, name="snippet", on_row=rows.append)
    out, shown = capsys.readouterr()
    assert out == ""
    assert len(shown.splitlines()) == 1  # twenty steps take less than the seconds between two lines
    for word in ("snippet  20/20", "fit ", "flat ", "total ", "recordings/s", "0:00 left"):
        assert word in shown
    assert [row["step"] for row in rows] == [3, 6, 9, 12, 15, 18, 20]
    quietly(Regression())
    assert capsys.readouterr().err == ""


def test_progress_is_a_bar_on_a_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("TERM", "xterm")
    train(Regression(), CONFIG, name="snippet")
    shown = capsys.readouterr().err
    for word in ("━━", "20/20", "fit ", "recordings/s", "0:00 left"):
        assert word in shown
