"""What ``hrpro`` takes: its verbs, their options and their help. Every setting is an option by itself."""

from __future__ import annotations

import argparse
import re
from inspect import getdoc
from typing import Any

from jsonargparse import ArgumentParser, DefaultHelpFormatter, set_parsing_settings
from jsonargparse.typing import NonNegativeInt, PositiveInt

import hrpro
from hrpro.config import Config
from hrpro.core.errors import ConfigError
from hrpro.data.faults import did_you_mean
from hrpro.methods import METHODS
from hrpro.settings import KEYS, SECTIONS

_POINTS = "click table: a name in point_labels/, or any path; by default point_gaussian.csv or the only one"


class _Help(DefaultHelpFormatter, argparse.RawDescriptionHelpFormatter):
    """Shows types and defaults of settings, and keeps the lines of a description."""


_STRICT: dict[str, Any] = {
    "allow_abbrev": False,
    "exit_on_error": False,
    "argument_default": argparse.SUPPRESS,
}


def parse(words: list[str]) -> tuple[str, dict[str, Any]]:
    """The verb and what is given to it: options by name; ``settings``, text by key, for ``settings.build``.

    Raises ConfigError for anything unknown or missing; --help and --version print and leave.
    """
    set_parsing_settings(docstring_parse_attribute_docstrings=True)
    parser = ArgumentParser(
        prog="hrpro",
        version=hrpro.__version__,
        description="Localize actions in time, learned from one click inside each (HR-Pro, AAAI 2024).",
        epilog="`hrpro VERB --help` tells all about a verb. To see it work: hrpro demo",
        formatter_class=_Help,
        **_STRICT,
    )
    verbs = parser.add_subcommands(dest="verb", metavar="VERB", title="verbs", description=None)
    owners: dict[str, ArgumentParser] = {}
    for tell in (
        _inspect,
        _extract,
        _train,
        _predict,
        _evaluate,
        _report,
        _compare,
        _convert,
        _studio,
        _demo,
    ):
        name, about = tell.__name__.strip("_"), getdoc(tell) or ""
        owners[name] = ArgumentParser(description=about, formatter_class=_Help, print_config=None, **_STRICT)
        tell(owners[name])
        verbs.add_subcommand(name, owners[name], help=about.partition("\n")[0])
        owners[name].prog = f"hrpro {name}"
    settings = argparse.ArgumentParser(add_help=False, **_STRICT)  # as text: ``build`` is what types them
    for key in (*KEYS, *SECTIONS) if words[0] == "train" else ():
        settings.add_argument(f"--{key}", dest=key)
    try:
        texts, rest = settings.parse_known_args(words)
        given = parser.parse_args(rest, defaults=False)
    except argparse.ArgumentError as error:
        own = owners.get(words[0], parser)
        theirs = rf'\b{re.escape(words[0])}\.(\w+)|Parser key "(\w+)"'
        bare = {action.dest: str(action.metavar) for action in own._actions if not action.option_strings}
        known = {
            name: bare.get(name) or f"--{name.replace('_', '-')}" for name in re.findall(r"\w+", str(error))
        }
        fault = re.sub(theirs, lambda key: known[key[1] or key[2]], str(error))
        word = fault.removeprefix("unrecognized arguments: ").partition(" ")[0].partition("=")[0]
        unknown = fault.startswith("unrecognized")
        near = did_you_mean(word, re.findall(r"--[\w.-]+", own.format_help())) if unknown else None
        raise ConfigError(fault, mend=near or f"{own.prog} --help lists the options") from None
    return given.verb, given[given.verb].as_dict() | ({"settings": vars(texts)} if vars(texts) else {})


def _inspect(verb: ArgumentParser) -> None:
    """Check a dataset folder without training: every problem with file and line.

    Reads every feature file, click and split, and prints a summary. Exit code 1 if it found errors.

    hrpro inspect --data my_data
    """
    verb.add_argument("--data", required=True, metavar="DIR", help="dataset folder")
    verb.add_argument("--points", metavar="TABLE", help=_POINTS)


