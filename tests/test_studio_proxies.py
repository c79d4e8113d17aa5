"""Copies made in the background: one at a time, told, begun anew after a kill, played instead of the file."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from hrpro.studio import proxies
from hrpro.studio.paths import Listing
from hrpro.studio.proxies import Proxies
from rendered_videos import even_times, render
from studio_media import uneven_times
from studio_raw import Site, wait_for

pytest_plugins = ["studio_media"]


@dataclass
class Desk:
    """A place for copies of ``files``."""

    tmp: Path
    files: dict[str, Path]
    inside: Path | None = None
    told: list[dict[str, Any]] = field(default_factory=list)

    def open(self) -> Proxies:
        (self.tmp / "copies").mkdir(exist_ok=True)
        return Proxies(
            self.tmp / "copies", Listing(self), lambda name, data: self.told.append({"event": name, **data})
        )

    def states(self, id: str) -> list[str]:
        return [event["state"] for event in self.told if event["id"] == id]


@pytest.fixture(scope="module")
def long_film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Some seconds of work."""
    return render(tmp_path_factory.mktemp("film") / "long.avi", even_times(25, 20), size=(480, 320))


def test_copies_are_made_one_at_a_time_and_told(tmp_path: Path, folder: Path) -> None:
    desk = Desk(
        tmp_path, {"old": folder / "old.avi", "late": folder / "late.mkv", "broken": folder / "broken.mp4"}
    )
    copies = desk.open()
    try:
        assert [copies.ask(id) for id in ("old", "late", "broken", "old")] == ["making"] * 4
        wait_for(
            lambda: [e["id"] for e in desk.told if e["state"] in ("yes", "no")] == ["old", "late", "broken"]
        )
        order = [event["id"] for event in desk.told]
        assert order == sorted(order, key=["old", "late", "broken"].index)  # none begins before another's end
        assert desk.states("old")[-1] == desk.states("late")[-1] == "yes"
        assert desk.states("broken")[-1] == "no"
        failed = desk.told[-1]["message"]
        assert failed.startswith("The copy could not be made: ")
        assert str(folder) not in failed
        assert copies.failure("broken") == failed
        assert copies.ask("old") == "yes"
        ready = copies.ready("old", folder / "old.avi")
        assert ready is not None
        assert sorted(p.suffix for p in (tmp_path / "copies").iterdir()) == [".mp4", ".mp4"]
        assert {event["event"] for event in desk.told} == {"proxy"}
    finally:
        copies.close()


def test_a_changed_video_gets_a_copy_of_its_own(tmp_path: Path) -> None:
    film = render(tmp_path / "a.avi", even_times(25, 1))
    desk = Desk(tmp_path, {"a": film})
    copies = desk.open()
    try:
        copies.ask("a")
        first = wait_for(lambda: not copies.making("a") and copies.ready("a", film))
        render(film, even_times(25, 2))
        assert copies.ready("a", film) is None
        copies.ask("a")
        second = wait_for(lambda: not copies.making("a") and copies.ready("a", film))
        assert second != first
        assert not first.exists()
    finally:
        copies.close()


def test_a_studio_that_ends_in_the_middle_begins_the_copy_anew(tmp_path: Path, long_film: Path) -> None:
    desk = Desk(tmp_path, {"a": long_film})
    copies = desk.open()
    copies.ask("a")
    wait_for(lambda: any(event["done"] > 0 for event in desk.told))
    copies.close()
    assert copies.ready("a", long_film) is None
    assert len(list((tmp_path / "copies").glob("*.wish"))) == 1
    (tmp_path / "copies" / "gone-1-2.wish").write_text('"gone"')  # of a video that is there no more
    (tmp_path / "copies" / "bad-1-2.wish").write_text("{")
    again = desk.open()
    try:
        assert again.making("a")
        wait_for(lambda: again.ready("a", long_film), 120)
        wait_for(lambda: not again.making("a"))
        assert [path.suffix for path in (tmp_path / "copies").iterdir()] == [".mp4"]
    finally:
        again.close()


def test_a_killed_worker_is_told_and_may_be_asked_again(tmp_path: Path, long_film: Path) -> None:
    desk = Desk(tmp_path, {"a": long_film})
    copies = desk.open()
    try:
        copies.ask("a")
        wait_for(lambda: any(event["done"] > 0 for event in desk.told))
        child = copies._child
        assert child is not None
        assert os.getpriority(os.PRIO_PROCESS, child.pid) == 19
        child.kill()
        wait_for(lambda: copies.failure("a") == proxies.FAILED)
        assert copies.ready("a", long_film) is None
        assert copies.ask("a") == "making"
    finally:
        copies.close()


def test_the_worker_ends_when_nobody_listens_any_more(tmp_path: Path, long_film: Path) -> None:
    command = [sys.executable, "-m", "hrpro.studio.transcode", str(long_film), str(tmp_path / "copy.mp4")]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert child.stdout is not None
    child.stdout.readline()
    child.stdout.close()  # as it is when the server has been killed
    assert child.wait(60) != 0
    assert list(tmp_path.iterdir()) == []


def test_a_copy_is_played_instead_of_the_file(site: Site, folder: Path) -> None:
    with site.connect() as wire:
        wire.sendall(f"GET /api/stream HTTP/1.1\r\nHost: {site.host}\r\n\r\n".encode())
        assert site.post("/api/proxy", {"id": "late"}).json == {"id": "late", "playable": "making"}
        told = b""
        while b'"state": "yes"' not in told and b'"state":"yes"' not in told:
            piece = wire.recv(65536)
            assert piece
            told += piece
        assert b"event: proxy" in told
    video = site.get("/api/video?id=late").json["video"]
    assert video["playable"] == "yes"
    answer = site.get(video["media"])
    assert answer.headers["content-type"] == "video/mp4"
    (copy,) = (folder / ".hrpro-studio" / "proxies").glob("*.mp4")
    assert answer.body == copy.read_bytes()
    times = site.get("/api/frames?id=late").json["times"]
    assert times == [float(time) for time in uneven_times(5, 2)]
    assert site.post("/api/proxy", {"id": "late"}).json["playable"] == "yes"
    assert site.post("/api/proxy", {"id": "broken"}).status == 422
