"""Clicks as people make them, drawn from true segments: spread, astray, missing, doubled, few recordings.

For measuring alone: training never sees a segment, and nothing in the package draws clicks from them.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from hrpro.core.annotations import Click, Segment

LAST = 0.999
"""The latest place in a segment, as a share of its length: its very end belongs to what follows."""


@dataclass(frozen=True)
class Design:
    """How clicks are made. ValueError unless sd >= 0 and all others are shares in [0, 1], share above 0."""

    sd: float = 0.04
    """Standard deviation of a click's place about the middle, as a share of the segment's length."""
    stray: float = 0.0
    """Share of the clicks that lie outside every segment of their class."""
    missing: float = 0.0
    """Share of the segments without a click."""
    doubled: float = 0.0
    """Share of the clicked segments that have a second click, drawn like the first."""
    share: float = 1.0
    """Share of the training recordings that are clicked, and learned from, at all (one at the least)."""

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if not 0 <= value <= (np.inf if name == "sd" else 1) or (name == "share" and value == 0):
                raise ValueError(f"{name} cannot be {value}")

    def name(self) -> str:
        """What differs from the usual: ``sd=0.2 stray=0.03``; ``reference`` if nothing does."""
        usual = asdict(Design())
        return " ".join(f"{k}={v:g}" for k, v in asdict(self).items() if v != usual[k]) or "reference"


def make_clicks(
    truth: Mapping[str, Sequence[Segment]], seconds: Mapping[str, float], design: Design, seed: int
) -> dict[str, tuple[Click, ...]]:
    """Clicks of the recordings that the design keeps, in order of time; ids and durations as in ``seconds``.

    Shares are met exactly, up to rounding. Of one seed, all designs draw the same chances: whoever is left
    unclicked at 10 % is so at 30 %, and a click keeps its side of the middle when the spread grows. A click
    that is to go astray in a recording which its class fills stays where it is.
    """
    rng = np.random.default_rng(seed)
    ids = sorted(seconds)
    kept = {ids[i] for i in rng.permutation(len(ids))[: max(round(design.share * len(ids)), 1)]}
    rows = [(id, segment) for id in ids for segment in truth[id]]
    place_n2 = np.clip(0.5 + design.sd * rng.standard_normal((len(rows), 2)), 0, LAST)
    missed_n, doubled_n = rng.permutation(len(rows)), rng.permutation(len(rows))
    astray_n2, where_n2 = rng.permutation(2 * len(rows)).reshape(-1, 2), rng.random((len(rows), 2))

    here = [n for n, (id, _) in enumerate(rows) if id in kept]
    unclicked = set(_first(here, missed_n, design.missing))
    clicked = [n for n in here if n not in unclicked]
    again = _first(clicked, doubled_n, design.doubled)
    clicks = [(n, 0) for n in clicked] + [(n, 1) for n in again]
    astray = set(_first(clicks, astray_n2, design.stray))
    made: dict[str, list[Click]] = {id: [] for id in ids if id in kept}
    for n, which in clicks:
        id, segment = rows[n]
        time = segment.start + float(place_n2[n, which]) * (segment.end - segment.start)
        if (n, which) in astray:
            time = _outside(truth[id], segment.label, seconds[id], float(where_n2[n, which]), time)
        made[id].append(Click(min(max(time, 0.0), seconds[id]), segment.label))
    return {id: tuple(sorted(each, key=lambda click: click.time)) for id, each in made.items()}


def _first(places: Sequence[int | tuple[int, int]], rank: np.ndarray, share: float) -> list:
    """That share of ``places``, lowest rank first."""
    return sorted(places, key=lambda place: rank[place])[: round(share * len(places))]


def _outside(segments: Sequence[Segment], label: str, seconds: float, chance: float, time: float) -> float:
    """The moment a share ``chance`` into what no segment of the class covers; ``time`` if nothing is left."""
    free: list[tuple[float, float]] = []
    begin = 0.0
    for start, end in sorted((s.start, s.end) for s in segments if s.label == label):
        if start > begin:
            free.append((begin, min(start, seconds)))
        begin = max(begin, end)
    free.append((begin, seconds))
    free = [(start, end) for start, end in free if end > start]
    left = chance * sum(end - start for start, end in free)
    for start, end in free:
        if left < end - start:
            return min(start + left, float(np.nextafter(end, start)))
        left -= end - start
    return float(np.nextafter(free[-1][1], 0.0)) if free else time


def as_table(clicks: Mapping[str, Sequence[Click]]) -> str:
    """CSV that ``--points`` takes, in seconds."""
    sheet = io.StringIO()
    writer = csv.writer(sheet, lineterminator="\n")
    writer.writerow(["video_id", "timestamp", "label"])
    writer.writerows((id, f"{c.time:.6f}", c.label) for id, each in clicks.items() for c in each)
    return sheet.getvalue()
