"""The studio as an attacker finds it: foreign names and pages, forged and endless requests, wrong tokens."""

from __future__ import annotations

import json
import logging
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hrpro.studio import connection, security
from hrpro.studio.door import Door, is_loopback
from hrpro.studio.request import BODY
from rendered_videos import even_times, render
from studio_raw import Site, read_answer, serving, wait_for

TOKEN = "a-token-of-the-tests-that-nobody-guesses"
OPS: dict[str, Any] = {"request": "r1", "ops": []}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("project")
    render(folder / "one.mp4", even_times(25, 1), codec="libx264")
    return folder


@pytest.fixture(scope="module")
def site(folder: Path) -> Iterator[Site]:
    with serving(folder) as site:
        yield site


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("locked")
    render(folder / "one.mp4", even_times(25, 1), codec="libx264")
    with serving(folder, token=TOKEN, wrong_seconds=0.3) as site:
        yield site


def add_class(number: int = 0) -> dict[str, Any]:
    op = {
        "op": "add_class",
        "id": f"c{number:031d}",
        "name": f"class {number}",
        "color": "#112233",
        "key": None,
    }
    return {"request": f"q{number:031d}", "ops": [op]}


def revision(site: Site) -> int:
    return site.get("/api/project").json["revision"]


# --- names: DNS rebinding -------------------------------------------------------------------------------


def test_the_studio_answers_under_its_own_names(site: Site) -> None:
    for host in ("127.0.0.1", "localhost", "[::1]", "LOCALHOST"):
        assert site.get("/api/project", host=f"{host}:{site.port}").status == 200


@pytest.mark.parametrize(
    "host",
    [
        *(
            "evil.example:{port}",
            "evil.example",
            "127.0.0.1",
            "localhost",
            "127.0.0.1:1",
            "localhost.:{port}",
        ),
        *("127.0.0.1.evil.example:{port}", "localhost:{port}.evil.example", "evil@127.0.0.1:{port}"),
        *("0.0.0.0:{port}", "[::]:{port}", "127.1:{port}", "2130706433:{port}", "127.0.0.1:{port}:80", ""),
    ],
)
@pytest.mark.parametrize("target", ["/", "/api/project", "/media?id=one", "/static/app.css", "/nothing"])
def test_no_other_name_is_answered(site: Site, host: str, target: str) -> None:
    sent = f"GET {target} HTTP/1.1\r\nHost: {host.format(port=site.port)}\r\nConnection: close\r\n\r\n"
    answer = site.raw(sent.encode())
    assert answer.status in (400, 421)
    assert answer.json["error"] in ("host", "http")
    assert_safe(answer.headers)


def test_a_name_must_be_given_once(site: Site) -> None:
    mine, other = f"Host: {site.host}\r\n", "Host: evil.example\r\n"
    for lines in ("", mine + other, other + mine, mine + mine):
        assert site.raw(f"GET /api/project HTTP/1.1\r\n{lines}\r\n".encode()).status == 400
    assert site.raw(b"GET /api/project HTTP/1.0\r\n\r\n").status == 400


def test_the_address_itself_may_not_name_another_server(site: Site) -> None:
    for target in ("http://evil.example/api/project", f"{site.origin}/api/project", "evil.example:443", "*"):
        answer = site.get(target)
        assert answer.status in (400, 404), target
        assert b"revision" not in answer.body


def test_with_another_host_the_machines_names_are_ours_and_others_are_not() -> None:
    door = Door.at("0.0.0.0", 9000)
    here = socket.gethostname().lower()
    assert door.is_ours(f"{here}:9000".encode(), ("10.1.2.3", 9000))
    assert door.is_ours(b"10.1.2.3:9000", ("10.1.2.3", 9000))  # the address that the connection came to
    assert door.is_ours(b"[fe80::1]:9000", ("fe80::1", 9000))
    for other in (b"10.1.2.4:9000", b"evil.example:9000", b"10.1.2.3:9001", b"10.1.2.3", b"0.0.0.0:9000"):
        assert not door.is_ours(other, ("10.1.2.3", 9000)), other
    named = Door.at("studio.example", 80)
    assert named.is_ours(b"studio.example", None)
    assert named.is_ours(b"Studio.Example:80", None)
    assert not Door(9000).is_ours(b"10.1.2.3:9000", ("10.1.2.3", 9000))


