"""Training sees clicks only: without a true segment anywhere, both stages learn the same bits."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from hrpro.cli import main
from hrpro.data.synthetic import make_dataset

SHARED = Path(__file__).resolve().parents[1].parent / "shared" / "data"
FPS, STRIDE_FRAMES = 25.0, 25
TINY = ("steps=6", "hidden=16", "batch_size=3", "accelerator=cpu", "log_every=1")
STAGES = ("snippet", "instance")
SMALL = [*(f"--{stage}.{setting}" for stage in STAGES for setting in TINY), "--quiet"]
SMALL += ["--instance.completeness_weight=0.25"]  # not left out: its weights are compared too


def synthetic(out: Path) -> Path:
    """A synthetic set in the field's layout: segments in gt_full.json, and beside the clicks."""
    made = make_dataset(
        out / "made", train=5, test=2, classes=2, dim=8, minutes=1.0, rate=FPS / STRIDE_FRAMES
    )
    root = out / "data"
    (root / "point_labels").mkdir(parents=True)
    (made / "features").rename(root / "features")
    database = json.loads((made / "gt_full.json").read_text())["database"]
    rows = list(csv.DictReader((made / "clicks.csv").open(newline="")))
    table = []
    for row in rows:
        video, time, label = row["video_id"], float(row["timestamp"]), row["label"]
        segment = [round(max(time - 1.5, 0), 3), round(time + 1.5, 3)]
        entry = database.setdefault(video, {"subset": "Train", "fps": FPS, "annotations": []})
        entry["annotations"].append({"label": label, "segment": segment})
        frames = [round(second * FPS) for second in (*segment, time)]
        table.append(f"{label},{frames[0]},{frames[1]},{video},{frames[2]}")
    text = "class,start_frame,stop_frame,video_id,point\n" + "\n".join(table) + "\n"
    (root / "point_labels/point_gaussian.csv").write_text(text)
    (root / "gt_full.json").write_text(json.dumps({"version": "1", "database": database}))
    for split in ("train", "test"):
        names = sorted(path.stem for path in (root / "features" / split).iterdir())
        (root / f"split_{split}.txt").write_text("\n".join(names) + "\n")
    meta = {"fps": FPS, "snippet_stride_frames": STRIDE_FRAMES, "snippet_frames": STRIDE_FRAMES}
    (root / "meta.json").write_text(json.dumps(meta))
    return root


def real(out: Path) -> Path:
    """Six recordings of real video, cut down from ../shared."""
    source, root = SHARED / "ucf_untrimmed", out / "data"
    if not source.is_dir():
        pytest.skip("no ../shared/data/ucf_untrimmed")
    database = json.loads((source / "gt_full.json").read_text())
    kept = set()
    for split, count in (("train", 4), ("test", 2)):
        names = (source / f"split_{split}.txt").read_text().split()[:count]
        kept |= set(names)
        (root / "features" / split).mkdir(parents=True)
        for name in names:
            shutil.copyfile(source / f"features/{split}/{name}.npy", root / f"features/{split}/{name}.npy")
        (root / f"split_{split}.txt").write_text("\n".join(names) + "\n")
    database["database"] = {id: entry for id, entry in database["database"].items() if id in kept}
    (root / "gt_full.json").write_text(json.dumps(database))
    (root / "meta.json").write_bytes((source / "meta.json").read_bytes())
    (root / "point_labels").mkdir()
    with (source / "point_labels/point_human.csv").open(newline="") as table:
        lines = [line for line in table if line.startswith("class") or line.split(",")[3] in kept]
    (root / "point_labels/point_gaussian.csv").write_text("".join(lines))
    return root


def corrupt(root: Path) -> Iterator[str]:
    """Change every segment and label of the training recordings, remove all of the test recordings'.

    Yields what was changed, so that a test can see that something was.
    """
    rng = Random(0)
    path = root / "gt_full.json"
    content = json.loads(path.read_text())
    train = set((root / "split_train.txt").read_text().split())
    for id, entry in content["database"].items():
        if id not in train:
            del entry["annotations"]
            yield f"{id}: annotations"
            continue
        for annotation in entry["annotations"]:
            annotation["segment"] = [rng.uniform(0, 1e4), rng.uniform(-1e4, 0)]
            annotation["label"] = "nonsense"
            yield f"{id}: segment"
    path.write_text(json.dumps(content))
    for table in (root / "point_labels").iterdir():
        rows = list(csv.reader(table.open(newline="")))
        start, stop = rows[0].index("start_frame"), rows[0].index("stop_frame")
        for row in rows[1:]:
            row[start], row[stop] = rng.choice(["x", "", "-7", "999999"]), str(rng.randrange(10**6))
            yield f"{table.name}: frames"
        with table.open("w", newline="") as file:
            csv.writer(file).writerows(rows)


def move_one_click(root: Path) -> None:
    table = root / "point_labels/point_gaussian.csv"
    rows = list(csv.reader(table.open(newline="")))
    point = rows[0].index("point")
    rows[1][point] = str(int(rows[1][point]) + 4 * STRIDE_FRAMES)
    with table.open("w", newline="") as file:
        csv.writer(file).writerows(rows)


def trained(root: Path, run: Path, method: str) -> dict[str, bytes]:
    """What the command learns from the folder: the weights of both stages and the log of losses."""
    assert main(["train", "--data", str(root), "--run", str(run), "--method", method, *SMALL]) == 0
    learned = {path.name: path.read_bytes() for path in (run / "model").glob("*.safetensors")}
    for path in (run / "logs").glob("*.csv"):
        rows = csv.DictReader(path.open(newline=""))
        losses = [{k: v for k, v in row.items() if "seconds" not in k} for row in rows]
        learned[path.name] = json.dumps(losses).encode()
    weights, curves = {f"{name}.safetensors" for name in STAGES}, {"instance.csv"}
    assert learned.keys() == weights | curves | {f"snippet-{member}.csv" for member in (1, 2, 3, 4)}
    return learned


@pytest.mark.parametrize(
    ("make", "method"),
    [(synthetic, "hrpro"), (synthetic, "hrpro-next"), (real, "hrpro"), (real, "hrpro-next")],
)
def test_no_segment_changes_a_weight(make, method: str, tmp_path: Path) -> None:
    root = make(tmp_path)
    expected = trained(root, tmp_path / "first", method)
    before = (root / "gt_full.json").read_bytes()
    assert len(list(corrupt(root))) > 20
    assert (root / "gt_full.json").read_bytes() != before
    assert trained(root, tmp_path / "second", method) == expected
    (root / "gt_full.json").unlink()
    assert trained(root, tmp_path / "third", method) == expected
    # The comparison would have seen a change: one click elsewhere is enough.
    move_one_click(root)
    moved = trained(root, tmp_path / "fourth", method)
    assert not [name for name in expected if moved[name] == expected[name]]
