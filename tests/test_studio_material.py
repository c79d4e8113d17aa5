"""Where a job's features come from: made as the page's options say."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("av", reason="the extra [video] is not installed")
pytest.importorskip("cv2", reason="the extra [video] is not installed")

from hrpro.data.clicks import ClickRow
from hrpro.studio.material import material
from hrpro.studio.progress_file import Teller
from hrpro.studio.spec import Spec
from hrpro.video.backbones import i3d
from hrpro.video.extract import extract
from hrpro.video.flow import has_tvl1
from hrpro.video.store import SUFFIX, read_about
from rendered_videos import even_times, render

pytest_plugins = ["i3d_fixtures"]


TVL1 = pytest.mark.skipif(not has_tvl1(), reason="this OpenCV has no TV-L1")


@pytest.mark.parametrize(("flow", "precision"), [("dis", "bf16"), pytest.param("tvl1", "fp32", marks=TVL1)])
def test_i3d_takes_the_flow_and_the_precision_that_were_chosen(
    weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, flow: str, precision: str
) -> None:
    monkeypatch.setattr(i3d, "SHORT_SIDE", 48)
    monkeypatch.setattr(i3d, "CROP", 40)
    video, own = tmp_path / "one.mp4", tmp_path / "own"
    render(video, even_times(25, 0.8), size=(64, 48))
    options = {"backbone": "i3d", "flow": flow, "precision": precision}
    spec = Spec("train", str(tmp_path), str(own), False, "1", (("one", str(video)),), options)
    rows = (("one", ClickRow("one", 0.3, "a", 2)),)
    made = material(spec, str(weights)).training_set(rows, tmp_path / "clicks.csv", Teller(tmp_path, 1))
    (item,) = made.recordings
    assert item.features.read_float32().shape == (1, 2048)
    (file,) = own.rglob(f"*{SUFFIX}")
    about = read_about(file)
    assert about is not None
    assert about.origin is not None
    assert about.origin.spec.preprocessing["flow"] == flow
    assert about.origin.spec.preprocessing.get("precision", "fp32") == precision


def test_features_beside_the_run_that_is_opened_are_not_made_again(tmp_path: Path) -> None:
    video, run = tmp_path / "one.mp4", tmp_path / "run"
    render(video, even_times(25, 2))
    extract(tmp_path, run / "features")
    made = run / f"features/one{SUFFIX}"
    before, content = made.stat().st_ino, made.read_bytes()
    spec = Spec("train", str(run), str(run / ".hrpro-studio"), False, "1", (("one", str(video)),), {})
    rows = (("one", ClickRow("one", 0.3, "a", 2)),)

    def taken() -> Path:
        material(spec, None).training_set(rows, tmp_path / "clicks.csv", Teller(tmp_path, 1))
        (file,) = (run / ".hrpro-studio").rglob(f"*{SUFFIX}")
        return file

    assert taken().stat().st_ino == before, "the very file"
    render(video, even_times(25, 3))  # another film: its features are made, and the run keeps those it has
    assert taken().read_bytes() != content
    assert made.read_bytes() == content
