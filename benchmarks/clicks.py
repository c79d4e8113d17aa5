"""Accuracy against how the clicks are made: avg mAP 0.1:0.7 over their spread, errors and number.

    python benchmarks/clicks.py --json clicks.json --svg clicks.svg      all curves, 3 seeds, test recordings
    python benchmarks/clicks.py --held-out 3 --curves spread missing     folds of the TRAINING recordings
    python benchmarks/clicks.py --methods hrpro sfnet --set snippet.steps=100 --data i3d_stitched
    python benchmarks/clicks.py --tables tables                          also writes the click tables

Clicks are drawn from the training recordings' true segments (click_designs.py), anew for each seed, which is
the training's too; each curve changes one thing of the reference (near the middle, none astray, missing or
doubled, all recordings), and ``people`` is people's own spread. What --json holds is not trained again.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import mean, stdev

from accuracy import NAMES, SHARED, score, splits
from click_curves import Point, draw
from click_designs import Design, as_table, make_clicks
from hrpro.config import Config
from hrpro.core.annotations import Segment
from hrpro.data.folder import Dataset, open_dataset
from hrpro.data.formats.activitynet import read_ground_truth
from hrpro.data.formats.jsonfile import write_atomic
from hrpro.data.training_set import TrainingSet
from hrpro.localizer import HRPro
from hrpro.methods import method_of
from hrpro.runs import predict_recordings
from hrpro.settings import build

CURVES: Mapping[str, tuple[str, str, tuple[float, ...]]] = {
    "spread": ("spread (sd / length)", "sd", (0.04, 0.1, 0.2, 0.3)),
    "stray": ("astray", "stray", (0.0, 0.03, 0.05, 0.1)),
    "missing": ("segments unclicked", "missing", (0.0, 0.1, 0.3, 0.5)),
    "doubled": ("clicked twice", "doubled", (0.0, 0.1, 0.3, 0.5)),
    "recordings": ("recordings clicked", "share", (0.05, 0.1, 0.25, 0.5, 1.0)),
}
PEOPLE = Design(sd=0.2, stray=0.03)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", nargs="*", default=NAMES, help="names in ../shared/data, or folders")
    parser.add_argument("--methods", nargs="+", default=["hrpro"])
    parser.add_argument("--curves", nargs="*", default=[*CURVES, "people"], choices=[*CURVES, "people"])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2], metavar="N")
    parser.add_argument("--held-out", type=int, default=0, metavar="K", help="K folds of the training split")
    parser.add_argument("--set", nargs="*", default=[], metavar="KEY=VALUE")
    parser.add_argument("--json", type=Path, help="keep every trial there, and take from there what it holds")
    parser.add_argument("--svg", type=Path, help="draw the curves there")
    parser.add_argument("--tables", type=Path, help="folder for the click tables")
    args = parser.parse_args()
    for name in args.methods:
        if method_of(name).sees == "segments":
            parser.error(f"{name} sees segments, so clicks are nothing to it")
    if len({Path(name).name for name in args.data}) < len(args.data):
        parser.error("--data: two folders of one name, by which trials are kept; name one of them otherwise")
    if args.svg and not set(args.curves) & set(CURVES):
        parser.error("--svg: people's clicks alone are no curve")
    changes = dict(word.split("=", 1) for word in args.set)
    wanted = designs(args.curves)
    trials: dict[str, float] = {}
    if args.json and args.json.is_file():
        trials = json.loads(args.json.read_text(encoding="utf-8"))
    for name in args.data:
        dataset = open_dataset(Path(name) if Path(name).is_dir() else SHARED / name)
        points = str(dataset.points_path())
        for seed in args.seeds:
            for fold, (learn, judge) in enumerate(splits(dataset, points, args.held_out)):
                for design, method in ((design, method) for design in wanted for method in args.methods):
                    key = _key(name, design, method, args.set, seed, fold, args.held_out)
                    if key in trials:
                        continue
                    taught = clicked(dataset, learn, design, seed)
                    if args.tables:
                        where = f"{name}-{design.name().replace(' ', '-')}-{seed}-{fold}.csv"
                        write_atomic(args.tables / Path(where).name, as_table(taught.clicks))
                    config = Config.for_data(taught).with_method(method)
                    config = build(config, changes, "--set").with_seed(seed)
                    read = taught.coarser(config.pace)
                    first = config.about.stage_one().fit(read, config.stage_one)
                    model = HRPro.upon(first, read, config)
                    trials[key] = score(dataset, predict_recordings(model, judge))
                    print(f"{key}  {trials[key]:.4f}", flush=True)
                    if args.json:
                        write_atomic(args.json, json.dumps(trials, indent=1) + "\n")
    found = {
        (name, design, method): [
            trials[_key(name, design, method, args.set, seed, fold, args.held_out)]
            for seed in args.seeds
            for fold in range(args.held_out or 1)
        ]
        for name in args.data
        for design in wanted
        for method in args.methods
    }
    for line in tables(found):
        print(line)
    if args.svg:
        write_atomic(args.svg, draw(panels(found, args.curves)))


def designs(curves: Sequence[str]) -> list[Design]:
    """The reference first, then all that the curves need, each once."""
    needed = [Design()]
    for name in curves:
        if name == "people":
            needed.append(PEOPLE)
        else:
            _, field, values = CURVES[name]
            needed += [replace(Design(), **{field: value}) for value in values]
    return list(dict.fromkeys(needed))


def clicked(dataset: Dataset, learn: TrainingSet, design: Design, seed: int) -> TrainingSet:
    """``learn`` with clicks of that design instead of its own, and without the recordings that it leaves out
    or whose truth is not known."""
    assert dataset.ground_truth_path is not None
    truth = read_ground_truth(dataset.ground_truth_path).videos
    known = set(learn.classes)
    learn = learn.subset([item.id for item in learn.recordings if item.id in truth])
    segments: dict[str, Sequence[Segment]] = {
        item.id: [segment for segment in truth[item.id] if segment.label in known]
        for item in learn.recordings
    }
    clicks = make_clicks(segments, {item.id: item.seconds for item in learn.recordings}, design, seed)
    return replace(learn.subset(clicks), clicks=clicks)


def _key(
    name: str, design: Design, method: str, changes: Sequence[str], seed: int, fold: int, folds: int
) -> str:
    parts = [Path(name).name, design.name(), method, *sorted(changes), f"seed {seed}"]
    return " | ".join([*parts, f"fold {fold} of {folds}"] if folds else parts)


Found = Mapping[tuple[str, Design, str], Sequence[float]]


def tables(found: Found) -> Iterator[str]:
    """Markdown: a table a data set; in brackets, points lost or won against the method's own reference."""
    for name in dict.fromkeys(name for name, _, _ in found):
        methods = list(dict.fromkeys(method for _, _, method in found))
        yield f"\n| {name} | {' | '.join(methods)} |\n|---|{'---|' * len(methods)}"
        for design in dict.fromkeys(design for _, design, _ in found):
            cells = []
            for method in methods:
                values, usual = found[name, design, method], found[name, Design(), method]
                moved = "" if design == Design() else f" ({100 * (mean(values) - mean(usual)):+.1f})"
                cells.append(f"{mean(values):.3f} ± {_spread(values):.3f}{moved}")
            yield f"| {design.name()} | {' | '.join(cells)} |"


def panels(found: Found, curves: Sequence[str]) -> dict[str, dict[str, dict[str, list[Point]]]]:
    """What the figure shows, without ``people``, which is no curve."""
    drawn: dict[str, dict[str, dict[str, list[Point]]]] = {}
    for name in dict.fromkeys(name for name, _, _ in found):
        for curve in (curve for curve in curves if curve in CURVES):
            title, field, values = CURVES[curve]
            for method in dict.fromkeys(method for _, _, method in found):
                each = [(value, found[name, replace(Design(), **{field: value}), method]) for value in values]
                points = [(value, mean(trials), _spread(trials)) for value, trials in each]
                drawn.setdefault(Path(name).name, {}).setdefault(title, {})[method] = points
    return drawn


def _spread(values: Sequence[float]) -> float:
    return stdev(values) if len(values) > 1 else 0.0


if __name__ == "__main__":
    main()
