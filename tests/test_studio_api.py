"""The project over HTTP: what is in it, edits as a page sends them, and what comes out of it."""

from __future__ import annotations

import io
import json
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("fastapi", reason="the extra [studio] is not installed")
pytest.importorskip("av", reason="the extra [video] is not installed")

from starlette.testclient import TestClient

from data_folders import field_layout, own_layout
from hrpro.data.formats.form import Source
from hrpro.data.formats.registry import FORMATS
from hrpro.studio.app import create_app
from hrpro.studio.door import Door
from hrpro.studio.export import export_project
from hrpro.studio.project import OWN, open_project
from studio_store import add_class, add_click, add_segment, make_videos, new_id

PORT = 8765


class Client:
    """A page's fetch."""

    def __init__(self, folder: Path) -> None:
        self.app = create_app(open_project(folder), Door(PORT))
        self.http = TestClient(self.app, base_url=f"http://127.0.0.1:{PORT}")

    def get(self, path: str, status: int = 200, **query: Any) -> Any:
        answer = self.http.get(path, params=query)
        assert answer.status_code == status, answer.text
        return answer.json()

    def post(self, path: str, body: Any, status: int = 200, client: str = "me", **more: str) -> Any:
        headers = {"Content-Type": "application/json", "X-Hrpro-Client": client} | more
        content = body if isinstance(body, str | bytes) else json.dumps(body)
        answer = self.http.post(path, content=content, headers=headers)
        assert answer.status_code == status, answer.text
        found = answer.json()
        if status != 200:
            assert found.keys() <= {"error", "message", "current"}
            assert "Traceback" not in answer.text
        return found

    def ops(self, *ops: Any, status: int = 200, client: str = "me") -> Any:
        return self.post("/api/ops", {"request": new_id(), "ops": list(ops)}, status, client)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return make_videos(tmp_path / "project")


@pytest.fixture
def client(project: Path) -> Iterator[Client]:
    client = Client(project)
    with client.http:
        yield client


def test_a_folder_of_videos(client: Client, project: Path) -> None:
    told = client.get("/api/project")
    names = sorted(path.stem for path in project.glob("*.mp4"))
    assert [video["id"] for video in told["videos"]] == names
    assert (told["name"], told["kind"], told["revision"], told["classes"]) == ("project", "videos", 0, [])
    assert told["hint"] is None
    assert {"runs", "can", "version", "path"} <= told.keys()
    for video in told["videos"]:
        assert 15 < video["duration"] < 40
        assert (video["clicks"], video["segments"], video["problem"]) == (0, 0, None)
        assert video["width"] > 0 < video["fps"]
        assert {"media", "playable", "thumbs", "features", "predicted", "reviewed"} <= video.keys()


