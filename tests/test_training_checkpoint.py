"""Checkpoints on the disk: exact, atomic, and clear about damage, other settings and a full disk."""

from __future__ import annotations

import json
import logging
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from hrpro.core.errors import RunError
from hrpro.training.checkpoint import Checkpoint, Checkpoints, gather, restore
from hrpro.training.ema import Ema

SETTINGS = {"training": {"lr": 0.001, "seed": 0}, "task": {"data": "abc", "heads": (4, 8)}}


def tensors(fill: float = 1.0) -> dict[str, Tensor]:
    return {
        "module/weight": torch.full((3, 5), fill),
        "module/half": torch.arange(4).to(torch.bfloat16),
        "module/count": torch.tensor(2**40),
        "module/none": torch.zeros(0, 7),
        "module/flag": torch.tensor([True, False]),
        "optimizer/0/step": torch.tensor(fill),
    }


def saved(folder: Path, *steps: int, keep: int = 2) -> Checkpoints:
    checkpoints = Checkpoints(folder / "checkpoints", "snippet", SETTINGS)
    for step in steps:
        checkpoints.save(step, tensors(step), {"log": [step]}, keep=keep)
    return checkpoints


def loaded(checkpoints: Checkpoints) -> Checkpoint:
    checkpoint = checkpoints.load()
    assert checkpoint is not None
    return checkpoint


def flip(path: Path, position: int) -> None:
    content = bytearray(path.read_bytes())
    content[position] ^= 1
    path.write_bytes(content)


def test_what_was_saved_is_read_bit_by_bit(tmp_path: Path) -> None:
    checkpoint = loaded(saved(tmp_path, 7))
    assert (checkpoint.step, checkpoint.state) == (7, {"log": [7]})
    assert checkpoint.tensors.keys() == tensors().keys()
    for name, value in tensors(7).items():
        assert checkpoint.tensors[name].dtype == value.dtype
        assert checkpoint.tensors[name].shape == value.shape
        assert torch.equal(checkpoint.tensors[name], value)


def test_two_are_kept_and_nothing_else(tmp_path: Path) -> None:
    checkpoints = saved(tmp_path, 1, 2, 30)
    assert checkpoints.steps() == [30, 2]
    assert sorted(p.name for p in checkpoints.folder.iterdir()) == ["snippet-00000002", "snippet-00000030"]
    assert saved(tmp_path, 40, keep=1).steps() == [40]


def test_there_may_be_none_yet(tmp_path: Path) -> None:
    assert Checkpoints(tmp_path / "nowhere", "snippet", {}).load() is None


def test_the_names_of_other_trainings_are_left_alone(tmp_path: Path) -> None:
    saved(tmp_path, 5)
    other = Checkpoints(tmp_path / "checkpoints", "snippet-2", {})
    other.save(9, tensors(), {})
    assert saved(tmp_path).steps() == [5]
    assert other.steps() == [9]


@pytest.mark.parametrize("file", ["tensors.safetensors", "state.json"])
@pytest.mark.parametrize("harm", ["missing", "empty", "cut", "flipped"])
def test_a_damaged_checkpoint_is_passed_over(
    tmp_path: Path, file: str, harm: str, caplog: pytest.LogCaptureFixture
) -> None:
    checkpoints = saved(tmp_path, 10, 20)
    path = checkpoints.path(20) / file
    if harm == "missing":
        path.unlink()
    elif harm == "empty":
        path.write_bytes(b"")
    elif harm == "cut":
        path.write_bytes(path.read_bytes()[:-10])
    else:
        flip(path, -3 if file.endswith("safetensors") else 0)
    with caplog.at_level(logging.WARNING):
        assert loaded(checkpoints).step == 10
    assert "snippet-00000020" in caplog.text
    assert "step 10" in caplog.text
    # Training on, the run reaches the damaged one's step and beyond: the damaged one goes.
    checkpoints.save(15, tensors(), {})
    assert checkpoints.steps() == [15, 10]


def test_when_all_are_damaged_the_newest_is_named(tmp_path: Path) -> None:
    checkpoints = saved(tmp_path, 10, 20)
    for step in (10, 20):
        (checkpoints.path(step) / "state.json").write_text("{")
    with pytest.raises(RunError, match=r"snippet-00000020: the checkpoint is damaged: .*train anew"):
        checkpoints.load()


