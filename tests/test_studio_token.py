"""The studio's token: what it opens and how, and what it costs to guess."""

from __future__ import annotations

import json
import time

import pytest

from studio_raw import Site, read_answer, wait_for
from studio_site import OPS, TOKEN, add_class, assert_safe

pytest_plugins = ["studio_site"]


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
    assert set(marks) == {"Path=/", "HttpOnly", "SameSite=Lax"}
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


def test_a_link_with_a_cookie_opens_the_page_and_nothing_else(locked: Site) -> None:
    """As a browser follows one over plain HTTP from another machine, where it says no Sec-Fetch."""
    link = [f"Cookie: {locked.door.cookie}={TOKEN}", "Accept: text/html,application/xhtml+xml,*/*;q=0.8"]
    assert locked.get("/", *link).status == 200
    for target in ("/api/export", "/api/project", "/media?id=one", "/thumb?id=one&t=0", "/static/main.js"):
        assert locked.get(target, *link).status == 403, target
        assert locked.get(target, link[0], "Accept: */*").status == 200, target  # as the page asks


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
