"""The walk from features and clicks to detections, as README and docs/features.md print it, is run."""

from __future__ import annotations

import contextlib
import io
import json
import re
import shlex
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from hrpro.cli import main
from hrpro.config import Config
from hrpro.data.synthetic import make_dataset
from hrpro.data.training_set import TrainingSet

ROOT = Path(__file__).resolve().parents[1]
README, PAGE = ROOT / "README.md", ROOT / "docs/features.md"
NAMES = {"train_000": "monday", "train_001": "tuesday", "test_000": "wednesday"}


def blocks(language: str, page: Path = PAGE) -> list[str]:
    walk = page.read_text(encoding="utf-8")
    if page == README:
        walk = walk.partition("## From your features")[2]
    return re.findall(rf"```{language}\n(.*?)```", walk, re.DOTALL)


def commands(page: Path) -> list[str]:
    return [line for block in blocks("sh", page) for line in block.splitlines()]


@pytest.fixture
def my_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that the page describes, its dataset.yaml and table's header taken from there."""
    made = make_dataset(tmp_path / "made", train=2, test=1, classes=2, dim=8, minutes=0.5)
    root = tmp_path / "my_data"
    (root / "features").mkdir(parents=True)
    for old, new in NAMES.items():
        (made / "features" / old.split("_")[0] / f"{old}.npy").rename(root / f"features/{new}.npy")
    (settings,) = blocks("yaml")
    (root / "dataset.yaml").write_text(settings)
    (table,) = blocks("csv")
    rows = [table.splitlines()[0], *(made / "clicks.csv").read_text().splitlines()[1:]]
    text = "\n".join(rows) + "\n"
    for old, new in NAMES.items():
        text = text.replace(f"{old},", f"{new},")
    (root / "clicks.csv").write_text(text)
    truth = json.loads((made / "gt_full.json").read_text())["database"]
    (tmp_path / "truth.json").write_text(json.dumps({"database": {"wednesday": truth["test_000"]}}))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Config, "for_data", sooner)
    return root


def sooner(training_set: TrainingSet, chosen: Callable[[TrainingSet], Config] = Config.for_data) -> Config:
    """What follows from the data, in less time."""
    config = chosen(training_set)
    snippet = replace(config.snippet, members=2, steps=40)
    return replace(config, snippet=snippet, instance=replace(config.instance, steps=40))


def test_the_commands_work_as_printed(my_data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    verbs = ["inspect", "train", "predict", "evaluate"]
    lines = commands(README)
    assert [shlex.split(line)[1] for line in lines] == [*verbs, "report"]
    assert commands(PAGE) == lines[:-1]
    for line in lines[:-1]:
        run(line)
    found = json.loads(Path("detections.json").read_text())["results"]
    assert found.keys() == {"wednesday"}
    assert re.fullmatch(r"average mAP = [01]\.\d{4}", capsys.readouterr().out.splitlines()[-1])
    pytest.importorskip("plotly", reason="hrpro report needs hrpro[report]")
    run(lines[-1])
    assert Path("report.html").read_text(encoding="utf-8").startswith("<!DOCTYPE html>")


def run(line: str) -> None:
    program, *words = shlex.split(line)
    assert program == "hrpro"
    assert main(words) == 0, line


def test_the_python_works_as_printed(my_data: Path) -> None:
    (code,) = blocks("python")
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(code, str(PAGE), "exec"), {})
    lines = printed.getvalue().splitlines()
    assert lines
    for line in lines:
        assert re.fullmatch(r"\d+\.\d to \d+\.\d s  action_[12]  -?\d+\.\d\d", line), line


def test_the_sample_rows_are_clicks(my_data: Path) -> None:
    (table,) = blocks("csv")
    (my_data / "clicks.csv").write_text(table.replace("31.0", "21.0"))  # as short as the recordings here
    assert main(["inspect", "--data", str(my_data)]) == 0
