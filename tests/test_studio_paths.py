"""No path leaves the project: whatever a request, a file's name or a link says."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hrpro.core.errors import ConfigError
from hrpro.studio.answers import Refused
from hrpro.studio.jobs_api import readable
from hrpro.studio.paths import Listing, corner, disposition, open_file
from hrpro.studio.project import open_project
from rendered_videos import even_times, render
from studio_raw import Site, serving

SECRET = b"the secret of another folder"
ODD = [
    "<script>alert(1)<",
    'it\'s "quoted"',
    "per%2fcent",
    "semi;colon, and space",
    "Größe 漢字",
    "sub/in a folder",
    "dots..in",
    "new\nline",
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    top = tmp_path_factory.mktemp("top")
    folder = top / "project"
    (folder / "sub").mkdir(parents=True)
    film = render(top / "outside.mp4", even_times(25, 1), codec="libx264")
    (top / "secret.txt").write_bytes(SECRET)
    (top / "elsewhere").mkdir()
    (top / "elsewhere" / "far.mp4").write_bytes(film.read_bytes())
    for name in ["one", *ODD]:
        (folder / f"{name}.mp4").write_bytes(film.read_bytes())
    (folder / "notes.txt").write_bytes(SECRET)
    (folder / "alias.mp4").symlink_to("one.mp4")
    (folder / "leaves.mp4").symlink_to("../outside.mp4")
    (folder / "absolute.mp4").symlink_to(top / "outside.mp4")
    (folder / "passwd.mp4").symlink_to("/etc/passwd")
    (folder / "hop.mp4").symlink_to("leaves.mp4")
    (folder / "circle.mp4").symlink_to("circle.mp4")
    (folder / "gone.mp4").symlink_to("nothing.mp4")
    (folder / "linked").symlink_to(top / "elsewhere")
    (folder / "far.mp4").symlink_to("linked/far.mp4")
    os.mkfifo(folder / "pipe.mp4")
    (folder / "zero.mp4").symlink_to("/dev/zero")
    (folder / "folder.mp4").mkdir()
    return folder


@pytest.fixture(scope="module")
def site(folder: Path) -> Iterator[Site]:
    with serving(folder) as site:
        yield site


ROUTES = ["/media?id={}", "/thumb?t=0&h=48&id={}", "/api/frames?id={}", "/api/video?id={}"]


@pytest.mark.parametrize("route", ROUTES)
def test_videos_of_the_listing_are_served_whatever_their_names(site: Site, folder: Path, route: str) -> None:
    for id in ["one", "alias", *ODD]:
        answer = site.get(route.format(quote(id, safe="")))
        assert answer.status == 200, (id, answer.body)
        if route.startswith("/media"):
            assert answer.body == (folder / f"{id}.mp4").read_bytes()
            named = answer.headers["content-disposition"].partition("filename*=UTF-8''")[2]
            assert unquote(named) == Path(id).name + ".mp4"


def test_no_job_is_given_what_lies_outside(folder: Path) -> None:
    project = open_project(folder)
    assert "linked/far" not in project.videos, "a linked folder is not looked into"
    assert all(readable(project, id) == str(folder / f"{id}.mp4") for id in ("one", "alias"))
    for id in ("leaves", "absolute", "passwd", "hop", "far", "circle", "gone", "pipe", "zero"):
        assert readable(project, id) is None, id


@pytest.mark.parametrize("route", ROUTES[:3])
@pytest.mark.parametrize(
    "id",
    ["leaves", "absolute", "passwd", "hop", "far", "circle", "gone", "pipe", "zero", "folder", "linked/far"],
)
def test_links_that_leave_and_what_is_no_file_are_not_served(site: Site, route: str, id: str) -> None:
    answer = site.get(route.format(quote(id, safe="")))
    assert answer.status in (403, 404), answer.body
    assert set(answer.json) == {"error", "message"}
    told = {video["id"]: video for video in site.get("/api/project").json["videos"]}
    if id in told:
        assert told[id]["media"] is None
        assert told[id]["playable"] == "no"
        assert told[id]["problem"]
        assert str(site.app.state.studio.project.root.parent) not in str(told[id])
    proxy = site.post("/api/proxy", {"id": id})
    assert proxy.status in (403, 404)
    assert not list(site.app.state.studio.project.own.glob("proxies/*"))


TRICKS = [
    *("../secret.txt", "../outside", "../outside.mp4", "..", ".", "", "/", "/etc/passwd", "//etc/passwd"),
    *(
        "one/../one",
        "./one",
        "one/",
        "/one",
        "one.mp4",
        "ONE",
        "One",
        "one ",
        " one",
        "one\0",
        "one\0.mp4",
        "\0",
    ),
    *("sub/../one", "sub//in a folder", "sub\\in a folder", "..\\outside", "C:\\one", "file:///etc/passwd"),
    *("%2e%2e/outside", "%252e%252e%252foutside", "..%2foutside", "%00", "..;/outside", "....//outside"),
    *(
        "\N{FULLWIDTH FULL STOP}" * 2 + "/outside",
        "\u2024\u2024/outside",
        "one\u200b",
        "o\u0308ne",
        "~root",
        "$HOME",
    ),
    *(
        ".hrpro-studio/studio",
        ".hrpro-studio/studio.db",
        "notes",
        "notes.txt",
        "*",
        "one*",
        "o?e",
        "one\r\nX: y",
    ),
    *(
        "a" * 300,
        "../" * 40 + "etc/passwd",
        "concat:one",
        "http://127.0.0.1/one",
        "\ud800".encode("utf-8", "replace").decode(),
    ),
]


@pytest.mark.parametrize("id", TRICKS)
def test_no_other_id_reaches_a_file(site: Site, folder: Path, id: str) -> None:
    for route in ROUTES:
        for written in {quote(id, safe=""), quote(quote(id, safe=""), safe=""), quote(id, safe="/.:*~$")}:
            answer = site.get(route.format(written))
            assert answer.status in (404, 422), (route, written, answer.body[:200])
            assert SECRET not in answer.body
            assert b"root:" not in answer.body
    assert site.post("/api/proxy", {"id": id}).status in (404, 422)


@pytest.mark.parametrize(
    "written", ["..%c0%afoutside", "%c0%ae%c0%ae/outside", "%ff", "one%", "%u002e", "one%0"]
)
def test_broken_encodings_reach_nothing(site: Site, written: str) -> None:
    for route in ROUTES:
        assert site.get(route.format(written)).status in (404, 422)
    assert site.get(f"/media?id=one&id={written}").status == 422
    assert site.get("/media?id=none&id=one").status == 422


@pytest.mark.parametrize("prefix", ["/", "/static/", "/media/", "/thumb/", "/api/", "/static/js/"])
@pytest.mark.parametrize(
    "path",
    [
        *(
            "../app.py",
            "../../studio/app.py",
            "..%2fapp.py",
            "%2e%2e/app.py",
            "%2e%2e%2fapp.py",
            "..%5capp.py",
        ),
        *(
            "%252e%252e/app.py",
            "....//app.py",
            "..;/app.py",
            "/etc/passwd",
            "%2fetc%2fpasswd",
            "//etc/passwd",
        ),
        *("../" * 30 + "etc/passwd", "..%c0%af..%c0%afetc/passwd", "one.mp4", ".hrpro-studio/studio.db"),
        *("%00", "index.html%00.js", "app.css/../../app.py", "../static/../app.py", ".", "..", "~"),
    ],
)
def test_no_address_is_a_path_on_the_disk(site: Site, prefix: str, path: str) -> None:
    answer = site.get(prefix + path)
    assert answer.status in (400, 404) or (
        answer.status == 200 and b"<!doctype html>" in answer.body[:40].lower()
    )
    for secret in (SECRET, b"root:", b"create_app", b"SQLite format"):
        assert secret not in answer.body


# --- the functions themselves ---------------------------------------------------------------------------


@dataclass(frozen=True)
class Held:
    files: dict[str, Path]
    inside: Path | None


def test_a_list_may_name_what_lies_elsewhere(folder: Path) -> None:
    outside = folder / "leaves.mp4"
    with pytest.raises(Refused) as refused:
        Listing(Held({"x": outside}, folder)).path("x")
    assert refused.value.status == 403
    assert Listing(Held({"x": outside}, None)).path("x") == (folder.parent / "outside.mp4").resolve()
    beside = Held({"x": folder.parent / "outside.mp4"}, folder)  # no link at all
    with pytest.raises(Refused):
        Listing(beside).path("x")


def test_a_manifest_from_elsewhere_shows_no_file_that_is_no_video(folder: Path, tmp_path: Path) -> None:
    """A run's manifest names its videos, wherever they lie: not what else it may name."""
    (tmp_path / "run" / "model").mkdir(parents=True)
    (tmp_path / "run" / "model" / "model.json").write_text("{}")
    (tmp_path / "run" / "features").mkdir()
    (tmp_path / "like.mp4").write_bytes(SECRET)
    named = {
        "one": folder / "one.mp4",
        "text": folder / "notes.txt",
        "users": Path("/etc/passwd"),
        "like": tmp_path / "like.mp4",
    }
    lines = [json.dumps({"id": id, "video": str(path), "state": "done"}) + "\n" for id, path in named.items()]
    (tmp_path / "run" / "features" / "manifest.jsonl").write_text("".join(lines))
    with serving(tmp_path / "run") as site:
        assert site.get("/media?id=one").status == 200
        for id in ("text", "users", "like"):
            for route in ROUTES[:3]:
                answer = site.get(route.format(id))
                told_nothing = route.startswith("/api/frames") and answer.json["times"] is None
                assert answer.status in (403, 404) or told_nothing, (id, route, answer.body)
                assert SECRET not in answer.body
                assert b"root:" not in answer.body


