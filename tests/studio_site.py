"""A served project with one film, open and behind a token, and what an answer to whomever must be like."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from hrpro.studio import security
from rendered_videos import even_times, render
from studio_raw import Site, serving

TOKEN = "a-token-of-the-tests-that-nobody-guesses"
OPS: dict[str, Any] = {"request": "r1", "ops": []}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("project")
    render(folder / "one.mp4", even_times(25, 1), codec="libx264")
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


def assert_safe(headers: dict[str, str]) -> None:
    for name, value in security.SAFE.items():
        assert headers.get(name) == value, name
    assert "server" not in headers
    assert "x-powered-by" not in headers
