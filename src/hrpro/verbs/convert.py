"""Turn clicks and segments from one tool's format into another's.

Reads and writes: activitynet, activitynet-results, audacity, boris, elan, fiftyone, label-studio, lacp,
seconds, segments, sfnet, soccernet, via. Writes only: srt, webvtt. If --from and --to do not say, what SRC is
in is told by its content, and what OUT is to be by its name (.csv, .json, .eaf, .tsv, .vtt, .srt). A fault in
SRC is told with its line, and nothing is written then. What OUT cannot hold is told in one line.

hrpro convert via_project.json clicks.csv
hrpro convert thumos14/point_gaussian.csv clicks.csv --fps thumos14/gt_full.json
hrpro convert my_eaf_files clicks.csv                      a folder of files is read as one
hrpro convert detections.json subtitles/ --to webvtt       a folder of files, one a video
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from jsonargparse import ArgumentParser


def add_options(verb: ArgumentParser) -> None:
    own = verb.add_argument
    own("source", metavar="SRC", help="file, or folder of files")
    own("out", metavar="OUT", help="file; or folder, with a slash at its end, for one file a video")
    own("--from", dest="source_format", metavar="F", help="format of SRC (by its content)")
    own("--to", dest="target_format", metavar="F", help="format of OUT (by its name)")
    fps = "frames a second, or an ActivityNet JSON that has each video's, where SRC has none"
    own("--fps", metavar="N|FILE", help=fps)
    own("--force", action="store_true", help="overwrite OUT")


def main(source: str, out: str, **options: Any) -> int:
    from hrpro.convert import convert

    folder = out.endswith(("/", os.sep))
    made = convert(Path(source), Path(out), folder=folder, **options)
    print(*made.remarks, made.summary(), sep="\n")
    return 0