def test_only_loopback_goes_without_a_token() -> None:
    for host in ("127.0.0.1", "127.8.8.8", "::1", "[::1]", "localhost", "LocalHost"):
        assert is_loopback(host)
        assert Door.at(host, 1).token is None
    for host in ("0.0.0.0", "::", "", "192.168.0.1", "studio.example", "localhost.evil.example"):
        assert len(Door.at(host, 1).token or "") >= 43, host
    assert Door.at("::", 1).token != Door.at("::", 1).token
    assert "secret" not in repr(Door(1, token="secret"))


# --- origins: CSRF --------------------------------------------------------------------------------------


def test_the_page_and_a_script_of_its_users_may_change_things(site: Site) -> None:
    before = revision(site)
    assert site.post("/api/ops", add_class(1)).status == 200
    script = ["Content-Type: application/json", "X-Hrpro-Client: script"]
    assert site.post("/api/ops", json.dumps(add_class(2)).encode(), *script, plain=True).status == 200
    assert revision(site) > before


@pytest.mark.parametrize(
    "lines",
    [
        ["Origin: http://evil.example"],
        ["Origin: null"],
        ["Origin: "],
        ["Origin: https://{host}"],
        ["Origin: http://{host}.evil.example"],
        ["Origin: http://localhost:{port}"],  # our own under another name: not the page that asks
        ["Origin: http://127.0.0.1"],
        ["Origin: http://{host}", "Sec-Fetch-Site: cross-site"],
        ["Origin: http://{host}", "Sec-Fetch-Site: same-site"],  # another port of this machine
        ["Origin: http://{host}", "Sec-Fetch-Site: nonsense"],
        ["Sec-Fetch-Site: cross-site"],
        ["Sec-Fetch-Site: same-origin"],  # a browser's POST has an Origin
        ["Cookie: a=b"],
        ["Origin: http://{host}", "Origin: http://evil.example"],
        ["Origin: http://{host}", "Sec-Fetch-Site: same-origin", "Sec-Fetch-Site: cross-site"],
    ],
)
@pytest.mark.parametrize("target", ["/api/ops", "/api/undo", "/api/proxy"])
def test_a_foreign_page_changes_nothing(site: Site, lines: list[str], target: str) -> None:
    before = revision(site)
    own = ["Content-Type: application/json", "X-Hrpro-Client: victim"]
    lines = [line.format(host=site.host, port=site.port) for line in lines]
    answer = site.post(target, json.dumps({**add_class(9), "id": "one"}).encode(), *own, *lines, plain=True)
    assert answer.status in (400, 403)
    assert_safe(answer.headers)
    assert revision(site) == before


@pytest.mark.parametrize(
    "target", ["/api/project", "/api/stream", "/api/export", "/media?id=one", "/thumb?id=one&t=0"]
)
def test_a_foreign_page_reads_nothing(site: Site, target: str) -> None:
    for lines in (
        ["Origin: http://evil.example"],
        ["Origin: null"],
        ["Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: no-cors", "Sec-Fetch-Dest: video"],
        ["Sec-Fetch-Site: same-site"],
        ["Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document"],
        ["Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: iframe"],
    ):
        answer = site.get(target, *lines)
        assert answer.status == 403, lines
        assert "access-control-allow-origin" not in answer.headers


def test_a_link_elsewhere_may_open_the_page_but_frame_nothing(site: Site) -> None:
    lines = ["Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate"]
    assert site.get("/", *lines, "Sec-Fetch-Dest: document").status == 200
    assert site.get("/", *lines, "Sec-Fetch-Dest: iframe").status == 403


