"""Small healthy dataset folders in both layouts, for tests to read and to break."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

SHARED = Path(__file__).resolve().parents[1].parent / "shared" / "data"
TRAIN, TEST = ("a one", "b"), ("c",)
LENGTH, DIM = 50, 4

FIELD_CLICKS = """\
class,start_frame,stop_frame,video_id,point
jump,240,260,a one,250
run,500,600,a one,550
jump,700,800,b,750
"""
OWN_CLICKS = """\
video_id,timestamp,label
a one,10,jump
a one,22,run
b,30,jump
"""


def save_features(path: Path, length: int = LENGTH, dim: int = DIM, seed: int = 0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, np.random.default_rng(seed).normal(size=(length, dim)).astype(np.float32))


def field_layout(root: Path) -> Path:
    """Two training recordings and a test one, 40 s at 25 frames a second, 20 frames (0.8 s) a snippet."""
    (root / "point_labels").mkdir(parents=True)
    (root / "point_labels" / "point_gaussian.csv").write_text(FIELD_CLICKS)
    database = {}
    for split, names in (("train", TRAIN), ("test", TEST)):
        (root / f"split_{split}.txt").write_text("\n".join(names) + "\n")
        for name in names:
            save_features(root / "features" / split / f"{name}.npy")
            annotation = {"label": "jump", "segment": [9.6, 10.4]}
            facts = {"subset": split, "duration": 40.0, "fps": 25.0}
            database[name] = {**facts, "annotations": [annotation]}
    (root / "gt_full.json").write_text(json.dumps({"version": "1", "database": database}))
    meta = {"fps": 25, "snippet_stride_frames": 20, "snippet_frames": 20, "classes": ["jump", "run"]}
    (root / "meta.json").write_text(json.dumps({**meta, "modality": "made up"}))
    return root


def own_layout(root: Path, settings: str = "features: {stride: 0.8}\n") -> Path:
    """The same recordings and clicks by hand: dataset.yaml, clicks.csv and flat features."""
    root.mkdir(parents=True)
    (root / "dataset.yaml").write_text(settings)
    (root / "clicks.csv").write_text(OWN_CLICKS)
    for name in (*TRAIN, *TEST):
        save_features(root / "features" / f"{name}.npy")
    return root


def edit_json(path: Path, change) -> None:
    """Apply ``change`` to the file's content in place."""
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))
