"""Learn from clicks; model, checkpoints and logs land in the run folder.

Either from a dataset folder, or from video files and a table of clicks (video,seconds,class): then the
features of the clicked videos are extracted first, as by `hrpro extract`.

What follows from the data replaces the defaults below, unless a preset is taken; over that go the
settings of --config, over them the options below. All of them are written to RUN/config.yaml; curves to
RUN/logs (CSV and TensorBoard).

hrpro train --data my_data --run run
hrpro train --videos my_videos --clicks clicks.csv --run run
hrpro train --data my_data --run run --resume              after a stop, however hard
hrpro train --data thumos14 --run run2 --preset thumos14 --snippet.lr 2e-4
hrpro train --data my_data --print_config > my.yaml        edit, then train with --config my.yaml
torchrun --standalone --nproc-per-node 2 -m hrpro.cli -- train ...         on two GPUs
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jsonargparse import ArgumentParser
from jsonargparse.typing import NonNegativeInt

from hrpro.config import Config
from hrpro.core.errors import ConfigError
from hrpro.verbs.common import POINTS, backbone_options, backbone_words, only, tell


def add_options(verb: ArgumentParser) -> None:
    presets = "thumos14, gtea, beoid, activitynet13 or sensor, instead of what follows from the data"
    given = "(--data DIR | --videos DIR --clicks FILE)"
    verb.usage = f"hrpro train {given} --run RUN [options] [--SECTION.SETTING VALUE ...]"
    verb.add_argument("--data", metavar="DIR", help="dataset folder")
    verb.add_argument("--videos", metavar="DIR", help="folder, or list, of video files")
    clicks = "table of clicks in them; a video goes by its path below DIR or by its file's name"
    verb.add_argument("--clicks", metavar="FILE", help=clicks)
    verb.add_argument("--features", metavar="DIR", help="where to extract their features to (RUN/features)")
    backbone_options(verb)
    verb.add_argument("--run", metavar="RUN", help="folder of this training; made if need be")
    verb.add_argument("--points", metavar="TABLE", help=POINTS)
    verb.add_argument("--split", metavar="NAME", help="recordings to learn from (train)")
    verb.add_argument("--preset", metavar="NAME", help=presets)
    verb.add_argument("--config", metavar="FILE", help="YAML of settings")
    verb.add_argument("--seed", type=NonNegativeInt, metavar="N", help="seed of all that is trained")
    verb.add_argument("--resume", action="store_true", help="go on where RUN stands; begin if it has not")
    verb.add_argument("--quiet", action="store_true", help="show no progress")
    show = "print the settings as YAML, for --config, and stop"
    verb.add_argument("--print_config", "--print-config", action="store_true", help=show)
    verb.add_class_arguments(Config, as_group=False)
    for section, group in (verb.groups or {}).items():
        group.title = str(group.title).partition(".")[0]
        verb._option_string_actions[f"--{section}"].help = argparse.SUPPRESS  # a file of it: see --config


def main(
    data: str | None = None,
    run: str | None = None,
    points: str | None = None,
    split: str | None = None,
    preset: str | None = None,
    config: str | None = None,
    seed: int | None = None,
    resume: bool = False,
    quiet: bool = False,
    print_config: bool = False,
    settings: Mapping[str, str] | None = None,
    videos: str | None = None,
    clicks: str | None = None,
    **extraction: Any,
) -> int:
    import yaml

    from hrpro.data.folder import open_dataset
    from hrpro.model_folder import DOUBTED, FOLDER
    from hrpro.runs import SETTINGS, check_free, run_settings, train_run
    from hrpro.settings import build, choose
    from hrpro.training.devices import is_first
    from hrpro.trust import told as told_of_stage_two

    options = dict(settings or {})
    folder, code, training_set, dataset = None if run is None else Path(run), 0, None, None
    if videos is None:
        only("--videos", clicks=clicks, **extraction)
        dataset = None if data is None else open_dataset(data)
        training_set = None if dataset is None else dataset.training_set(points, split or "train")
    else:
        if data is not None:
            raise ConfigError("goes without --videos", where="--data")
        only("--data", points=points, split=split, print_config=print_config)
        choose(None, preset, config, options)  # a bad setting is told before hours of extraction
        if clicks is None or folder is None:
            raise ConfigError("train needs --videos DIR, --clicks FILE and --run RUN")
        check_free(folder, resume)
        training_set, code = _extracted(videos, clicks, folder, quiet, **extraction)
    begun = run_settings(folder) if resume and folder is not None else None
    if begun is not None and preset is None and config is None:
        chosen = build(begun if seed is None else begun.with_seed(seed), options, None)
    else:
        chosen = choose(training_set, preset, config, options, seed)
    if print_config:
        print(yaml.safe_dump(chosen.as_dict(), sort_keys=False), end="")
        return 0
    if training_set is None or folder is None:
        raise ConfigError("train needs --data DIR and --run RUN")
    show = is_first() and not quiet
    if show:
        known = f"{sum(map(len, training_set.clicks.values()))} clicks of {len(training_set.classes)} classes"
        print(f"{len(training_set.recordings)} recordings, {known}; settings in {folder / SETTINGS}")
        if chosen.pace > 1:
            print(f"read {chosen.pace} snippets at a time: finer than these actions need (pace)")
    taught = training_set
    if chosen.about.sees == "segments":
        if dataset is None:
            raise ConfigError(f"{chosen.method} learns from segments, of a dataset folder", where="--method")
        taught = dataset.supervised_set(points, split or "train")
    model = train_run(taught, folder, chosen, resume=resume, progress=not quiet)
    if show:
        if doubts := sum(map(len, getattr(model.snippet, "doubted", {}).values())):
            print(f"{doubts} clicks were not believed, and may be astray: {folder / DOUBTED}")
        if moved := getattr(model.snippet, "moved", 0):
            print(
                f"you click early, or late, in actions: {moved} clicks were learned from nearer their middle"
            )
        assert model.config is not None
        if judged := told_of_stage_two(model.weighed, model.config.instance.fusion):
            print(judged)
        print(f"model in {folder / FOLDER}")
    return code


def _extracted(
    videos: str,
    clicks: str,
    run: Path,
    quiet: bool,
    backbone: str = "classic",
    weights: str | None = None,
    flow: str | None = None,
    precision: str | None = None,
    device: str | None = None,
    features: str | None = None,
    workers: int = 1,
) -> tuple[Any, int]:
    """The training set of the clicked videos, and the exit code that their extraction deserves."""
    from hrpro.video.extract import extract
    from hrpro.video.jobs import manifest_path
    from hrpro.videos import clicked_videos

    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise ConfigError(
            "several processes cannot extract together", mend="hrpro extract first, then --data"
        )
    clicked = clicked_videos(videos, clicks)
    folder = run / "features" if features is None else Path(features)
    made = extract(
        clicked.sources,
        folder,
        backbone=backbone,
        weights=weights,
        options=backbone_words(flow=flow, precision=precision, device=device),
        workers=workers,
        quiet=quiet,
    )
    code = tell(made, "snippets", manifest_path(folder))
    return clicked.training_set(folder, made), code
