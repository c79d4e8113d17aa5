"""Time of a full evaluation against the time of reading its input: ``python benchmarks/evaluation.py``.

Both are measured in turn in one run on the 31,587 detections of the shared reference: ``json.load`` of the
file, and the way from that parsed JSON to the table of AP by class and tIoU (0.1 to 0.7). The aim is a ratio
of the medians below 3; the command ends with 1 if it is missed or if the figures are not the reference's.
"""

from __future__ import annotations

import csv
import gc
import json
import sys
from pathlib import Path
from statistics import median
from time import perf_counter

import numpy as np

from hrpro.data.formats.activitynet import GroundTruth, parse_detections, read_ground_truth
from hrpro.metrics.detection import MAPResult, mean_average_precision

SHARED = Path(__file__).resolve().parents[1].parent / "shared"
GOLDEN = SHARED / "golden/evaluation_thumos14"
LEFT_OUT = ("video_test_0000270", "video_test_0001292", "video_test_0001496")
ROUNDS = 25


def main() -> int:
    if not GOLDEN.exists():
        print(f"skipped: {GOLDEN} is not here")
        return 0
    path = GOLDEN / "detections.json"
    truth = read_ground_truth(SHARED / "data/annotations/thumos14/gt_full.json", "Test", LEFT_OUT)
    rounds = [one_round(path, truth) for _ in range(ROUNDS)]
    result = rounds[-1][2]
    loading, evaluating = median(row[0] for row in rounds), median(row[1] for row in rounds)
    ratio = evaluating / loading
    error = largest_difference(result)
    print(f"detections        {result.n_detections.sum() + result.coverage.unknown_video_detections}")
    print(f"average mAP       {result.average():.5f} (largest difference from the reference {error:.1e})")
    print(f"json.load         {1e3 * loading:6.1f} ms (median of {ROUNDS})")
    print(f"evaluation        {1e3 * evaluating:6.1f} ms (median of {ROUNDS})")
    print(f"ratio             {ratio:6.2f}    (aim: below 3)")
    return int(ratio >= 3 or error > 1e-6)


def one_round(path: Path, truth: GroundTruth) -> tuple[float, float, MAPResult]:
    """Seconds to load, seconds from the parsed JSON to the AP, and the result."""
    gc.collect()
    start = perf_counter()
    with open(path, encoding="utf-8") as file:
        payload = json.load(file)
    loaded = perf_counter()
    result = mean_average_precision(truth.videos, parse_detections(payload), "0.1:0.7:0.1")
    return loaded - start, perf_counter() - loaded, result


def largest_difference(result: MAPResult) -> float:
    """Largest absolute difference between the AP of any class and tIoU and the reference's."""
    with open(GOLDEN / "ap.csv", newline="") as file:
        _, *rows = csv.reader(file)
    expected = np.array([row[1:] for row in sorted(rows)], np.float64)
    return float(np.abs(result.ap - expected).max())


if __name__ == "__main__":
    sys.exit(main())
