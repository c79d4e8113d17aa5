"""What benchmarks/accuracy.py tells of: stage 1 alone and all stages, of methods with one and with two."""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path

import pytest

from hrpro.data.folder import open_dataset
from hrpro.data.synthetic import make_dataset

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "benchmarks"))
benchmark = pytest.importorskip("accuracy", reason="the benchmarks are not here")

TINY = {"steps": 3, "hidden": 8, "batch_size": 3, "accelerator": "cpu"}


@pytest.mark.parametrize(
    ("method", "sections", "told"),
    [
        ("base", ["snippet"], ["stage 1 alone"]),
        ("hrpro", ["snippet", "instance"], ["stage 1 alone", "all stages"]),
        ("hrpro-next", ["snippet", "instance"], ["stage 1 alone", "all stages"]),
        ("sfnet", ["sfnet"], ["stage 1 alone"]),
        ("full", ["full"], ["stage 1 alone"]),
    ],
)
def test_every_stage_is_told_of(method: str, sections: list[str], told: list[str], tmp_path: Path) -> None:
    root = make_dataset(tmp_path / "data", train=5, test=2, classes=2, dim=8, minutes=1.0)
    truth = json.loads((root / "gt_full.json").read_text())
    for row in csv.DictReader((root / "clicks.csv").open(newline="")):
        entry = truth["database"].setdefault(row["video_id"], {"subset": "Train", "annotations": []})
        time = float(row["timestamp"])
        entry["annotations"].append({"label": row["label"], "segment": [max(time - 1.5, 0), time + 1.5]})
    (root / "gt_full.json").write_text(json.dumps(truth))
    dataset = open_dataset(root)
    common = {f"{section}.{key}": value for section in sections for key, value in TINY.items()}
    rows = {"all stages": {}}
    learn, judge = dataset.training_set(), dataset.recordings("test")
    found = list(benchmark.trials(dataset, learn, judge, rows, {"method": method, **common}, 0))
    assert [row for row, *_ in found] == told
    for _, value, _, detections in found:
        assert 0 <= value <= 1
        assert benchmark.score(dataset, detections) == value
        gains = [float(part.rsplit(" ", 1)[1]) for part in benchmark.losses(dataset, detections).split(", ")]
        assert len(gains) == 6, "doubles, wrong labels, boundaries, confusion, background, misses"
        assert gains == sorted(gains, reverse=True)
        assert 0 <= min(gains) <= max(gains) <= 100
