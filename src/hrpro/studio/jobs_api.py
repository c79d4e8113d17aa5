"""Routes of training and prediction: ask for a job, watch it, stop it, go on with it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool

from hrpro.studio.answers import Refused, client_of, invalid, missing, read_body
from hrpro.studio.jobs import Jobs
from hrpro.studio.paths import Listing
from hrpro.studio.project import Project
from hrpro.studio.review import counts_of
from hrpro.studio.runs_of import doubted_by, latest, new_run, run_of, runs
from hrpro.studio.spec import FEATURES, Spec, write_clicks
from hrpro.studio.state import Studio
from hrpro.video.store import SUFFIX

SEEDS = 2**31


def router(studio: Studio) -> APIRouter:
    """GET /api/jobs, /api/jobs/{id}, /api/jobs/{id}/log; POST /api/jobs, /api/jobs/{id}/stop and /resume."""
    routes = APIRouter()
    project = studio.project
    jobs = Jobs(project.own, studio.store.connect(), lambda job: studio.live.publish("job", job))
    studio.jobs = jobs
    studio.closing.append(jobs.close)
    studio.project_facts.append(lambda: _project_facts(studio))
    studio.video_facts.append(lambda ids: _video_facts(studio, ids))

    @routes.get("/api/jobs")
    def all_jobs() -> dict[str, Any]:
        return {"jobs": jobs.all()}

    @routes.get("/api/jobs/{id}")
    def job(id: str) -> dict[str, Any]:
        return jobs.get(id)

    @routes.get("/api/jobs/{id}/log")
    def log(id: str) -> dict[str, Any]:
        return {"rows": jobs.log(id)}

    @routes.post("/api/jobs")
    async def add(request: Request) -> dict[str, Any]:
        client_of(request)
        body = await read_body(request)
        return await run_in_threadpool(_add, studio, body)

    @routes.post("/api/jobs/{id}/stop")
    async def stop(id: str, request: Request) -> dict[str, Any]:
        client_of(request)
        await read_body(request)
        return await run_in_threadpool(jobs.stop, id)

    @routes.post("/api/jobs/{id}/resume")
    async def resume(id: str, request: Request) -> dict[str, Any]:
        client_of(request)
        await read_body(request)
        return await run_in_threadpool(jobs.resume, id)

    return routes


def _add(studio: Studio, body: Mapping[str, Any]) -> dict[str, Any]:
    kind, given = body.get("kind"), body.get("options")
    given = {} if given is None else given
    if kind not in ("train", "predict"):
        raise invalid("'kind' must be 'train' or 'predict'.")
    if not isinstance(given, dict):
        raise invalid("'options' must be an object.")
    options = checked(given, studio.project.root, studio.project.videos)
    assert studio.jobs is not None
    videos = tuple((id, readable(studio.project, id)) for id in studio.project.videos)
    if not videos:
        raise invalid("There is no video in this project.")
    with studio.store.view() as view:
        clicks, classes = view.click_table(), view.classes()
    if kind == "train":
        wanted = options.get("videos")
        clicks = {id: held for id, held in clicks.items() if wanted is None or id in wanted}
        if not clicks:
            raise invalid("There is no click to learn from yet: click one moment in each action of a video.")
        run = new_run(studio.project, classes)
    else:
        chosen = latest(studio.project) if "run" not in options else run_of(studio.project, options["run"])
        if chosen is None:
            raise missing("There is no such run." if "run" in options else "There is no trained run yet.")
        if chosen.finished is None:
            raise Refused(409, "conflict", "The training of this run is not finished; resume it first.")
        run = chosen.id
    about = str(studio.project.root.absolute()), str(studio.project.own.absolute())
    spec = Spec(str(kind), *about, studio.project.kind == "dataset", run, videos, options)

    def prepare(folder: Path) -> None:
        folder.mkdir(parents=True)
        if kind == "train":
            write_clicks(folder, clicks)
        spec.write(folder)

    return studio.jobs.add(str(kind), run, options, prepare)


def readable(project: Project, id: str) -> str | None:
    """Where the job's process finds a video; None: there is no file, or a link that leaves the folder."""
    try:
        Listing(project).path(id)
    except Refused:
        return None
    return str(project.files[id].absolute())


