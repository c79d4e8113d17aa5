"""All formats by name, and which of them a file is in."""

from __future__ import annotations

from pathlib import Path

from hrpro.core.annotations import Detection
from hrpro.core.errors import ConfigError, DataError
from hrpro.data.faults import did_you_mean
from hrpro.data.formats import (
    activitynet_files,
    audacity,
    boris,
    elan,
    fiftyone,
    labelstudio,
    lacp,
    seconds,
    segments,
    sfnet,
    soccernet,
    subtitles,
    via,
)
from hrpro.data.formats.form import Format, Source
from hrpro.data.formats.neutral import Annotations

# In the order in which a file is held against them: what names itself first, bare columns last.
_ALL = (
    elan.FORMAT,
    activitynet_files.TRUTH,
    activitynet_files.RESULTS,
    via.FORMAT,
    labelstudio.FORMAT,
    soccernet.FORMAT,
    fiftyone.FORMAT,
    subtitles.VTT,
    boris.FORMAT,
    segments.FORMAT,
    lacp.FORMAT,
    seconds.FORMAT,
    audacity.FORMAT,
    sfnet.FORMAT,
    subtitles.SRT,
)
FORMATS = {form.name: form for form in _ALL}


def by_name(name: str) -> Format:
    """The format of this name; ConfigError, with the names there are, if there is none."""
    if name not in FORMATS:
        mend = did_you_mean(name, FORMATS) or f"there are: {', '.join(sorted(FORMATS))}"
        raise ConfigError(f"there is no format {name!r}", mend=mend)
    return FORMATS[name]


def guess_source(source: Source) -> Format:
    """The format that a file is in, by what stands in it; DataError if it is in none."""
    for form in _ALL:
        if form.looks is not None and form.looks(source):
            return form
    mend = f"name it with --from: {', '.join(sorted(name for name, form in FORMATS.items() if form.read))}"
    raise DataError(f"it is in no format known here{_first_words(source)}", where=source.path, mend=mend)


def _first_words(source: Source) -> str:
    """What a file of lines begins with, so that one sees what was held against the formats."""
    if source.json is not None:
        kind = "an object" if isinstance(source.json, dict) else "a list"
        keys = f" of {', '.join(map(repr, list(source.json)[:5]))}" if isinstance(source.json, dict) else ""
        return f"; it is JSON, {kind}{keys}"
    where, line = source.lines[0]
    return f"; line {where.rpartition(':')[2]} is {line.strip()[:60]!r}"


def guess_target(out: Path, annotations: Annotations) -> Format:
    """The format to write, by the name of ``out``; for ``.json`` by whether there are scores, for ``.csv`` by
    whether there are clicks or only segments."""
    spans = [s for video in annotations.videos.values() for s in video.segments]
    if out.suffix == ".json":
        scored = bool(spans) and all(isinstance(s, Detection) for s in spans)
        return activitynet_files.RESULTS if scored else activitynet_files.TRUTH
    only_spans = bool(spans) and not any(video.clicks for video in annotations.videos.values())
    certain = {".csv": segments.FORMAT if only_spans else seconds.FORMAT} | {
        form.suffix: form for form in (elan.FORMAT, boris.FORMAT, subtitles.VTT, subtitles.SRT)
    }
    if out.suffix.lower() not in certain:
        what, mend = "its name does not tell the format to write", f"--to {' | '.join(sorted(FORMATS))}"
        raise ConfigError(what, where=out, mend=mend)
    return certain[out.suffix.lower()]
