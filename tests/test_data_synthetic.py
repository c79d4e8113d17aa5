"""The synthetic data set: sound, repeatable, whole or not there, and not solved snippet by snippet."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hrpro.core.errors import DataError
from hrpro.data.folder import open_dataset
from hrpro.data.formats.activitynet import read_ground_truth
from hrpro.data.inspect import inspect_dataset
from hrpro.data.synthetic import make_dataset


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_dataset(tmp_path_factory.mktemp("synthetic") / "data")


def content(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


@pytest.mark.parametrize("points", ["clicks.csv", "points_human.csv"])
def test_it_is_sound(made: Path, points: str):
    report = inspect_dataset(made, points)
    assert report.problems == []
    train, test = report.splits
    assert (train.recordings, test.recordings, train.dimensions) == (24, 12, (64,))
    assert 0.7 < train.hours < 1.6
    assert min(train.clicks.values()) >= 10
    assert report.classes == ("action_1", "action_2", "action_3", "action_4")


def test_truth_is_of_test_recordings_only(made: Path):
    dataset = open_dataset(made)
    assert dataset.ground_truth_path is not None
    truth = read_ground_truth(dataset.ground_truth_path, "Test")
    recordings = {recording.id: recording for recording in dataset.recordings("test")}
    assert truth.videos.keys() == recordings.keys()
    assert set(truth.classes) == set(dataset.classes)
    for id, segments in truth.videos.items():
        assert recordings[id].duration == truth.durations[id] == recordings[id].features.shape[0] / 2
        ends = [0.0, *(segment.end for segment in segments), truth.durations[id]]
        assert all(segment.start > end + 1 for segment, end in zip(segments, ends, strict=False))
        assert all(2 <= segment.end - segment.start <= 15.01 for segment in segments)
        assert ends[-2] < ends[-1]


def test_the_same_seed_writes_the_same_bytes(tmp_path: Path):
    small = {"train": 2, "test": 1, "classes": 3, "dim": 5, "rate": 3.0, "minutes": 1.0}
    one = content(make_dataset(tmp_path / "one", seed=7, **small))
    assert one == content(make_dataset(tmp_path / "two", seed=7, **small))
    other = content(make_dataset(tmp_path / "three", seed=8, **small))
    assert one.keys() == other.keys()
    assert all(one[name] != other[name] for name in one if name != "dataset.yaml")
    dataset = open_dataset(tmp_path / "one")
    assert (dataset.training_set().dimension, len(dataset.classes)) == (5, 3)
    assert dataset.recordings("test")[0].timeline.rate == pytest.approx(3.0)


def test_clicks_have_the_spread_of_their_kind(tmp_path: Path):
    """Both tables click the same actions, so the near-centre one tells where people's clicks lie in them."""
    dataset = open_dataset(make_dataset(tmp_path / "data", train=150, test=1, dim=2))
    near, human = dataset.clicks(), dataset.clicks("points_human.csv")
    counts = {points: [len(c) for c in clicks.values()] for points, clicks in (("n", near), ("h", human))}
    assert counts["n"] == counts["h"]
    apart = []
    for id, clicks in near.items():
        for label in dataset.classes:
            times = [[c.time for c in group if c.label == label] for group in (clicks, human[id])]
            apart += [min(abs(a - b) for a in times[0]) for b in times[1]]
    apart = np.array(apart)
    assert len(apart) > 1000
    assert 0.3 < np.median(apart) < 1.2  # seconds, of actions of 2 to 15 s
    assert 0.015 < np.mean(apart > 8) < 0.05  # no click inside its action can be that far off


def test_single_snippets_do_not_tell(made: Path):
    """The nearest prototype of the clicked snippets, the best guess without context, errs in both ways."""
    dataset = open_dataset(made)
    training = dataset.training_set()
    features = {r.id: r.features.read_float32() for r in (*training.recordings, *dataset.recordings("test"))}
    mean_d = np.concatenate(list(features.values())).mean(0)
    centred = {id: x - mean_d for id, x in features.items()}
    unit = {id: x / np.linalg.norm(x, axis=1, keepdims=True) for id, x in centred.items()}
    timeline = training.recordings[0].timeline
    prototypes_cd = np.stack([
        np.mean(
            [
                unit[id][timeline.index(click.time, len(unit[id]))]
                for id, clicks in training.clicks.items()
                for click in clicks
                if click.label == label
            ],
            axis=0,
        )
        for label in training.classes
    ])  # fmt: skip
    assert dataset.ground_truth_path is not None
    similar, truth = [], []
    for id, segments in read_ground_truth(dataset.ground_truth_path).videos.items():
        middle_t = timeline.to_seconds(np.arange(len(unit[id])) + 0.5)
        label_t = np.full(len(middle_t), -1)
        for segment in segments:
            inside = (segment.start <= middle_t) & (middle_t < segment.end)
            label_t[inside] = training.classes.index(segment.label)
        similar.append(unit[id] @ prototypes_cd.T)
        truth.append(label_t)
    similar_nc, truth_n = np.concatenate(similar), np.concatenate(truth)
    action = truth_n >= 0
    right = similar_nc[action].argmax(1) == truth_n[action]
    assert 0.8 < right.mean() < 0.985
    found_n, threshold = similar_nc.max(1), np.median(similar_nc[action].max(1))
    assert 0.02 < np.mean(found_n[~action] > threshold) < 0.3


def test_it_is_whole_or_not_there(tmp_path: Path):
    with pytest.raises(ValueError, match="NaN"):  # after the first folders are made
        make_dataset(tmp_path / "data", minutes=float("nan"))
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "data").mkdir()
    make_dataset(tmp_path / "data", train=1, test=1, minutes=0.5)
    assert [path.name for path in tmp_path.iterdir()] == ["data"]
    before = content(tmp_path / "data")
    with pytest.raises(DataError, match="is there already"):
        make_dataset(tmp_path / "data", train=2)
    for arguments in ({"classes": 0}, {"dim": 1}, {"train": 0}, {"test": 0}):
        with pytest.raises(DataError, match="at the least"):
            make_dataset(tmp_path / "none", **arguments)
    (tmp_path / "file").write_text("mine")
    with pytest.raises(DataError, match="is there already"):
        make_dataset(tmp_path / "file")
    assert content(tmp_path / "data") == before
