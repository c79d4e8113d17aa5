"""``hrpro convert``: annotations from one format into another, all of them or nothing.

Everything is read, checked and rendered before the first byte is written. A source folder is read file by
file, and a target folder gets a file a video where the format wants that.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from hrpro.core.errors import ConfigError, DataError
from hrpro.data.formats.fit import file_stems, fit
from hrpro.data.formats.form import Format, Source
from hrpro.data.formats.jsonfile import read_json, write_atomic
from hrpro.data.formats.jsonkeys import mapping
from hrpro.data.formats.jsonplace import Place
from hrpro.data.formats.neutral import Annotations, Collector, Video, counted, rate
from hrpro.data.formats.registry import by_name, guess_source, guess_target


@dataclass(frozen=True)
class Converted:
    """What was written: the files, how much is in them, and a line for each thing that is not."""

    files: tuple[Path, ...]
    source_format: str
    target_format: str
    videos: int
    clicks: int
    segments: int
    remarks: tuple[str, ...]

    def summary(self) -> str:
        """One line of what was written where."""
        first = next(iter(self.files))
        counts = ((self.clicks, "click"), (self.segments, "segment"), (self.videos, "video"))
        held = ", ".join(counted(count, noun) for count, noun in counts)
        where = f"{len(self.files)} files in {first.parent}" if len(self.files) > 1 else first
        return f"{self.source_format} to {self.target_format}: {held} in {where}"


def convert(
    source: Path,
    out: Path,
    *,
    source_format: str | None = None,
    target_format: str | None = None,
    fps: str | None = None,
    folder: bool = False,
    force: bool = False,
) -> Converted:
    """Read ``source`` (a file, or a folder of files) and write ``out``.

    source_format, target_format: names in ``registry.FORMATS``; None: by the content, and by the name of
    ``out``. fps: a number of frames a second, or an ActivityNet JSON that has each video's, where the
    source has none. folder: ``out`` is to be a folder (as it is if it is one already). force: overwrite
    what is there. Raises DataError or ConfigError, and has then written nothing.
    """
    folder = folder or out.is_dir()
    if not folder and out.exists() and not force:
        raise ConfigError("it is there already", where=out, mend="--force overwrites it")
    fps_of = _rates(fps)
    read_as, annotations = read(source, source_format, fps_of)
    target = guess_target(out, annotations) if target_format is None else by_name(target_format)
    if target.write is None:
        raise ConfigError(f"{target.title} is read here, not written")
    known = {
        id: video if video.fps is not None else replace(video, fps=fps_of(id))
        for id, video in annotations.videos.items()
    }
    # A rate the user gave is for counting frames, and no news of the source.
    fitted, said = fit(
        replace(annotations, videos=known if target.unit == "frame" else annotations.videos), target
    )
    texts = render(fitted, target, source.stem + target.suffix if folder else out.name)
    remarks = [*annotations.remarks, *said]
    if not folder:
        if len(texts) > 1:
            mend = f"name a folder: {out}{os.sep}"
            raise ConfigError(f"{target.title} takes {len(texts)} files, one a video", where=out, mend=mend)
        if target.named_by_file and (other := set(fitted.videos) - {out.stem}):
            remarks.append(
                f"only the file's name tells the video there: {other.pop()!r} becomes {out.stem!r}"
            )
        files = [out]
        write_atomic(out, next(iter(texts.values())), through=True)
    else:
        files = write_folder(out, texts, force)
    clicks = sum(len(v.clicks) for v in fitted.videos.values())
    segments = sum(len(v.segments) for v in fitted.videos.values())
    names = read_as.name, target.name
    return Converted(tuple(files), *names, len(fitted.videos), clicks, segments, tuple(remarks))


def _rates(fps: str | None) -> Callable[[str], float | None]:
    if fps is None:
        return lambda _: None
    if not Path(fps).is_file():
        everywhere = rate(fps, "--fps")
        return lambda _: everywhere
    file = Place(fps)
    database = mapping(mapping(read_json(fps), file).get("database"), file.at("database"))
    rates = {
        id: rate(entry["fps"], file.at("database", id, "fps"))
        for id, entry in database.items()
        if isinstance(entry, dict) and entry.get("fps") is not None
    }
    return rates.get


def read(path: Path, format: str | None, fps_of: Callable[[str], float | None]) -> tuple[Format, Annotations]:
    """What a file, or all files of a folder, hold, and their format (None: by the content).

    fps_of: frames a second of a video, where the file has none. Raises DataError or ConfigError.
    """
    named = None if format is None else by_name(format)
    if not path.is_dir():
        return _read_file(Source(path, fps_of), named)
    paths = sorted(p for p in path.iterdir() if p.is_file() and not p.name.startswith("."))
    if not paths:
        raise DataError("there is no file in this folder", where=path)
    together, remarks, form = Collector(), dict[str, None](), named
    for file in paths:
        found, annotations = _read_file(Source(file, fps_of), named)
        if form is not None and found is not form:
            what = f"{found.title} beside files of {form.title}"
            raise DataError(what, where=file, mend="put them in folders of their own")
        form = found
        remarks |= dict.fromkeys(f"{file.name}: {remark}" for remark in annotations.remarks)
        for id, video in annotations.videos.items():
            _add(together, id, video, str(file))
    assert form is not None
    return form, replace(together.finish(), remarks=tuple(remarks))


def _add(together: Collector, id: str, video: Video, where: str) -> None:
    together.video(id, where, duration=video.duration, fps=video.fps, subset=video.subset)
    for c in video.clicks:
        together.click(id, c.time, c.label, where)
    for s in video.segments:
        together.segment(id, s.start, s.end, s.label, where, getattr(s, "score", None))


def _read_file(source: Source, named: Format | None) -> tuple[Format, Annotations]:
    form = guess_source(source) if named is None else named
    if form.read is None:
        raise DataError(f"{form.title} is written here, not read", where=source.path)
    return form, form.read(source)


def render(fitted: Annotations, target: Format, otherwise: str) -> dict[str, str]:
    """The text of each file to write, by the file's name."""
    assert target.write is not None
    if target.file_of is None:
        return {Path(otherwise).stem + target.suffix: target.write(fitted)}
    groups: dict[str, dict[str, Video]] = {}
    for id, video in fitted.videos.items():
        groups.setdefault(target.file_of(id), {})[id] = video
    if not groups:
        raise DataError(f"there is no video, and {target.title} takes a file for each")
    stems = file_stems(groups)
    return {stems[name] + target.suffix: target.write(Annotations(videos)) for name, videos in groups.items()}


def write_folder(out: Path, texts: Mapping[str, str], force: bool) -> list[Path]:
    """All files or none: a new folder appears whole; one that is there gets files only once all are on the
    disk."""
    if out.exists() and not out.is_dir():
        raise ConfigError("is a file, where a folder is to be", where=out)
    there = [name for name in texts if (out / name).exists()]
    if folders := [name for name in there if (out / name).is_dir()]:
        raise ConfigError("is a folder, where a file is to be", where=out / folders[0])
    if there and not force:
        raise ConfigError("it is there already", where=out / there[0], mend="--force overwrites it")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=f".{out.name}.", dir=out.parent))
    except OSError as error:
        raise DataError(f"cannot be written: {error.strerror}", where=out) from None
    try:
        for name, text in texts.items():
            write_atomic(scratch / name, text)
        if out.is_dir():
            for name in texts:
                os.replace(scratch / name, out / name)
        else:
            scratch.chmod(0o777 & ~_umask())
            os.rename(scratch, out)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return [out / name for name in texts]


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
