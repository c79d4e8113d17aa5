"""What a worker does: features of the clicked videos, both stages, then the actions of every video.

Everything lands whole or not at all, and what is there already is kept; so the same job done again goes on
where it was stopped or killed, to the same bits.
"""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

from hrpro.config import Config
from hrpro.core.errors import DataError, NonFiniteError
from hrpro.data.training_set import TrainingSet
from hrpro.halves import half_config
from hrpro.localizer import HRPro
from hrpro.model_folder import fingerprint, is_trained
from hrpro.runs import pick_device, train_run
from hrpro.settings import build
from hrpro.snippet.ensemble import scouting
from hrpro.studio.material import Material, in_turn, material
from hrpro.studio.predictions import found_path, predict_into, read_predicted
from hrpro.studio.progress_file import Teller
from hrpro.studio.runs_of import looked
from hrpro.studio.spec import CLICKS, Spec, read_snapshot
from hrpro.trust import half_instance


def do(spec: Spec, folder: Path, tell: Teller) -> str:
    """All of the job in ``folder``; returns what to say of it in the end. Raises HRProError."""
    weights = spec.options.get("weights")
    source = material(spec, None if weights is None else str(Path(spec.root) / weights))
    run = spec.run_folder
    if spec.kind == "train" and not is_trained(run):
        training_set = source.training_set(read_snapshot(folder), folder / CLICKS, tell)
        _train(training_set, run, settings(training_set, spec), tell)
    return _predict(run, spec, source, tell)


def settings(training_set: TrainingSet, spec: Spec) -> Config:
    """Those that follow from the data, half as long with one network to be quick, and the job's own."""
    config = Config.for_data(training_set)
    if spec.options.get("quick"):
        short = replace(config.snippet, members=1, steps=math.ceil(config.snippet.steps / 2))
        second = replace(config.instance, steps=math.ceil(config.instance.steps / 2))
        config = replace(config, snippet=short, instance=second)
    config = config.with_seed(int(spec.options.get("seed") or 0))
    return build(config, spec.options.get("settings") or {}, None)


def _train(training_set: TrainingSet, run: Path, config: Config, tell: Teller) -> None:
    half, second = half_config(config.snippet, 0).steps, 0
    if config.stages > 1 and config.instance.completeness_weight == "judged":
        second = half_instance(config.instance, 0).steps
    scout = scouting(config.snippet)
    totals = {
        "scout": scout.steps if scout else 0,
        "snippet": config.snippet.members * config.snippet.steps,
        "instance": config.instance.steps,
        "calibrate": 2 * (half + second),
    }
    names = {
        "scout": "finding out where in actions you click",
        "snippet": f"learning moments from {sum(map(len, training_set.clicks.values()))} clicks",
        "instance": "learning segments",
        "calibrate": "finding out what holds for other recordings",
    }
    begun, again = "", False

    def begin(stage: str) -> None:
        nonlocal begun
        if stage != begun:
            begun = stage
            tell.stage(stage, totals[stage], names[stage])

    def on_row(row: dict[str, Any]) -> None:
        nonlocal begun, again
        if "half" in row:
            begin("calibrate")
            name, before = f"half-{row['half']}", (row["half"] - 1) * half
            if "member" not in row:
                name, before = f"{name}-instance", 2 * half + (row["half"] - 1) * second
        elif row.pop("scout", False):
            name, before = "scout", 0
            begin(name)
        else:
            name = "snippet" if "member" in row else "instance"
            if row.pop("anew", False) and not again:
                begun, again = "", True  # one network more
                totals["snippet"] += config.snippet.steps
                names["snippet"] = "learning anew, some clicks left out or moved"
            before = (row["member"] + again) * config.snippet.steps if "member" in row else 0
            begin(name)
        tell.at(row["step"] + before)
        rest = {("loss" if key == "total" else key): value for key, value in row.items()}
        tell.row({"stage": name, **rest})

    begin("scout" if scout else "snippet")
    train_run(training_set, run, config, resume=True, progress=False, on_row=on_row)


def _predict(run: Path, spec: Spec, source: Material, tell: Teller) -> str:
    model = HRPro.load(spec.trained_folder, device=pick_device("auto"))
    source.ready(model)
    wanted = spec.options.get("videos") if spec.kind == "predict" else None
    ids = [id for id, _ in spec.videos if wanted is None or id in wanted]
    print = fingerprint(spec.trained_folder)
    actions, failed = 0, dict[str, str]()
    for id, told in in_turn(tell, "predict", ids, source.size):
        try:
            item = source.recording(id, told)
            stamp = f"{print}:{_stamp(item.features.path)}"
            before = read_predicted(run, id)
            if before is not None and before.stamp == stamp:
                actions += sum(one.score >= before.min_score for one in before.shown)
                continue
            features_td = item.features.read_float32()
            actions += predict_into(run, id, model, features_td, item.timeline, item.seconds, stamp)
        except (DataError, NonFiniteError) as error:
            if error.where == str(found_path(run, id)):  # that is where it is written
                raise
            failed[id] = error.what
    if ids and len(failed) == len(ids):
        raise DataError(f"no video could be looked through: {next(iter(failed.values()))}")
    looked(run)
    said = f"{actions} actions in {len(ids) - len(failed)} videos"
    return said + "".join(f"; {id}: {why}" for id, why in list(failed.items())[:3])


def _stamp(path: Path) -> str:
    """Changes when the file does. DataError if it is not there."""
    try:
        about = path.stat()
    except OSError as error:
        raise DataError(f"its features cannot be read: {error.strerror}", where=path) from error
    return f"{about.st_size}:{about.st_mtime_ns}"
