"""Click, train, watch and correct in the browser.

PROJECT is a folder: of videos, of a data set, or of a run. All that the studio makes lies in
PROJECT/.hrpro-studio, and every click is on the disk before the page shows it. Others than this machine's
own users come in only with --host, and with the token that is printed then.

hrpro studio my_videos
hrpro studio my_videos --host 0.0.0.0                      for everyone who has the printed address
hrpro studio my_videos --import boris_events.tsv           what was annotated elsewhere
hrpro studio my_videos --export clicks.csv                 the clicks, with or without a studio open
hrpro studio my_videos --export labels/ --format elan      clicks and verified segments, a file a video
hrpro studio my_videos --export found.csv --found latest   what the last training found
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from jsonargparse import ArgumentParser
from jsonargparse.typing import NonNegativeInt

from hrpro.core.errors import ConfigError, HRProError
from hrpro.data.formats.form import FPS_MEND
from hrpro.verbs.common import only


def add_options(verb: ArgumentParser) -> None:
    own = verb.add_argument
    own("project", metavar="PROJECT", help="folder of videos, of a data set, or of a run")
    own("--host", metavar="NAME", help="address to listen at (127.0.0.1: this machine alone)")
    own("--port", type=NonNegativeInt, metavar="N", help="0: any that is free (the first one from 8765 on)")
    own("--no-browser", action="store_true", help="open no browser, only print the address")
    take = "take in what this file or folder holds, as hrpro convert reads it, and start no server"
    own("--import", dest="source", metavar="FILE", help=take)
    own("--export", metavar="OUT", help="write the clicks to this file, or folder/, and start no server")
    own("--format", metavar="F", help="format of FILE (by its content), of OUT (by its name)")
    own("--found", metavar="RUN", help="write what this training found instead (latest: the last one)")
    own("--force", action="store_true", help="overwrite OUT")


def main(
    project: str,
    host: str = "127.0.0.1",
    port: int | None = None,
    no_browser: bool = False,
    source: str | None = None,
    export: str | None = None,
    format: str | None = None,
    found: str | None = None,
    force: bool = False,
) -> int:
    try:
        import av  # noqa: F401
        import fastapi  # noqa: F401
        import uvicorn  # noqa: F401
    except ModuleNotFoundError as error:
        mend = "pip install 'hrpro[studio,video]'"
        raise ConfigError(f"the studio needs what is not installed: {error}", mend=mend) from error
    if source is not None:
        from hrpro.studio.intake import take_in

        if export is not None:
            raise ConfigError("take in first, export then", where="--import and --export")
        only("--export", found=found, force=force)
        with _own_options():
            told = take_in(Path(project), Path(source), format)
        print(*told, sep="\n")
        return 0
    if export is None:
        from hrpro.studio.launch import serve

        only("--export", found=found, force=force)
        only("--export or --import", format=format)
        serve(project, host, port, browser=not no_browser)
        return 0
    from hrpro.studio.export import export_project

    folder = export.endswith(("/", os.sep))
    with _own_options():
        told = export_project(Path(project), Path(export), format, folder=folder, force=force, run=found)
    print(*told, sep="\n")
    return 0


@contextmanager
def _own_options() -> Iterator[None]:
    """What mends a fault is said by the options that ``convert`` has; the studio has one for both formats."""
    try:
        yield
    except HRProError as error:
        mend = error.mend
        if mend == FPS_MEND:
            mend = "give times in seconds"
        elif mend is not None:
            mend = mend.replace("--from", "--format").replace("--to", "--format")
        raise type(error)(error.what, where=error.where, mend=mend) from error
