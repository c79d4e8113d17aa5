"""The studio answers under its own names and no other, as DNS rebinding would have it."""

from __future__ import annotations

import socket

import pytest

from hrpro.studio.door import Door, is_loopback
from studio_raw import Site
from studio_site import assert_safe

pytest_plugins = ["studio_site"]


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
