"""Make features of video files, once each: <id>.safetensors and a manifest in the folder --out.

An id is the video's path below DIR (or below the list's folder) without its ending. Files that were made
before from the same content with the same settings and weights are kept. What cannot be read is told, the
others go on, and the exit code is 3. Stopped in any way, the same command goes on where it stood. The
videos, a list and --out may be at URLs of any kind that fsspec opens, as with s3fs s3://.

hrpro extract my_videos --out features
hrpro extract list.txt --out features --workers 8 --shard 2/4     on the second of four machines
hrpro extract my_videos --out features --backbone i3d --weights i3d_weights --flow dis
hrpro extract s3://bucket/videos --out s3://bucket/features --engine ray      on all machines of a cluster
"""

from __future__ import annotations

from jsonargparse import ArgumentParser

from hrpro.verbs.common import backbone_options, backbone_words, engine_option, inside, tell


def add_options(verb: ArgumentParser) -> None:
    verb.add_argument("videos", metavar="VIDEO|DIR|list.txt", help="a video, a folder, or a list of paths")
    verb.add_argument("--out", required=True, metavar="FEATURES", help="folder for features; made if need be")
    backbone_options(verb)
    verb.add_argument("--shard", metavar="I/N", help="the I-th of N equal parts of the videos alone (all)")
    engine_option(verb)
    verb.add_argument("--quiet", action="store_true", help="show no progress")


def main(
    videos: str,
    out: str,
    backbone: str = "classic",
    weights: str | None = None,
    flow: str | None = None,
    precision: str | None = None,
    device: str | None = None,
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
        options=backbone_words(flow=flow, precision=precision, device=device),
        workers=workers,
        part=shard,
        engine=engine,
        quiet=quiet,
    )
    return tell(made, "snippets", inside(out, manifest_name(shard)))
