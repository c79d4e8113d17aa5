"""Nothing in training hangs on which thread comes first: a seed gives the same weights under any load."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from hrpro.cli import main
from hrpro.methods import METHODS

pytest_plugins = ["method_fixtures"]
aten = torch.ops.aten
PUTS = {aten.index_put.default, aten.index_put_.default, aten._index_put_impl_.default}


class Races(TorchDispatchMode):
    """Gradients of x[index] where a place of x is read more than once. Threads of a CPU add up large ones in
    the order they come; that of ``index_select`` is added up in order."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func in PUTS and args[0].is_floating_point() and args[3]:
            at = torch.stack([index.flatten() for index in args[1] if index is not None])
            if at.dtype != torch.bool and at.unique(dim=1).shape[1] < at.shape[1]:
                self.seen.append(f"{func} {list(args[0].shape)}")
        return func(*args, **(kwargs or {}))


def test_the_watch_sees_what_is_read_twice() -> None:
    def seen(*index: int) -> list[str]:
        x = torch.zeros(2, 3, requires_grad=True)
        with Races() as races:
            x[torch.tensor(index)].sum().backward()
        return races.seen

    assert seen(0, 1, 1)
    assert not seen(1, 0)


@pytest.mark.parametrize("name", METHODS)
def test_no_gradient_is_added_up_by_threads_that_race(
    name: str, labelled: Path, quick_settings: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [
        "train",
        f"--data={labelled}",
        f"--run={tmp_path / 'run'}",
        f"--config={quick_settings}",
        "--quiet",
    ]
    with Races() as races:
        assert main([*words, f"--method={name}"]) == 0, capsys.readouterr().err
    assert not races.seen
