"""What a format is to ``hrpro convert``: its name, how to tell it, what it holds, its reader and its
writer."""

from __future__ import annotations

import re
import urllib.parse
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from hrpro.core.errors import DataError
from hrpro.data.formats.jsonfile import read_json
from hrpro.data.formats.jsonplace import Where
from hrpro.data.formats.neutral import Annotations

HOLDINGS = ("click", "segment", "detection", "duration", "fps", "subset", "empty video")
_MEDIA = re.compile(r"(?i)\.(mp4|m4v|mkv|mov|avi|webm|og[gv]|mpe?g|m?ts|wmv|flv|3gp|wav|mp3|m4a|flac|aac)\Z")


class Source:
    """A file to read, looked at as bytes, text, lines or JSON, and what the user knows of its frame rates."""

    def __init__(self, path: Path, fps_of: Callable[[str], float | None] = lambda _: None) -> None:
        self.path, self._fps_of = path, fps_of

    @cached_property
    def content(self) -> bytes:
        try:
            content = self.path.read_bytes()
        except OSError as error:
            raise DataError(f"cannot be read: {error.strerror}", where=self.path) from None
        if not content.strip():
            raise DataError("the file is empty", where=self.path)
        return content

    @cached_property
    def text(self) -> str:
        try:
            return self.content.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = self.content.count(b"\n", 0, error.start) + 1
            where, mend = f"{self.path}:{line}", "save it as UTF-8"
            raise DataError("not UTF-8 text", where=where, mend=mend) from None

    @cached_property
    def lines(self) -> list[tuple[str, str]]:
        """The lines that are not blank, each after its place; broken at CR and LF only, as labels may have
        more."""
        lines = enumerate(re.split(r"\r\n|\r|\n", self.text), start=1)
        return [(f"{self.path}:{number}", line) for number, line in lines if line.strip()]

    @cached_property
    def json(self) -> Any:
        """None if this is not JSON at all; DataError if it sets out to be."""
        return read_json(self.path) if re.match(r'\s*(\{\s*(["}]|\Z)|\[\s*([{\]]|\Z))', self.text) else None

    def fps(self, video: str, where: Where, own: float | None = None) -> float:
        """Frames a second: the file's ``own``, else what the user says; DataError if neither is known."""
        fps = own or self._fps_of(video)
        if fps is None:
            what = f"its times are in frames, and the frames a second of {video!r} are not known"
            raise DataError(what, where=where, mend=FPS_MEND)
        return fps


FPS_MEND = "give --fps N, or --fps FILE, an ActivityNet JSON with the fps of each video"


@dataclass(frozen=True)
class Format:
    """One foreign format.

    holds: what of HOLDINGS survives in it, a detection being a segment with its score. unit: the step of
    its times, "frame" being one of each video's own. shortest: a segment of fewer steps would be
    unreadable, or read back as a click. file_of: the file, by a name of its own, into which a video goes
    (None: all into one). named_by_file: the file's name is all that tells the video. renamed: the id by
    which a video is read back.
    """

    name: str
    title: str
    suffix: str
    holds: frozenset[str]
    looks: Callable[[Source], bool] | None = None
    read: Callable[[Source], Annotations] | None = None
    write: Callable[[Annotations], str] | None = None
    unit: Literal["any", "frame", "ms", "us"] = "any"
    shortest: int = 0
    file_of: Callable[[str], str] | None = None
    named_by_file: bool = False
    renamed: Callable[[str], str] | None = None


def one_line(text: str, what: str, title: str) -> str:
    """``text`` as it is, if it is one line; else DataError, as a file of lines cannot hold it."""
    if "\n" in text or "\r" in text:
        mend = "rename it in the source"
        raise DataError(f"{what} {text!r} has a line break, which {title} cannot hold", mend=mend)
    return text


def media_name(video: str) -> str:
    """The file name by which tools that want one know a video; ``video_of`` gives the id back."""
    return re.sub(r"[/\\%?#]", lambda found: f"%{ord(found[0]):02X}", video) + ".mp4"


def video_of(media: str) -> str:
    """The id of a video, from its file name, path or address: without folders, query and media suffix."""
    text = media.strip()
    if "://" in text:
        text = re.sub(r"[?#].*", "", text) or text
    text = re.split(r"[/\\]", text.rstrip("/\\"))[-1].removeprefix("?d=")
    text = _MEDIA.sub("", text) or text
    try:
        return urllib.parse.unquote(text, errors="strict")
    except UnicodeDecodeError:
        return text
