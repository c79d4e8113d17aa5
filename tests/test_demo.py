"""The demo does the whole job on real videos, says where all lies, and never writes over an earlier one."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytest.importorskip("av", reason="needs hrpro[video]")
pytest.importorskip("cv2", reason="needs hrpro[video]")

from hrpro.cli import main
from hrpro.core.errors import RunError
from hrpro.demo import run_demo
from hrpro.localizer import HRPro
from tiny_sets import CONFIG

SIZE = {"train": 2, "test": 1, "seconds": 20.0}


def demo(out: Path | None = None) -> float:
    return run_demo(out, 1, config=CONFIG, size=SIZE, workers=0)


def test_it_goes_from_nothing_to_a_table_and_says_where_all_lies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for taken in ("demo", "demo-2"):
        (tmp_path / taken).mkdir()
    average = demo()
    assert not any((tmp_path / "demo-2").iterdir())
    out, err = capsys.readouterr()
    lines = out.splitlines()
    assert lines[-1] == f"average mAP = {average:.4f}"
    places = dict(line.split() for line in lines[-5:-1])
    assert set(places.values()) == {
        f"demo-3/{name}" for name in ("videos", "predictions", "run", "evaluation.json")
    }
    model = HRPro.load(places["model"])
    assert model.config is not None
    assert model.config.snippet.seed == model.config.instance.seed == 1
    alone = model.predict_video("demo-3/videos/test/test_000.mp4")
    found = json.loads(Path("demo-3/predictions/detections.json").read_text())["results"]
    assert {id: len(rows) for id, rows in found.items()} == {"test_000": len(alone)}
    assert Path("demo-3/predictions/test_000.srt").is_file()
    assert json.loads(Path(places["figures"]).read_text())["average_mAP"] == pytest.approx(average)
    beaten = [float(line.split()[0]) for line in lines[-7:-5]]
    assert all(0 <= value <= 1 for value in beaten)
    assert re.search(r"2 videos to learn from, [1-9]\d* clicks: demo-3/clicks.csv", out)
    for step, told in (
        ("videos", "[3/3]"),
        ("features", "[2/2] train_001: "),
        ("actions", "[1/1] test_000: "),
    ):
        assert told in err, step


def test_a_folder_in_use_is_left_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mine").write_text("mine")
    for out in (tmp_path, tmp_path / "mine"):
        with pytest.raises(RunError, match="is not an empty folder"):
            demo(out)
        assert main(["demo", "--out", str(out)]) == 2
        assert capsys.readouterr().err.startswith(f"hrpro: {out}: is not an empty folder (name another")
    assert (tmp_path / "mine").read_text() == "mine"


@pytest.mark.parametrize("missing", ["av", "cv2"])
def test_what_it_needs_is_said_in_one_line(tmp_path: Path, missing: str) -> None:
    code = (
        f"import sys; sys.modules[{missing!r}] = None; from hrpro.cli import main; sys.exit(main(['demo']))"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False
    )
    assert ended.returncode == 2
    (line,) = ended.stderr.splitlines()
    assert line.startswith("hrpro: the demo makes and reads videos: ")
    assert line.endswith("(pip install 'hrpro[video]')")
    assert not any(tmp_path.iterdir())


def test_the_command_shows_its_progress_and_can_be_stopped(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "hrpro.cli", "demo"],
        cwd=tmp_path,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stderr is not None
    first = process.stderr.readline()
    assert re.fullmatch(r"\[1/26\] train_\d+: \d+ pictures\n", first)
    os.killpg(process.pid, signal.SIGINT)  # as Ctrl-C does: to the workers too
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err.splitlines()[-1] == "hrpro: stopped"
    assert "1  videos and clicks" in out
    shot = [path.name for path in (tmp_path / "demo/videos").rglob("*.*")]
    assert shot
    assert all(name.endswith(".mp4") and not name.startswith(".") for name in shot)
    end = time.monotonic() + 30
    while time.monotonic() < end:  # nobody of the group is left
        try:
            os.killpg(process.pid, 0)
        except ProcessLookupError:
            return
        time.sleep(0.1)
    pytest.fail("its workers outlived it")