def test_edits_undo_and_what_others_see(client: Client) -> None:
    video = client.get("/api/project")["videos"][0]["id"]
    done = client.ops(add_class(), add_click(video=video), add_segment(video=video))
    assert [change["kind"] for change in done["changed"]] == ["class", "click", "segment"]
    assert done["changed"][1]["value"]["author"] == "me"
    seen = client.get("/api/video", id=video)
    assert seen["clicks"] == [done["changed"][1]["value"]]
    assert seen["segments"] == [done["changed"][2]["value"]]
    assert (seen["revision"], seen["truth"], seen["verdicts"]) == (3, [], [])
    assert (seen["video"]["clicks"], seen["video"]["segments"]) == (1, 1)
    move = {"op": "move_click", "id": "k1", "version": 1, "time": 4}
    client.ops(move, client="you")
    late = client.ops(move, status=409)
    assert late["error"] == "conflict"
    assert late["current"]["value"]["time"] == 4
    assert client.post("/api/undo", {"request": new_id()}, 409)["error"] == "conflict"
    assert client.post("/api/undo", {"request": new_id()}, 404)["error"] == "nothing"
    back = client.post("/api/undo", {"request": new_id()}, client="you")
    assert back["label"] == "Move click"
    assert back["changed"][0]["value"]["time"] == 1
    again = client.post("/api/redo", {"request": new_id()}, client="you")
    assert again["changed"][0]["value"]["time"] == 4
    told = client.get("/api/project")
    assert (told["revision"], told["videos"][0]["clicks"], told["classes"][0]["name"]) == (6, 1, "jump")


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ("", 422),
        ("{", 422),
        ("[]", 422),
        ("null", 422),
        ('{"request": "r", "ops": [{"op": "add_click", "time": NaN}]}', 422),
        ('{"request": "r", "ops": {}}', 422),
        ('{"request": "r"}', 422),
        ('{"ops": []}', 422),
        ('{"request": 1, "ops": []}', 422),
        ('{"request": "a b", "ops": []}', 422),
        ('{"request": "r", "ops": [], "author": "a\\u0000"}', 422),
        (b'{"request": "\xff"}', 422),
        ("[" * 100_000, 422),
    ],
)
def test_what_is_no_request_is_refused_in_a_sentence(client: Client, body: Any, status: int) -> None:
    said = client.post("/api/ops", body, status)
    assert said["error"] == "invalid"
    assert said["message"].endswith(".")


def test_a_request_that_speaks_of_another_project_changes_nothing(client: Client, tmp_path: Path) -> None:
    other = open_project(make_videos(tmp_path / "other")).id
    for path in ("/api/ops", "/api/undo", "/api/redo", "/api/jobs", "/api/jobs/1/stop", "/api/jobs/1/resume"):
        body = {"request": new_id(), "ops": [add_class()], "kind": "train"}
        assert client.post(path, body, 409, **{"X-Hrpro-Project": other})["error"] == "project"
    told = client.get("/api/project")
    assert (told["revision"], told["classes"]) == (0, [])
    client.post("/api/ops", {"request": new_id(), "ops": [add_class()]}, **{"X-Hrpro-Project": told["id"]})
    assert client.get("/api/project")["revision"] == 1


def test_questions_that_make_no_sense(client: Client) -> None:
    assert client.get("/api/video", 404, id="no such")["error"] == "missing"
    assert client.get("/api/video", 422)["error"] == "invalid"
    assert client.get("/api/stream", 422, since="-1")["error"] == "invalid"
    assert client.get("/api/stream", 422, since="x")["error"] == "invalid"
    assert client.get("/api/nothing", 404)["error"] == "missing"
    assert client.get("/api/ops", 405)["error"] == "method"
    for path in ("/openapi.json", "/docs", "/redoc"):
        assert client.get(path, 404)["error"] == "missing"


def test_a_name_for_the_author(client: Client) -> None:
    video = client.get("/api/project")["videos"][0]["id"]
    body = {"request": new_id(), "author": " Ann ", "ops": [add_class(), add_click(video=video)]}
    assert client.post("/api/ops", body)["changed"][1]["value"]["author"] == "Ann"


def test_the_page_and_its_parts_are_served(client: Client) -> None:
    page = client.http.get("/")
    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/html")
    script = client.http.get("/static/main.js")
    assert script.headers["content-type"].startswith("text/javascript")
    for path in ("/static/", "/static/../app.py", "/static/%2e%2e/app.py", "/static/nothing.js"):
        assert client.http.get(path).status_code == 404


