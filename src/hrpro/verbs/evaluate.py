"""Compare detections with the ground truth: AP of each class and tIoU, and mAP.

Interpolated AP as in ActivityNet's evaluation. The last line is the average mAP over all --tiou.

hrpro evaluate --ground-truth gt_full.json --detections detections.json --subset Test
hrpro evaluate ... --tiou 0.5:0.95:0.05 --recall           ActivityNet's range, and AR@AN
hrpro evaluate ... --exclude video_test_0000270,video_test_0001292,video_test_0001496
      --drop-labels Ambiguous --ambiguous Ambiguous_test.txt     THUMOS14's customs
"""

from __future__ import annotations

from typing import Any

from jsonargparse import ArgumentParser

from hrpro.verbs.common import customs_options, listed


def add_options(verb: ArgumentParser) -> None:
    own = verb.add_argument
    own("--ground-truth", required=True, metavar="FILE", help="true actions, in ActivityNet form")
    own("--detections", required=True, metavar="FILE", help="what predict wrote")
    own("--subset", metavar="NAME", help="only videos of this subset, in any case (all)")
    customs_options(verb)
    own("--tiou", metavar="RANGE", help="start:stop:step, or numbers with commas between (0.1:0.7:0.1)")
    own("--json", metavar="FILE", help="write the figures there too")
    own("--csv", metavar="FILE", help="write the table there too")
    recall = "also AR@AN: the recall, over --tiou, of the best 1, 5, 10, 50 and 100 a video"
    own("--recall", action="store_true", help=recall)
    moments = "also the single-moment mAP: is the peak of a detection within a true action"
    own("--moments", action="store_true", help=moments)
    diagnosed = "also the kinds of errors at tIoU 0.5, and what is found by length"
    own("--diagnose", action="store_true", help=diagnosed)


def main(
    ground_truth: str,
    detections: str,
    tiou: str = "0.1:0.7:0.1",
    json: str | None = None,
    csv: str | None = None,
    diagnose: bool = False,
    recall: bool = False,
    moments: bool = False,
    **which: Any,
) -> int:
    from rich.console import Console

    from hrpro.metrics.files import diagnosis_tables, evaluate_files, table

    which = listed(which)
    asked: dict[str, Any] = {"tiou": tiou, "recall": recall, "moments": moments}
    result = evaluate_files(ground_truth, detections, **which, **asked, json_file=json, csv_file=csv)
    console, view = Console(), table(result)
    # Figures cut off say nothing; lines that a terminal breaks can be read.
    wide = max(console.width, console.measure(view, options=console.options.update_width(10_000)).maximum)
    Console(width=wide).print(view)
    if diagnose:
        for one in diagnosis_tables(ground_truth, detections, **which):
            console.print(one)
    for remark in result.coverage.remarks():
        console.print(remark, highlight=False, markup=False)
    if result.moment is not None and result.moment.at_middles:
        print("moments: not all detections name a peak, so their middles were judged")
    print(f"average mAP = {result.average():.4f}")
    return 0
