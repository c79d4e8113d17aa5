"""What ``hrpro`` takes: its verbs, their options and their help. Every setting is an option by itself."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError, Namespace, RawDescriptionHelpFormatter
from pathlib import Path
from typing import NoReturn

import hrpro
from hrpro.core.errors import ConfigError
from hrpro.data.faults import did_you_mean

_POINTS = "click table: a name in point_labels/, or any path; by default point_gaussian.csv or the only one"
_SECTIONS = {
    "": "settings, their defaults in brackets; without --preset, steps and hidden follow from the data",
    "snippet": "settings of stage 1, snippet level",
    "proposals": "settings of the candidate proposals between the stages",
    "instance": "settings of stage 2, instance level",
    "suppress": "settings of soft-NMS, which removes double detections",
}


def parse(words: list[str]) -> Namespace:
    """The verb (``verb``) and its options; a setting's key is as in ``settings``, its value still text.

    Raises ConfigError for anything unknown or missing; --help and --version print and leave.
    """
    parser = _Parser(
        prog="hrpro",
        description="Localize actions in time, learned from one click inside each (HR-Pro, AAAI 2024).",
        epilog="`hrpro VERB --help` tells all about a verb. To see it work: hrpro demo",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"hrpro {hrpro.__version__}")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB", title="verbs")
    owners: dict[str, ArgumentParser] = {}
    for tell in (_inspect, _train, _predict, _evaluate, _demo):
        name, about = tell.__name__.strip("_"), tell.__doc__ or ""
        owners[name] = verbs.add_parser(
            name,
            help=about.partition("\n")[0],
            description="\n".join(line.removeprefix("    ") for line in about.strip().splitlines()),
            formatter_class=RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        tell(owners[name])
    args, unknown = parser.parse_known_args(words)
    if unknown:
        own, word = owners[args.verb], unknown[0].partition("=")[0]
        known = [name for action in own._actions for name in action.option_strings]
        mend = did_you_mean(word, known) or f"{own.prog} --help lists the options"
        raise ConfigError(f"{args.verb} has no option {word!r}", mend=mend)
    return args


class _Parser(ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise ConfigError(message, mend=f"{self.prog} --help lists the options")


def _inspect(verb: ArgumentParser) -> None:
    """Check a dataset folder without training: every problem with file and line.

    Reads every feature file, click and split, and prints a summary. Exit code 1 if it found errors.

    hrpro inspect --data my_data
    """
    verb.add_argument("--data", type=Path, required=True, metavar="DIR", help="dataset folder")
    verb.add_argument("--points", metavar="TABLE", help=_POINTS)


def _train(verb: ArgumentParser) -> None:
    """Learn from clicks; model, checkpoints and logs land in the run folder.

    Settings follow from the data, or come from a preset; over them those of --config, over them the
    options below. They are written to RUN/config.yaml; curves to RUN/logs (CSV and TensorBoard).

    hrpro train --data my_data --run run
    hrpro train --data my_data --run run --resume              after a stop, however hard
    hrpro train --data thumos14 --run run2 --preset thumos14 --snippet.lr 2e-4
    hrpro train --data my_data --print_config > my.yaml        edit, then train with --config my.yaml
    torchrun --standalone --nproc-per-node 2 -m hrpro.cli -- train ...         on two GPUs
    """
    from hrpro.config import Config
    from hrpro.settings import listed

    verb.usage = "hrpro train --data DIR --run RUN [options] [--SECTION.SETTING VALUE ...]"
    verb.add_argument("--data", type=Path, metavar="DIR", help="dataset folder")
    verb.add_argument("--run", type=Path, metavar="RUN", help="folder of this training; made if need be")
    verb.add_argument("--points", metavar="TABLE", help=_POINTS)
    verb.add_argument("--split", default="train", help="recordings to learn from (train)")
    presets = "thumos14, gtea, beoid, activitynet13 or sensor, instead of what follows from the data"
    verb.add_argument("--preset", metavar="NAME", help=presets)
    verb.add_argument("--config", type=Path, metavar="FILE", help="YAML of settings")
    verb.add_argument("--seed", type=_seed, metavar="N", help="seed of both stages (0)")
    verb.add_argument("--resume", action="store_true", help="go on where RUN stands; begin if it has not")
    verb.add_argument("--quiet", action="store_true", help="show no progress")
    show = "print the settings as YAML, for --config, and stop"
    verb.add_argument("--print_config", "--print-config", action="store_true", help=show)
    groups = {name: verb.add_argument_group(title) for name, title in _SECTIONS.items()}
    for setting in listed(Config()):
        value = setting.value
        shown = (
            "none" if value == () else f"{value[0]} ... {value[-1]}" if isinstance(value, tuple) else value
        )
        groups[setting.key.rpartition(".")[0]].add_argument(
            f"--{setting.key}",
            metavar=setting.takes,
            help=f"{setting.help} ({shown})".replace("%", "%%"),
        )


def _predict(verb: ArgumentParser) -> None:
    """Localize the actions in the recordings of a split.

    Writes their start, end (seconds), class and score in ActivityNet form, best first.

    hrpro predict --run run --data my_data --split test --out detections.json
    """
    verb.add_argument("--run", type=Path, required=True, metavar="RUN", help="folder of a finished training")
    verb.add_argument("--data", type=Path, required=True, metavar="DIR", help="dataset folder")
    verb.add_argument("--split", default="test", help="recordings to localize actions in (test)")
    verb.add_argument("--out", type=Path, required=True, metavar="FILE", help="where to write detections")
    verb.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:N or mps (auto)")


def _evaluate(verb: ArgumentParser) -> None:
    """Compare detections with the ground truth: AP of each class and tIoU, and mAP.

    Interpolated AP as in ActivityNet's evaluation. The last line is the average mAP over all --tiou.

    hrpro evaluate --ground-truth gt_full.json --detections detections.json --subset Test
    hrpro evaluate ... --tiou 0.5:0.95:0.05                    ActivityNet's range
    hrpro evaluate ... --exclude video_test_0000270,video_test_0001292,video_test_0001496
          --drop-labels Ambiguous --ambiguous Ambiguous_test.txt     THUMOS14's customs
    """
    own = verb.add_argument
    own("--ground-truth", type=Path, required=True, metavar="FILE", help="true actions, in ActivityNet form")
    own("--detections", type=Path, required=True, metavar="FILE", help="what predict wrote")
    own("--subset", metavar="NAME", help="only videos of this subset, in any case (all)")
    own("--exclude", type=_names, default=[], metavar="ID,ID", help="videos to leave out")
    own(
        "--ambiguous", type=Path, metavar="FILE", help="lines `video start end`: detections there are removed"
    )
    own("--drop-labels", type=_names, default=[], metavar="A,B", help="labels of the ground truth to ignore")
    tiou = "start:stop:step, or numbers with commas between (0.1:0.7:0.1)"
    own("--tiou", default="0.1:0.7:0.1", metavar="RANGE", help=tiou)
    own("--json", type=Path, metavar="FILE", help="write the figures there too")
    own("--csv", type=Path, metavar="FILE", help="write the table there too")
    own("--diagnose", action="store_true", help="also count the kinds of errors at tIoU 0.5")


def _demo(verb: ArgumentParser) -> None:
    """The whole job on recordings it makes itself: clicks, training, detections, mAP.

    Takes a few minutes on two CPU cores and shows where everything lands.
    """
    verb.add_argument("--out", type=Path, metavar="DIR", help="new folder for it all (demo, or demo-2, ...)")
    verb.add_argument("--seed", type=_seed, default=0, metavar="N", help="decides data and training (0)")


def _names(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


def _seed(text: str) -> int:
    if not text.isdecimal():
        raise ArgumentTypeError(f"must be a whole number of at least 0, not {text!r}")
    return int(text)
