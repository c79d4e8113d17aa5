"""Every answer of the studio is safe and clear, also to nonsense and after a fault of ours."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from studio_raw import Site
from studio_site import OPS, assert_safe

pytest_plugins = ["studio_site"]


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
