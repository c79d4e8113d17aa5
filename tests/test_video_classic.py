"""The classic backbone: its flow, its histograms against plain loops, and what its vectors depend on."""

from __future__ import annotations

import itertools
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hrpro.core.errors import ConfigError
from hrpro.video.backbones import Backbone, make
from hrpro.video.backbones.classic import BLOCKS, Classic
from hrpro.video.backbones.histograms import (
    camera_motion,
    cells,
    derivatives,
    directions,
    pattern_shares,
    rooted,
)
from hrpro.video.flow import METHODS, Flow, has_tvl1

SHARED = Path(__file__).resolve().parents[1].parent / "shared" / "data"
available = [
    pytest.param(
        name, marks=pytest.mark.skipif(name == "tvl1" and not has_tvl1(), reason="no opencv-contrib")
    )
    for name in METHODS
]


def texture(height, width, seed=0):
    """A smooth random picture, uint8 [H, W]."""
    rough = np.random.default_rng(seed).normal(0, 1, (height, width)).astype(np.float32)
    smooth = cv2.GaussianBlur(rough, (0, 0), 2)
    return np.clip(128 + 50 * smooth / (smooth.std() + 1e-6), 0, 255).astype(np.uint8)


def scene(*, frames=16, height=120, width=160, pan=0.0, walk=0.0, seed=0):
    """Frames of a textured background seen by a camera that pans, and a block that walks, pixels a frame."""
    ground, block = texture(height, width + 200, seed), texture(40, 40, seed + 1)
    for k in range(frames):
        start = 100 + round(pan * k)
        picture = ground[:, start : start + width].copy()
        left = round(width / 2 - 20 + walk * (k - frames / 2) - pan * k)
        picture[40:80, left : left + 40] = block
        yield np.stack([picture, picture[::-1], 255 - picture], -1)


def vectors(frames):
    return list(Classic().stream(frames))


def split(vector):
    ends, names = np.cumsum(list(BLOCKS.values())), [block.__name__ for block in BLOCKS]
    return dict(zip(names, np.split(vector, ends[:-1]), strict=True))


class TestFlow:
    @pytest.mark.parametrize("method", available)
    def test_finds_a_shift(self, method):
        picture = texture(140, 180)
        first, second = picture[10:130, 10:170], picture[12:132, 7:167]
        flow = Flow(method)(np.ascontiguousarray(first), np.ascontiguousarray(second))
        assert flow.shape == (120, 160, 2)
        assert flow.dtype == np.float32
        assert np.median(np.abs(flow[20:-20, 20:-20] - [3, -2])) < 0.2

    @pytest.mark.parametrize("method", available)
    def test_depends_on_the_two_pictures_alone(self, method):
        pictures = [texture(48, 64, seed) for seed in range(3)]
        used = Flow(method)
        used(pictures[2], pictures[0])
        before = cv2.getNumThreads()
        results = [Flow(method)(*pictures[:2])]
        try:
            for threads in (1, 4):
                cv2.setNumThreads(threads)
                results.append(used(*pictures[:2]))
        finally:
            cv2.setNumThreads(before)
        assert all(np.array_equal(results[0], other) for other in results[1:])

    @pytest.mark.parametrize("method", available)
    @pytest.mark.parametrize("shape", [(1, 1), (1, 90), (15, 16), (16, 16), (37, 61)])
    def test_takes_any_size(self, method, shape):
        flow = Flow(method)(texture(*shape), texture(*shape, seed=1))
        assert flow.shape == (*shape, 2)
        assert np.isfinite(flow).all()
        assert np.abs(Flow(method)(texture(*shape), texture(*shape))).max() < 1e-3

    def test_unknown_or_missing_methods_are_told(self, monkeypatch):
        with pytest.raises(ConfigError, match="one of dis, dis-quick, tvl1"):
            Flow("farneback")
        monkeypatch.delattr(cv2, "optflow", raising=False)
        with pytest.raises(ConfigError, match="opencv-contrib-python-headless"):
            Flow("tvl1")


