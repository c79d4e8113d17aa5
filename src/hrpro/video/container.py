"""Open a video file and choose its film: one clear line for whatever cannot be shown."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import av
import av.error

from hrpro.core.errors import DataError

COVER = 0x0400  # AV_DISPOSITION_ATTACHED_PIC: an audio file's picture
FAULTS = (av.error.FFmpegError, OSError)
REPLACE = "copy or download the file again; does a player show it?"


def open_container(path: Path) -> Any:
    """The file as an av.InputContainer; DataError: missing, empty, a folder, no video, damaged."""
    try:
        if path.is_dir():
            raise DataError("is a folder, not a video file", where=path)
        if path.stat().st_size == 0:
            raise DataError("the file is empty (0 bytes)", where=path, mend=REPLACE)
        # "file:" keeps a colon in the name from being taken for a protocol.
        container = av.open(f"file:{path}", metadata_errors="replace")
    except FileNotFoundError:
        raise DataError("no such file", where=path) from None
    except av.error.InvalidDataError as error:
        raise DataError("not a video, or too damaged to open", where=path, mend=REPLACE) from error
    except FAULTS as error:
        raise DataError(f"cannot be opened: {reason(error)}", where=path, mend=REPLACE) from error
    if container.format.name == "tty":  # FFmpeg would paint a text file as pictures
        container.close()
        raise DataError("is a text file, not a video", where=path)
    return container


def best_stream(container: Any, path: Path) -> Any:
    """Its main video stream (covers of audio files are none); DataError: none, or no decoder for it."""
    stream = container.streams.best("video")
    if stream is not None and stream.disposition.value & COVER:
        films = [other for other in container.streams.video if not other.disposition.value & COVER]
        stream = films[0] if films else None
    if stream is None:
        kinds = ", ".join(sorted({other.type for other in container.streams}))
        raise DataError(f"no video stream in it, only: {kinds or 'nothing'}", where=path)
    if stream.codec_context is None:
        raise DataError("no decoder here for its video codec", where=path, mend="convert it to H.264")
    return stream


def reason(error: Exception) -> str:
    """FFmpeg's words for an error."""
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
