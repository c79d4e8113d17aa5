"""The demo's films: real files that show what their truth says, never twice alike, and repeatable."""

from __future__ import annotations

import csv
import json
from collections import Counter
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("av", reason="needs hrpro[video]")
pytest.importorskip("cv2", reason="needs hrpro[video]")

from hrpro.core.errors import DataError, RunError
from hrpro.data.formats.activitynet import read_ground_truth
from hrpro.video.decode import frames, probe
from hrpro.video.film.body import CHANNELS, LIMBS, LOWER, UPPER, joints
from hrpro.video.film.make import make_films
from hrpro.video.film.moves import ACTIONS, LOOKALIKES, Manner, stand
from hrpro.video.film.script import RATE, write_part
from hrpro.video.film.shoot import Film

SIZE = {"train": 2, "test": 1, "seconds": 20.0}
USUAL = Manner(1.0, 1.0, "right")
T = np.arange(100) / RATE


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_films(tmp_path_factory.mktemp("films"), seed=1, **SIZE)


def played(move, how: Manner = USUAL) -> dict[str, np.ndarray]:
    return joints(stand(T, how, 0.0) | move(T, how), np.full(len(T), 30.0))


def test_the_files_are_what_the_truth_says(made: Path) -> None:
    database = json.loads((made / "gt_full.json").read_text())["database"]
    files = sorted((made / "videos").rglob("*.*"))
    assert [file.stem for file in files] == ["test_000", "train_000", "train_001"]
    for file in files:
        entry, info = database[file.stem], probe(file)
        assert entry["subset"] == file.parent.name.capitalize()
        assert (info.codec, info.width, info.height, info.fps) == ("h264", 320, 240, RATE)
        assert info.duration == pytest.approx(entry["duration"], abs=0.5 / RATE)
        assert 15 <= entry["duration"] <= 25
        for action in entry["annotations"]:
            assert 0 < action["segment"][0] < action["segment"][1] < entry["duration"]


def test_a_file_shows_each_picture_at_its_time(made: Path) -> None:
    path = made / "videos/train/train_001.mp4"
    film = Film("train_001", path, (1, False, 1), probe(path).duration or 0.0)
    assert film.segments() == read_ground_truth(made / "gt_full.json").videos["train_001"]
    shown, count = list(frames(path)), 0
    before = None
    for number, picture in enumerate(film.pictures()):
        count += 1
        error = np.square(shown[number].astype(float) - picture).mean()
        assert error < 120
        if before is not None and number % 50 == 0:
            assert error < np.square(shown[number].astype(float) - before).mean()
        before = picture
    assert count == len(shown)


def test_one_click_inside_each_training_action_near_its_middle(made: Path) -> None:
    truth = read_ground_truth(made / "gt_full.json", "train").videos
    with (made / "clicks.csv").open() as file:
        rows = list(csv.DictReader(file))
    actions = [(id, action) for id, actions in truth.items() for action in actions]
    assert len(actions) >= 2
    for row, (id, action) in zip(rows, actions, strict=True):
        assert (row["video_id"], row["label"]) == (id, action.label)
        assert action.start < float(row["timestamp"]) < action.end


def test_the_seed_decides_every_byte(made: Path, tmp_path: Path) -> None:
    for name, seed in (("same", 1), ("other", 2)):
        make_films(tmp_path / name, seed=seed, workers=2 if name == "same" else 0, **SIZE)
    names = sorted(path.relative_to(made) for path in made.rglob("*.*"))
    assert len(names) == 5
    for name in names:
        same, other = ((tmp_path / folder / name).read_bytes() for folder in ("same", "other"))
        assert (made / name).read_bytes() == same != other


def test_films_are_never_mixed_with_others(made: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds videos already"):
        make_films(made, **SIZE)
    for wrong in ({"train": 0}, {"test": 0}, {"seconds": 5.0}, {"seconds": float("nan")}):
        with pytest.raises(DataError, match="of 20 to 3600 seconds"):
            make_films(tmp_path / "none", **{**SIZE, **wrong})
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match=r"could not be shot: .*cannot be written"):
        make_films(tmp_path / "file", **SIZE)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000))