def test_nothing_is_written_through_a_corner_that_is_a_link(tmp_path: Path) -> None:
    (tmp_path / "project").mkdir()
    (tmp_path / "victim").mkdir()
    (tmp_path / "project" / "one.mp4").write_bytes(b"x")
    (tmp_path / "project" / ".hrpro-studio").symlink_to(tmp_path / "victim")
    with pytest.raises(ConfigError, match="is a link"), serving(tmp_path / "project"):
        pass
    assert not list((tmp_path / "victim").iterdir())


def test_a_folder_whose_name_begins_alike_is_outside(tmp_path: Path) -> None:
    (tmp_path / "project").mkdir()
    (tmp_path / "project-2").mkdir()
    (tmp_path / "project-2" / "a.mp4").write_bytes(b"x")
    with pytest.raises(Refused):
        Listing(Held({"a": tmp_path / "project-2" / "a.mp4"}, tmp_path / "project")).path("a")


def test_a_project_that_is_itself_a_link_is_a_project(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "a.mp4").write_bytes(b"x")
    (tmp_path / "link").symlink_to("real")
    listing = Listing(Held({"a": tmp_path / "link" / "a.mp4"}, tmp_path / "link"))
    assert listing.path("a") == (tmp_path / "real" / "a.mp4").resolve()


