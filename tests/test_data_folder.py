"""Dataset folders in both layouts: what they hold, who is in which split, and what training gets to see."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from data_folders import DIM, FIELD_CLICKS, LENGTH, edit_json, save_features
from hrpro.core.annotations import Click, Segment
from hrpro.core.errors import DataError
from hrpro.core.timeline import Timeline
from hrpro.data.features import FeatureFile
from hrpro.data.folder import Dataset, Recording, TrainingSet, open_dataset

pytest_plugins = ["folder_fixtures"]


def ids(dataset: Dataset, split: str) -> list[str]:
    return [recording.id for recording in dataset.recordings(split)]


def test_the_field_layout(field: Path):
    dataset = open_dataset(field)
    assert dataset.path == field
    assert dataset.classes == ("jump", "run")
    assert dataset.splits == ("train", "test")
    assert dataset.ground_truth_path == field / "gt_full.json"
    assert ids(dataset, "train") == ["a one", "b"]
    assert ids(dataset, "test") == ["c"]
    training = dataset.training_set()
    assert training.classes == ("jump", "run")
    assert training.dimension == DIM
    assert training.recordings == dataset.recordings("train")
    a_one, b = (Click(10.0, "jump"), Click(22.0, "run")), (Click(30.0, "jump"),)
    assert training.clicks == {"a one": a_one, "b": b}
    recording = training.recordings[0]
    assert recording.timeline == Timeline(0.8)
    assert recording.duration == recording.seconds == 40.0
    assert recording.features.shape == (LENGTH, DIM)


def test_both_layouts_say_the_same(field: Path, own: Path):
    one, other = open_dataset(field).training_set(), open_dataset(own).training_set()
    assert (one.classes, one.clicks) == (other.classes, other.clicks)
    assert [r.id for r in one.recordings] == [r.id for r in other.recordings]
    assert [r.timeline for r in one.recordings] == [r.timeline for r in other.recordings]
    assert [r.seconds for r in other.recordings] == [40.0, 40.0]
    assert all(r.duration is None for r in other.recordings)
    assert open_dataset(own).ground_truth_path is None


def test_without_meta_the_convention_of_the_field_holds(field: Path):
    (field / "meta.json").unlink()
    dataset = open_dataset(field)
    assert dataset.recordings("train")[0].timeline == Timeline(16 / 25)
    assert dataset.classes == ("jump", "run")
    assert dataset.layout.classes is None
    edit_json(field / "gt_full.json", lambda gt: gt["database"]["b"].update(fps=50.0))
    assert open_dataset(field).training_set().clicks["b"] == (Click(15.0, "jump"),)


def test_a_missing_gt_leaves_durations_to_the_features(field: Path):
    (field / "gt_full.json").unlink()
    training = open_dataset(field).training_set()
    assert [(r.duration, r.seconds) for r in training.recordings] == [(None, 40.0)] * 2
    assert training.clicks["a one"][0] == Click(10.0, "jump")


def test_training_cannot_tell_whether_annotations_are_there(field: Path):
    before = repr(open_dataset(field).training_set())

    def corrupt(gt: dict) -> None:
        for name in ("a one", "b"):
            gt["database"][name]["annotations"] = [{"segment": "?", "label": None}, 7]
        del gt["database"]["c"]

    edit_json(field / "gt_full.json", corrupt)
    table = field / "point_labels" / "point_gaussian.csv"
    corrupted = FIELD_CLICKS.replace("240,260", "x,").replace("500,600", "0,0").replace("700,800", "9,1")
    table.write_text(corrupted)
    after = open_dataset(field).training_set()
    assert repr(after) == before
    assert ids(open_dataset(field), "test") == ["c"]


def reachable(value: object, seen: dict[int, object]) -> dict[int, object]:
    """Everything that can be got at from an object: fields, slots, attributes, items, bound values."""
    if id(value) in seen or isinstance(value, type):
        return seen
    seen[id(value)] = value
    if isinstance(value, Mapping):
        inner: list[object] = [*value.keys(), *value.values()]
    elif isinstance(value, (list, tuple, set, frozenset)):
        inner = list(value)
    elif isinstance(value, Path):
        inner = []
    else:
        slots = [name for kind in type(value).__mro__ for name in getattr(kind, "__slots__", ())]
        inner = [getattr(value, name) for name in slots if hasattr(value, name)]
        inner += list(getattr(value, "__dict__", {}).values())
    for item in inner:
        reachable(item, seen)
    return seen


def test_no_segment_is_within_reach_of_a_training_set(field: Path):
    """Every start and end gets a number of its own: none may turn up, nor any type but the few needed."""
    marks = {123.456, 124.567, 3141.0, 3592.0}

    def mark(gt: dict) -> None:
        for entry in gt["database"].values():
            entry["annotations"] = [{"label": "jump", "segment": [123.456, 124.567]}]

    edit_json(field / "gt_full.json", mark)
    table = field / "point_labels" / "point_gaussian.csv"
    table.write_text(FIELD_CLICKS.replace("240,260", "3141,3592"))
    training = open_dataset(field).training_set()
    _ = training.dimension, training.recordings[0].seconds
    found = reachable(training, {}).values()
    plain = (Path, str, float, tuple, dict, type(None))
    allowed = (TrainingSet, Recording, FeatureFile, Timeline, Click, *plain)
    assert {type(value) for value in found if not isinstance(value, allowed)} == set()
    assert not any(isinstance(value, (Segment, Dataset)) for value in found)
    numbers = {value for value in found if isinstance(value, float)}
    assert 10.0 in numbers
    assert not numbers & (marks | {mark / 25 for mark in marks})
    assert reachable([open_dataset(field), Segment(123.456, 0, "")], {})  # the walk does see what it is shown
    assert 123.456 in reachable([Segment(123.456, 0, "")], {}).values()


def test_a_training_set_can_be_cut_down(field: Path):
    training = open_dataset(field).training_set()
    part = training.subset(["b"])
    assert [r.id for r in part.recordings] == ["b"]
    assert part.clicks == {"b": (Click(30.0, "jump"),)}
    assert part.classes == training.classes
    assert training.subset({"b", "a one"}) == training
    with pytest.raises(DataError, match="not in this training set: x, y"):
        training.subset(["x", "b", "y"])
    with pytest.raises(dataclasses.FrozenInstanceError):
        part.classes = ()  # pyright: ignore[reportAttributeAccessIssue]


class TestPoints:
    def test_by_name_by_path_and_by_default(self, field: Path, tmp_path: Path):
        folder = field / "point_labels"
        other = FIELD_CLICKS.replace("250", "255")
        (folder / "point_human.csv").write_text(other)
        (field / "mine.csv").write_text(other)
        (tmp_path / "far.csv").write_text("b,7,run\n")
        dataset = open_dataset(field)
        assert dataset.training_set().clicks["a one"][0].time == 10.0
        for points in ("point_human.csv", "mine.csv", folder / "point_human.csv"):
            assert dataset.training_set(points).clicks["a one"][0].time == 10.2
        assert dataset.clicks(tmp_path / "far.csv") == {"a one": (), "b": (Click(7.0, "run"),)}
        message = r"no click table 'x\.csv'.*point_gaussian\.csv, point_human\.csv"
        with pytest.raises(DataError, match=message):
            dataset.training_set("x.csv")

    def test_the_only_table_is_the_default_and_several_are_none(self, field: Path):
        folder = field / "point_labels"
        (folder / "point_gaussian.csv").rename(folder / "some.csv")
        assert open_dataset(field).points_path() == folder / "some.csv"
        (folder / "other.csv").write_text(FIELD_CLICKS)
        with pytest.raises(DataError, match=r"no default click table.*other\.csv, some\.csv"):
            open_dataset(field).training_set()

    def test_clicks_in_frames_need_a_rate_in_our_layout(self, own: Path):
        (own / "clicks.csv").write_text(FIELD_CLICKS)
        with pytest.raises(DataError, match=r"clicks\.csv:2: .*frames a second of 'a one' are not known"):
            open_dataset(own).training_set()
        (own / "dataset.yaml").write_text("features: {fps: 25, stride: 20}\n")
        assert open_dataset(own).training_set().clicks["b"] == (Click(30.0, "jump"),)

    @pytest.mark.parametrize(
        ("row", "message"),
        [
            ("jump,,,nobody,250", "unknown recording 'nobody'"),
            ("jmp,,,b,250", r"unknown class 'jmp' \(did you mean 'jump'\?\)"),
            ("jump,,,b,-1", "finite number from 0"),
            ("jump,,,b,nan", "finite number from 0"),
            ("jump,,,b,1021", r"40\.84 s lies beyond the end of 'b', 40\.8 s"),
        ],
    )
    def test_what_cannot_be_trained_on_is_named_by_line(self, field: Path, row: str, message: str):
        with (field / "point_labels" / "point_gaussian.csv").open("a") as file:
            file.write(f"{row}\n")
        with pytest.raises(DataError, match=rf"point_gaussian\.csv:5: .*{message}"):
            open_dataset(field).training_set()

    def test_a_click_may_pass_the_end_by_a_rounding(self, field: Path):
        with (field / "point_labels" / "point_gaussian.csv").open("a") as file:
            file.write("jump,,,b,1020\n")
        assert open_dataset(field).training_set().clicks["b"][-1].time == 40.8

    def test_a_click_beyond_short_features(self, field: Path):
        save_features(field / "features" / "train" / "b.npy", length=30)
        with pytest.raises(DataError, match=r"csv:4: the click at 30 s lies beyond the end of 'b', 24\.8 s"):
            open_dataset(field).training_set()

    def test_other_splits_clicks_are_left_out_silently(self, field: Path):
        with (field / "point_labels" / "point_gaussian.csv").open("a") as file:
            file.write("jump,,,c,9999999\nnever heard,,,c,3\n")
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            training = open_dataset(field).training_set()
        assert training.clicks.keys() == {"a one", "b"}

    def test_one_misspelt_id_in_a_hundred_is_skipped_aloud(self, field: Path):
        table = field / "point_labels" / "point_gaussian.csv"
        table.write_text(FIELD_CLICKS + "jump,,,b,750\n" * 96 + "jump,,,bb,750\n")
        with pytest.warns(UserWarning, match=r"point_gaussian\.csv: skipped .* 'bb' \(line 101\)"):
            training = open_dataset(field).training_set()
        assert len(training.clicks["b"]) == 97
        table.write_text(FIELD_CLICKS + "jump,,,b,750\n" * 95 + "jump,,,bb,750\n")
        with pytest.raises(DataError, match="csv:100: a click on an unknown recording 'bb'"):
            open_dataset(field).training_set()

    def test_no_click_at_all(self, field: Path):
        (field / "point_labels" / "point_gaussian.csv").write_text(FIELD_CLICKS.splitlines()[0])
        with pytest.raises(DataError, match="no click lies on a recording of split 'train'"):
            open_dataset(field).training_set()


class TestSplits:
    def test_flat_recordings_go_by_their_clicks(self, own: Path):
        dataset = open_dataset(own)
        assert dataset.splits == ("train", "test")
        assert (ids(dataset, "train"), ids(dataset, "test")) == (["a one", "b"], ["c"])

    @pytest.mark.parametrize(
        ("splits", "expected"),
        [
            ("{test: [b]}", {"train": ["a one"], "test": ["b"]}),
            ("{train: [c, b]}", {"train": ["c", "b"], "test": ["a one"]}),
            ("{train: [c, b], test: []}", {"train": ["c", "b"], "test": []}),
            ("{val: [b]}", {"train": ["a one"], "test": ["c"], "val": ["b"]}),
            ("{train: train.txt}", {"train": ["c", "a one"], "test": ["b"]}),
        ],
    )
    def test_a_listed_split_holds_what_is_listed(self, own: Path, splits: str, expected: dict):
        (own / "train.txt").write_text("\ufeffc\r\n\r\n a one \r\n", encoding="utf-8")
        (own / "dataset.yaml").write_text(f"features: {{stride: 0.8}}\nsplits: {splits}\n")
        dataset = open_dataset(own)
        assert {split: ids(dataset, split) for split in dataset.splits} == expected

    def test_a_listed_recording_needs_no_click(self, own: Path):
        (own / "dataset.yaml").write_text("features: {stride: 0.8}\nsplits: {train: [a one, c]}\n")
        assert open_dataset(own).training_set().clicks["c"] == ()

    def test_folders_of_features_are_splits(self, own: Path):
        for name, split in (("a one", "train"), ("b", "train"), ("c", "val")):
            (own / "features" / split).mkdir(exist_ok=True)
            (own / "features" / f"{name}.npy").rename(own / "features" / split / f"{name}.npy")
        dataset = open_dataset(own)
        held = {split: ids(dataset, split) for split in dataset.splits}
        assert held == {"train": ["a one", "b"], "val": ["c"]}

    def test_without_clicks_all_is_to_predict_on(self, own: Path):
        (own / "clicks.csv").unlink()
        dataset = open_dataset(own)
        assert ids(dataset, "test") == ["a one", "b", "c"]
        assert dataset.classes == ()
        with pytest.raises(DataError, match="no default click table"):
            dataset.training_set()

    def test_a_broken_table_is_told_by_training_not_by_opening(self, own: Path):
        (own / "clicks.csv").write_text("what is this\n")
        assert open_dataset(own).splits == ("test",)
        with pytest.raises(DataError, match=r"clicks\.csv:1: neither a known header"):
            open_dataset(own).training_set()

    def test_no_such_split(self, field: Path):
        with pytest.raises(DataError, match=r"no split 'tests' \(did you mean 'test'\?\)"):
            open_dataset(field).recordings("tests")
        with pytest.raises(DataError, match=r"no split 'x' \(there are: train, test\)"):
            open_dataset(field).training_set(split="x")

    def test_missing_features_are_listed_and_counted(self, field: Path):
        names = [f"v{i:02d}" for i in range(30)]
        (field / "split_test.txt").write_text("\n".join(["c", *names]))
        message = "30 of 31 recordings of split 'test' have no feature file: v00, .*, v04 and 25 more"
        with pytest.raises(DataError, match=message):
            open_dataset(field).recordings("test")
        assert open_dataset(field).training_set().dimension == DIM

    def test_any_format_will_do(self, field: Path):
        path = field / "features" / "train" / "b.npy"
        np.savez(field / "features" / "b.npz", features=np.load(path))
        path.unlink()
        (field / "features" / "train" / "._b.npy").write_bytes(b"not ours")
        assert open_dataset(field).recordings("train")[1].features.path == field / "features" / "b.npz"
        assert open_dataset(field).training_set().recordings[1].features.shape == (LENGTH, DIM)

    def test_dimensions_must_agree(self, field: Path):
        save_features(field / "features" / "train" / "b.npy", dim=DIM + 1)
        with pytest.raises(DataError, match=r"train/b\.npy: 5 feature dimensions where 'a one' has 4"):
            open_dataset(field).training_set()

    def test_a_repeated_id_is_one_recording(self, field: Path):
        (field / "split_train.txt").write_text("b\na one\nb\n")
        assert ids(open_dataset(field), "train") == ["b", "a one"]


def test_the_click_table_that_is_given_says_what_to_learn_from(own: Path, tmp_path: Path) -> None:
    """Where no split is listed."""
    table = tmp_path / "elsewhere.csv"
    (own / "clicks.csv").rename(table)
    table.write_text(table.read_text() + "c,5,run\n")
    dataset = open_dataset(own)
    learned = dataset.training_set(table)
    assert [recording.id for recording in learned.recordings] == ["a one", "b", "c"]
    (own / "clicks.csv").write_text("video_id,timestamp,label\nb,30,jump\n")
    dataset = open_dataset(own)
    assert [recording.id for recording in dataset.training_set().recordings] == ["b"]
    assert sum(map(len, dataset.training_set(table).clicks.values())) == 4
    assert sorted(dataset.clicks(table)) == ["a one", "b", "c"]


def test_a_table_of_other_recordings_or_of_none_is_what_is_told(own: Path) -> None:
    table = own / "clicks.csv"
    text = table.read_text()
    table.write_text(text.replace("one,", "one.mp4,").replace("b,", "b.mp4,"))
    with pytest.raises(DataError, match=r"clicks\.csv:2: a click on an unknown recording 'a one\.mp4'"):
        open_dataset(own).training_set()
    table.write_text(text.splitlines()[0] + "\n")
    with pytest.raises(DataError, match=r"clicks\.csv: there is no click in it"):
        open_dataset(own).training_set()