class TestHistograms:
    @pytest.mark.parametrize("signed", [True, False])
    @pytest.mark.parametrize("sharp", [True, False])
    def test_directions_equal_plain_loops(self, signed, sharp):
        rng = np.random.default_rng(0)
        x, y = rng.normal(0, 3, (2, 3, 6, 8)).astype(np.float32)
        x[0, :2] = y[0, :2] = 0
        found = directions(x, y, 6, (2, 4), signed=signed, sharp=sharp)
        wanted = np.zeros((6, 2, 4))
        for n, row, column in np.ndindex(3, 6, 8):
            length = np.hypot(x[n, row, column], y[n, row, column])
            angle = np.arctan2(y[n, row, column], x[n, row, column]) * (1 if signed else 2)
            for k in range(6):
                share = max(0, np.cos(angle - 2 * np.pi * k / 6)) ** (4 if sharp else 2)
                wanted[k, row // 3, column // 2] += length * share / (3 * 3 * 2)
        np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5)

    @given(st.integers(1, 12), st.integers(1, 12), st.integers(1, 3), st.integers(1, 3), st.integers(0, 99))
    def test_pattern_shares_equal_plain_loops(self, height, width, rows, columns, seed):
        image = np.random.default_rng(seed).integers(0, 256, (2, height, width)).astype(np.uint8)
        least = int(seed % 60)
        pairs = (((-1, -1), (1, 1)), ((-1, 0), (1, 0)), ((-1, 1), (1, -1)), ((0, 1), (0, -1)))
        counts = np.zeros((rows, columns, 16))
        for n, y, x in np.ndindex(2, max(height - 2, 0), max(width - 2, 0)):
            code = 0
            for bit, ((a, b), (c, d)) in enumerate(pairs):
                value = int(image[n, y + 1 + a, x + 1 + b]) - int(image[n, y + 1 + c, x + 1 + d])
                code += 2**bit * (value > least)
            counts[y * rows // (height - 2), x * columns // (width - 2), code] += 1
        shares = counts / np.maximum(counts.sum(-1, keepdims=True), 1)
        np.testing.assert_allclose(pattern_shares(image, least, rows, columns), shares, atol=1e-6)

    def test_cells_and_derivatives(self):
        ramp = np.tile(np.arange(8, dtype=np.float32) * 2, (1, 4, 1))
        along_x, along_y = derivatives(ramp)
        assert np.all(along_x[:, :, 1:-1] == 2)
        assert np.all(along_x[:, :, [0, -1]] == 0)
        assert not along_y.any()
        np.testing.assert_allclose(cells(ramp[0], 2, 2), [[3, 11], [3, 11]])

    def test_rooted_is_of_length_one_and_keeps_signs(self):
        found = rooted(np.array([4.0, -9.0, 0.0], np.float32) * 100)
        np.testing.assert_allclose(found, np.array([2, -3, 0]) / np.sqrt(13), atol=1e-3)
        assert np.abs(rooted(np.full(8, 1e-6, np.float32))).max() < 0.1

    @settings(max_examples=20)
    @given(st.integers(0, 10_000))
    def test_camera_motion_is_found_beside_a_moving_thing(self, seed):
        rng = np.random.default_rng(seed)
        wanted = rng.normal(0, 1.5, (2, 3, 2)).astype(np.float32)
        x, y = np.meshgrid((np.arange(80) + 0.5) / 40 - 1, (np.arange(60) + 0.5) / 30 - 1)
        field = np.stack([c[0] + x[..., None] * c[1] + y[..., None] * c[2] for c in wanted]).astype(
            np.float32
        )
        top, left = rng.integers(0, 35), rng.integers(0, 50)
        moved = field.copy()
        moved[:, top : top + 25, left : left + 30] += 4
        found, rest = camera_motion(moved + rng.normal(0, 0.02, moved.shape).astype(np.float32))
        np.testing.assert_allclose(found, wanted, atol=0.1)
        np.testing.assert_allclose(rest, moved - field, atol=0.3)
        assert rest.dtype == np.float32


class TestVectors:
    def test_are_what_the_spec_says(self):
        backbone: Backbone = make("classic")
        made = list(backbone.stream(scene(frames=40)))
        assert len(made) == 3
        assert {vector.dtype.name for vector in made} == {"float32"}
        assert {vector.shape for vector in made} == {(backbone.spec.dimension,)} == {(512,)}

    @pytest.mark.parametrize("size", [(16, 16), (1, 1), (17, 333), (241, 97), (120, 160)])
    @pytest.mark.parametrize("frames", [1, 2, 17])
    def test_take_any_size_and_number_of_frames(self, size, frames):
        rng = np.random.default_rng(0)
        made = vectors(rng.integers(0, 256, (*size, 3)).astype(np.uint8) for _ in range(frames))
        assert len(made) == 1
        assert np.isfinite(made).all()

    def test_no_frames_no_vectors(self):
        assert vectors([]) == []

    @pytest.mark.parametrize("level", [0, 127, 255])
    def test_a_constant_picture_moves_nothing(self, level):
        (vector,) = vectors([np.full((120, 160, 3), level, np.uint8)] * 16)
        parts = split(vector)
        for name in ("gradients", "layout", "camera", "flow", "motion_boundaries", "moving_gradients"):
            assert np.abs(parts[name]).max() < 0.02, name
        assert np.isfinite(vector).all()

    def test_do_not_depend_on_place_chunks_or_threads(self):
        frames = [*scene(pan=1.5), *scene(walk=2, seed=3), *scene(pan=-1, walk=1, seed=5)]
        backbone, before = Classic(), cv2.getNumThreads()
        whole = list(backbone.stream(iter(frames)))
        try:
            cv2.setNumThreads(4)
            for t, vector in enumerate(whole):
                (alone,) = backbone.stream(frames[16 * t : 16 * t + 16])
                assert np.array_equal(alone, vector)
        finally:
            cv2.setNumThreads(before)

    def test_every_frame_of_the_window_counts_and_no_other(self):
        frames = [*scene(walk=1.5, frames=32)]
        whole = np.stack(vectors(frames))
        for changed in (0, 7, 15, 16, 31):
            other = list(frames)
            other[changed] = np.flip(frames[changed]).copy()
            differs = np.abs(np.stack(vectors(other)) - whole).max(1) > 1e-3
            assert list(differs) == [changed < 16, changed >= 16]

    def test_a_pan_is_the_cameras_and_a_walk_is_the_things(self):
        (still,), (pan,), (walk,) = (vectors(scene(pan=p, walk=w)) for p, w in ((0, 0), (2, 0), (0, 2)))
        still, pan, walk = split(still), split(pan), split(walk)
        shift = pan["camera"][0]  # mean shift along x, log1p(20 px)
        assert np.expm1(abs(shift)) / 20 == pytest.approx(2, abs=0.3)
        assert shift < 0  # the camera goes right, the picture left
        assert abs(walk["camera"][0]) < 0.3
        # The last value of the rhythm is the log of what moves beside the camera, in pixels.
        assert walk["rhythm"][-1] - still["rhythm"][-1] > 1.5

    def test_nothing_moves_across_a_cut(self):
        (joined,) = vectors([*scene(frames=8), *(frame // 3 for frame in scene(frames=8, seed=7))])
        assert np.abs(split(joined)["camera"]).max() < 0.1
        assert split(joined)["rhythm"][-1] < np.log(0.05)

    def test_a_walk_to_the_left_is_told_from_one_to_the_right(self):
        (right,), (left,) = (vectors(scene(walk=w)) for w in (2, -2))
        right, left = (split(vector)["flow"].reshape(8, 4).sum(1) for vector in (right, left))
        assert right.argmax() == 0
        assert left.argmax() == 4


@pytest.mark.skipif(
    not (SHARED / "ucf_untrimmed" / "videos").is_dir(), reason="no ../shared/data/ucf_untrimmed"
)
def test_neighbours_in_a_real_video_are_more_alike_than_strangers():
    from hrpro.video.decode import frames

    video = SHARED / "ucf_untrimmed" / "videos" / "train_000.mp4"
    backbone = Classic()
    shown = itertools.islice(frames(video, rate=25.0, size=backbone.frame_size), 16 * 30)
    found = np.stack(list(backbone.stream(shown)))
    assert found.shape == (30, 512)
    unit = (found - found.mean(0)) / (found.std(0) + 1e-3)
    distance = np.linalg.norm(unit[:, None] - unit[None], axis=-1)
    assert np.median(np.diagonal(distance, 1)) < 0.8 * np.median(distance[np.triu_indices(30, 8)])
