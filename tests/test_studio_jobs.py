"""Jobs through the server: they outlive it, can be stopped and resumed, and refuse what cannot be."""

from __future__ import annotations

import csv
import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from hrpro.studio import schema
from hrpro.studio.jobs import Jobs
from hrpro.studio.jobs_api import checked
from hrpro.studio.progress_file import Teller, Told
from studio_fixtures import require_studio
from studio_jobs import TINY
from studio_server import Server

pytest_plugins = ["studio_fixtures"]
pytestmark = pytest.mark.skipif(os.name == "nt", reason="needs SIGKILL")
LONG = TINY | {"snippet.steps": 150, "snippet.checkpoint_every": 0}


def clicked(server: Server, films: Path) -> dict[str, str]:
    """The films' own clicks, by hand; ids of the classes by name."""
    with (films / "clicks.csv").open(newline="") as file:
        rows = list(csv.reader(file))[1:]
    ids = {label: uuid4().hex for label in sorted({row[2] for row in rows})}
    server.ops(
        *(
            {"op": "add_class", "id": id, "name": name, "color": "#2244aa", "key": None}
            for name, id in ids.items()
        )
    )
    for video, time_, label in rows:
        click = {
            "op": "add_click",
            "id": uuid4().hex,
            "video": video,
            "time": float(time_),
            "class": ids[label],
        }
        server.ops(click)
    return ids