def test_files_may_come_and_go(client: Client, project: Path) -> None:
    first, *_ = sorted(project.glob("*.mp4"))
    client.ops(add_class(), add_click(video=first.stem))
    (project / "sub").mkdir()
    first.rename(project / "sub" / "new.mp4")
    told = {video["id"]: video for video in client.get("/api/project")["videos"]}
    assert told["sub/new"]["duration"] > 15
    assert told[first.stem]["problem"] == "Its file is not in the folder any more."
    assert (told[first.stem]["clicks"], told[first.stem]["gone"]) == (1, True)
    seen = client.get("/api/video", id=first.stem)
    assert (len(seen["clicks"]), seen["renamed"]) == (1, "sub/new")
    assert client.get("/api/video", id="sub/new")["renamed"] is None
    client.ops({"op": "move_click", "id": "k1", "version": 1, "time": 2})
    assert client.ops(add_click("k2", video=first.stem), status=422)["error"] == "invalid"
    (project / "sub" / "new.avi").write_bytes(b"")
    hint = client.get("/api/project")["hint"]
    assert hint.startswith("Shown is the folder as it was before")
    assert "would both be called 'sub/new' (rename one of them" in hint
    assert str(project) in client.get("/api/project")["path"]


def test_a_broken_video_is_told_and_the_others_work(project: Path) -> None:
    (project / "broken.mp4").write_bytes(b"\0" * 500)
    (project / "empty.mp4").write_bytes(b"")
    client = Client(project)
    told = {video["id"]: video for video in client.get("/api/project")["videos"]}
    assert "cannot be shown" in told["broken"]["problem"]
    assert "empty" in told["empty"]["problem"]
    assert sum(video["problem"] is None for video in told.values()) == 3
    client.ops(add_class(), add_click(video="one"))
    assert "cannot be read" in client.ops(add_click("k2", video="broken"), status=422)["message"]


def test_the_studios_own_corner_holds_no_videos(client: Client, project: Path) -> None:
    (project / OWN / "proxies").mkdir(exist_ok=True)
    shutil.copy(next(project.glob("*.mp4")), project / OWN / "proxies" / "copy.mp4")
    assert len(client.get("/api/project")["videos"]) == 3


def test_an_empty_folder_says_what_to_put_there(tmp_path: Path) -> None:
    told = Client(tmp_path).get("/api/project")
    assert told["videos"] == []
    assert "put video files" in told["hint"]


@pytest.mark.parametrize("layout", [field_layout, own_layout])
def test_a_data_set_comes_with_its_clicks_classes_and_truth(layout: Any, tmp_path: Path) -> None:
    root = layout(tmp_path / "set")
    before = {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}
    client = Client(root)
    with client.http:
        told = client.get("/api/project")
        assert told["kind"] == "dataset"
        assert [video["id"] for video in told["videos"]] == ["a one", "b", "c"]
        assert [video["duration"] for video in told["videos"]] == [40.0] * 3
        assert [c["name"] for c in told["classes"]] == ["jump", "run"]
        seen = client.get("/api/video", id="a one")
        assert sorted(click["time"] for click in seen["clicks"]) == [10.0, 22.0]
        truth = [{"start": 9.6, "end": 10.4, "label": "jump"}] if layout is field_layout else []
        assert seen["truth"] == truth
        client.ops({"op": "delete_click", "id": seen["clicks"][0]["id"], "version": 1})
    again = Client(root)
    assert len(again.get("/api/video", id="a one")["clicks"]) == 1, "clicks come in once"
    assert before == {path: path.read_bytes() for path in before}, "the data set itself is only read"


def test_videos_beside_a_data_set_are_matched_by_id(project: Path, tmp_path: Path) -> None:
    root = field_layout(tmp_path / "set")
    first, second, _ = sorted(project.glob("*.mp4"))
    (root / "videos").mkdir()
    shutil.copy(first, root / "videos" / "a one.mp4")
    shutil.copy(second, root / "videos" / "stranger.mp4")
    told = {video["id"]: video for video in Client(root).get("/api/project")["videos"]}
    assert list(told) == ["a one", "b", "c", "videos/stranger"]
    assert told["a one"]["width"] > 0, "the file is there"
    assert told["a one"]["duration"] != 40, "and knows best how long it is"
    assert told["b"]["width"] is None