@pytest.mark.parametrize(
    "kind",
    [
        *("application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/plain", ""),
        *("text/plain; application/json", "application/jsonp", "application/json, text/plain"),
        *("application/json; charset=utf-7", "application/json;x=y"),
    ],
)
def test_what_a_form_can_send_is_refused(site: Site, kind: str) -> None:
    lines = [f"Origin: {site.origin}", "X-Hrpro-Client: victim", f"Content-Type: {kind}"]
    before = revision(site)
    assert site.post("/api/ops", json.dumps(add_class(8)).encode(), *lines, plain=True).status == 415
    assert revision(site) == before


@pytest.mark.parametrize("client", [None, "", "a b", "x" * 65, "<script>", "a/../b", "\xe9"])
def test_a_change_needs_a_client(site: Site, client: str | None) -> None:
    lines = [f"Origin: {site.origin}", "Content-Type: application/json"]
    lines += [] if client is None else [f"X-Hrpro-Client: {client}"]
    assert site.post("/api/ops", json.dumps(add_class(7)).encode(), *lines, plain=True).status == 403


def test_no_preflight_is_granted_and_no_other_method_known(site: Site) -> None:
    for method in ("OPTIONS", "PUT", "DELETE", "PATCH", "TRACE", "CONNECT", "FOO"):
        lines = ["Origin: http://evil.example", "Access-Control-Request-Method: POST"]
        answer = site.get("/api/ops", *lines, method=method)
        assert answer.status == 405
        assert not [name for name in answer.names if name.startswith("access-control")]


# --- endless and malformed requests ---------------------------------------------------------------------


def test_a_body_of_the_largest_size_is_read_and_one_more_byte_is_not(site: Site) -> None:
    body = b'{"ops": [], "request": "r", "x": "'
    full = body + b"a" * (BODY - len(body) - 2) + b'"}'
    assert len(full) == BODY
    assert site.post("/api/ops", full).status in (200, 422)
    answer = site.post("/api/ops", full + b" ")
    assert answer.status == 413
    assert answer.closed
    assert_safe(answer.headers)


def test_a_promised_giant_is_refused_before_it_is_sent(site: Site) -> None:
    for length in (str(2**20 + 1), str(2**62), "9" * 40):
        head = f"POST /api/ops HTTP/1.1\r\nHost: {site.host}\r\nContent-Length: {length}\r\n"
        head += f"Origin: {site.origin}\r\nContent-Type: application/json\r\nX-Hrpro-Client: a\r\n\r\n"
        assert site.raw(head.encode()).status in (400, 413)


def chunked_head(site: Site, method: str = "POST") -> bytes:
    return (
        f"{method} /api/ops HTTP/1.1\r\nHost: {site.host}\r\nTransfer-Encoding: chunked\r\n"
        f"Origin: {site.origin}\r\nContent-Type: application/json\r\nX-Hrpro-Client: a\r\n\r\n"
    ).encode()


def test_chunks_without_end_are_counted(site: Site) -> None:
    chunk = b"10000\r\n" + b" " * 65536 + b"\r\n"
    with site.connect() as wire:
        wire.sendall(chunked_head(site))
        sent = 0
        try:
            while sent < 64 * 2**20:
                wire.sendall(chunk)
                sent += 65536
        except OSError:
            pass  # the server has closed
        # What was on its way may have been answered by a reset, which loses the answer; but it was cut.
        assert sent < 32 * 2**20
    answer = site.raw(chunked_head(site) + chunk * 16 + b"1\r\n \r\n0\r\n\r\n")
    assert answer.status == 413
    body = b'{"ops":[],"request":"r"}'
    small = b"".join(b"1\r\n%c\r\n" % byte for byte in body) + b"0\r\n\r\n"
    assert site.raw(chunked_head(site) + small).status in (200, 422)


