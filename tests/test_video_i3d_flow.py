"""Which optical flow I3D takes is chosen once, said once, kept with the features, and never mixed."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest

pytest.importorskip("av", reason="the extra [video] is not installed")
pytest.importorskip("cv2", reason="the extra [video] is not installed")

from commands import finish, run, start
from hrpro.core.errors import ConfigError
from hrpro.video import flow
from hrpro.video.backbones import i3d
from hrpro.video.flow import has_tvl1
from hrpro.video.origin import choose, rebuild
from hrpro.video.store import read_about
from rendered_videos import even_times, render

pytest_plugins = ["command_fixtures", "i3d_fixtures"]
contrib = pytest.mark.skipif(not has_tvl1(), reason="this OpenCV has no TV-L1")


@pytest.fixture
def flow_alone(weights: Path, tmp_path: Path) -> Path:
    """Half of the network's arithmetic."""
    folder = tmp_path / "weights"
    folder.mkdir()
    (folder / "flow_imagenet.pt").symlink_to(weights / "flow_imagenet.pt")
    return folder


@contrib
def test_what_was_chosen_here_is_asked_for_elsewhere(flow_alone: Path, monkeypatch) -> None:
    with pytest.warns(UserWarning, match="TV-L1"):
        origin = choose("i3d", flow_alone)
    assert (origin.options["flow"], origin.spec.preprocessing["flow"]) == ("tvl1", "tvl1")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        rebuild(origin)
    for module in (i3d, flow):
        monkeypatch.setattr(module, "has_tvl1", lambda: False)
    with pytest.warns(UserWarning, match="DIS is taken"):
        choose("i3d", flow_alone)  # the one built last is kept: another one now
    with pytest.raises(ConfigError, match=r"no TV-L1 .*pip install opencv-contrib-python-headless"):
        rebuild(origin)


@contrib
def test_the_command_says_once_what_the_flow_costs_unless_it_was_chosen(
    flow_alone: Path, tmp_path: Path
) -> None:
    video = render(tmp_path / "moment.mkv", even_times(25, 0.08))
    words = ("extract", video, "--backbone", "i3d", "--weights", flow_alone, "--out")
    code, _, err = finish(start(*words, tmp_path / "published", "--quiet"))
    assert code == 0, err
    assert err.count("\n") == 1, err
    assert err.startswith("hrpro: I3D: TV-L1 optical flow")
    code, _, err = finish(start(*words, tmp_path / "quick", "--quiet", "--flow", "dis"))
    assert (code, err) == (0, "")
    about = read_about(tmp_path / "quick/moment.safetensors")
    assert about is not None
    assert (about.origin.options["flow"], about.origin.spec.preprocessing["flow"]) == ("dis", "dis")


def test_flow_of_a_backbone_without_a_choice(tmp_path: Path, said) -> None:
    video = render(tmp_path / "a.mp4", even_times(25, 1))
    words = ("extract", video, "--out", tmp_path / "out")
    assert said(*words, "--flow", "dis") == "backbone classic: takes no flow (leave --flow out)"
    assert "--flow: " in said(*words, "--flow", "guess")
    assert run(*words, "--quiet") == 0
