"""The command ``hrpro``: parse, call, print. Bad input ends in one line and exit code 2."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from hrpro.core.errors import ConfigError, HRProError
from hrpro.options import parse

BAD_INPUT, SOME_FAILED, INTERRUPTED = 2, 3, 130


GOES_ON = {
    "extract": "; the same command goes on from here",
    "train": "; the same command with --resume goes on from here",
    "compare": "; the same command goes on from here",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Exit code: 0; 1 if inspect found errors; 2 after one line on what to mend; 3 if some videos failed.
    """
    words = list(sys.argv[1:] if argv is None else argv) or ["--help"]
    verbs: dict[str, Callable[..., int]] = {
        "inspect": _inspect,
        "extract": _extract,
        "train": _train,
        "predict": _predict,
        "evaluate": _evaluate,
        "report": _report,
        "compare": _compare,
        "convert": _convert,
        "studio": _studio,
        "demo": _demo,
    }
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
            _say(f"stopped{GOES_ON.get(words[0], '')}")
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


def _extract(
    videos: str,
    out: str,
    backbone: str = "classic",
    weights: str | None = None,
    workers: int | None = None,
    shard: str | None = None,
    engine: str = "local",
    quiet: bool = False,
) -> int:
    from hrpro.video.extract import LOCAL, extract
    from hrpro.video.jobs import manifest_name

    workers = workers or (1 if engine == LOCAL else 0)
    made = extract(
        videos,
        out,
        backbone=backbone,
        weights=weights,
        workers=workers,
        part=shard,
        engine=engine,
        quiet=quiet,
    )
    return _tell(made, "snippets", _inside(out, manifest_name(shard)))


def _inside(folder: str, name: str) -> str:
    """A file in a folder that may be at a URL."""
    return f"{folder.rstrip('/')}/{name}"


def _tell(outcomes: Sequence[Any], unit: str, manifest: str | Path) -> int:
    from rich.console import Console

    from hrpro.video.progress import report

    if report(outcomes, unit, Console()):
        return 0
    print(f"what failed, and why: {manifest}")
    return SOME_FAILED


def _train(
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
    from hrpro.model_folder import FOLDER
    from hrpro.runs import SETTINGS, check_free, is_first, run_settings, train_run
    from hrpro.settings import build, choose

    options = dict(settings or {})
    folder, code, training_set, dataset = None if run is None else Path(run), 0, None, None
    if videos is None:
        _only("--videos", clicks=clicks, **extraction)
        dataset = None if data is None else open_dataset(data)
        training_set = None if dataset is None else dataset.training_set(points, split or "train")
    else:
        if data is not None:
            raise ConfigError("goes without --videos", where="--data")
        _only("--data", points=points, split=split, print_config=print_config)
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
    taught = training_set
    if chosen.about.sees == "segments":
        if dataset is None:
            raise ConfigError(f"{chosen.method} learns from segments, of a dataset folder", where="--method")
        taught = dataset.supervised_set(points, split or "train")
    train_run(taught, folder, chosen, resume=resume, progress=not quiet)
    if show:
        print(f"model in {folder / FOLDER}")
    return code


def _extracted(
    videos: str,
    clicks: str,
    run: Path,
    quiet: bool,
    backbone: str = "classic",
    weights: str | None = None,
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
    made = extract(clicked.sources, folder, backbone=backbone, weights=weights, workers=workers, quiet=quiet)
    code = _tell(made, "snippets", manifest_path(folder))
    return clicked.training_set(folder, made), code


def _predict(
    run: str,
    out: str,
    data: str | None = None,
    video: str | None = None,
    split: str | None = None,
    device: str = "auto",
    **about: Any,
) -> int:
    from hrpro.runs import pick_device, predict_split

    if video is None:
        _only("--video", **about)
        if data is None:
            raise ConfigError("predict needs --video VIDEO or --data DIR")
        count = predict_split(Path(run), Path(data), split or "test", Path(out), device)
        print(f"{count} detections in {out}")
        return 0
    from hrpro.predictions import predict_videos
    from hrpro.video.extract import RAY
    from hrpro.video.jobs import manifest_name

    if data is not None:
        raise ConfigError("goes without --video", where="--data")
    _only("--data", split=split)
    if about.get("engine") == RAY:
        if device not in ("auto", "cpu"):
            raise ConfigError(
                "with --engine ray the backbone alone is given GPUs, by itself", where="--device"
            )
        device = "cpu"
    found = predict_videos(run, video, out, device=str(pick_device(device)), **about)
    return _tell(found, "actions", _inside(out, manifest_name()))


def _only(other: str, **given: Any) -> None:
    """ConfigError if anything is given that goes with the option ``other`` alone."""
    for name, value in given.items():
        if value:
            raise ConfigError(f"goes with {other}", where=f"--{name.replace('_', '-')}")


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


def _report(
    run: Sequence[str],
    out: str,
    data: str | None = None,
    split: str | None = None,
    quiet: bool = False,
    device: str = "auto",
    format: str | None = None,
    **files: str,
) -> int:
    from hrpro.reports import report

    if data is None:
        _only("--data", split=split)
    if "figures" not in files:
        _only("--figures", format=format)
    paths = {name: Path(path) for name, path in {**files, "data": data}.items() if path is not None}
    written = report(
        [Path(one) for one in run],
        Path(out),
        split=split or "test",
        quiet=quiet,
        device=device,
        format=format or "png",
        **paths,  # pyright: ignore[reportArgumentType]
    )
    print(f"report in {out}")
    if len(written) > 1:
        print(f"{len(written) - 1} figures in {files['figures']}")
    return 0


def _compare(
    data: str, methods: str, out: str, config: str | None = None, quiet: bool = False, **options: Any
) -> int:
    from rich.console import Console

    from hrpro.harness.compare import compare
    from hrpro.harness.table import render

    folder = Path(out)
    file = None if config is None else Path(config)
    made = compare(Path(data), folder, methods=methods.split(","), config=file, quiet=quiet, **options)
    Console().print(render(made, f"mAP at tIoU, {Path(data).absolute().name}"))
    print(f"table in {folder / 'compare.csv'} and compare.json, report in {folder / 'report.html'}")
    return 0


def _convert(source: str, out: str, **options: Any) -> int:
    from hrpro.convert import convert

    folder = out.endswith(("/", os.sep))
    made = convert(Path(source), Path(out), folder=folder, **options)
    print(*made.remarks, made.summary(), sep="\n")
    return 0


def _studio(
    project: str,
    host: str = "127.0.0.1",
    port: int | None = None,
    no_browser: bool = False,
    export: str | None = None,
    format: str | None = None,
    force: bool = False,
) -> int:
    try:
        import av  # noqa: F401
        import fastapi  # noqa: F401
        import uvicorn  # noqa: F401
    except ModuleNotFoundError as error:
        mend = "pip install 'hrpro[studio,video]'"
        raise ConfigError(f"the studio needs what is not installed: {error}", mend=mend) from error
    if export is None:
        from hrpro.studio.launch import serve

        _only("--export", format=format, force=force)
        serve(project, host, port, browser=not no_browser)
        return 0
    from hrpro.studio.export import export_project

    folder = export.endswith(("/", os.sep))
    print(*export_project(Path(project), Path(export), format, folder=folder, force=force), sep="\n")
    return 0


def _demo(out: str | None = None, seed: int = 0) -> int:
    from hrpro.demo import run_demo

    run_demo(None if out is None else Path(out), seed)
    return 0


if __name__ == "__main__":
    sys.exit(main())
