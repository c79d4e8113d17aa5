"""What ``hrpro`` takes: its verbs, their options and their help. Every setting is an option by itself."""

from __future__ import annotations

import argparse
import re
from inspect import getdoc
from typing import Any

from jsonargparse import ArgumentParser, DefaultHelpFormatter, set_parsing_settings
from jsonargparse.typing import NonNegativeInt

import hrpro
from hrpro.config import Config
from hrpro.core.errors import ConfigError
from hrpro.data.faults import did_you_mean
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
    for tell in (_inspect, _train, _predict, _evaluate, _demo):
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
        fault = re.sub(theirs, lambda key: "--" + (key[1] or key[2]).replace("_", "-"), str(error))
        word = fault.removeprefix("unrecognized arguments: ").partition(" ")[0].partition("=")[0]
        near = did_you_mean(word, re.findall(r"--[\w.-]+", own.format_help()))
        raise ConfigError(fault, mend=near or f"{own.prog} --help lists the options") from None
    return given.verb, given[given.verb].as_dict() | ({"settings": vars(texts)} if vars(texts) else {})


def _inspect(verb: ArgumentParser) -> None:
    """Check a dataset folder without training: every problem with file and line.

    Reads every feature file, click and split, and prints a summary. Exit code 1 if it found errors.

    hrpro inspect --data my_data
    """
    verb.add_argument("--data", required=True, metavar="DIR", help="dataset folder")
    verb.add_argument("--points", metavar="TABLE", help=_POINTS)


def _train(verb: ArgumentParser) -> None:
    """Learn from clicks; model, checkpoints and logs land in the run folder.

    What follows from the data replaces the defaults below, unless a preset is taken; over that go the
    settings of --config, over them the options below. All of them are written to RUN/config.yaml; curves to
    RUN/logs (CSV and TensorBoard).

    hrpro train --data my_data --run run
    hrpro train --data my_data --run run --resume              after a stop, however hard
    hrpro train --data thumos14 --run run2 --preset thumos14 --snippet.lr 2e-4
    hrpro train --data my_data --print_config > my.yaml        edit, then train with --config my.yaml
    torchrun --standalone --nproc-per-node 2 -m hrpro.cli -- train ...         on two GPUs
    """
    presets = "thumos14, gtea, beoid, activitynet13 or sensor, instead of what follows from the data"
    verb.usage = "hrpro train --data DIR --run RUN [options] [--SECTION.SETTING VALUE ...]"
    verb.add_argument("--data", metavar="DIR", help="dataset folder")
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
    """Localize the actions in the recordings of a split.

    Writes their start, end (seconds), class and score in ActivityNet form, best first.

    hrpro predict --run run --data my_data --split test --out detections.json
    """
    verb.add_argument("--run", required=True, metavar="RUN", help="folder of a finished training")
    verb.add_argument("--data", required=True, metavar="DIR", help="dataset folder")
    verb.add_argument("--split", metavar="NAME", help="recordings to localize actions in (test)")
    verb.add_argument("--out", required=True, metavar="FILE", help="where to write detections")
    verb.add_argument("--device", metavar="NAME", help="auto, cpu, cuda, cuda:N or mps (auto)")


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


def _demo(verb: ArgumentParser) -> None:
    """The whole job on recordings it makes itself: clicks, training, detections, mAP.

    Takes a few minutes on two CPU cores and shows where everything lands.
    """
    verb.add_argument("--out", metavar="DIR", help="new folder for it all (demo, or demo-2, ...)")
    verb.add_argument("--seed", type=NonNegativeInt, metavar="N", help="decides data and training (0)")
