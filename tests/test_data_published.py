"""The field's own files, as published: every click table reads, and its clicks land where they should."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from data_folders import SHARED
from hrpro.core.errors import DataError
from hrpro.data.folder import open_dataset
from hrpro.data.inspect import inspect_dataset

pytestmark = pytest.mark.skipif(not SHARED.is_dir(), reason="the real data sets are not on this machine")
ANNOTATIONS = SHARED / "annotations"
CLICKS = {
    ("thumos14", "point_gaussian.csv"): 3003,
    ("thumos14", "clicks_1.csv"): 2980,
    ("thumos14", "clicks_2.csv"): 2919,
    ("thumos14", "clicks_3.csv"): 3014,
    ("thumos14", "clicks_4.csv"): 2986,
    ("gtea", "point_gaussian.csv"): 367,
    ("gtea", "clicks_1.csv"): 369,
    ("gtea", "clicks_2.csv"): 367,
    ("gtea", "clicks_3.csv"): 377,
    ("gtea", "clicks_4.csv"): 367,
    ("beoid", "point_gaussian.csv"): 594,
    ("beoid", "clicks_1.csv"): 589,
    ("beoid", "clicks_2.csv"): 602,
    ("beoid", "clicks_3.csv"): 604,
    ("beoid", "clicks_4.csv"): 599,
    ("activitynet13", "point_gaussian.csv"): 13904,
}
CLASSES = {"thumos14": 20, "gtea": 7, "beoid": 34, "activitynet13": 200}


@pytest.mark.filterwarnings("ignore:.*ideo_validation_0000945")
@pytest.mark.parametrize(("name", "points"), CLICKS)
def test_published_clicks_lie_in_the_actions_they_click(name: str, points: str):
    dataset = open_dataset(ANNOTATIONS / name)
    clicks = dataset.clicks(points)
    assert sum(map(len, clicks.values())) == CLICKS[name, points]
    labels = {click.label for group in clicks.values() for click in group}
    assert labels == set(dataset.classes)
    assert len(labels) == CLASSES[name]
    assert dataset.ground_truth_path is not None
    truth = json.loads(dataset.ground_truth_path.read_text())["database"]
    inside, outside = 0, 0
    for id, group in clicks.items():
        for click in group if id in truth else ():
            segments = [a["segment"] for a in truth[id]["annotations"] if a["label"] == click.label]
            hit = any(start - 0.1 <= click.time <= end + 0.1 for start, end in segments)
            inside, outside = inside + hit, outside + (not hit)
    assert outside <= (0.001 if points == "point_gaussian.csv" else 0.05) * (inside + outside)


def test_a_misspelt_id_in_a_published_table_is_told():
    dataset = open_dataset(ANNOTATIONS / "thumos14")
    with pytest.warns(UserWarning, match=r"clicks_2\.csv: .*'ideo_validation_0000945' \(line 5485\)"):
        dataset.clicks("clicks_2.csv")


@pytest.mark.parametrize("name", CLASSES)
def test_annotations_alone_open_but_have_no_features(name: str):
    dataset = open_dataset(ANNOTATIONS / name)
    assert dataset.splits == ("train", "test")
    assert len(dataset.classes) == CLASSES[name]
    with pytest.raises(DataError, match="recordings of split 'test' have no feature file"):
        dataset.recordings("test")
    with pytest.raises(DataError, match="recordings of split 'train' have no feature file"):
        dataset.training_set()


def test_simulated_features_under_real_annotations(tmp_path: Path):
    tool = SHARED.parent / "tools" / "simulate_features.py"
    command = [sys.executable, tool, ANNOTATIONS / "thumos14", tmp_path / "sim", "--dim", "8", "--limit", "3"]
    subprocess.run([str(part) for part in command], check=True)
    report = inspect_dataset(tmp_path / "sim")
    assert report.errors == []
    assert [(split.recordings, split.dimensions) for split in report.splits] == [(3, (8,)), (3, (8,))]
    training = open_dataset(tmp_path / "sim").training_set()
    assert len(training.recordings) == 3
    assert training.classes == ("Billiards",)
    assert len(open_dataset(tmp_path / "sim").recordings("test")) == 3