def test_what_proxies_could_read_in_two_ways_is_refused(site: Site) -> None:
    for extra in (
        "Content-Length: 5\r\nContent-Length: 6\r\n",
        "Content-Length: -1\r\n",
        "Content-Length: +5\r\n",
        "Content-Length: 0x5\r\n",
        "Transfer-Encoding: chunked, identity\r\n",
        "X: a\r\n folded\r\nContent-Length : 5\r\n",
        "X-Hrpro-Client : b\r\n",
        "Bad\x01Name: x\r\n",
        "X: a\x00b\r\n",
    ):
        head = f"POST /api/ops HTTP/1.1\r\nHost: {site.host}\r\nX-Hrpro-Client: a\r\n{extra}"
        head += f"Origin: {site.origin}\r\nContent-Type: application/json\r\nConnection: close\r\n\r\nhello"
        answer = site.raw(head.encode("latin-1"))
        assert answer.status in (400, 403, 413, 422, 501), extra
        assert_safe(answer.headers)


def test_a_get_with_a_body_is_refused(site: Site) -> None:
    assert site.get("/api/project", "Content-Length: 5").status == 400
    assert site.raw(chunked_head(site, "GET").replace(b"/api/ops", b"/api/project")).status == 400


def test_long_addresses_and_many_headers_are_refused(site: Site) -> None:
    assert site.get("/api/project?x=" + "a" * 5000).status == 414
    assert site.get("/" + "a" * 5000).status == 414
    assert site.get("/api/project", "X: " + "a" * 17000).status == 431
    assert site.get("/api/project", *[f"X-{n}: a" for n in range(120)]).status == 431
    for answer in (site.get("/api/project", "X: " + "a" * 200_000), site.get("/" + "a" * 200_000)):
        assert answer.status == 400  # never held in memory to be measured
        assert_safe(answer.headers)


def test_what_is_no_http_gets_a_bare_refusal(site: Site) -> None:
    for junk in (
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" * 9,
        b"\0" * 99 + b"\r\n\r\n",
        b"GET\r\n\r\n",
    ):
        answer = site.raw(junk)
        assert answer.status == 400
        assert_safe(answer.headers)


def test_a_line_break_in_the_address_adds_no_header(site: Site) -> None:
    for target in ("/%0d%0aX-Evil:%201", "/media?id=%0d%0aX-Evil:%201", "/?token=%0d%0aSet-Cookie:%20a=b"):
        answer = site.get(target)
        assert "x-evil" not in answer.headers
        assert "set-cookie" not in answer.headers


def test_a_head_that_does_not_end_is_let_go(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "HEAD_SECONDS", 0.6)
    begun = time.monotonic()
    with site.connect() as silent, site.connect() as slow, site.connect() as second:
        slow.sendall(f"GET /api/project HTTP/1.1\r\nHost: {site.host}\r\n".encode())
        second.sendall(f"GET /api/project HTTP/1.1\r\nHost: {site.host}\r\n\r\n".encode())
        assert read_answer(second).status == 200
        second.sendall(b"GET /api/")  # the next request on the same connection
        for wire in (slow, second):
            assert trickle(wire) < 15
        silent.settimeout(15)
        assert silent.recv(1) == b""
    assert time.monotonic() - begun < 15


def trickle(wire: socket.socket) -> float:
    """Send a header's byte now and then; s until the server closes."""
    begun = time.monotonic()
    wire.settimeout(0.1)
    while time.monotonic() - begun < 20:
        try:
            wire.sendall(b"X")
            if wire.recv(1) == b"":
                break
        except TimeoutError:
            continue
        except OSError:
            break
    return time.monotonic() - begun


