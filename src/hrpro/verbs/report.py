"""Show what runs found, and where they fail, in one HTML file that opens offline and prints.

Of the first run: settings, training curves, mAP and AP of each class, precision and recall, kinds of
errors, scores before and after stage 2, and a timeline of every video with true segments, clicks,
predictions, P and A; then the others held against it, with paired bootstrap over videos. Without ground
truth, what needs it is left out. With --videos alone (a run that was trained with --videos), features
that are missing in RUN/features are extracted first.

hrpro report --run run --data my_data --out report.html
hrpro report --run run --run other --data my_data --out report.html --figures figures --format svg
hrpro report --run run --videos my_videos --out report.html
hrpro report --run run --data thumos14 --out report.html --drop-labels Ambiguous
      --ambiguous Ambiguous_test.txt                       figures as evaluate gives with these
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jsonargparse import ArgumentParser

from hrpro.verbs.common import POINTS, customs_options, listed, only


def add_options(verb: ArgumentParser) -> None:
    own = verb.add_argument
    runs = "folder of a finished training; given again, the others are compared with the first"
    own("--run", required=True, action="append", metavar="RUN", help=runs)
    own("--data", metavar="DIR", help="dataset folder")
    own("--split", metavar="NAME", help="recordings of DIR to report on (test)")
    own("--videos", metavar="DIR", help="video files for the page to play (DATA/videos), or to report on")
    own("--clicks", metavar="TABLE", help=f"clicks to show; {POINTS}")
    own(
        "--ground-truth",
        metavar="FILE",
        help="true actions, in ActivityNet form (the dataset's gt_full.json)",
    )
    customs_options(verb)
    own("--click-curves", metavar="FILE", help="also show these trials, of benchmarks/clicks.py --json")
    own("--out", required=True, metavar="FILE", help="the report, as .html")
    own("--figures", metavar="DIR", help="also write each figure there; needs Chromium")
    own("--format", choices=["png", "svg"], help="of those (png)")
    own("--device", metavar="NAME", help="auto, cpu, cuda, cuda:N or mps (auto)")
    own("--quiet", action="store_true", help="show no progress")


def main(
    run: Sequence[str],
    out: str,
    data: str | None = None,
    split: str | None = None,
    quiet: bool = False,
    device: str = "auto",
    format: str | None = None,
    exclude: str = "",
    drop_labels: str = "",
    **files: str,
) -> int:
    from hrpro.reports import report

    if data is None:
        only("--data", split=split)
    if "figures" not in files:
        only("--figures", format=format)
    paths = {name: Path(path) for name, path in {**files, "data": data}.items() if path is not None}
    which: dict[str, Any] = {**paths, **listed({"exclude": exclude, "drop_labels": drop_labels})}
    written = report(
        [Path(one) for one in run],
        Path(out),
        split=split or "test",
        quiet=quiet,
        device=device,
        format=format or "png",
        **which,
    )
    print(f"report in {out}")
    if len(written) > 1:
        print(f"{len(written) - 1} figures in {files['figures']}")
    return 0