def _extract(verb: ArgumentParser) -> None:
    """Make features of video files, once each: <id>.safetensors and a manifest in the folder --out.

    An id is the video's path below DIR (or below the list's folder) without its ending. Files that were made
    before from the same content with the same settings and weights are kept. What cannot be read is told, the
    others go on, and the exit code is 3. Stopped in any way, the same command goes on where it stood. The
    videos, a list and --out may be at URLs of any kind that fsspec opens, as with s3fs s3://.

    hrpro extract my_videos --out features
    hrpro extract list.txt --out features --workers 8 --shard 2/4     on the second of four machines
    hrpro extract my_videos --out features --backbone i3d --weights i3d_weights
    hrpro extract s3://bucket/videos --out s3://bucket/features --engine ray      on all machines of a cluster
    """
    verb.add_argument("videos", metavar="VIDEO|DIR|list.txt", help="a video, a folder, or a list of paths")
    verb.add_argument("--out", required=True, metavar="FEATURES", help="folder for features; made if need be")
    _extraction(verb)
    verb.add_argument("--shard", metavar="I/N", help="the I-th of N equal parts of the videos alone (all)")
    _engine(verb)
    verb.add_argument("--quiet", action="store_true", help="show no progress")


def _engine(verb: ArgumentParser) -> None:
    engines = (
        "local, or ray: the cluster of RAY_ADDRESS, or one started here; --workers: of its network (local)"
    )
    verb.add_argument("--engine", choices=["local", "ray"], help=engines)


def _extraction(verb: ArgumentParser) -> None:
    backbones = "classic, i3d, hub:NAME (of transformers), or another package's (classic)"
    verb.add_argument("--backbone", metavar="NAME", help=backbones)
    verb.add_argument("--weights", metavar="PATH", help="where its weights lie, if it needs any")
    verb.add_argument("--workers", type=PositiveInt, metavar="N", help="processes side by side (1)")


def _train(verb: ArgumentParser) -> None:
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
    presets = "thumos14, gtea, beoid, activitynet13 or sensor, instead of what follows from the data"
    given = "(--data DIR | --videos DIR --clicks FILE)"
    verb.usage = f"hrpro train {given} --run RUN [options] [--SECTION.SETTING VALUE ...]"
    verb.add_argument("--data", metavar="DIR", help="dataset folder")
    verb.add_argument("--videos", metavar="DIR", help="folder, or list, of video files")
    clicks = "table of clicks in them; a video goes by its path below DIR or by its file's name"
    verb.add_argument("--clicks", metavar="FILE", help=clicks)
    verb.add_argument("--features", metavar="DIR", help="where to extract their features to (RUN/features)")
    _extraction(verb)
    verb.add_argument("--run", metavar="RUN", help="folder of this training; made if need be")
    verb.add_argument("--points", metavar="TABLE", help=_POINTS)
    verb.add_argument("--split", metavar="NAME", help="recordings to learn from (train)")
    verb.add_argument("--preset", metavar="NAME", help=presets)
    verb.add_argument("--config", metavar="FILE", help="YAML of settings")
    verb.add_argument("--seed", type=NonNegativeInt, metavar="N", help="seed of both stages")
    verb.add_argument("--resume", action="store_true", help="go on where RUN stands; begin if it has not")
    verb.add_argument("--quiet", action="store_true", help="show no progress")
    show = "print the settings as YAML, for --config, and stop"
    verb.add_argument("--print_config", "--print-config", action="store_true", help=show)
    verb.add_class_arguments(Config, as_group=False)
    for section, group in (verb.groups or {}).items():
        group.title = str(group.title).partition(".")[0]
        verb._option_string_actions[f"--{section}"].help = argparse.SUPPRESS  # a file of it: see --config


def _predict(verb: ArgumentParser) -> None:
    """Localize the actions in video files, or in the recordings of a dataset folder's split.

    Of each video VIDEO it writes OUT/VIDEO.json (all detections: start, end in seconds, class and score, in
    ActivityNet form, best first), .csv, .srt and .vtt (those from the score on that suited the clicks of the
    training best), and detections.json of all videos. What cannot be read is told, the others go on, and the
    exit code is 3. Of a split it writes one file, in ActivityNet form.

    hrpro predict --run run --video my_videos --out found
    hrpro predict --run run --video film.mp4 --out found --min-score 0.5 --render
    hrpro predict --run run --data my_data --split test --out detections.json
    """
    verb.add_argument("--run", required=True, metavar="RUN", help="folder of a finished training")
    verb.add_argument("--video", metavar="VIDEO|DIR|list.txt", help="a video, a folder, or a list of paths")
    verb.add_argument("--data", metavar="DIR", help="dataset folder")
    verb.add_argument("--split", metavar="NAME", help="recordings of DIR to localize actions in (test)")
    verb.add_argument("--out", required=True, metavar="OUT", help="folder for files; with --data, a file")
    verb.add_argument(
        "--min-score", type=float, metavar="S", help="what .csv, .srt, .vtt show (the model's own)"
    )
    verb.add_argument("--render", action="store_true", help="also write VIDEO.annotated.mp4, without sound")
    verb.add_argument("--weights", metavar="PATH", help="of the backbone, if not where they were at training")
    verb.add_argument(
        "--workers", type=NonNegativeInt, metavar="N", help="processes side by side (0: only this)"
    )
    verb.add_argument("--device", metavar="NAME", help="auto, cpu, cuda, cuda:N or mps (auto)")
    _engine(verb)
    verb.add_argument("--quiet", action="store_true", help="show no progress")


