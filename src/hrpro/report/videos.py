"""The videos one by one: the best, the typical and the worst first, with links to their moments."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import quote

from hrpro.core.annotations import Detection, Detections
from hrpro.data.formats.neutral import counted
from hrpro.report.collect import GOOD, Result, RunResult, Subject
from hrpro.report.figure import Figure, Section
from hrpro.report.markup import Markup, joined, name_of, paragraph, table, tag
from hrpro.report.timelines import Strip, timeline

EACH, MOST = 3, 60
"""So many of the best, of the typical, of the worst; and so many timelines at the most."""


def videos(subject: Subject, run: RunResult, result: Result | None, page: Path) -> list[Section]:
    """Sections of timelines; ``page``: the report's file, which links to videos start from."""
    numbers = {id: number for number, id in enumerate(subject.seconds, 1)}
    if result is None:
        groups = {"Videos": list(numbers)}
    else:
        groups = {f"{name} videos": ids for name, ids in pick(result.f1).items()}
        drawn = {id for ids in groups.values() for id in ids}
        groups["Other videos"] = [id for id in numbers if id not in drawn]
    found = run.shown()
    sections, left = [], MOST
    for title, ids in groups.items():
        body: list[Markup | Figure] = [] if sections else [_lead(subject, run, result)]
        for id in ids[:left]:
            strip = _strip(subject, found[id], result, id)
            f1 = None if result is None else result.f1.get(id)
            body += _video(strip, run, f1, _link(subject.files.get(id), page), numbers[id])
        if ids[left:]:
            body.append(paragraph(f"{len(ids[left:])} more are not drawn.", class_="note"))
        left -= len(ids[:left])
        if ids:
            sections.append(Section(title.lower().replace(" ", "-"), title, body))
    return sections


def pick(f1: dict[str, float]) -> dict[str, list[str]]:
    """Best, typical (around the median) and worst videos, none twice; of fewer than three, all are "All"."""
    ranked = sorted(f1, key=lambda id: -f1[id])
    each = min(EACH, len(ranked) // 3)
    if not each:
        return {"All": ranked}
    first = (len(ranked) - each) // 2
    first = min(max(first, each), len(ranked) - 2 * each)
    return {
        "Best": ranked[:each],
        "Typical": ranked[first : first + each],
        "Worst": ranked[-each:][::-1],
    }


def _strip(subject: Subject, shown: Detections, result: Result | None, id: str) -> Strip:
    facts = id, subject.seconds[id]
    clicks = subject.clicks.get(id, ())
    if result is None or id not in result.truth:
        return Strip(*facts, (), clicks, list(shown), None, ())
    judged, columns = result.shown, result.shown.columns
    video = columns.videos.index(id)
    own = (columns.video_index == video) & (columns.labels >= 0)
    rows = zip(columns.segments[own], columns.labels[own], columns.scores[own], strict=True)
    found = [
        Detection(float(start), float(end), columns.classes[label], float(score))
        for (start, end), label, score in rows
    ]
    strangers = [
        d for d in shown if d.label not in columns.classes
    ]  # of classes that the truth does not hold
    right = judged.hit[own, 0].tolist() + [False] * len(strangers)
    missed = (~judged.found[columns.true_videos == video, 0]).tolist()
    return Strip(*facts, result.truth[id], clicks, found + strangers, right, missed)


def _lead(subject: Subject, run: RunResult, result: Result | None) -> Markup:
    words = f"Shown are predictions with a score of {run.min_score:.3g} or more, from which on the model "
    words += (
        "takes them to be worth showing. P: the class's fused activation, A: attention, both from 0 to 1."
    )
    if result is not None:
        words += (
            f" Videos are ranked by F1 of what is shown at tIoU {GOOD:g}; red frames: predictions that are "
        )
        words += "not matched, true segments that are missed."
    if not any(subject.clicks.values()):
        words += " There are no clicks in these videos."
    if subject.files:
        words += " A click on a bar, or a time below, plays the video from there."
    return paragraph(words)


def _video(
    strip: Strip, run: RunResult, f1: float | None, link: str | None, number: int
) -> list[Markup | Figure]:
    right = "" if strip.right is None else f"{sum(strip.right)} right, "
    facts = (
        f"{strip.seconds:.1f} s; {counted(len(strip.found), 'prediction')}: {right}"
        if strip.found
        else (f"{strip.seconds:.1f} s; no predictions to show: ")
    )
    facts += (
        f"{counted(len(strip.truth), 'true segment')}, {sum(strip.missed)} missed"
        if f1 is not None
        else "no truth known"
    )
    heading = tag("h3", name_of(strip.id), id=f"video-{number}")
    if left := [label for label in strip.labels if label not in strip.drawn]:
        facts += f". {len(left)} more classes occur and are not drawn, only listed: {', '.join(left)}"
    score = [tag("b", f" F1 {f1:.2f}. ")] if f1 is not None else []
    parts: list[Markup | Figure] = [heading, paragraph(*score, facts, class_="facts")]
    parts.append(timeline(strip, run.traces(strip.id), run.classes, f"timeline-{number:03d}"))
    if link is not None:
        parts.append(
            tag(
                "details",
                tag("summary", "Video"),
                tag("video", controls="", preload="none", src=link),
                class_="player",
            )
        )
    if strip.found or strip.truth:
        parts.append(tag("details", tag("summary", "Segments"), _segments(strip, link)))
    return parts


def _segments(strip: Strip, link: str | None) -> Markup:
    verdicts = strip.right if strip.right is not None else [None] * len(strip.found)
    rows = [
        (d, "prediction", f"{d.score:.3f}", {None: "", True: "right", False: "wrong"}[verdict])
        for d, verdict in zip(strip.found, verdicts, strict=True)
    ]
    rows += [
        (s, "truth", "", "missed" if missed else "found")
        for s, missed in zip(strip.truth, strip.missed, strict=True)
    ]
    rows.sort(key=lambda row: (row[0].start, row[1]))
    cells = [
        [name_of(segment.label), kind, verdict, _moment(segment.start, link), f"{segment.end:.2f}", score]
        for segment, kind, score, verdict in rows
    ]
    return table(["class", "what", "", "start (s)", "end (s)", "score"], cells, text_columns=3)


def _moment(seconds: float, link: str | None) -> Markup:
    """A time, as a link into the video where there is one."""
    if link is None:
        return joined([f"{seconds:.2f}"])
    href = f"{link}#t={max(seconds, 0):.2f}"
    return tag("a", f"{seconds:.2f}", href=href, target="_blank", data_seek=f"{max(seconds, 0):.2f}")


def _link(video: Path | None, page: Path) -> str | None:
    """Relative from the page, quoted: no name can become another address."""
    if video is None:
        return None
    relative = os.path.relpath(video.absolute(), page.absolute().parent)
    return quote(Path(relative).as_posix(), errors="surrogateescape")
