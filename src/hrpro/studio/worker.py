"""The process that does one job: python -m hrpro.studio.worker JOB_FOLDER ATTEMPT

It is of a session of its own and of low priority, so it goes on when the server is killed and never keeps it
waiting. It holds the lock of its folder (handed over by the server at its start) until it ends, however it
ends; that, and the file that it tells its progress in, is how a server finds it again. SIGINT stops it
between two steps; the same job started again goes on from there.
"""

from __future__ import annotations

import errno
import os
import signal
import sys
import traceback
from contextlib import suppress
from pathlib import Path
from types import FrameType

from hrpro.core.errors import HRProError
from hrpro.studio.progress_file import Teller

DONE, FAILED, STOPPED = 0, 1, 130
NICE = 10


def main(folder: Path, attempt: int) -> int:
    """Do the job; its end is told in the progress file, the exit code says the same."""
    asked: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        asked.append(number)

    # While libraries load, an interrupt could leave one half loaded, and be told as its fault.
    signal.signal(signal.SIGINT, note)
    tell = Teller(folder, attempt)
    with suppress(OSError, AttributeError):
        os.nice(NICE)
    root = ""
    try:
        from hrpro.studio.spec import Spec
        from hrpro.studio.work import do

        spec = Spec.read(folder)
        root = spec.root
        signal.signal(signal.SIGINT, signal.default_int_handler)
        if asked:
            raise KeyboardInterrupt
        said = do(spec, folder, tell)
    except KeyboardInterrupt:
        tell.end("stopped", "Stopped; it goes on from here.")
        return STOPPED
    except BaseException as error:
        traceback.print_exc()  # into worker.log, for whoever is asked what happened
        tell.end("failed", "", sentence(error, root))
        return FAILED
    tell.end("done", said)
    return DONE


def sentence(error: BaseException, root: str) -> str:
    """What went wrong, where, and what to do, in one line; without the path to the project's folder."""
    if isinstance(error, HRProError):
        text = str(error)
    elif isinstance(error, OSError) and error.errno == errno.ENOSPC:
        text = "the disk is full (free some space, then resume)"
    elif isinstance(error, MemoryError):
        text = "there is not enough memory (end other programs, then resume)"
    else:
        text = f"unexpected {type(error).__name__}: {error} (worker.log in the job's folder has the details)"
    text = " ".join(text.split())
    return text.replace(f"{root}/", "").replace(root, "the project") if root else text


if __name__ == "__main__":
    code = main(Path(sys.argv[1]), int(sys.argv[2]))
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # all is written; taking the libraries down would hold the lock for seconds
