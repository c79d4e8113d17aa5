"""A foreign page in the user's browser changes nothing in the studio and reads nothing of it."""

from __future__ import annotations

import json

import pytest

from studio_raw import Site
from studio_site import add_class, assert_safe, revision

pytest_plugins = ["studio_site"]


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
