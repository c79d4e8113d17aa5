"""``hrpro studio`` as it is started and ended: what it prints, what it refuses, that it ends when asked."""

from __future__ import annotations

import http.client
import json
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.request import Request, urlopen

import pytest

pytest.importorskip("fastapi", reason="the extra [studio] is not installed")
pytest.importorskip("av", reason="the extra [video] is not installed")

from commands import finish, run, start
from hrpro.videos import clicked_videos
from studio_server import Server, free_port
from studio_store import add_class, add_click, add_segment, make_videos

pytest_plugins = ["command_fixtures"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make_videos(tmp_path / "videos")


@pytest.fixture
def server(folder: Path, tmp_path: Path) -> Iterator[Server]:
    running = Server(folder, tmp_path / "server.log")
    yield running
    running.stop()


def test_ctrl_c_ends_it_with_open_streams_and_begun_requests(server: Server) -> None:
    server.ops(add_class())
    streams = []
    for _ in range(4):
        stream = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
        stream.request("GET", "/api/stream?since=0")
        answer = stream.getresponse()
        assert answer.status == 200
        assert b"hello" in answer.readline()
        streams.append((stream, answer))
    begun = socket.create_connection(("127.0.0.1", server.port))  # its body never comes
    begun.sendall(b"POST /api/ops HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n" % server.port)
    begun.sendall(b"Content-Type: application/json\r\nX-Hrpro-Client: me\r\nContent-Length: 100\r\n\r\n{")
    answered: list[str] = []

    def click() -> None:
        try:
            for number in range(10_000):
                server.ops(add_click(f"k{number}", 1, "one"))
                answered.append(f"k{number}")
        except (OSError, http.client.HTTPException, AssertionError, ValueError):
            pass

    clicker = threading.Thread(target=click)
    clicker.start()
    while len(answered) < 5:
        pass
    server.process.send_signal(signal.SIGINT)
    assert server.process.wait(30) == 0
    clicker.join(30)
    for stream, answer in streams:
        ids = re.findall(rb"^id: (\d+)$", answer.read(), re.MULTILINE)  # IncompleteRead: it was cut off
        assert len(ids) >= 1 + 5, "what was answered is told"
        assert [int(id) for id in ids] == list(range(1, len(ids) + 1)), "something was left out"
        stream.close()
    begun.close()
    said = server.log.read_text().splitlines()
    assert said == [
        f"hrpro studio: {server.url}/   (Ctrl-C ends it)",
        "stopped; all that was shown as done is stored",
    ]
    assert not list((server.project / ".hrpro-studio").glob("studio.db-*")), "closed whole"
    server.start()
    assert {click["id"] for click in server.clicks("one")} >= set(answered)


def test_a_page_catches_up_and_the_second_server_is_told_where_the_first_one_is(server: Server) -> None:
    server.ops(add_class(), add_click("k1", 1, "one"), add_click("k2", 2, "one"))
    question = Request(f"{server.url}/api/stream?since=0", headers={"Last-Event-ID": "2"})
    with urlopen(question, timeout=30) as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        lines = [stream.readline().decode().rstrip("\n") for _ in range(6)]
    assert lines[0] == "event: hello"
    assert lines[3:5] == ["event: change", "id: 3"]
    code, out, err = finish(start("studio", server.project, "--no-browser", "--port", "0"))
    assert (code, out) == (2, "")
    expected = f"the studio has this project open already, at {server.url} (process {server.process.pid})"
    assert expected in err
    assert err.count("\n") == 1
    server.kill()
    assert (server.project / ".hrpro-studio" / "server.lock").is_file()
    server.start()  # what the killed one left holds nobody up
    assert server.get("/api/project")["name"] == "videos"


def test_beyond_this_machine_only_with_the_token_that_is_printed_once(folder: Path, tmp_path: Path) -> None:
    log, port = tmp_path / "log", free_port()
    with log.open("w") as file:
        words = ["studio", str(folder), "--host", "0.0.0.0", "--port", str(port), "--no-browser"]
        process = subprocess.Popen([sys.executable, "-m", "hrpro.cli", *words], stdout=file, stderr=file)
    try:
        while "?token=" not in log.read_text():
            assert process.poll() is None, log.read_text()
        token = log.read_text().partition("?token=")[2].split()[0]
        printed = log.read_text().partition("http://")[2].partition(":")[0]
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            try:
                probe.connect(("192.0.2.1", 9))
                assert printed == probe.getsockname()[0], "an address that others can open"
            except OSError:
                assert printed == "127.0.0.1"
        assert len(token) >= 40
        bearer = {"Authorization": f"Bearer {token}"}
        for host, header, status in (
            ("127.0.0.1", {}, 401),
            ("127.0.0.1", bearer, 200),
            (printed, {}, 401),
            (printed, bearer, 200),
        ):
            connection = http.client.HTTPConnection(host, port, timeout=30)
            connection.request("GET", "/api/project", headers=header)
            assert connection.getresponse().status == status
            connection.close()
    finally:
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
    assert log.read_text().count(token) == 1


def test_a_port_of_ones_own_or_the_first_that_is_free(folder: Path, said) -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        held.listen()
        port = held.getsockname()[1]
        line = said("studio", folder, "--no-browser", "--port", port)
    assert f"--port: cannot listen at 127.0.0.1, port {port}" in line
    assert "--port 0" in line
    assert "from 0 to 65535" in said("studio", folder, "--no-browser", "--port", "70000")
    assert "--host" in said("studio", folder, "--no-browser", "--host", "no such host")


def test_what_cannot_be_opened_is_one_line(folder: Path, tmp_path: Path, said) -> None:
    assert "there is no such folder" in said("studio", tmp_path / "nothing", "--no-browser")
    assert "is a file, not a folder" in said("studio", folder / "one.mp4", "--no-browser")
    assert "goes with --export" in said("studio", folder, "--format", "seconds")
    (folder / ".hrpro-studio").mkdir()
    (folder / ".hrpro-studio" / "studio.db").write_bytes(b"x" * 5000)
    assert "cannot be read" in said("studio", folder, "--no-browser", "--port", "0")


def test_the_server_does_without_the_libraries_of_training() -> None:
    code = (
        "import sys, hrpro.studio.app\nassert not {'torch', 'numba', 'pandas', 'plotly'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_without_the_extra_it_says_what_to_install(folder: Path) -> None:
    code = (
        "import sys; sys.modules['fastapi'] = None\nfrom hrpro.cli import main\nsys.exit(main(sys.argv[1:]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "studio", str(folder)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    assert "pip install 'hrpro[studio,video]'" in done.stderr


def test_export_needs_no_server_and_works_beside_one(server: Server, tmp_path: Path, capsys, said) -> None:
    out = tmp_path / "clicks.csv"
    server.ops(add_class(), add_click("k1", 2.5, "one"), add_click("k2", 1, "two"))
    server.ops(add_segment(start=2, end=3.25, video="one"))
    expected = "video_id,timestamp,label\none,2.5,jump\ntwo,1,jump\n"
    assert run("studio", server.project, "--export", out) == 0
    assert out.read_text() == expected
    clicked = clicked_videos(server.project, out)
    assert [(id, row.time, row.label) for id, row in clicked.rows] == [
        ("one", 2.5, "jump"),
        ("two", 1, "jump"),
    ]
    said_of_it = capsys.readouterr().out
    assert "left out" in said_of_it
    assert "1 segment" in said_of_it
    assert f"seconds: 2 clicks and 0 segments in {out}" in said_of_it
    assert "--force overwrites it" in said("studio", server.project, "--export", out)
    server.kill()
    assert run("studio", server.project, "--export", out, "--force") == 0
    assert out.read_text() == expected
    assert run("studio", server.project, "--export", tmp_path / "truth.json", "--format", "activitynet") == 0
    database = json.loads((tmp_path / "truth.json").read_text())["database"]
    assert database["one"]["annotations"] == [{"label": "jump", "segment": [2.0, 3.25]}]
    assert database["one"]["duration"] == 20.0
    assert run("studio", server.project, "--export", f"{tmp_path}/eaf/", "--format", "elan") == 0
    assert len(list((tmp_path / "eaf").glob("*.eaf"))) == 3
    assert run("studio", server.project, "--export", tmp_path / "frames.csv", "--format", "lacp") == 0
    assert (tmp_path / "frames.csv").read_text().splitlines()[1] == "jump,one,12"
    assert "name a folder" in said("studio", server.project, "--export", tmp_path / "x.eaf")
    assert "did you mean 'seconds'" in said(
        "studio", server.project, "--export", out, "--format", "second", "--force"
    )


def test_nothing_to_export_yet(folder: Path, tmp_path: Path, said) -> None:
    assert "nothing was clicked here yet" in said("studio", folder, "--export", tmp_path / "out.csv")
    assert not (folder / ".hrpro-studio" / "studio.db").exists()
