"""The command ``hrpro``: verbs and options only. Bad input ends in one line and exit code 2."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

from jsonargparse import ArgumentError, ArgumentParser, Namespace

import hrpro
from hrpro.core.errors import ConfigError, HRProError

BAD_INPUT, INTERRUPTED = 2, 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command. Exit code: 0; 1 if inspect found errors; 2 after one line on what to mend."""
    words = list(sys.argv[1:] if argv is None else argv)
    warnings.showwarning = lambda message, *_: print(f"hrpro: {message}", file=sys.stderr)
    try:
        parser = _parser()
        args = parser.parse_args(words)
        own = args[args.verb]
        if args.verb == "train":
            explicit = parser.parse_args(words, defaults=False).get("train", Namespace())
            return _train(own, explicit)
        verbs = {"inspect": _inspect, "predict": _predict, "evaluate": _evaluate, "demo": _demo}
        return verbs[args.verb](own)
    except (HRProError, ArgumentError) as error:
        print(f"hrpro: {' '.join(str(error).split())}", file=sys.stderr)
        return BAD_INPUT
    except KeyboardInterrupt:
        print("hrpro: stopped", file=sys.stderr)
        return INTERRUPTED


def _parser() -> ArgumentParser:
    from hrpro.config import Config
    from hrpro.settings import add_settings

    parser = ArgumentParser(
        prog="hrpro",
        exit_on_error=False,
        description="Localize actions in time, learned from one click inside each (HR-Pro, AAAI 2024).",
        epilog="`hrpro VERB --help` tells the options of a verb.",
        version=hrpro.__version__,
    )
    verbs = parser.add_subcommands(dest="verb", required=True)

    def verb(name: str, text: str) -> ArgumentParser:
        own = ArgumentParser(exit_on_error=False, description=text)
        verbs.add_subcommand(name, own, help=text)
        return own

    points = "Click table: a name in point_labels/, or a path. Default: point_gaussian.csv, or the only one."
    inspect = verb("inspect", "Check a dataset folder without training: every problem with file and line.")
    inspect.add_argument("--data", type=Path, required=True, help="Dataset folder.")
    inspect.add_argument("--points", type=str | None, help=points)

    train = verb("train", "Learn from clicks; model, checkpoints and logs land in the run folder.")
    train.add_argument("--data", type=Path | None, help="Dataset folder.")
    train.add_argument("--run", type=Path | None, help="Folder of this training.")
    train.add_argument("--points", type=str | None, help=points)
    train.add_argument("--split", type=str, default="train", help="Recordings to learn from.")
    train.add_argument(
        "--preset",
        type=str | None,
        help="thumos14, gtea, beoid, activitynet13 or sensor. Default: settings that follow from the data.",
    )
    train.add_argument("--config", type=Path | None, help="YAML of settings, over those of the preset.")
    train.add_argument("--seed", type=int | None, help="Seed of both stages.")
    train.add_argument("--resume", action="store_true", help="Go on where a stopped training stood.")
    train.add_argument("--quiet", action="store_true", help="Show no progress.")
    train.add_argument("--print_config", action="store_true", help="Print the settings as YAML and stop.")
    add_settings(train, Config())

    predict = verb("predict", "Localize the actions in the recordings of a split.")
    predict.add_argument("--run", type=Path, required=True, help="Folder of a finished training.")
    predict.add_argument("--data", type=Path, required=True, help="Dataset folder.")
    predict.add_argument("--split", type=str, default="test", help="Recordings to localize actions in.")
    predict.add_argument("--out", type=Path, required=True, help="File of detections, in ActivityNet form.")
    predict.add_argument("--device", type=str, default="auto", help="auto, cpu, cuda or mps.")

    evaluate = verb("evaluate", "Compare detections with the ground truth: mAP per class and tIoU.")
    evaluate.add_argument("--ground-truth", type=Path, required=True, help="File in ActivityNet form.")
    evaluate.add_argument("--detections", type=Path, required=True, help="File that predict wrote.")
    evaluate.add_argument("--subset", type=str | None, help="Only the videos of this subset.")
    evaluate.add_argument("--exclude", type=str, default="", help="Videos to leave out: ID,ID.")
    evaluate.add_argument(
        "--ambiguous", type=Path | None, help="Lines of `video start end`: detections there do not count."
    )
    evaluate.add_argument("--drop-labels", type=str, default="", help="Labels that are no class: A,B.")
    evaluate.add_argument("--tiou", type=str, default="0.1:0.7:0.1", help="start:stop:step, or numbers.")
    evaluate.add_argument("--json", type=Path | None, help="Write the result to this file too.")
    evaluate.add_argument("--csv", type=Path | None, help="Write the table to this file too.")
    evaluate.add_argument("--diagnose", action="store_true", help="Also count the kinds of errors.")

    demo = verb("demo", "The whole job on data it makes itself: recordings, clicks, training, mAP.")
    demo.add_argument("--out", type=Path, default=Path("demo"), help="Where everything lands.")
    demo.add_argument("--seed", type=int, default=0, help="Decides the data and the training.")
    return parser


def _inspect(args: Namespace) -> int:
    from rich.console import Console

    from hrpro.data.findings import render
    from hrpro.data.inspect import inspect_dataset

    report = inspect_dataset(args.data, args.points)
    render(report, Console())
    return 1 if report.errors else 0


def _train(args: Namespace, explicit: Namespace) -> int:
    import yaml

    from hrpro.config import Config
    from hrpro.data.folder import open_dataset
    from hrpro.runs import run_settings, train_run
    from hrpro.settings import build, choose

    options = {part.name: explicit[part.name] for part in fields(Config) if part.name in explicit}
    options = Namespace(options).as_dict()
    training_set = None
    if args.data is not None:
        training_set = open_dataset(args.data).training_set(args.points, args.split)
    begun = run_settings(args.run) if args.resume and args.run is not None else None
    if begun is not None and args.preset is None and args.config is None:
        config = build(begun, options, "options")
    else:
        config = choose(training_set, args.preset, args.config, options)
    if args.seed is not None:
        config = config.with_seed(args.seed)
    if args.print_config:
        print(yaml.safe_dump(config.as_dict(), sort_keys=False), end="")
        return 0
    if training_set is None or args.run is None:
        raise ConfigError("train needs both --data DIR and --run RUN", where="options")
    train_run(training_set, args.run, config, resume=args.resume, progress=not args.quiet)
    return 0


def _predict(args: Namespace) -> int:
    from hrpro.runs import predict_split

    predict_split(args.run, args.data, args.split, args.out, args.device)
    return 0


def _evaluate(args: Namespace) -> int:
    from rich.console import Console

    from hrpro.metrics.files import diagnosis_table, evaluate_files, table

    result = evaluate_files(
        args.ground_truth,
        args.detections,
        subset=args.subset,
        exclude=_listed(args.exclude),
        ambiguous=args.ambiguous,
        drop_labels=_listed(args.drop_labels),
        tiou=args.tiou,
        json_file=args.json,
        csv_file=args.csv,
    )
    console = Console()
    console.print(table(result))
    if args.diagnose:
        console.print(diagnosis_table(args.ground_truth, args.detections, args.subset, _listed(args.exclude)))
    for remark in result.coverage.remarks():
        console.print(remark, highlight=False, markup=False)
    print(f"average mAP = {result.average():.4f}")
    return 0


def _demo(args: Namespace) -> int:
    from hrpro.demo import run_demo

    run_demo(args.out, args.seed)
    return 0


def _listed(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


if __name__ == "__main__":
    sys.exit(main())