def test_other_settings_are_named(tmp_path: Path) -> None:
    saved(tmp_path, 3)
    other = {"training": {"lr": 0.002, "seed": 0}, "task": {"data": "abd", "heads": [4, 8]}, "more": 1}
    with pytest.raises(RunError) as caught:
        Checkpoints(tmp_path / "checkpoints", "snippet", other).load()
    message = str(caught.value)
    assert 'task.data was "abc", is "abd"' in message
    assert "training.lr was 0.001, is 0.002" in message
    assert "more was null, is 1" in message
    assert "seed" not in message
    assert "heads" not in message  # a tuple is JSON's list


def test_a_format_of_the_future_is_refused(tmp_path: Path) -> None:
    checkpoints = saved(tmp_path, 3)
    path = checkpoints.path(3) / "state.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "format": 99}))
    with pytest.raises(RunError, match="format 99, not 1"):
        checkpoints.load()


def test_what_a_killed_process_left_half_written_is_cleared(tmp_path: Path) -> None:
    checkpoints = saved(tmp_path, 10)
    partial = checkpoints.folder / ".snippet-00000020.partial"
    partial.mkdir()
    (partial / "tensors.safetensors").write_bytes(b"half")
    assert loaded(checkpoints).step == 10
    checkpoints.save(20, tensors(), {})
    assert not partial.exists()
    assert loaded(checkpoints).step == 20


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """The system refuses to let any file grow beyond ``size`` bytes, as a full disk does."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("size", [0, 100, 4096])
def test_a_full_disk_leaves_the_checkpoint_before_it_intact(tmp_path: Path, size: int) -> None:
    checkpoints = saved(tmp_path, 10, 20)
    large = {"module/weight": torch.zeros(1 << 18)}
    with files_of_at_most(size), pytest.raises(RunError, match=r"step 30 cannot be written: .*intact"):
        checkpoints.save(30, large, {})
    assert checkpoints.steps() == [20, 10]
    assert loaded(checkpoints).step == 20
    assert not list(checkpoints.folder.glob(".*"))
    checkpoints.save(30, large, {})
    assert checkpoints.steps() == [30, 20]


def test_a_file_in_the_folder_s_place_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "checkpoints").write_text("not a folder")
    with pytest.raises(RunError, match="step 1 cannot be written"):
        saved(tmp_path, 1)


def trained() -> tuple[nn.Module, Ema, torch.optim.Optimizer]:
    module = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 1))
    ema = Ema(module, 0.9)
    optimizer = torch.optim.AdamW(module.parameters(), fused=True)
    for step in range(3):
        module(torch.randn(5, 3)).square().mean().backward()
        optimizer.step()
        ema.update(module, step)
    return module, ema, optimizer


def test_weights_means_buffers_and_moments_go_there_and_back() -> None:
    torch.manual_seed(0)
    old, new = trained(), trained()
    kept = {name: value.clone() for name, value in gather(*old).items()}
    assert any(not torch.equal(value, kept[name]) for name, value in gather(*new).items())
    restore(Checkpoint(3, kept, {}), *new)
    assert gather(*new).keys() == kept.keys()
    assert all(torch.equal(value, kept[name]) for name, value in gather(*new).items())
    assert {"module/1.running_mean", "ema/0.weight", "optimizer/0/exp_avg_sq"} <= kept.keys()


def test_another_network_is_a_clear_error() -> None:
    kept = gather(*trained())
    module = nn.Sequential(nn.Linear(3, 9))
    with pytest.raises(RunError, match="another network"):
        restore(Checkpoint(3, kept, {}), module, Ema(module, 0.9), torch.optim.AdamW(module.parameters()))


def test_the_mean_follows_its_formula() -> None:
    module = nn.Linear(1, 1, bias=False)
    module.weight.data.fill_(1.0)
    ema, expected = Ema(module, 0.5), 1.0
    for step, value in enumerate([2.0, -1.0, 4.0, 0.5, 3.0, 3.0, 3.0, 3.0, 3.0, 3.0, 3.0]):
        module.weight.data.fill_(value)
        ema.update(module, step)
        decay = min(0.5, (1 + step) / (10 + step))  # 0.1, 0.18, ... until 0.5 from step 8 on
        expected = decay * expected + (1 - decay) * value
        assert ema.means["weight"].item() == pytest.approx(expected, rel=1e-6)
    assert Ema(module, 0.0).means == {}
