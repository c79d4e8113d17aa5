"""Thumbnails: the right moment, upright, drawn once, kept within bounds."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from hrpro.core.errors import DataError
from hrpro.studio import media, thumbnails
from hrpro.studio.thumbnails import Shelf, grid_index, grid_step, thumbnail
from rendered_videos import even_times, read_stamp, render
from studio_media import MILLISECOND, turned, uneven_times
from studio_raw import Site, read_answer

pytest_plugins = ["studio_media"]


def read_jpeg(content: bytes) -> Any:
    picture = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    return np.ascontiguousarray(picture[..., ::-1])


@pytest.mark.parametrize("id", ["even", "uneven", "late"])
def test_a_thumbnail_shows_its_moment(site: Site, id: str) -> None:
    times = {"even": even_times(25, 6), "uneven": uneven_times(6), "late": uneven_times(5, 2)}[id]
    duration = site.get(f"/api/video?id={id}").json["video"]["duration"]
    for asked in (0.0, 0.6, 1.26, 3.0, 3.9, 99.0):
        answer = site.get(f"/thumb?id={id}&t={asked}&h=144")
        assert answer.headers["content-type"] == "image/jpeg"
        picture = read_jpeg(answer.body)
        assert picture.shape == (144, 216, 3)
        moment = min(round(asked * 2), int(duration * 2)) / 2  # the grid has steps of 0.5 s
        shown = read_stamp(picture) / 1000
        on_show = max(float(time) for time in times if time <= moment + MILLISECOND)
        assert shown == pytest.approx(on_show, abs=0.001) or moment - 0.125 <= shown <= moment, asked


@pytest.mark.parametrize("seconds", [0.0, 1.0, 7.3, 9.96])
def test_a_moment_far_from_any_whole_picture_is_decoded_to(tmp_path: Path, seconds: float) -> None:
    options = {"sc_threshold": "0", "g": "250", "keyint_min": "250"}
    film = render(tmp_path / "a.mp4", even_times(25, 10), codec="libx264", options=options, bframes=2)
    for step, worst in ((0.5, 0.0), (40.0, 10.0)):
        shown = read_stamp(read_jpeg(thumbnail(film, seconds, 96, step))) / 1000
        assert -0.001 <= seconds - shown < 0.04 + worst


def test_a_turned_video_has_upright_thumbnails(tmp_path: Path) -> None:
    plain = render(tmp_path / "plain.mp4", even_times(25, 1), codec="libx264")
    picture = read_jpeg(thumbnail(turned(plain, tmp_path / "turned.mp4"), 0.4, 144, 0.5))
    assert picture.shape == (144, 96, 3)
    assert read_stamp(np.rot90(picture, 1)) == 400


def test_three_hours_have_two_thousand_thumbnails_at_most() -> None:
    for duration in (None, 0.0, 1.0, 59.9, 3600.0, 3 * 3600.0, 9 * 3600.0, 1e6):
        indices = {grid_index(second, duration) for second in np.linspace(0, (duration or 0) + 99, 5000)}
        assert max(indices) < 2000
        assert min(indices) == 0
        if duration and duration <= 1e6:
            assert max(indices) * grid_step(duration) <= duration
    assert grid_step(3 * 3600.0) == 6


@pytest.mark.parametrize(
    "query", ["t=-1", "t=nan", "t=inf", "t=1e99", "t=x", "t=1&h=71", "t=1&h=144000", "t=1&h=+72"]
)
def test_other_times_and_heights_are_refused(site: Site, query: str) -> None:
    assert site.get(f"/thumb?id=even&{query}").status == 422


def test_what_cannot_be_shown_has_no_thumbnails(site: Site, tmp_path: Path) -> None:
    assert site.get("/thumb?id=broken&t=0&h=48").status == 404
    with pytest.raises(DataError):
        thumbnail(tmp_path / "none.mp4", 0.0, 48, 1.0)


def test_thumbnails_are_drawn_once_and_few_at_a_time(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    lock, drawn, now, most = threading.Lock(), list[tuple[float, int]](), 0, 0
    real = thumbnail

    def counted(path: Path, seconds: float, height: int, step: float) -> bytes:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
            drawn.append((seconds, height))
        time.sleep(0.05)
        try:
            return real(path, seconds, height, step)
        finally:
            with lock:
                now -= 1

    monkeypatch.setattr(media, "thumbnail", counted)
    wires = [site.connect() for _ in range(24)]
    for number, wire in enumerate(wires):
        target = f"/thumb?id=even&t={(number % 6) / 2 + 2}&h=72"
        wire.sendall(f"GET {target} HTTP/1.1\r\nHost: {site.host}\r\n\r\n".encode())
    wires.pop().close()  # whoever leaves takes it from nobody
    bodies = [read_answer(wire).body for wire in wires]
    for wire in wires:
        wire.close()
    assert len(set(bodies)) == 6
    assert len(drawn) == 6
    assert most <= media.DRAWING
    again = site.get("/thumb?id=even&t=2&h=72")
    assert again.body in bodies
    assert len(drawn) == 6
    assert site.get("/thumb?id=even&t=2&h=72", f"If-None-Match: {again.headers['etag']}").status == 304
    assert "max-age" in again.headers["cache-control"]


def test_the_cache_is_bounded_and_forgets_what_is_damaged(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path, limit=10_000)
    picture = thumbnails.START + b"x" * 496 + thumbnails.END
    for number in range(100):
        shelf.put(f"a/48/{number}.jpg", picture)
        if number == 0:
            os.utime(tmp_path / "a/48/0.jpg", (1, 1))
        held = sum(path.stat().st_size for path in tmp_path.rglob("*.jpg"))
        assert held <= 10_000
    assert shelf.get("a/48/99.jpg") == picture
    assert shelf.get("a/48/0.jpg") is None
    (tmp_path / "a/48/99.jpg").write_bytes(picture[:300])
    assert shelf.get("a/48/99.jpg") is None
    assert not list(tmp_path.rglob("*.partial"))


def test_a_cache_that_cannot_be_written_costs_nothing_but_time(tmp_path: Path) -> None:
    (tmp_path / "taken").write_bytes(b"")
    shelf = Shelf(tmp_path / "taken")
    shelf.put("a/48/0.jpg", thumbnails.START + thumbnails.END)
    assert shelf.get("a/48/0.jpg") is None


def test_thumbs_do_not_hold_up_the_rest(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even with all the waiting places taken, the page itself is answered."""
    gate = threading.Event()
    monkeypatch.setattr(media, "WAITING", 8)

    def stuck(*_: object) -> bytes:
        assert gate.wait(30)
        return thumbnails.START + thumbnails.END

    monkeypatch.setattr(media, "thumbnail", stuck)
    wires = [site.connect() for _ in range(60)]
    try:
        for number, wire in enumerate(wires):
            target = f"/thumb?id=uneven&t={number % 12 / 2}&h=96"
            wire.sendall(f"GET {target} HTTP/1.1\r\nHost: {site.host}\r\n\r\n".encode())
        assert site.get("/api/project").status == 200
        assert site.get("/media?id=even").status == 200
    finally:
        gate.set()
    statuses = {read_answer(wire).status for wire in wires}
    assert statuses == {200, 503}
    for wire in wires:
        wire.close()
