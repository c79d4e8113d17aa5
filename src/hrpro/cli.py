"""The command ``hrpro``: parse, call, print. Bad input ends in one line and exit code 2."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

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
            verb, given = parse(words)
            code = verbs[verb](**given)
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


def _inspect(data: str, points: str | None = None) -> int:
    from rich.console import Console

    from hrpro.data.findings import render
    from hrpro.data.inspect import inspect_dataset

    report = inspect_dataset(data, points)
    render(report, Console())
    return 1 if report.errors else 0


def _train(
    data: str | None = None,
    run: str | None = None,
    points: str | None = None,
    split: str = "train",
    preset: str | None = None,
    config: str | None = None,
    seed: int | None = None,
    resume: bool = False,
    quiet: bool = False,
    print_config: bool = False,
    settings: Mapping[str, str] | None = None,
) -> int:
    import yaml

    from hrpro.data.folder import open_dataset
    from hrpro.model_file import FOLDER
    from hrpro.runs import SETTINGS, is_first, run_settings, train_run
    from hrpro.settings import build, choose

    options: dict[str, Any] = {} if seed is None else {"snippet.seed": seed, "instance.seed": seed}
    options.update(settings or {})
    training_set = None if data is None else open_dataset(data).training_set(points, split)
    folder = None if run is None else Path(run)
    begun = run_settings(folder) if resume and folder is not None else None
    if begun is not None and preset is None and config is None:
        chosen = build(begun, options, None)
    else:
        chosen = choose(training_set, preset, config, options)
    if print_config:
        print(yaml.safe_dump(chosen.as_dict(), sort_keys=False), end="")
        return 0
    if training_set is None or folder is None:
        raise ConfigError("train needs --data DIR and --run RUN")
    show = is_first() and not quiet
    if show:
        clicks = sum(map(len, training_set.clicks.values()))
        learned = f"{clicks} clicks of {len(training_set.classes)} classes"
        print(f"{len(training_set.recordings)} recordings, {learned}; settings in {folder / SETTINGS}")
    train_run(training_set, folder, chosen, resume=resume, progress=not quiet)
    if show:
        print(f"model in {folder / FOLDER}")
    return 0


def _predict(run: str, data: str, out: str, split: str = "test", device: str = "auto") -> int:
    from hrpro.runs import predict_split

    count = predict_split(Path(run), Path(data), split, Path(out), device)
    print(f"{count} detections in {out}")
    return 0


def _evaluate(
    ground_truth: str,
    detections: str,
    tiou: str = "0.1:0.7:0.1",
    json: str | None = None,
    csv: str | None = None,
    diagnose: bool = False,
    **which: Any,
) -> int:
    from rich.console import Console

    from hrpro.metrics.files import diagnosis_table, evaluate_files, table

    for name in which.keys() & {"exclude", "drop_labels"}:
        which[name] = [word.strip() for word in which[name].split(",") if word.strip()]
    result = evaluate_files(ground_truth, detections, **which, tiou=tiou, json_file=json, csv_file=csv)
    console = Console()
    console.print(table(result))
    if diagnose:
        console.print(diagnosis_table(ground_truth, detections, **which))
    for remark in result.coverage.remarks():
        console.print(remark, highlight=False, markup=False)
    print(f"average mAP = {result.average():.4f}")
    return 0


def _demo(out: str | None = None, seed: int = 0) -> int:
    from hrpro.demo import run_demo

    run_demo(None if out is None else Path(out), seed)
    return 0


if __name__ == "__main__":
    sys.exit(main())
