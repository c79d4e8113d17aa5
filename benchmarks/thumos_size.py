"""A training of THUMOS14's size by the commands: 200 recordings, both stages; then 210 are localized.

    python benchmarks/thumos_size.py --simulate ../shared/tools/simulate_features.py \\
        --annotations ../shared/data/annotations/thumos14

Lays simulated features under the real annotations and times ``hrpro train``, ``predict`` and ``evaluate``.
Ends with 1 if they take 20 minutes or more together, the aim on two cores.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

AIM = 20 * 60.0  # s
SHARED = Path(__file__).resolve().parents[1].parent / "shared"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--simulate", type=Path, default=SHARED / "tools/simulate_features.py")
    parser.add_argument("--annotations", type=Path, default=SHARED / "data/annotations/thumos14")
    parser.add_argument("--width", type=int, default=256)
    parser.add_argument("--method", default="hrpro")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        data, run, found = (Path(scratch, name) for name in ("data", "run", "detections.json"))
        made = [sys.executable, args.simulate, args.annotations, data, "--dim", str(args.width)]
        subprocess.run(list(map(str, made)), check=True)
        whole = 0.0
        for words in (
            ["train", "--data", data, "--run", run, "--method", args.method],
            ["predict", "--run", run, "--data", data, "--split", "test", "--out", found],
            ["evaluate", "--ground-truth", data / "gt_full.json", "--detections", found, "--subset", "Test"],
        ):
            began = time.perf_counter()
            subprocess.run([sys.executable, "-m", "hrpro", *map(str, words)], check=True)
            taken = time.perf_counter() - began
            whole += taken
            print(f"{words[0]}: {taken / 60:.1f} min", flush=True)
    print(f"together {whole / 60:.1f} min; aim {AIM / 60:.0f}")
    sys.exit(whole >= AIM)


if __name__ == "__main__":
    main()
