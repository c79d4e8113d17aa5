"""What all backbones share: the spec, the windows, the registry."""

from __future__ import annotations

import importlib
import json
import sys
import weakref
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hrpro.core.errors import ConfigError, DataError
from hrpro.video import backbones
from hrpro.video.backbones.base import BackboneSpec, count, windows

SPEC = BackboneSpec(
    "some", "1", 8, rate=25.0, window=32, stride=16, preprocessing={"size": [160, 120], "crop": None}
)


def numbered(count):
    """Frames that carry their number."""
    for number in range(count):
        yield np.full((2, 3, 3), number % 251, np.uint8)


class TestSpec:
    def test_comes_back_from_json_unchanged(self):
        stored = json.loads(json.dumps(SPEC.as_dict()))
        assert BackboneSpec.from_dict(stored) == SPEC
        assert not SPEC.difference(BackboneSpec.from_dict(stored))

    def test_cells_lie_in_the_middle_of_their_windows(self):
        timeline = SPEC.timeline
        assert (timeline.stride, timeline.window) == (0.64, 1.28)
        cell = timeline.to_seconds([3, 4])
        assert cell.mean() == pytest.approx((3 * 16 + 32 / 2) / 25)
        assert replace(SPEC, window=16).timeline.offset == 0

    def test_a_difference_is_said_key_by_key(self):
        other = replace(SPEC, version="2", weights="ab" * 32, preprocessing={"size": [80, 60], "flow": "dis"})
        assert SPEC.difference(other) == [
            "version: 1, not 2",
            "size: [160, 120], not [80, 60]",
            "crop: None, not unsaid",
            "flow: unsaid, not dis",
            f"weights: None, not {'ab' * 32}",
        ]

    def test_specs_can_be_keys(self):
        assert {SPEC: 1}[BackboneSpec.from_dict(SPEC.as_dict())] == 1

    @pytest.mark.parametrize(
        "change",
        [
            {"window": "16"},
            {"window": True},
            {"dimension": None},
            {"stride": 0},
            {"rate": -1.0},
            {"rate": float("nan")},
            {"preprocessing": [1]},
            {"weights": 3},
            {"extra": 1},
        ],
    )
    def test_a_broken_description_names_the_file(self, change):
        with pytest.raises(DataError, match=r"^f\.json: .*extract these features again"):
            BackboneSpec.from_dict({**SPEC.as_dict(), **change}, where="f.json")

    @pytest.mark.parametrize("missing", sorted(SPEC.as_dict()))
    def test_every_key_is_needed(self, missing):
        stored = SPEC.as_dict()
        del stored[missing]
        with pytest.raises(DataError, match=missing):
            BackboneSpec.from_dict(stored)


class TestWindows:
    @given(st.integers(0, 90), st.integers(1, 20), st.integers(1, 24))
    def test_each_window_starts_at_its_stride_and_repeats_the_last_frame_only(self, frames, window, stride):
        made = [
            [int(frame[0, 0, 0]) for frame in taken] for taken in windows(numbered(frames), window, stride)
        ]
        for t, taken in enumerate(made):
            assert taken == [min(t * stride + k, frames - 1) for k in range(window)]
        # As many as have half a window, and one if there is any frame at all.
        halves = [t for t in range(frames) if frames - t * stride >= window / 2]
        assert len(made) == count(frames, window, stride) == max(len(halves), min(frames, 1))

    @given(st.integers(1, 40), st.integers(1, 8), st.integers(1, 8))
    def test_a_window_comes_as_soon_as_its_frames_are_there(self, frames, window, stride):
        seen = 0

        def watched():
            nonlocal seen
            for frame in numbered(frames):
                seen += 1
                yield frame

        for t, _ in enumerate(windows(watched(), window, stride)):
            assert seen == min(t * stride + window, frames)

    def test_holds_one_window_of_a_long_video(self):
        alive, most = Counter(), 0

        def watched():
            for frame in numbered(2000):
                alive["now"] += 1
                weakref.finalize(frame, alive.subtract, ["now"])
                yield frame

        for _ in windows(watched(), 32, 16):
            most = max(most, alive["now"])
        assert most <= 32 + 1

    @pytest.mark.parametrize(
        "frame",
        [
            np.zeros((4, 4), np.uint8),
            np.zeros((4, 4, 4), np.uint8),
            np.zeros((4, 4, 3), np.float32),
            np.zeros((0, 4, 3), np.uint8),
            np.zeros((5, 4, 3), np.uint8),
        ],
    )
    def test_a_frame_of_another_kind_is_an_error(self, frame):
        with pytest.raises(DataError, match="frame 1 is"):
            list(windows([np.zeros((4, 4, 3), np.uint8), frame], 4, 4))


class TestRegistry:
    def test_classic_is_there(self):
        backbone = backbones.make("classic")
        assert backbone.spec.name == "classic"
        assert {"classic", "i3d", "hub:NAME"} <= set(backbones.known())

    @pytest.mark.parametrize("name", ["clasic", "", "classic:x", "i3d:y"])
    def test_an_unknown_name_is_answered_with_the_known_ones(self, name):
        with pytest.raises(ConfigError, match=r"no backbone .*known: classic, i3d"):
            backbones.make(name)

    def test_hub_wants_a_model(self):
        with pytest.raises(ConfigError, match="hub:FOLDER"):
            backbones.make("hub:")

    def test_an_option_that_it_does_not_have_is_named(self):
        with pytest.raises(ConfigError, match=r"backbone classic: .*'stride'"):
            backbones.make("classic", stride=8)

    @pytest.fixture
    def installed(self, tmp_path, monkeypatch):
        """Install a package as pip would, by its files."""

        def install(module, entry_points):
            info = tmp_path / "mine-1.0.dist-info"
            info.mkdir()
            (info / "METADATA").write_text("Metadata-Version: 2.1\nName: mine\nVersion: 1.0\n")
            (info / "entry_points.txt").write_text(f"[hrpro.backbones]\n{entry_points}\n")
            (tmp_path / "mine_backbone.py").write_text(module)
            monkeypatch.syspath_prepend(str(tmp_path))
            importlib.invalidate_caches()

        yield install
        sys.modules.pop("mine_backbone", None)

    def test_a_users_own_by_entry_point(self, installed):
        installed(
            "class Mine:\n    def __init__(self, *, size=3):\n        self.frame_size = size\n",
            "mine = mine_backbone:Mine",
        )
        assert backbones.make("mine", size=5).frame_size == 5
        assert "mine" in backbones.known()
        with pytest.raises(ConfigError, match=r"backbone mine: .*'sise'"):
            backbones.make("mine", sise=5)

    def test_a_users_own_that_does_not_import_is_named(self, installed):
        installed("import a_package_that_is_not_there\n", "mine = mine_backbone:Mine")
        with pytest.raises(ConfigError, match=r"backbone mine: .*a_package_that_is_not_there"):
            backbones.make("mine")

    def test_a_fault_inside_a_users_own_is_not_hidden(self, installed):
        installed(
            "class Mine:\n    def __init__(self):\n        raise TypeError('inside')\n",
            "mine = mine_backbone:Mine",
        )
        with pytest.raises(TypeError, match="inside"):
            backbones.make("mine")