def test_clicks_of_a_data_set_that_cannot_be_are_left_out_and_told(tmp_path: Path) -> None:
    root = own_layout(tmp_path / "set")
    with (root / "clicks.csv").open("a") as table:
        table.write("b,99,jump\nnobody,1,jump\nb,x,jump\nb,1,\u202ex\n")
    project = open_project(root)
    _, clicks = project.first_clicks()
    assert sum(map(len, clicks.values())) == 3
    assert any("4 rows" in remark for remark in project.remarks)


def test_the_export_of_one_video_is_called_as_it_where_nothing_else_tells_which(
    client: Client, tmp_path: Path
) -> None:
    first = client.get("/api/project")["videos"][0]["id"]
    client.ops(add_class(), add_click("k", 1.5, first))
    named = f'filename="{first}.txt"'
    assert (
        named in client.http.get("/api/export", params={"format": "audacity"}).headers["content-disposition"]
    )
    root = client.app.state.studio.project.root
    told = export_project(root, tmp_path / "mine.txt", "audacity", folder=False, force=False)
    assert f"only the file's name tells the video there: {first!r} becomes 'mine'" in told
    told = export_project(root, tmp_path / f"{first}.txt", "audacity", folder=False, force=False)
    assert not any("becomes" in line for line in told)


def test_every_format_that_can_be_written_from_clicks_comes_out(client: Client) -> None:
    videos = [video["id"] for video in client.get("/api/project")["videos"]]
    clicks = [add_click(f"k{i}", i + 0.5, video) for i, video in enumerate(videos)]
    client.ops(add_class(), *clicks, add_segment(start=3, end=5, video=videos[0]))
    for name, form in FORMATS.items():
        answer = client.http.get("/api/export", params={"format": name})
        assert form.write is not None
        if name == "activitynet-results":  # has scores only, and neither clicks nor segments have one
            assert answer.status_code == 422, answer.text
            continue
        assert answer.status_code == 200, (name, answer.text)
        assert "attachment" in answer.headers["content-disposition"]
        files = [answer.content]
        if answer.content[:2] == b"PK":
            with zipfile.ZipFile(io.BytesIO(answer.content)) as packed:
                files = [packed.read(inner) for inner in packed.namelist()]
        if form.read is not None and not form.named_by_file:
            found_clicks = found_segments = 0
            for content in files:
                path = Path(client.app.state.studio.project.own) / f"read{form.suffix}"
                path.write_bytes(content)
                read = form.read(Source(path, lambda _: 25.0))
                found_clicks += sum(len(video.clicks) for video in read.videos.values())
                found_segments += sum(len(video.segments) for video in read.videos.values())
            assert found_clicks == (3 if "click" in form.holds else 0), name
            assert found_segments == (1 if "segment" in form.holds else 0), name
    csv = client.http.get("/api/export").text.splitlines()
    assert csv[0] == "video_id,timestamp,label"
    assert csv[1] == f"{videos[0]},0.5,jump"
    assert client.get("/api/export", 422, format="nonsense")["error"] == "problem"


def test_an_error_inside_tells_nothing_of_the_inside(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client.app.state.studio, "video_facts", [lambda ids: 1 / 0])
    answer = client.http.get("/api/project")
    assert answer.status_code == 500
    assert "ZeroDivision" not in answer.text
    assert answer.json().keys() == {"error", "message"}


def test_a_database_that_cannot_be_written_is_told_and_nothing_is_acknowledged(client: Client) -> None:
    client.ops(add_class())
    store = client.app.state.studio.store
    (pages,) = store._db.execute("PRAGMA page_count").fetchone()
    store._db.execute(f"PRAGMA max_page_count = {pages}")  # as a full disk: SQLite says the same
    many = [add_click(f"k{n}", 1.0, "one") for n in range(900)]
    answer = client.ops(*many, status=507)
    assert answer["error"] == "disk"
    assert "nothing was changed" in answer["message"]
    assert client.get("/api/video", id="one")["clicks"] == []
    store._db.execute("PRAGMA max_page_count = 1000000")
    client.ops(*many)
    assert len(client.get("/api/video", id="one")["clicks"]) == 900
