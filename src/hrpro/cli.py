"""The command ``hrpro``: parse, call, print. Bad input ends in one line and exit code 2."""

from __future__ import annotations

import os
import sys
import warnings
from argparse import Namespace
from collections.abc import Sequence

from hrpro.core.errors import ConfigError, HRProError
from hrpro.options import parse

BAD_INPUT, INTERRUPTED = 2, 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command. Exit code: 0; 1 if inspect found errors; 2 after one line on what to mend."""
    words = list(sys.argv[1:] if argv is None else argv) or ["--help"]
    verbs = {"inspect": _inspect, "train": _train, "predict": _predict, "evaluate": _evaluate, "demo": _demo}
    with warnings.catch_warnings():
        warnings.showwarning = lambda message, *_: _say(message)
        warnings.simplefilter("ignore", FutureWarning)  # of libraries, to us and not to the user
        try:
            args = parse(words)
            code = verbs[args.verb](args)
            sys.stdout.flush()
            return code
        except HRProError as error:
            _say(error)
            return BAD_INPUT
        except BrokenPipeError:  # hrpro ... | head; as rich does where it is the one to write
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 1
        except OSError as error:
            _say(f"{error.filename}: {error.strerror}" if error.filename else error)
            return BAD_INPUT
        except KeyboardInterrupt:
            _say("stopped" + "; the same command with --resume goes on from here" * (words[0] == "train"))
            return INTERRUPTED


def _say(message: object) -> None:
    print(f"hrpro: {' '.join(str(message).split())}", file=sys.stderr)


def _inspect(args: Namespace) -> int:
    from rich.console import Console

    from hrpro.data.findings import render
    from hrpro.data.inspect import inspect_dataset

    report = inspect_dataset(args.data, args.points)
    render(report, Console())
    return 1 if report.errors else 0


def _train(args: Namespace) -> int:
    import yaml

    from hrpro.data.folder import open_dataset
    from hrpro.model_file import FOLDER
    from hrpro.runs import SETTINGS, is_first, run_settings, train_run
    from hrpro.settings import build, choose, nested

    given = {key: value for key, value in vars(args).items() if value is not None}
    if args.seed is not None:
        given = {"snippet.seed": str(args.seed), "instance.seed": str(args.seed), **given}
    options = nested({key: value for key, value in given.items() if "." in key or key == "stages"})
    training_set = None
    if args.data is not None:
        training_set = open_dataset(args.data).training_set(args.points, args.split)
    begun = run_settings(args.run) if args.resume and args.run is not None else None
    if begun is not None and args.preset is None and args.config is None:
        config = build(begun, options, None)
    else:
        config = choose(training_set, args.preset, args.config, options)
    if args.print_config:
        print(yaml.safe_dump(config.as_dict(), sort_keys=False), end="")
        return 0
    if training_set is None or args.run is None:
        raise ConfigError("train needs --data DIR and --run RUN")
    show = is_first() and not args.quiet
    if show:
        clicks = sum(map(len, training_set.clicks.values()))
        learned = f"{clicks} clicks of {len(training_set.classes)} classes"
        print(f"{len(training_set.recordings)} recordings, {learned}; settings in {args.run / SETTINGS}")
    train_run(training_set, args.run, config, resume=args.resume, progress=not args.quiet)
    if show:
        print(f"model in {args.run / FOLDER}")
    return 0


def _predict(args: Namespace) -> int:
    from hrpro.runs import predict_split

    count = predict_split(args.run, args.data, args.split, args.out, args.device)
    print(f"{count} detections in {args.out}")
    return 0


def _evaluate(args: Namespace) -> int:
    from rich.console import Console

    from hrpro.metrics.files import diagnosis_table, evaluate_files, table

    result = evaluate_files(
        args.ground_truth,
        args.detections,
        subset=args.subset,
        exclude=args.exclude,
        ambiguous=args.ambiguous,
        drop_labels=args.drop_labels,
        tiou=args.tiou,
        json_file=args.json,
        csv_file=args.csv,
    )
    console = Console()
    console.print(table(result))
    if args.diagnose:
        console.print(diagnosis_table(args.ground_truth, args.detections, args.subset, args.exclude))
    for remark in result.coverage.remarks():
        console.print(remark, highlight=False, markup=False)
    print(f"average mAP = {result.average():.4f}")
    return 0


def _demo(args: Namespace) -> int:
    from hrpro.demo import run_demo

    run_demo(args.out, args.seed)
    return 0


if __name__ == "__main__":
    sys.exit(main())
