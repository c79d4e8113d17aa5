"""The README's walk, from features and clicks to detections, run as it is printed there."""

from __future__ import annotations

import contextlib
import io
import json
import re
import shlex
from pathlib import Path

import pytest

from hrpro.cli import main
from hrpro.data.synthetic import make_dataset

README = Path(__file__).resolve().parents[1] / "README.md"
NAMES = {"train_000": "monday", "train_001": "tuesday", "test_000": "wednesday"}


def blocks(language: str) -> list[str]:
    walk = README.read_text(encoding="utf-8").partition("## From your features")[2]
    return re.findall(rf"```{language}\n(.*?)```", walk, re.DOTALL)


@pytest.fixture
def my_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that the README describes, its dataset.yaml and table's header taken from there."""
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
    return root


def test_the_commands_work_as_printed(my_data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = [line for block in blocks("sh") for line in block.splitlines()]
    assert [shlex.split(line)[1] for line in lines] == ["inspect", "train", "predict", "evaluate"]
    for line in lines:
        program, *words = shlex.split(line)
        assert program == "hrpro"
        assert main(words) == 0, line
    found = json.loads(Path("detections.json").read_text())["results"]
    assert found.keys() == {"wednesday"}
    assert re.fullmatch(r"average mAP = [01]\.\d{4}", capsys.readouterr().out.splitlines()[-1])


def test_the_python_works_as_printed(my_data: Path) -> None:
    (code,) = blocks("python")
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(code, str(README), "exec"), {})
    lines = printed.getvalue().splitlines()
    assert lines
    for line in lines:
        assert re.fullmatch(r"\d+\.\d to \d+\.\d s  action_[12]  -?\d+\.\d\d", line), line


def test_the_sample_rows_are_clicks(my_data: Path) -> None:
    (table,) = blocks("csv")
    (my_data / "clicks.csv").write_text(table.replace("31.0", "21.0"))  # as short as the recordings here
    assert main(["inspect", "--data", str(my_data)]) == 0