def test_a_part_is_smooth_on_stage_and_true(seed: int) -> None:
    part = write_part(np.random.default_rng(seed), 60.0)
    assert set(part.pose) == set(CHANNELS)
    for one, two in pairwise(part.segments):
        assert two.start - one.end > 0.5
    for action in part.segments:
        assert action.label in ACTIONS
        assert 1.5 < action.end - action.start < 7.1
    assert (part.place_n > 0.1).all()
    assert (part.place_n < 0.9).all()
    points = joints(part.pose, part.facing_n)
    for limb in LIMBS:
        for name, length in (("middle", UPPER), ("end", LOWER)):
            start = points[f"{limb}.{'root' if name == 'middle' else 'middle'}"]
            found = np.linalg.norm(points[f"{limb}.{name}"] - start, axis=1)
            assert found == pytest.approx(length[limb[-3:]], abs=1e-9)
    feet = np.minimum(points["left_leg.end"][:, 1], points["right_leg.end"][:, 1])
    assert feet == pytest.approx(part.pose["lift"], abs=1e-9)
    for name, point_n3 in points.items():  # no joint leaps: at most so many heights a frame
        step = np.linalg.norm(np.diff(point_n3, axis=0), axis=1)
        assert step.max() < 0.25, (name, step.argmax())


def test_actions_come_equally_often_with_pauses_that_also_move() -> None:
    counts, moving = Counter[str](), []
    for seed in range(60):
        part = write_part(np.random.default_rng(seed), 50.0)
        counts.update(action.label for action in part.segments)
        acting = np.zeros(len(part.place_n), bool)
        for action in part.segments:
            acting[round(action.start * RATE) : round(action.end * RATE)] = True
        hand = joints(part.pose, part.facing_n)["right_arm.end"]
        moving.append((np.linalg.norm(np.diff(hand, axis=0), axis=1) > 0.01)[~acting[1:]].mean())
    assert counts.keys() == ACTIONS.keys()
    assert min(counts.values()) > 0.7 * max(counts.values())
    assert 0.2 < np.mean(moving) < 0.8


def test_each_action_does_what_its_name_says() -> None:
    standing = {name: point[0] for name, point in played(lambda t, how: {}).items()}
    seen = {name: played(move) for name, move in ACTIONS.items()}
    spread = {
        name: {joint: np.ptp(point, axis=0).max() for joint, point in points.items()}
        for name, points in seen.items()
    }
    assert seen["wave"]["right_arm.end"][:, 1].max() > standing["head"][1]
    assert spread["wave"]["right_arm.end"] > 0.15 > 5 * spread["wave"]["left_leg.end"]
    assert seen["squat"]["head"][:, 1].min() < 0.65 * standing["head"][1]
    both_feet = np.minimum(seen["jumping_jack"]["left_leg.end"], seen["jumping_jack"]["right_leg.end"])
    assert both_feet[:, 1].max() > 0.05
    assert seen["jumping_jack"]["left_arm.end"][:, 1].max() > standing["head"][1]
    reach = np.linalg.norm(seen["punch"]["right_arm.end"] - seen["punch"]["chest"], axis=1)
    assert reach.max() > 1.6 * reach.min()
    assert seen["kick"]["right_leg.end"][:, 1].max() > 0.3
    turn = ACTIONS["spin"](T, USUAL)["turn"]
    assert abs(turn[-1]) % 360 == pytest.approx(0, abs=1e-6)
    assert abs(turn[-1]) >= 360


@pytest.mark.parametrize("move", [*ACTIONS.values(), *LOOKALIKES], ids=lambda move: move.__name__)
def test_every_move_governs_known_channels_and_follows_its_manner(move) -> None:
    usual = move(T, USUAL)
    assert usual.keys() <= set(CHANNELS)
    assert all(np.isfinite(value).all() and value.shape == T.shape for value in usual.values())
    ways = (Manner(1.5, 1.0, "right"), Manner(1.0, 0.7, "right"), Manner(1.0, 1.0, "left"))
    shown = [played(move, how) for how in (USUAL, *ways)]
    apart = [max(np.abs(a[joint] - shown[0][joint]).max() for joint in a) for a in shown[1:]]
    assert max(apart) > 0.02
