"""Localize the actions in video files, or in the recordings of a dataset folder's split.

Of each video VIDEO it writes OUT/VIDEO.json (all detections: start, end in seconds, class and score, in
ActivityNet form, best first), .csv, .srt and .vtt (those from the score on that suited the clicks of the
training best), and detections.json of all videos. What cannot be read is told, the others go on, and the
exit code is 3. Of a split it writes one file, in ActivityNet form.

hrpro predict --run run --video my_videos --out found
hrpro predict --run run --video film.mp4 --out found --min-score 0.5 --render
hrpro predict --run run --data my_data --split test --out detections.json
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jsonargparse import ArgumentParser
from jsonargparse.typing import NonNegativeInt

from hrpro.core.errors import ConfigError
from hrpro.verbs.common import engine_option, inside, only, tell


def add_options(verb: ArgumentParser) -> None:
    verb.add_argument("--run", required=True, metavar="RUN", help="folder of a finished training")
    verb.add_argument("--video", metavar="VIDEO|DIR|list.txt", help="a video, a folder, or a list of paths")
    verb.add_argument("--data", metavar="DIR", help="dataset folder")
    verb.add_argument("--split", metavar="NAME", help="recordings of DIR to localize actions in (test)")
    verb.add_argument("--out", required=True, metavar="OUT", help="folder for files; with --data, a file")
    verb.add_argument(
        "--min-score", type=float, metavar="S", help="what .csv, .srt, .vtt show (the model's own)"
    )
    verb.add_argument("--render", action="store_true", help="also write VIDEO.annotated.mp4, without sound")
    verb.add_argument("--weights", metavar="PATH", help="of the backbone, if not where they were at training")
    verb.add_argument(
        "--workers",
        type=NonNegativeInt,
        metavar="N",
        help="processes side by side (1); if one dies, one video fails",
    )
    verb.add_argument(
        "--device", metavar="NAME", help="of backbone and stages: auto, cpu, cuda, cuda:N or mps (auto)"
    )
    engine_option(verb)
    verb.add_argument("--quiet", action="store_true", help="show no progress")


def main(
    run: str,
    out: str,
    data: str | None = None,
    video: str | None = None,
    split: str | None = None,
    device: str = "auto",
    quiet: bool = False,
    **about: Any,
) -> int:
    from hrpro.runs import predict_split

    if video is None:
        only("--video", quiet=quiet, **about)
        if data is None:
            raise ConfigError("predict needs --video VIDEO or --data DIR")
        count = predict_split(Path(run), Path(data), split or "test", Path(out), device)
        print(f"{count} detections in {out}")
        return 0
    from hrpro.predictions import predict_videos
    from hrpro.video.extract import LOCAL, RAY
    from hrpro.video.jobs import manifest_name

    if data is not None:
        raise ConfigError("goes without --video", where="--data")
    only("--data", split=split)
    if about.get("engine") == RAY and device not in ("auto", "cpu"):
        raise ConfigError("with --engine ray the backbone alone is given GPUs, by itself", where="--device")
    if about.get("engine") in (None, LOCAL) and about.get("workers") is None:
        about["workers"] = 1
    found = predict_videos(run, video, out, device=device, quiet=quiet, **about)
    return tell(found, "actions", inside(out, manifest_name()))