def test_what_becomes_a_link_after_the_look_is_not_opened(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(SECRET)
    (tmp_path / "in").mkdir()
    film = tmp_path / "in" / "a.mp4"
    film.write_bytes(b"x")
    true = Path(os.path.realpath(film))
    film.unlink()
    film.symlink_to(tmp_path / "secret")
    with pytest.raises(Refused):
        open_file(true)
    film.unlink()
    (tmp_path / "in").rmdir()
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "a.mp4").write_bytes(SECRET)
    (tmp_path / "in").symlink_to("other")  # a folder above it
    with pytest.raises(Refused):
        open_file(true)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(Refused):
        open_file(tmp_path / "pipe")  # and does not wait for a writer


def test_the_corner_is_never_a_link(tmp_path: Path) -> None:
    own, victim = tmp_path / "own", tmp_path / "victim"
    victim.mkdir()
    assert corner(own, "thumbs").is_dir()
    (own / "proxies").symlink_to(victim)
    with pytest.raises(ConfigError, match="is a link"):
        corner(own, "proxies")
    (tmp_path / "own2").symlink_to(victim)
    with pytest.raises(ConfigError, match="is a link"):
        corner(tmp_path / "own2", "thumbs")


@given(name=st.text(min_size=1), attachment=st.booleans())
def test_a_file_name_stays_within_its_header(name: str, attachment: bool) -> None:
    header = disposition(name, attachment=attachment)
    kind, plain, encoded = header.split("; ")[0], header.split('"')[1], header.rpartition("''")[2]
    assert kind == ("attachment" if attachment else "inline")
    assert header.count('"') == 2
    assert all(letter.isascii() and letter.isprintable() for letter in header)
    assert not set(plain) & set('\\";%/')
    assert unquote(encoded) == name.encode("utf-8", "replace").decode()
