"""Routes of what was found: predictions and curves of a video, the worklist, and what to click next."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Query

from hrpro.studio.answers import invalid, missing
from hrpro.studio.predictions import read_curves, read_predicted, thinned
from hrpro.studio.proposals import next_videos
from hrpro.studio.review import SORTS, items_of, worklist
from hrpro.studio.runs_of import Run, latest, names_of, run_of
from hrpro.studio.state import Studio

MOST = 500
"""Items in one answer."""
NO_CURVES = {"stride": 1.0, "offset": 0.0, "window": 1.0, "classes": [], "attention": [], "activation": []}


def router(studio: Studio) -> APIRouter:
    """GET /api/predictions, /api/activations, /api/review, /api/next.

    every=true with the first and the third tells also what is not worth a person's time (``review.py``).
    """
    routes = APIRouter()

    @routes.get("/api/predictions")
    def predictions(video: str, run: str | None = None, every: bool = False) -> dict[str, Any]:
        chosen = _chosen(studio, run)
        _known(studio, video)
        found = None if chosen is None else read_predicted(chosen.folder, video)
        if chosen is None or found is None:
            return {"run": None if chosen is None else chosen.id, "min_score": None, "items": []}
        with studio.store.view() as view:
            items = items_of(chosen, video, view, every=every)
        return {"run": chosen.id, "min_score": found.min_score, "items": items}

    @routes.get("/api/activations")
    def activations(video: str, run: str | None = None) -> dict[str, Any]:
        chosen = _chosen(studio, run)
        _known(studio, video)
        curves = None if chosen is None else read_curves(chosen.folder, video)
        if chosen is None or curves is None:
            return {"run": None if chosen is None else chosen.id, **NO_CURVES}
        names = names_of(chosen, studio.store.classes())
        told = thinned(curves)
        return {"run": chosen.id, **told, **_today(told, names)}

    @routes.get("/api/review")
    def review(
        sort: str = "uncertainty",
        verdict: str = "open",
        limit: int = 100,
        offset: int = 0,
        run: str | None = None,
        video: str | None = None,
        every: bool = False,
        wanted: Annotated[str | None, Query(alias="class")] = None,
    ) -> dict[str, Any]:
        if sort not in SORTS:
            raise invalid(f"'sort' must be one of: {', '.join(SORTS)}.")
        if verdict not in ("open", "all"):
            raise invalid("'verdict' must be 'open' or 'all'.")
        if not 0 <= limit <= MOST or offset < 0:
            raise invalid(f"'limit' must be 0 to {MOST}, 'offset' 0 or more.")
        chosen = _chosen(studio, run)
        if chosen is None:
            return {"run": None, "total": 0, "items": []}
        if video is not None:
            _known(studio, video)
        videos = list(studio.project.videos) if video is None else [video]
        with studio.store.view() as view:
            items = worklist(
                chosen,
                videos,
                view,
                sort=sort,
                wanted_class=wanted or None,
                open_only=verdict == "open",
                every=every,
            )
        return {"run": chosen.id, "total": len(items), "items": items[offset : offset + limit]}

    @routes.get("/api/next")
    def next_most_useful(limit: int = 5) -> dict[str, Any]:
        if not 1 <= limit <= MOST:
            raise invalid(f"'limit' must be 1 to {MOST}.")
        with studio.store.view() as view:
            clicked = view.counts("click")
        return {"videos": next_videos(studio.project, clicked, latest(studio.project), limit)}

    return routes


def _today(told: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """Classes by their names of today, with their curves; of classes that are one now, the highest."""
    curves: dict[str, list[float]] = {}
    for label, curve in zip(told["classes"], told["activation"], strict=True):
        name = names.get(label, label)
        curves[name] = list(map(max, curves[name], curve)) if name in curves else curve
    return {"classes": list(curves), "activation": list(curves.values())}


def _chosen(studio: Studio, id: str | None) -> Run | None:
    """The run that was asked for, or else the latest one (None: there is none). Refused: no such run."""
    if not id:
        return latest(studio.project)
    run = run_of(studio.project, id)
    if run is None:
        raise missing("There is no such run.")
    return run


def _known(studio: Studio, video: str) -> None:
    # Files are only ever looked for under the name of a video that the project has.
    if video not in studio.project.videos:
        raise missing("There is no such video in this project.")