def wait(server: Server, id: str, ready: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    end = time.monotonic() + 180
    while True:
        job = server.get(f"/api/jobs/{id}")
        if ready(job):
            return job
        assert time.monotonic() < end, job
        time.sleep(0.05)


def ended(job: dict[str, Any]) -> bool:
    return job["state"] in ("done", "stopped", "failed")


def refusal(server: Server, path: str, body: dict[str, Any] | None = None) -> tuple[int, str]:
    """Status and message of a request that is refused."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    headers = {"X-Hrpro-Client": "t", "Content-Type": "application/json"}
    connection.request(
        "GET" if body is None else "POST", path, None if body is None else json.dumps(body), headers
    )
    answer = connection.getresponse()
    content = json.loads(answer.read())
    connection.close()
    return answer.status, content["message"]


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.fixture
def no_worker_left(project: Path) -> Iterator[None]:
    """They outlive their server, and would outlive a test that fails."""
    yield
    for folder in (project / ".hrpro-studio" / "jobs").glob("*"):
        pid = pid_told(folder)
        if pid is not None and alive(pid):
            os.kill(pid, signal.SIGKILL)


@pytest.mark.usefixtures("no_worker_left")
def test_a_job_outlives_the_server_and_is_stopped_killed_and_resumed(
    server: Server, films: Path, project: Path
) -> None:
    ids = clicked(server, films)
    asked = {"kind": "train", "options": {"settings": LONG, "seed": 1}}
    id = server.post("/api/jobs", asked)["id"]
    folder = project / ".hrpro-studio" / "jobs" / id
    snapshot = (folder / "clicks.csv").read_bytes()
    wait(server, id, lambda job: job["stage"] == "extract")
    told = Told(folder)
    told.read()
    assert told.pid is not None

    # The server dies; the worker goes on, and the next server finds it.
    server.kill()
    assert alive(told.pid)
    server.start()
    job = server.get(f"/api/jobs/{id}")
    assert job["state"] == "running"
    click = {
        "op": "add_click",
        "id": uuid4().hex,
        "video": "test_000",
        "time": 3.0,
        "class": next(iter(ids.values())),
    }
    server.ops(click)
    assert (folder / "clicks.csv").read_bytes() == snapshot, "clicking on changes nothing"
    second = server.post("/api/jobs", {"kind": "train", "options": {}})
    assert second["state"] == "queued"
    assert server.post(f"/api/jobs/{second['id']}/stop", {})["state"] == "stopped"

    wait(server, id, lambda job: job["stage"] == "snippet" and job["done"] > 0)
    assert server.post(f"/api/jobs/{id}/stop", {})["state"] == "stopping"
    job = wait(server, id, ended)
    assert (job["state"], job["error"]) == ("stopped", None)
    assert not alive(told.pid)

    server.post(f"/api/jobs/{id}/resume", {})
    wait(server, id, lambda job: job["state"] == "running" and pid_told(folder) not in (None, told.pid))
    os.kill(int(pid_told(folder) or 0), signal.SIGKILL)
    job = wait(server, id, ended)
    assert job["state"] == "failed"
    assert "SIGKILL" in job["error"]

    server.post(f"/api/jobs/{id}/resume", {})
    job = wait(server, id, ended)
    assert job["state"] == "done", (folder / "worker.log").read_text()
    assert job["finished"] > job["created"]
    rows = server.get(f"/api/jobs/{id}/log")["rows"]
    assert [row["step"] for row in rows if row["stage"] == "snippet"] == list(range(1, 151))
    assert (folder / "clicks.csv").read_bytes() == snapshot

    told_project = server.get("/api/project")
    assert told_project["can"] == {"train": True, "predict": True}
    run = next(run for run in told_project["runs"] if run["id"] == job["run"])
    assert (run["state"], sorted(run["classes"])) == ("done", sorted(ids))
    assert all(video["features"] for video in told_project["videos"])
    check_review(server, ids, job["run"])

    # Once more, with what is there: nothing is extracted again.
    again = server.post(
        "/api/jobs", {"kind": "predict", "options": {"run": job["run"], "videos": ["test_000"]}}
    )
    again = wait(server, again["id"], ended)
    assert (again["state"], again["total"]) == ("done", 1)


def pid_told(folder: Path) -> int | None:
    told = Told(folder)
    told.read()
    return told.pid


def check_review(server: Server, ids: dict[str, str], run: str) -> None:
    """Predictions, curves, the worklist, a verdict, a renamed class, and what comes next."""
    found = server.get("/api/predictions?video=test_000")
    assert found["run"] == run
    for item in found["items"]:
        assert item["class"] == ids[item["label"]]
        assert 0 <= item["uncertainty"] <= 1
        assert item["start"] <= item["moment"] <= item["end"]
    curves = server.get("/api/activations?video=test_000")
    assert len(curves["activation"]) == len(curves["classes"]) == len(ids)
    assert all(len(column) == len(curves["attention"]) for column in curves["activation"])

    listed = server.get("/api/review")
    doubts = [item["uncertainty"] for item in listed["items"]]
    assert listed["total"] == len(doubts) > 0
    assert doubts == sorted(doubts, reverse=True)
    first = listed["items"][0]
    page = server.get("/api/review?limit=1&offset=0")
    assert (page["total"], page["items"]) == (listed["total"], [first])
    judge = {
        "op": "judge",
        "id": first["id"],
        "video": first["video"],
        "run": run,
        "verdict": "rejected",
        "version": 0,
    }
    server.ops(judge)
    assert server.get("/api/review")["total"] == listed["total"] - 1
    assert server.get("/api/review?verdict=all")["total"] == listed["total"]
    items = server.get(f"/api/predictions?video={first['video']}")["items"]
    assert next(item["verdict"] for item in items if item["id"] == first["id"]) == "rejected"

    name, id = next(iter(ids.items()))
    version = next(one["version"] for one in server.get("/api/project")["classes"] if one["id"] == id)
    server.ops({"op": "edit_class", "id": id, "version": version, "name": "renamed"})
    of_class = server.get(f"/api/review?class={id}&verdict=all")["items"]
    assert {item["label"] for item in of_class} <= {name}
    assert len(of_class) == sum(item["label"] == name for item in listed["items"])

    proposed = server.get("/api/next?limit=3")["videos"]
    clicked_ids = {video["id"] for video in server.get("/api/project")["videos"] if video["clicks"]}
    assert not clicked_ids & {one["id"] for one in proposed}

    for path in (
        "/api/predictions?video=../test_000",
        "/api/activations?video=nothing",
        "/api/review?run=../1",
        "/api/predictions?video=test_000&run=99",
        f"/api/review?video={'x' * 50}",
    ):
        assert refusal(server, path)[0] == 404, path
    for path in (
        "/api/review?sort=evil",
        "/api/review?limit=-1",
        "/api/next?limit=0",
        "/api/review?verdict=x",
    ):
        assert refusal(server, path)[0] == 422, path


def test_a_model_in_the_project_is_named_in_full_for_the_worker(tmp_path: Path) -> None:
    (tmp_path / "models" / "tiny").mkdir(parents=True)
    assert checked({"backbone": "hub:models/tiny"}, tmp_path, {})["backbone"] == f"hub:{tmp_path}/models/tiny"
    assert checked({"backbone": "hub:some/name"}, tmp_path, {})["backbone"] == "hub:some/name"


def test_what_cannot_be_done_is_refused_in_a_sentence(server: Server, films: Path, project: Path) -> None:
    status, message = refusal(server, "/api/jobs", {"kind": "train"})
    assert (status, message[:38]) == (422, "There is no click to learn from yet: c")
    assert server.get("/api/project")["can"] == {"train": False, "predict": False}
    clicked(server, films)
    (project / "out").symlink_to("/etc")
    for options in (
        {"backbone": "nothing"},
        {"backbone": 3},
        {"backbone": "hub:/etc"},
        {"backbone": "hub:~/model"},
        {"backbone": "hub:out"},
        {"backbone": f"hub:{os.path.relpath('/etc')}"},
        {"weights": "/etc/passwd"},
        {"weights": "../x"},
        {"weights": "out/passwd"},
        {"weights": "not_there"},
        {"backbone": "i3d", "flow": "farneback"},
        {"flow": ["dis"]},
        {"precision": "half"},
        {"seed": -1},
        {"seed": True},
        {"quick": 1},
        {"videos": ["nothing"]},
        {"videos": "test_000"},
        {"settings": {"snippet.steps": 0}},
        {"settings": {"nothing": 1}},
        {"evil": 1},
    ):
        status, message = refusal(server, "/api/jobs", {"kind": "train", "options": options})
        assert status == 422, options
        assert message
    for body in ({"kind": "evil"}, *({"kind": "train", "options": odd} for odd in ([1], [], False, "", 0))):
        assert refusal(server, "/api/jobs", body)[0] == 422
    assert refusal(server, "/api/jobs", {"kind": "predict"})[0] == 404
    for run in ("1", "../1", "opened", "٣"):
        assert refusal(server, "/api/jobs", {"kind": "predict", "options": {"run": run}})[0] == 404
    assert refusal(server, "/api/jobs/nothing")[0] == 404
    assert refusal(server, "/api/jobs/nothing/stop", {})[0] == 404
    assert server.get("/api/jobs") == {"jobs": []}
    assert server.get("/api/predictions?video=test_000") == {"run": None, "min_score": None, "items": []}
    assert server.get("/api/review")["total"] == 0
    assert [one["id"] for one in server.get("/api/next?limit=5")["videos"]] == ["test_000"]


@pytest.fixture
def corner(tmp_path: Path) -> tuple[Path, list[dict[str, Any]]]:
    require_studio()
    schema.open_database(tmp_path / "studio.db").close()
    return tmp_path, []


def opened(corner: tuple[Path, list[dict[str, Any]]]) -> Jobs:
    return Jobs(corner[0], schema.connect(corner[0] / "studio.db"), corner[1].append)


def until(ready: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not ready():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_a_process_that_has_the_number_of_a_dead_worker_is_left_alone(
    corner: tuple[Path, list[dict[str, Any]]],
) -> None:
    jobs = opened(corner)
    jobs.close()
    innocent = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    try:
        folder = corner[0] / "jobs" / "x"
        folder.mkdir(parents=True)
        db = schema.connect(corner[0] / "studio.db")
        row = "INSERT INTO jobs (id, kind, state, attempts, created) VALUES ('x', 'train', 'stopping', 1, 0)"
        db.execute(row)
        db.close()
        teller = Teller(folder, 1)
        teller.stage("snippet", 10)
        path = folder / "progress.jsonl"
        path.write_text(path.read_text().replace(f'"pid": {os.getpid()}', f'"pid": {innocent.pid}'))
        jobs = opened(corner)
        until(lambda: jobs.get("x")["state"] == "failed")
        assert "without a word" in str(jobs.get("x")["error"])
        time.sleep(0.6)
        assert innocent.poll() is None
        jobs.close()
    finally:
        innocent.kill()
        innocent.wait(30)


def test_a_job_whose_server_died_before_it_began_begins_again(
    corner: tuple[Path, list[dict[str, Any]]],
) -> None:
    jobs = opened(corner)
    jobs.close()
    folder = corner[0] / "jobs" / "x"
    folder.mkdir(parents=True)
    db = schema.connect(corner[0] / "studio.db")
    db.execute("INSERT INTO jobs (id, kind, state, attempts, created) VALUES ('x', 'train', 'running', 1, 0)")
    db.close()
    jobs = opened(corner)
    until(lambda: jobs.get("x")["state"] == "failed")  # there is no job.json in it
    assert list(dict.fromkeys(job["state"] for job in corner[1])) == ["queued", "running", "failed"]
    assert "cannot be read" in str(jobs.get("x")["error"])
    jobs.close()