def _evaluate(verb: ArgumentParser) -> None:
    """Compare detections with the ground truth: AP of each class and tIoU, and mAP.

    Interpolated AP as in ActivityNet's evaluation. The last line is the average mAP over all --tiou.

    hrpro evaluate --ground-truth gt_full.json --detections detections.json --subset Test
    hrpro evaluate ... --tiou 0.5:0.95:0.05                    ActivityNet's range
    hrpro evaluate ... --exclude video_test_0000270,video_test_0001292,video_test_0001496
          --drop-labels Ambiguous --ambiguous Ambiguous_test.txt     THUMOS14's customs
    """
    own = verb.add_argument
    own("--ground-truth", required=True, metavar="FILE", help="true actions, in ActivityNet form")
    own("--detections", required=True, metavar="FILE", help="what predict wrote")
    own("--subset", metavar="NAME", help="only videos of this subset, in any case (all)")
    own("--exclude", metavar="ID,ID", help="videos to leave out")
    own("--ambiguous", metavar="FILE", help="lines `video start end`: detections there are removed")
    own("--drop-labels", metavar="A,B", help="labels of the ground truth to ignore")
    own("--tiou", metavar="RANGE", help="start:stop:step, or numbers with commas between (0.1:0.7:0.1)")
    own("--json", metavar="FILE", help="write the figures there too")
    own("--csv", metavar="FILE", help="write the table there too")
    own("--diagnose", action="store_true", help="also count the kinds of errors at tIoU 0.5")


def _report(verb: ArgumentParser) -> None:
    """Show what runs found, and where they fail, in one HTML file that opens offline and prints.

    Of the first run: settings, training curves, mAP and AP of each class, precision and recall, kinds of
    errors, scores before and after stage 2, and a timeline of every video with true segments, clicks,
    predictions, P and A; then the others held against it, with paired bootstrap over videos. Without ground
    truth, what needs it is left out. With --videos alone (a run that was trained with --videos), features
    that are missing in RUN/features are extracted first.

    hrpro report --run run --data my_data --out report.html
    hrpro report --run run --run other --data my_data --out report.html --figures figures --format svg
    hrpro report --run run --videos my_videos --out report.html
    """
    own = verb.add_argument
    runs = "folder of a finished training; given again, the others are compared with the first"
    own("--run", required=True, action="append", metavar="RUN", help=runs)
    own("--data", metavar="DIR", help="dataset folder")
    own("--split", metavar="NAME", help="recordings of DIR to report on (test)")
    own("--videos", metavar="DIR", help="video files for the page to play (DATA/videos), or to report on")
    own("--clicks", metavar="TABLE", help=f"clicks to show; {_POINTS}")
    own(
        "--ground-truth",
        metavar="FILE",
        help="true actions, in ActivityNet form (the dataset's gt_full.json)",
    )
    own("--out", required=True, metavar="FILE", help="the report, as .html")
    own("--figures", metavar="DIR", help="also write each figure there; needs Chromium")
    own("--format", choices=["png", "svg"], help="of those (png)")
    own("--device", metavar="NAME", help="auto, cpu, cuda, cuda:N or mps (auto)")
    own("--quiet", action="store_true", help="show no progress")


