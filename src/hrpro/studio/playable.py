"""What a video file is, and whether a browser's own player shows it, with its seconds being ours.

Our second 0 is the first picture (``video/reader.py``); a player's is the file's own zero. A file whose
pictures begin later by the file's clock is played from a copy, as is one that only some browsers can decode.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from hrpro.core.errors import DataError, HRProError
from hrpro.data.whole import write_text
from hrpro.video.reader import Reader

YES, COPY, NO = "yes", "proxy", "no"
MP4, WEBM = "video/mp4", "video/webm"
PLAYED = {  # codecs of pictures and of sound that Chromium, Firefox and Safari all decode in this container
    MP4: ({"h264"}, {"aac", "mp3"}),
    WEBM: ({"vp8", "vp9", "av1"}, {"opus", "vorbis"}),
}
PIXELS = ("yuv420p", "yuvj420p")
TYPES = {".avi": "video/x-msvideo", ".mkv": "video/x-matroska", ".mov": "video/quicktime"}
VERSION = 2
Tell = Callable[[int, int], None]


@dataclass(frozen=True)
class Facts:
    """duration: s, as claimed (None: unknown). width, height: as shown. type: Content-Type.
    start: s, the first picture's time on the file's own clock.

    playable: "yes", "proxy" (as a copy) or "no"; why: the reason if it is not "yes".
    """

    duration: float | None
    fps: float | None
    width: int | None
    height: int | None
    type: str
    playable: str
    start: float = 0.0
    why: str | None = None


def look(path: Path) -> Facts:
    """Open the file and decode its first picture."""
    try:
        reader = Reader(path, threads=1)
    except DataError as error:
        return Facts(None, None, None, None, "application/octet-stream", NO, why=error.what)
    with reader.container as container:
        info, type = reader.info, _type(container.format.name, path)
        sounds = {
            stream.codec_context.name if stream.codec_context else "?" for stream in container.streams.audio
        }
        why = _obstacle(reader, type, sounds)
    playable = YES if why is None else COPY
    return Facts(info.duration, info.fps, info.width, info.height, type, playable, info.start, why)


def _obstacle(reader: Reader, type: str, sounds: set[str]) -> str | None:
    """Why the file itself is not played everywhere."""
    info = reader.info
    videos, voices = PLAYED.get(type, (set(), set()))
    pixels = reader.container.streams.best("video").codec_context.pix_fmt
    if not videos:
        return "no browser plays this kind of file"
    if info.codec not in videos:
        return f"not every browser plays {info.codec} in this kind of file"
    if pixels not in PIXELS:
        return f"not every browser plays pictures of {pixels}"
    if not {_FAMILY.get(sound, sound) for sound in sounds} <= voices:
        return f"not every browser plays sound of {', '.join(sorted(sounds))}"
    if info.mirrored:  # quarter turns, as phones ask for them, they all make
        return "not every browser mirrors the pictures as the file asks for"
    if abs(info.start) > 0.3 / (info.fps or 25):
        return f"its pictures begin at {info.start:.2f} s of its own clock"
    return None


_FAMILY = {"mp3float": "mp3", "libopus": "opus", "libvorbis": "vorbis"}


def _type(format: str, path: Path) -> str:
    if "mp4" in format.split(","):
        return MP4  # .mov too: Firefox plays what is in it under this name only
    if "webm" in format.split(",") and _is_webm(path):
        return WEBM
    return TYPES.get(path.suffix.lower(), "application/octet-stream")


def _is_webm(path: Path) -> bool:
    with path.open("rb") as file:
        return b"\x42\x82\x84webm" in file.read(256)  # the field DocType, of four letters


def key(id: str, path: Path) -> str:
    """A file name for what is kept of this version of this video: it is another one after any change."""
    found = path.stat()
    return f"{_named(id)}-{found.st_size:x}-{found.st_mtime_ns:x}"


def _named(id: str) -> str:
    return sha256(id.encode("utf-8", "replace")).hexdigest()[:24]


class FactsBook:
    """Facts kept in ``file``, so that a project of a thousand videos opens at once the next time."""

    def __init__(self, file: Path) -> None:
        self._file, self._known, self._saved = file, dict[str, Facts](), 0
        with suppress(OSError, ValueError, TypeError, AttributeError):
            kept: dict[str, Any] = json.loads(file.read_text("utf-8"))
            if kept.pop("version", None) == VERSION:
                self._known = {name: Facts(**facts) for name, facts in kept.items()}
        self._saved = len(self._known)

    def of_all(self, files: Mapping[str, Path], tell: Tell | None = None) -> dict[str, Facts]:
        """Of each file that is there; those that are new are opened a few at a time, and kept. tell: told, of
        the new ones, how many are done and how many there are."""
        names = dict[str, str]()
        for id, path in files.items():
            with suppress(OSError):
                names[id] = key(id, path)
        new = [id for id, name in names.items() if name not in self._known]
        if new:
            with ThreadPoolExecutor(4) as pool:
                found = pool.map(lambda id: look(files[id]), new)
                for done, (id, facts) in enumerate(zip(new, found, strict=True), 1):
                    self._known[names[id]] = facts
                    if tell is not None:
                        tell(done, len(new))
            self.save()
        return {id: self._known[name] for id, name in names.items()}

    def of(self, id: str, path: Path) -> Facts:
        """Looked up, or found out now (some 10 ms). OSError: the file is gone."""
        name = key(id, path)
        facts = self._known.get(name)
        if facts is None:
            self._known[name] = facts = look(path)
        return facts

    def renamed(self, id: str, files: Mapping[str, Path]) -> str | None:
        """Which of ``files`` is what ``id`` was, by size and time of writing; None: none, or several."""
        were = {name.partition("-")[2] for name in self._known if name.startswith(f"{_named(id)}-")}
        same = list[str]()
        for other, path in files.items():
            with suppress(OSError):
                if key(other, path).partition("-")[2] in were:
                    same.append(other)
        return same[0] if len(same) == 1 else None

    def save(self) -> None:
        """Keep what was found out since the last time."""
        known = dict(self._known)
        if len(known) > self._saved:
            self._saved = len(known)
            with suppress(HRProError):  # a full disk costs the next start some time, no more
                facts = {name: asdict(facts) for name, facts in known.items()}
                write_text(self._file, json.dumps({"version": VERSION, **facts}))
