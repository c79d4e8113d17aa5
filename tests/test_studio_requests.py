"""Endless, malformed and ambiguous requests to the studio: refused, counted, let go."""

from __future__ import annotations

import socket
import time

import pytest

from hrpro.studio import connection
from hrpro.studio.request import BODY
from studio_raw import Site, read_answer
from studio_site import assert_safe

pytest_plugins = ["studio_site"]


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
