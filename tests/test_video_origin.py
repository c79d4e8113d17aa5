"""A model knows how its features were made: others are refused, and weights are found again or asked for."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("av", reason="the extra [video] is not installed")
pytest.importorskip("cv2", reason="the extra [video] is not installed")

from clicked_films import names
from commands import SMALL, run
from hrpro.core.errors import ConfigError, RunError
from hrpro.localizer import HRPro
from hrpro.video.origin import Origin, _built
from hrpro.video.store import read_about, write_features

pytest_plugins = ["command_fixtures", "clicked_films"]


def test_features_of_another_kind_are_refused(videos: Path, taught: Path, said, tmp_path: Path) -> None:
    """On disk, in a model, and against a backbone that is no longer what it was."""
    root = tmp_path / "data"
    shutil.copytree(taught / "features", root / "features/train")
    shutil.copytree(taught / "features", root / "features/test")
    (root / "clicks.csv").write_text("a,3,wave\na,8,jump\n")
    (root / "dataset.yaml").write_text("features: {fps: 25, stride: 16}\n")
    older = root / "features/test/a.safetensors"
    about = read_about(older)
    assert about is not None
    spec = type(about.origin.spec)(**{**about.origin.spec.as_dict(), "version": "0", "weights": "ab"})
    for split in ("train", "test"):
        path = root / f"features/{split}/a.safetensors"
        features_td = np.ones((18, 512), np.float32)
        other = type(about)(Origin(spec, "classic"), "a.mp4", about.sha256, 11.5)
        write_features(path, features_td, lambda other=other: other)
    predict = ("predict", "--run", taught, "--data", root, "--out", tmp_path / "d.json")
    line = said(*predict)
    now = about.origin.spec.version
    assert line.startswith(
        f"{older}: the model learned from other features: version: 0, not {now}; weights: ab, not None"
    )
    train = ("train", "--data", root, "--run", tmp_path / "old", *SMALL)
    assert run(*train) == 0
    line = said("predict", "--run", tmp_path / "old", "--video", videos, "--out", tmp_path / "o")
    assert line.startswith(
        "backbone classic: the backbone here is another than the one the features were made"
    )
    assert f"version: {now}, not 0; weights: None, not ab" in line
    (root / "dataset.yaml").write_text("features: {fps: 30, stride: 16}\n")
    assert "is not how these features were made (write features: {stride: 0.64" in said(*predict)


def test_a_model_of_features_made_elsewhere_says_so(
    data: Path, taught: Path, videos: Path, said, tmp_path: Path
) -> None:
    run_dir = tmp_path / "r"
    assert run("train", "--data", data, "--run", run_dir, *SMALL) == 0
    model = HRPro.load(run_dir)
    assert model.origin is None
    line = said("predict", "--run", run_dir, "--video", videos, "--out", tmp_path / "o")
    assert line.startswith("the model learned from features that do not say how they were made")
    with pytest.raises(RunError, match="do not say how they were made"):
        model.predict_video(videos / "a.mp4")
    content = json.loads((run_dir / "model/model.json").read_text())
    del content["features"], content["min_score"]
    (run_dir / "model/model.json").write_text(json.dumps(content))
    assert HRPro.load(run_dir).min_score == 0, "models from before still load"


BACKBONE = """
import hashlib
import numpy as np
from pathlib import Path
from hrpro.core.errors import ConfigError
from hrpro.video.backbones.base import BackboneSpec, windows

class Shades:
    frame_size = (8, 8)
    def __init__(self, weights=None):
        if weights is None or not Path(weights).is_file():
            raise ConfigError("there are no weights here", where=weights)
        content = Path(weights).read_bytes()
        self.shades = np.frombuffer(content, np.float32)
        digest = hashlib.sha256(content).hexdigest()
        self.spec = BackboneSpec("shades", "1", self.shades.size, 10.0, 8, 4, {"of": ("grey",)}, digest)
    def stream(self, frames):
        for window in windows(frames, 8, 4):
            yield (np.mean(window) / 255 * self.shades).astype(np.float32)
"""


def test_weights_are_found_again_or_asked_for(
    videos: Path, clicks: Path, tmp_path: Path, said, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A backbone of another package, in worker processes too; and its weights move, or change."""
    packages = tmp_path / "packages"
    (packages / "shades-1.0.dist-info").mkdir(parents=True)
    (packages / "shades-1.0.dist-info/METADATA").write_text(
        "Metadata-Version: 2.1\nName: shades\nVersion: 1.0\n"
    )
    (packages / "shades-1.0.dist-info/entry_points.txt").write_text(
        "[hrpro.backbones]\nshades = shades:Shades\n"
    )
    (packages / "shades.py").write_text(BACKBONE)
    monkeypatch.syspath_prepend(str(packages))
    monkeypatch.chdir(tmp_path)
    Path("w.bin").write_bytes(np.linspace(0, 1, 6, dtype=np.float32).tobytes())
    words = ("--clicks", clicks, "--run", tmp_path / "r", "--backbone", "shades", "--weights", "w.bin")
    train = ("train", "--videos", videos, *words, "--features", tmp_path / "f", *SMALL)
    assert run(*train) == 0
    assert names(tmp_path / "f")[0] == "a.safetensors"
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    predict = ("predict", "--run", tmp_path / "r", "--video", videos / "c.mp4", "--out", tmp_path / "o")
    assert run(*predict, "--quiet") == 0
    (tmp_path / "w.bin").rename(tmp_path / "moved.bin")
    _built.cache_clear()  # as in another process
    line = said(*predict)
    assert f"{tmp_path}/w.bin: there are no weights here" in line
    assert "if they have moved, say where to: --weights PATH" in line
    assert run(*predict, "--weights", "../moved.bin", "--quiet") == 0
    (tmp_path / "moved.bin").write_bytes(np.ones(6, np.float32).tobytes())
    _built.cache_clear()
    line = said(*predict, "--weights", "../moved.bin")
    assert line.startswith(
        "backbone shades: the backbone here is another than the one the features were made"
    )
    assert "weights: " in line
    with pytest.raises(ConfigError, match="another than the one"):
        HRPro.load(tmp_path / "r").predict_video(videos / "c.mp4", weights=tmp_path / "moved.bin")
