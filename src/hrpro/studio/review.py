"""What there is to review: a run's predictions with what people said of them, most doubtful first.

Worth a person's time are those from the run's min_score on, and those a little below it, from DOUBTFUL times
it on, where nothing better of their class is. min_score is the mean of a threshold that is too strict on
recordings to come and of one that is too lax (``calibration.py``), so the right one lies between these two,
and half the mean is at or below the lax one as long as that is at least a third of the strict one. What lies
lower is noise by either, and is most of all that a run finds (139 of 172 in six short films); it is told when
asked for (``every``). What was judged stays, whatever its score.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from hrpro.core.annotations import Detection
from hrpro.studio.predictions import Predicted, Shown, read_predicted
from hrpro.studio.reading import View
from hrpro.studio.runs_of import Run, class_ids

DOUBTFUL = 0.5
"""Of a run's min_score: the share from which on a prediction is worth a look, if nothing better is there."""
SAME = 0.5
"""tIoU from which on a prediction and a verified segment of its class are one action."""
SORTS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "uncertainty": lambda item: -item["uncertainty"],
    "class": lambda item: (item["label"].casefold(), -item["uncertainty"]),
    "score": lambda item: -item["score"],
    "time": lambda item: (item["video"], item["start"]),
}


class Judged:
    """What people said of a run's predictions, of one video or all.

    A verdict is on one prediction. A run to come predicts the same action again, under another name: what
    matches a segment verified before, or drawn by hand, counts as accepted.
    """

    def __init__(self, run: Run, view: View, video: str | None = None) -> None:
        self.classes = class_ids(run, view.classes())
        self.said = {verdict["id"]: verdict["verdict"] for verdict in view.verdicts(video)}
        self._before: dict[tuple[str, str], list[tuple[float, float]]] = defaultdict(list)
        for one in view.segments(video):
            if not (one.get("prediction") or "").startswith(f"{run.id}-"):
                self._before[one["video"], one["class"]].append((one["start"], one["end"]))

    def verdict(self, video: str, one: Shown) -> str | None:
        """accepted, corrected or rejected; None: not judged."""
        said = self.said.get(one.id)
        if said is None:
            before = self._before.get((video, self.classes.get(one.label) or ""), ())
            said = "accepted" if any(tiou(one, *segment) >= SAME for segment in before) else None
        return said


def items_of(
    run: Run, video: str, view: View, judged: Judged | None = None, *, every: bool = False
) -> list[dict[str, Any]]:
    """A run's predictions of a video as JSON, best first, each with its verdict (None: not judged).

    judged: where the caller has it already. every: also those that are not worth a person's time.
    """
    found = read_predicted(run.folder, video)
    if found is None:
        return []
    judged = judged or Judged(run, view, video)
    return [
        {
            **vars(one),
            "class": judged.classes.get(one.label),
            "video": video,
            "run": run.id,
            "verdict": judged.verdict(video, one),
        }
        for one in (found.shown if every else _worth(found, judged.said))
    ]


def counts_of(run: Run, videos: Iterable[str], view: View) -> dict[str, tuple[int, int]]:
    """(predictions to review, of these judged) by video: as many as ``worklist`` lists."""
    judged = Judged(run, view)
    counts = {}
    for video in videos:
        found = read_predicted(run.folder, video)
        shown = [] if found is None else _worth(found, judged.said)
        counts[video] = len(shown), sum(judged.verdict(video, one) is not None for one in shown)
    return counts


def _worth(found: Predicted, said: Mapping[str, str]) -> list[Shown]:
    """Of what was found in a video, what is worth a person's time."""
    least = DOUBTFUL * found.min_score
    return [one for one in found.shown if one.score >= least or one.id in said]


def tiou(one: Shown | Detection, start: float, end: float) -> float:
    shared = min(one.end, end) - max(one.start, start)
    return shared / (max(one.end, end) - min(one.start, start)) if shared > 0 else 0.0


def worklist(
    run: Run,
    videos: Sequence[str],
    view: View,
    *,
    sort: str = "uncertainty",
    wanted_class: str | None = None,
    open_only: bool = True,
    every: bool = False,
) -> list[dict[str, Any]]:
    """The predictions of all videos in the order asked for; ties by video, then by time.

    open_only: those without a verdict. every: as for ``items_of``. wanted_class: id of the
    only class to show.
    """
    judged = Judged(run, view)
    items = [item for video in videos for item in items_of(run, video, view, judged, every=every)]
    kept = [
        item
        for item in items
        if (wanted_class is None or item["class"] == wanted_class) and not (open_only and item["verdict"])
    ]
    return sorted(kept, key=lambda item: (SORTS[sort](item), item["video"], item["start"], item["id"]))