def _compare(verb: ArgumentParser) -> None:
    """Train several methods with several seeds and put them into one table and one report.

    Each training is a process of its own, so that its time and memory are; DIR's split train is learned from,
    and --split is what they are judged by, with the true actions of DIR/gt_full.json. The table (mAP, with
    its deviation over the seeds, seconds and memory) is printed and lies in OUT/compare.csv and compare.json,
    OUT/report.html shows the runs with seed 0, OUT/METHOD-SEED are runs as of `hrpro train`. Stopped in any
    way, the same command goes on where it stood; with more methods or seeds it trains those alone.

    base, sfnet, lacp and hrpro see clicks; cola sees only which classes occur in a recording; full sees the
    true segments, and is no rival but a bound.

    hrpro compare --data my_data --methods base,sfnet,lacp,hrpro --out comparison
    hrpro compare --data my_data --methods cola,hrpro,full --seeds 5 --out comparison
    """
    own = verb.add_argument
    own("--data", required=True, metavar="DIR", help="dataset folder with gt_full.json")
    own("--methods", required=True, metavar="A,B,...", help=f"which: {', '.join(METHODS)}")
    own("--seeds", type=int, metavar="N", help="trainings of each, with the seeds 0 to N - 1 (3)")
    own("--out", required=True, metavar="OUT", help="folder for it all; made if need be")
    own("--points", metavar="TABLE", help=_POINTS)
    own("--split", metavar="NAME", help="recordings to judge by (test)")
    own("--config", metavar="FILE", help="YAML of settings, over those that follow from the data")
    own("--device", metavar="NAME", help="auto, cpu, cuda, cuda:N or mps (auto)")
    own("--quiet", action="store_true", help="show no progress")


def _convert(verb: ArgumentParser) -> None:
    """Turn clicks and segments from one tool's format into another's.

    Reads and writes: activitynet, activitynet-results, audacity, boris, elan, fiftyone, label-studio, lacp,
    seconds, sfnet, soccernet, via. Writes only: srt, webvtt. If --from and --to do not say, what SRC is in is
    told by its content, and what OUT is to be by its name (.csv, .json, .eaf, .tsv, .vtt, .srt). A fault in
    SRC is told with its line or key, and nothing is written then. What OUT cannot hold is told in one line.

    hrpro convert via_project.json clicks.csv
    hrpro convert thumos14/point_gaussian.csv clicks.csv --fps thumos14/gt_full.json
    hrpro convert my_eaf_files clicks.csv                      a folder of files is read as one
    hrpro convert detections.json subtitles/ --to webvtt       a folder of files, one a video
    """
    own = verb.add_argument
    own("source", metavar="SRC", help="file, or folder of files")
    own("out", metavar="OUT", help="file; or folder, with a slash at its end, for one file a video")
    own("--from", dest="source_format", metavar="F", help="format of SRC (by its content)")
    own("--to", dest="target_format", metavar="F", help="format of OUT (by its name)")
    fps = "frames a second, or an ActivityNet JSON that has each video's, where SRC has none"
    own("--fps", metavar="N|FILE", help=fps)
    own("--force", action="store_true", help="overwrite OUT")


def _studio(verb: ArgumentParser) -> None:
    """Click, train, watch and correct in the browser.

    PROJECT is a folder: of videos, of a data set, or of a run. All that the studio makes lies in
    PROJECT/.hrpro-studio, and every click is on the disk before the page shows it. Others than this machine's
    own users come in only with --host, and with the token that is printed then.

    hrpro studio my_videos
    hrpro studio my_videos --host 0.0.0.0                      for everyone who has the printed address
    hrpro studio my_videos --export clicks.csv                 the clicks, with or without a studio open
    hrpro studio my_videos --export labels/ --format elan      clicks and verified segments, a file a video
    """
    own = verb.add_argument
    own("project", metavar="PROJECT", help="folder of videos, of a data set, or of a run")
    own("--host", metavar="NAME", help="address to listen at (127.0.0.1: this machine alone)")
    own("--port", type=NonNegativeInt, metavar="N", help="0: any that is free (the first one from 8765 on)")
    own("--no-browser", action="store_true", help="open no browser, only print the address")
    own("--export", metavar="OUT", help="write the clicks to this file, or folder/, and start no server")
    own("--format", metavar="F", help="format of OUT, as of hrpro convert --to (by its name)")
    own("--force", action="store_true", help="overwrite OUT")


def _demo(verb: ArgumentParser) -> None:
    """The whole job on videos it makes itself: clicks, features, training, detections, mAP.

    Takes a few minutes on two CPU cores and shows where everything lands.
    """
    verb.add_argument("--out", metavar="DIR", help="new folder for it all (demo, or demo-2, ...)")
    verb.add_argument("--seed", type=NonNegativeInt, metavar="N", help="decides data and training (0)")
