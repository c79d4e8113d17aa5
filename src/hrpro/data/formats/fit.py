"""What of some annotations a format can hold, and in words what it cannot: nothing is lost unsaid."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace

from hrpro.core.annotations import Click, Detection, Segment
from hrpro.core.errors import DataError
from hrpro.data.formats.form import FPS_MEND, Format
from hrpro.data.formats.neutral import Annotations, Video, counted

_STEPS = {"ms": 1e3, "us": 1e6}
_STEP_NAMES = {"ms": "milliseconds", "us": "microseconds", "frame": "frames"}


def fit(annotations: Annotations, form: Format) -> tuple[Annotations, list[str]]:
    """``annotations`` as they are read back from ``form``, and one line for each way in which they are less.

    Raises DataError where a video's frames a second are needed and unknown, where two videos would become
    one, and where there are annotations but the format holds none of them.
    """
    lost: Counter[str] = Counter()
    changed: Counter[str] = Counter()
    videos: dict[str, Video] = {}
    for id, video in annotations.videos.items():
        kept = _on_steps(id, _held(video, form, lost), form, changed)
        if kept.clicks or kept.segments or "empty video" in form.holds:
            videos[id] = kept
        elif not (video.clicks or video.segments):
            lost["empty video"] += 1
    total = sum(len(v.clicks) + len(v.segments) for v in annotations.videos.values())
    if total and not any(v.clicks or v.segments for v in videos.values()):
        mend = "name another format with --to"
        raise DataError(f"{form.title} can hold nothing of it: {_told(lost)}", mend=mend)
    said = [f"left out, as {form.title} cannot hold it: {_told(lost)}"] if +lost else []
    if changed["moved"]:
        said.append(f"times are rounded to {_STEP_NAMES[form.unit]}: {changed['moved']} of them moved")
    if changed["lengthened"]:
        least = (
            f"{form.shortest} {_STEP_NAMES[form.unit] if form.shortest > 1 else _STEP_NAMES[form.unit][:-1]}"
        )
        said.append(f"{counted(changed['lengthened'], 'shorter segment')} lengthened to {least}")
    names = form.renamed or (lambda id: id)
    if form.named_by_file:
        stems = file_stems(videos)
        names = stems.__getitem__
    other = {id: names(id) for id in videos if names(id) != id}
    if other:
        id, new = next(iter(other.items()))
        said.append(f"{counted(len(other), 'video')} named otherwise there, as {id!r} is {new!r}")
    new_ids = [other.get(id, id) for id in videos]
    if twice := [id for id, count in Counter(new_ids).items() if count > 1]:
        raise DataError(f"two videos would both be {twice[0]!r} in {form.title}")
    return Annotations(dict(zip(new_ids, videos.values(), strict=True))), said


def _told(lost: Mapping[str, int]) -> str:
    return ", ".join(counted(count, noun) for noun, count in lost.items() if count)


def _held(video: Video, form: Format, lost: Counter[str]) -> Video:
    holds = form.holds
    if "click" not in holds:
        lost["click"] += len(video.clicks)
        video = replace(video, clicks=())
    segments: list[Segment | Detection] = []
    for s in video.segments:
        if isinstance(s, Detection) and "detection" not in holds and "segment" in holds:
            lost["score"] += 1
            segments.append(Segment(s.start, s.end, s.label))
        elif ("detection" if isinstance(s, Detection) else "segment") in holds:
            segments.append(s)
        else:
            lost["segment" if "detection" not in holds else "unscored segment"] += 1
    for fact, noun in (("duration", "duration"), ("fps", "frame rate"), ("subset", "subset name")):
        counts_by_it = fact == "fps" and form.unit == "frame"
        if fact not in holds and getattr(video, fact) is not None and not counts_by_it:
            lost[noun] += 1
            video = replace(video, **{fact: None})
    return replace(video, segments=tuple(segments))


def _on_steps(id: str, video: Video, form: Format, changed: Counter[str]) -> Video:
    """The video with its times on the format's steps."""
    if form.unit == "any" or not (video.clicks or video.segments):
        return video
    rate = _STEPS.get(form.unit, video.fps)
    if rate is None:
        raise DataError(
            f"{form.title} is in frames, and those a second of {id!r} are not known", mend=FPS_MEND
        )

    def step(time: float) -> int:
        steps = round(time * rate)
        changed["moved"] += abs(steps / rate - time) > 1e-9 + 1e-15 * time
        return steps

    clicks = tuple(Click(step(c.time) / rate, c.label) for c in video.clicks)
    segments: list[Segment | Detection] = []
    for s in video.segments:
        start, end = step(s.start), step(s.end)
        if end - start < form.shortest:
            end = start + form.shortest
            changed["lengthened"] += 1
        segments.append(replace(s, start=start / rate, end=end / rate))
    return replace(video, clicks=clicks, segments=tuple(segments))


def file_stems(names: Iterable[str]) -> dict[str, str]:
    """A file name without suffix for each name, no two alike even where case does not count."""
    stems: dict[str, str] = {}
    taken: set[str] = set()
    for name in names:
        plain = re.sub(r'[\x00-\x1f<>:"/\\|?*]', "_", name).rstrip(". ")
        plain = re.sub(r"^\.", "_", plain) or "_"
        plain = plain.encode()[:180].decode(errors="ignore").rstrip(". ")
        stem, n = plain, 1
        while stem.casefold() in taken:
            n += 1
            stem = f"{plain}-{n}"
        taken.add(stem.casefold())
        stems[name] = stem
    return stems
