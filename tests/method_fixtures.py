"""Fixtures ``labelled`` and ``quick_settings``: a set for every method, and what makes learning short."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
import yaml

from hrpro.data.synthetic import make_dataset
from hrpro.methods import METHODS

TINY = {"steps": 4, "hidden": 8, "batch_size": 3, "accelerator": "cpu"}
MORE = {
    "snippet": {"members": 2, "blocks": 1, "heads": 2},
    "full": {"members": 2, "heads": 2},
    "lacp": {"search_every": 1},
}


@pytest.fixture(scope="module")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A synthetic set whose ground truth has the training recordings too."""
    root = make_dataset(
        tmp_path_factory.mktemp("methods") / "data", train=5, test=2, classes=2, dim=8, minutes=1.0
    )
    path = root / "gt_full.json"
    truth = json.loads(path.read_text())
    for row in csv.DictReader((root / "clicks.csv").open(newline="")):
        time = float(row["timestamp"])
        entry = truth["database"].setdefault(row["video_id"], {"subset": "Train", "annotations": []})
        segment = [max(time - 1.5, 0), time + 1.5]
        entry["annotations"].append({"label": row["label"], "segment": segment})
    path.write_text(json.dumps(truth))
    return root


@pytest.fixture(scope="module")
def quick_settings(labelled: Path) -> Path:
    sections = {method.section for method in METHODS.values()} | {"instance"}
    path = labelled.parent / "tiny.yaml"
    path.write_text(yaml.safe_dump({name: TINY | MORE.get(name, {}) for name in sections}))
    return path
