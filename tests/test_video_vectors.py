"""A video's features as they are computed: nothing is held, and whatever ends it ends the decoder too."""

from __future__ import annotations

import os
import threading
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("av", reason="the extra [video] is not installed")

import hrpro
from hrpro.core.errors import ConfigError, RunError
from hrpro.data.features import FeatureFile
from hrpro.video.extract import extract
from hrpro.video.origin import choose
from hrpro.video.vectors import FeatureStream, feature_stream, video_features
from rendered_videos import even_times, render

BACKBONE = """
import numpy as np
from hrpro.video.backbones import BackboneSpec
class Wide:
    frame_size = (64, 48)
    def __init__(self, wide=4096, given=4096, sick=-1, last=10**9):
        self.spec = BackboneSpec("wide", "1", wide, 5.0, 1, 1)
        self.given, self.sick, self.last = given, sick, last
    def stream(self, frames):
        for number, frame in enumerate(frames):
            if number == self.last:
                return
            yield np.full(self.given, np.nan if number == self.sick else number)
"""


@pytest.fixture(autouse=True)
def wide(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """A backbone of another package, which costs nothing and gives much."""
    packages = tmp_path_factory.mktemp("packages")
    (packages / "wide-1.0.dist-info").mkdir()
    (packages / "wide-1.0.dist-info/METADATA").write_text("Metadata-Version: 2.1\nName: wide\nVersion: 1.0\n")
    (packages / "wide-1.0.dist-info/entry_points.txt").write_text("[hrpro.backbones]\nwide = wide:Wide\n")
    (packages / "wide.py").write_text(BACKBONE)
    monkeypatch.syspath_prepend(str(packages))


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> dict[float, Path]:
    """By their minutes."""
    folder = tmp_path_factory.mktemp("videos")
    return {
        minutes: render(folder / f"{minutes}.mp4", even_times(1, 60 * minutes), fps=1)
        for minutes in (0.5, 12)
    }


def decoding() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("decode ")]


def test_memory_does_not_grow_with_the_video(videos: dict[float, Path], tmp_path: Path) -> None:
    """12 minutes come to 59 MB of features."""
    peaks, counts = [], []
    for video in videos.values():
        tracemalloc.start()
        try:
            (entry,) = extract(video, tmp_path, backbone="wide")
            peaks.append(tracemalloc.get_traced_memory()[1])
        finally:
            tracemalloc.stop()
        assert (entry.state, entry.count) == ("done", round(5 * entry.seconds))
        found_td = FeatureFile(tmp_path / f"{entry.id}.safetensors").read_float32()
        np.testing.assert_array_equal(found_td[:, ::1000].T, [np.arange(entry.count)] * 5)
        counts.append(entry.count)
    assert counts == [30 * 5, 12 * 60 * 5]
    assert peaks[1] < peaks[0] + 3e6


def test_all_at_once_is_the_same(videos: dict[float, Path]) -> None:
    origin = choose("wide")
    with feature_stream(videos[0.5], origin) as made:
        assert made.duration == 0
        expected = np.stack(list(made.vectors))
    assert made.duration == 30
    found = video_features(videos[0.5], origin)
    assert (found.duration, found.remarks) == (30, made.remarks)
    assert found.features_td.dtype == np.float32
    np.testing.assert_array_equal(found.features_td, expected)
    assert found.timeline == origin.spec.timeline
    stream = FeatureStream(expected, found.timeline, 30)
    np.testing.assert_array_equal(stream.whole().features_td, expected)
    named = hrpro.video_features(videos[0.5], "wide")
    assert isinstance(named, hrpro.FeatureSequence)
    np.testing.assert_array_equal(named.features_td, expected)
    with pytest.raises(ConfigError, match="there is no backbone 'wid'"):
        hrpro.video_features(videos[0.5], "wid")


def test_leaving_early_ends_the_decoder(videos: dict[float, Path]) -> None:
    with feature_stream(videos[12], choose("wide")) as made:
        next(iter(made.vectors))
        assert decoding() == ["decode 12.mp4"]
    assert decoding() == []


def test_a_video_whose_features_are_no_numbers_is_told(videos: dict[float, Path], tmp_path: Path) -> None:
    (entry,) = extract(videos[12], tmp_path, backbone="wide", options={"sick": 40})
    assert (entry.state, entry.stop) == ("failed", False)
    assert entry.reason == f"{videos[12]}: the backbone gave NaN or infinite values"
    assert os.listdir(tmp_path) == ["manifest.jsonl"]
    assert decoding() == []


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"given": 7}, r"backbone wide: gives \[7\] a snippet, not \[4096\] as it says"),
        ({"last": 0}, "backbone wide: gives not one vector for a video"),
    ],
)
def test_a_backbone_that_is_not_as_it_says_stops_all(
    videos: dict[float, Path], tmp_path: Path, options: dict[str, int], why: str
) -> None:
    with pytest.raises(RunError, match=why):
        extract(videos[12], tmp_path, backbone="wide", options=options)
    assert os.listdir(tmp_path) == ["manifest.jsonl"]
    assert decoding() == []