_NOT_OURS = "The weights must lie in the project's folder: put them there, and name them from it."


def checked(given: Mapping[str, Any], root: Path, videos: Mapping[str, Any]) -> dict[str, Any]:
    """The options of a job, each of its kind. Raises Refused, and ConfigError for a bad model setting."""
    tests: dict[str, tuple[Callable[[Any], bool], str]] = {
        "backbone": (_is_backbone, "the name of a backbone"),
        "weights": (lambda v: isinstance(v, str) and 0 < len(v) < 1000, "a path below the project's folder"),
        "flow": (lambda v: v in ("tvl1", "dis"), "'tvl1' or 'dis'"),
        "precision": (lambda v: v in ("fp32", "bf16"), "'fp32' or 'bf16'"),
        "seed": (lambda v: type(v) is int and 0 <= v < SEEDS, f"a whole number from 0 to {SEEDS - 1}"),
        "quick": (lambda v: isinstance(v, bool), "true or false"),
        "videos": (lambda v: isinstance(v, list) and all(isinstance(id, str) for id in v), "a list of ids"),
        "run": (lambda v: isinstance(v, str), "the id of a run"),
        "settings": (lambda v: isinstance(v, dict), "an object of settings"),
    }
    options = {key: value for key, value in given.items() if value is not None}
    for key, value in options.items():
        if key not in tests:
            raise invalid(f"There is no option {key!r}.")
        test, words = tests[key]
        if not test(value):
            raise invalid(f"{key!r} must be {words}.")
    if unknown := [id for id in options.get("videos", ()) if id not in videos]:
        raise invalid(f"There is no video {unknown[0]!r} in this project.")
    from hrpro.config import Config  # late: with it come compilers that the server does without
    from hrpro.settings import build

    build(Config(), options.get("settings", {}), None)
    if "weights" in options and not _ours(root / options["weights"], root):
        raise invalid("There is no such weights file in the project's folder.")
    kind, _, model = str(options.get("backbone", "")).partition(":")
    if kind == "hub" and model and (root / model).exists():
        _ours(root / model, root)
        options["backbone"] = f"hub:{(root / model).resolve()}"  # the worker runs in another folder
    elif kind == "hub" and (model.startswith("~") or Path(model).exists()):
        raise invalid(_NOT_OURS)  # the worker would find it from where the server was started
    return options


def _ours(place: Path, root: Path) -> bool:
    """Whether it is there. Refused if it lies outside the project's folder."""
    if not place.resolve().is_relative_to(root.resolve()):
        raise invalid(_NOT_OURS)
    return place.exists()


def _is_backbone(value: Any) -> bool:
    from hrpro.video.backbones import known

    return isinstance(value, str) and (value in known() or (value.startswith("hub:") and len(value) < 500))


def _project_facts(studio: Studio) -> dict[str, Any]:
    assert studio.jobs is not None
    states = {job["run"]: job["state"] for job in reversed(studio.jobs.all()) if job["kind"] == "train"}
    found = runs(studio.project)
    newest = next((run for run in reversed(found) if run.finished), None)
    told = [
        {
            "id": run.id,
            "state": "done" if run.finished else states.get(run.id, "stopped"),
            "classes": list(run.classes),
            "finished": run.finished,
            "doubted": doubted_by(run, studio.project) if run is newest else [],
        }
        for run in found
    ]
    with studio.store.view() as view:
        clicked = bool(view.counts("click"))
    can = {"train": clicked and bool(studio.project.videos), "predict": any(run.finished for run in found)}
    return {"runs": told, "can": can}


def _video_facts(studio: Studio, ids: Sequence[str]) -> dict[str, dict[str, Any]]:
    run, dataset = latest(studio.project), studio.project.dataset
    held = set() if dataset is None else {id for files in dataset.features.files.values() for id in files}
    folders = list((studio.project.own / FEATURES).glob("*/"))
    with studio.store.view() as view:
        counts = {} if run is None else counts_of(run, ids, view)
    facts = {}
    for id in ids:
        predicted, reviewed = counts.get(id, (0, 0))
        facts[id] = {
            "features": id in held or any((folder / f"{id}{SUFFIX}").is_file() for folder in folders),
            "predicted": predicted,
            "reviewed": reviewed,
        }
    return facts
