"""What there is to review: a run's predictions with what people said of them, most doubtful first.

Worth a person's time are those from the run's min_score on, and those a little below it, from DOUBTFUL times
it on, where nothing better of their class is. min_score is the mean of a threshold that is too strict on
recordings to come and of one that is too lax (``calibration.py``), so the right one lies between these two,
and half the mean is at or below the lax one as long as that is at least a third of the strict one. What lies
lower is noise by either, and is most of all that a run finds (139 of 172 in six short films); it is told when
asked for (``every``). What was judged stays, whatever its score.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from hrpro.studio.predictions import Predicted, Shown, read_predicted
from hrpro.studio.reading import View
from hrpro.studio.runs_of import Run, class_ids

DOUBTFUL = 0.5
"""Of a run's min_score: the share from which on a prediction is worth a look, if nothing better is there."""
SORTS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "uncertainty": lambda item: -item["uncertainty"],
    "class": lambda item: (item["label"].casefold(), -item["uncertainty"]),
    "score": lambda item: -item["score"],
    "time": lambda item: (item["video"], item["start"]),
}


def items_of(
    run: Run,
    video: str,
    view: View,
    known: Mapping[str, str | None] | None = None,
    said: Mapping[str, str] | None = None,
    *,
    every: bool = False,
) -> list[dict[str, Any]]:
    """A run's predictions of a video as JSON, best first, each with its verdict (None: not judged).

    known: ``class_ids``, said: verdicts by prediction, where the caller has them already. every: also those
    that are not worth a person's time.
    """
    found = read_predicted(run.folder, video)
    if found is None:
        return []
    known = class_ids(run, view.classes()) if known is None else known
    said = verdicts_by_id(view, video) if said is None else said
    return [
        {
            **vars(one),
            "class": known.get(one.label),
            "video": video,
            "run": run.id,
            "verdict": said.get(one.id),
        }
        for one in (found.shown if every else _worth(found, said))
    ]


def counts_of(run: Run, videos: Iterable[str], view: View) -> dict[str, tuple[int, int]]:
    """(predictions to review, of these judged) by video: as many as ``worklist`` lists."""
    said = verdicts_by_id(view)
    counts = {}
    for video in videos:
        found = read_predicted(run.folder, video)
        ids = [] if found is None else [one.id for one in _worth(found, said)]
        counts[video] = len(ids), sum(id in said for id in ids)
    return counts


def _worth(found: Predicted, said: Mapping[str, str]) -> list[Shown]:
    """Of what was found in a video, what is worth a person's time."""
    least = DOUBTFUL * found.min_score
    return [one for one in found.shown if one.score >= least or one.id in said]


def verdicts_by_id(view: View, video: str | None = None) -> dict[str, str]:
    """What was said of predictions of one video, or all, by the prediction's id."""
    return {verdict["id"]: verdict["verdict"] for verdict in view.verdicts(video)}


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
    known, said = class_ids(run, view.classes()), verdicts_by_id(view)
    items = [item for video in videos for item in items_of(run, video, view, known, said, every=every)]
    kept = [
        item
        for item in items
        if (wanted_class is None or item["class"] == wanted_class) and not (open_only and item["verdict"])
    ]
    return sorted(kept, key=lambda item: (SORTS[sort](item), item["video"], item["start"], item["id"]))
