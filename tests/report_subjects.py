"""Results for the tests of the report: true segments, detections of any quality, and traces, from a seed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from hrpro.config import Config
from hrpro.core.annotations import Click, Detection, Detections, Segment
from hrpro.core.timeline import Timeline
from hrpro.report.collect import RunResult, Subject, Traces

CLASSES = ("jump", "run", "wave")
SECONDS = 60.0


def subject(n: int = 8, seed: int = 0, classes: Sequence[str] = CLASSES) -> Subject:
    """``n`` videos of a minute with six actions each, five to ten seconds apart."""
    rng = np.random.default_rng(seed)
    truth = {}
    for v in range(n):
        starts = np.arange(6) * 10 + rng.uniform(0, 3, 6)
        names = rng.choice(len(classes), 6).tolist()
        truth[f"video {v}"] = tuple(
            Segment(float(s), float(s + rng.uniform(2, 6)), classes[int(c)])
            for s, c in zip(starts, names, strict=True)
        )
    clicks = {
        id: tuple(Click((s.start + s.end) / 2, s.label) for s in segments) for id, segments in truth.items()
    }
    return Subject("data", "test", dict.fromkeys(truth, SECONDS), clicks, truth)


def detections(about: Subject, noise: float, seed: int = 0, false: int = 4) -> dict[str, Detections]:
    """Each true segment with its ends moved by ``noise`` s, and as many false ones with lower scores."""
    assert about.truth is not None
    rng = np.random.default_rng(seed)
    names = sorted({s.label for segments in about.truth.values() for s in segments})
    found = {}
    for id, segments in about.truth.items():
        rows = []
        for s in segments:
            start, end = np.sort([s.start + noise * rng.normal(), s.end + noise * rng.normal()])
            rows.append(Detection(float(start), float(end), s.label, float(rng.uniform(0.3, 1))))
        for start in rng.uniform(0, SECONDS - 5, false):
            label = names[rng.integers(len(names))]
            rows.append(Detection(float(start), float(start + 4), label, float(rng.uniform(0, 0.6))))
        found[id] = Detections.from_list(rows, names).ranked()
    return found


def result(
    found: Mapping[str, Detections],
    *,
    name: str = "run",
    classes: Sequence[str] = CLASSES,
    before: Mapping[str, Detections] | None = None,
    min_score: float = 0.3,
) -> RunResult:
    rng = np.random.default_rng(0)
    length = int(SECONDS / 0.5)
    traces = Traces(
        rng.uniform(size=(length, len(classes))).astype(np.float32),
        rng.uniform(size=length).astype(np.float32),
        Timeline(0.5),
    )
    rows = [{"step": 10.0, "lr": 1e-3, "total": 2.0}, {"step": 20.0, "lr": 1e-4, "total": 1.0}]
    return RunResult(
        name=name,
        classes=tuple(classes),
        settings=Config().as_dict(),
        usual=Config().as_dict(),
        about={"hrpro": "0", "run": name},
        min_score=min_score,
        logs={"snippet": rows, "instance": [{**row, "step_seconds": 0.5} for row in rows]},
        found=found,
        before=before,
        traces=lambda _: traces,
    )


def renamed(about: Subject, names: Mapping[str, str]) -> Subject:
    """The same data with other labels."""
    assert about.truth is not None
    return replace(
        about,
        truth={id: tuple(replace(s, label=names[s.label]) for s in each) for id, each in about.truth.items()},
        clicks={id: tuple(Click(c.time, names[c.label]) for c in each) for id, each in about.clicks.items()},
    )