def test_a_body_that_does_not_end_is_let_go(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hrpro.studio.request.BODY_SECONDS", 0.5)
    with site.connect() as wire:
        head = f"POST /api/ops HTTP/1.1\r\nHost: {site.host}\r\nContent-Length: 1000\r\n"
        head += f"Origin: {site.origin}\r\nContent-Type: application/json\r\nX-Hrpro-Client: a\r\n\r\n"
        wire.sendall(head.encode() + b"{")
        answer = read_answer(wire)
        assert answer.status == 408
        assert answer.closed


def test_a_refused_sender_that_goes_on_sending_is_let_go(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "HEAD_SECONDS", 0.6)
    with site.connect() as wire:
        head = "POST /api/ops HTTP/1.1\r\nHost: evil.example\r\nContent-Length: 1000000\r\n\r\n"
        wire.sendall(head.encode())
        assert read_answer(wire).status == 421
        assert trickle(wire) < 15


def test_websockets_are_not_spoken(site: Site) -> None:
    lines = ["Upgrade: websocket", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version: 13"]
    request = f"GET /api/stream HTTP/1.1\r\nHost: {site.host}\r\nConnection: Upgrade\r\n"
    request += "\r\n".join([*lines, "Origin: http://evil.example"]) + "\r\n\r\n"
    assert site.raw(request.encode()).status == 403


# --- every answer ---------------------------------------------------------------------------------------


def assert_safe(headers: dict[str, str]) -> None:
    for name, value in security.SAFE.items():
        assert headers.get(name) == value, name
    assert "server" not in headers
    assert "x-powered-by" not in headers


@pytest.mark.parametrize(
    ("target", "status"),
    [
        *(("/", 200), ("/api/project", 200), ("/api/nothing", 404), ("/static/app.css", 200)),
        *(("/static/none.js", 404), ("/media?id=one", 200), ("/media?id=none", 404), ("/media", 422)),
        *(("/thumb?id=one&t=0&h=48", 200), ("/thumb?id=one&t=x", 422), ("/thumb?id=one&t=0&h=5", 422)),
        *(("/api/frames?id=one", 200), ("/api/export?format=none", 422), ("/api/video?id=none", 404)),
        *(("/docs", 404), ("/openapi.json", 404), ("/redoc", 404), ("/.hrpro-studio/studio.db", 404)),
    ],
)
def test_every_answer_is_safe_and_clear(site: Site, target: str, status: int) -> None:
    answer = site.get(target)
    assert answer.status == status, answer.body
    assert_safe(answer.headers)
    assert len(answer.names) == len(set(answer.names)), "a header twice"
    if target.startswith("/api/"):
        assert answer.headers["cache-control"] == "no-store"
    if status >= 400:
        assert set(answer.json) == {"error", "message"}
        for secret in ("Traceback", "site-packages", str(Path(__file__).parents[1]), "/tmp"):
            assert secret not in answer.body.decode()


def test_a_fault_of_ours_tells_the_terminal_and_not_the_client(
    site: Site, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("a secret at /etc/passwd")

    monkeypatch.setattr(site.app.state.studio.store, "apply", broken)
    with caplog.at_level(logging.ERROR):
        answer = site.post("/api/ops", OPS)
    assert answer.status == 500
    assert answer.json["error"] == "internal"
    assert b"secret" not in answer.body
    assert_safe(answer.headers)
    assert "a secret at /etc/passwd" in caplog.text


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"{", b"[]", b"null", b"1e999", b"NaN", b'{"ops": NaN}', b"\xff\xfe", b"[" * 100_000),
        *(
            b'{"id": 1}',
            b'{"id": ["one"]}',
            b'{"id": {"a": "b"}}',
            b'{"id": "\\ud800"}',
            b'{"id": "\\u0000"}',
        ),
    ],
)
def test_nonsense_is_answered_in_words(site: Site, body: bytes) -> None:
    for target in ("/api/proxy", "/api/ops"):
        answer = site.post(target, body)
        assert answer.status in (404, 422), (target, body[:20])
        assert set(answer.json) == {"error", "message"}


# --- the token ------------------------------------------------------------------------------------------


def test_nothing_is_shown_without_the_token(locked: Site) -> None:
    for target in (
        "/",
        "/api/project",
        "/static/app.css",
        "/media?id=one",
        "/api/stream",
        "/none",
        "/api/export",
    ):
        answer = locked.get(target)
        assert answer.status == 401, target
        assert_safe(answer.headers)
        assert TOKEN.encode() not in answer.body
    assert locked.post("/api/ops", OPS).status == 401


def test_the_token_opens_by_header_and_by_cookie(locked: Site) -> None:
    name = locked.door.cookie
    for line in (
        f"Authorization: Bearer {TOKEN}",
        f"authorization: bearer {TOKEN}",
        f"Cookie: a=b; {name}={TOKEN}",
    ):
        assert locked.get("/api/project", line).status == 200
    answer = locked.post("/api/ops", add_class(1), f"Cookie: {name}={TOKEN}")
    assert answer.status == 200


def test_the_address_with_the_token_becomes_a_cookie_and_leaves_the_address(locked: Site) -> None:
    answer = locked.get(f"/?token={TOKEN}")
    assert answer.status == 303
    assert answer.headers["location"] == "/"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["cache-control"] == "no-store"
    cookie, *marks = [part.strip() for part in answer.headers["set-cookie"].split(";")]
    assert set(marks) == {"Path=/", "HttpOnly", "SameSite=Strict"}
    assert locked.get("/api/project", f"Cookie: {cookie}").status == 200
    assert TOKEN.encode() not in answer.body


def test_the_token_is_taken_from_no_other_address(locked: Site, site: Site) -> None:
    for target in (f"/api/project?token={TOKEN}", f"/media?id=one&token={TOKEN}", f"//?token={TOKEN}"):
        assert locked.get(target).status in (401, 404)
    opened = site.get("/?token=anything")  # where none is needed, an old address still opens the page
    assert opened.status == 303
    assert opened.headers["location"] == "/"
    assert "set-cookie" not in opened.headers


def test_a_cookie_does_not_make_a_foreign_page_ours(locked: Site) -> None:
    cookie = f"Cookie: {locked.door.cookie}={TOKEN}"
    own = ["Content-Type: application/json", "X-Hrpro-Client: victim", cookie]
    for line in ("Origin: http://evil.example", "X: y"):
        assert locked.post("/api/ops", json.dumps(OPS).encode(), *own, line, plain=True).status == 403
    assert locked.get("/api/project", cookie, host=f"evil.example:{locked.port}").status == 421


@pytest.mark.parametrize(
    "wrong", ["", " ", "x", TOKEN[:-1], TOKEN + "x", TOKEN.upper(), "\xe9" * 9, f"{TOKEN},", "' or 1=1"]
)
def test_wrong_tokens_cost_time(locked: Site, wrong: str) -> None:
    begun = time.monotonic()
    assert locked.get("/api/project", f"Authorization: Bearer {wrong}").status == 401
    assert locked.get("/api/project", f"Cookie: {locked.door.cookie}={wrong}").status == 401
    assert time.monotonic() - begun >= 0.3


def test_guessing_by_many_at_once_is_no_faster_and_does_not_hold_up_the_owner(locked: Site) -> None:
    guess = f"GET /api/project HTTP/1.1\r\nHost: {locked.host}\r\nAuthorization: Bearer {{}}\r\n\r\n"
    wires = [locked.connect() for _ in range(40)]
    try:
        begun = time.monotonic()
        for number, wire in enumerate(wires):
            wire.sendall(guess.format(f"guess-{number}").encode())
        assert locked.get("/api/project", f"Authorization: Bearer {TOKEN}").status == 200
        owner = time.monotonic() - begun
        first = [read_answer(wire).status for wire in wires[:4]]
        assert time.monotonic() - begun >= 4 * 0.3  # one after the other
        assert owner < 4 * 0.3
        assert set(first) == {401}
        assert read_answer(wires[39]).status == 429  # more than may wait
    finally:
        for wire in wires:
            wire.close()
    wait_for(lambda: True)
