"""What the studio serves of a video: ranges byte for byte, to whoever asks however."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hrpro.studio import ranges
from hrpro.studio.ranges import parse_range
from rendered_videos import even_times, render
from studio_raw import Site, read_answer, wait_for

pytest_plugins = ["studio_media"]


def test_the_whole_file_comes_as_it_is(site: Site, folder: Path) -> None:
    content = (folder / "even.mp4").read_bytes()
    answer = site.get("/media?id=even")
    assert (answer.status, answer.body) == (200, content)
    assert answer.headers["content-type"] == "video/mp4"
    assert answer.headers["accept-ranges"] == "bytes"
    assert answer.headers["content-disposition"].startswith("inline;")
    head = site.get("/media?id=even", method="HEAD")
    assert (head.status, head.headers["content-length"]) == (200, str(len(content)))
    assert head.headers["etag"] == answer.headers["etag"]


def test_every_kind_of_range(site: Site, folder: Path) -> None:
    content = (folder / "even.mp4").read_bytes()
    size = len(content)
    good = {
        "bytes=0-0": (0, 1),
        "bytes=0-": (0, size),
        "bytes=10-19": (10, 20),
        f"bytes={size - 1}-": (size - 1, size),
        f"bytes=5-{size * 9}": (5, size),
        "bytes=-7": (size - 7, size),
        f"bytes=-{size * 9}": (0, size),
        "BYTES = 3-4": (3, 5),
        f"bytes=7-{'9' * 18}": (7, size),
    }
    for header, (first, end) in good.items():
        answer = site.get("/media?id=even", f"Range: {header}")
        assert answer.status == 206, header
        assert answer.body == content[first:end], header
        assert answer.headers["content-range"] == f"bytes {first}-{end - 1}/{size}"
    for header in (f"bytes={size}-", f"bytes={size}-{size + 9}", "bytes=-0", f"bytes={'9' * 18}-"):
        answer = site.get("/media?id=even", f"Range: {header}")
        assert (answer.status, answer.body) == (416, b""), header
        assert answer.headers["content-range"] == f"bytes */{size}"
    ignored = [
        "bytes=",
        "bytes=-",
        "bytes=5-4",
        "bytes=--5",
        "bytes=a-b",
        "lines=0-5",
        "bytes 0-5",
        "bytes=0x0-1",
    ]
    ignored += [
        "bytes=0-1,3-4",
        "bytes=0-,0-,0-",
        "bytes=1-2,",
        f"bytes={'9' * 400}-",
        "bytes=\xb2-",
        "bytes=+1-2",
    ]
    ignored += ["bytes=" + ",".join("0-" for _ in range(900))]  # Apache's killer
    for header in ignored:
        answer = site.get("/media?id=even", f"Range: {header}")
        assert (answer.status, answer.body) == (200, content), header


@given(
    size=st.integers(0, 300),
    first=st.none() | st.integers(0, 400),
    last=st.none() | st.integers(0, 400),
)
def test_a_range_is_what_a_slice_is(size: int, first: int | None, last: int | None) -> None:
    whole = bytes(index % 251 for index in range(size))
    text = [str(number) if number is not None else "" for number in (first, last)]
    found = parse_range(f"bytes={text[0]}-{text[1]}", size)
    if first is None:
        expected = None if last is None else whole[max(size - last, 0) :]
    elif last is not None and last < first:
        expected = None
    else:
        expected = whole[first : None if last is None else last + 1]
    assert (None if found is None else whole[found[0] : found[0] + found[1]]) == expected


def test_if_range_and_if_none_match(site: Site, folder: Path) -> None:
    answer = site.get("/media?id=even", "Range: bytes=2-5")
    etag, modified = answer.headers["etag"], answer.headers["last-modified"]
    content = (folder / "even.mp4").read_bytes()
    for value in (etag, modified):
        assert site.get("/media?id=even", "Range: bytes=2-5", f"If-Range: {value}").body == content[2:6]
    for value in ('"other"', f"W/{etag}", "Thu, 01 Jan 1970 00:00:00 GMT", "nonsense"):
        assert site.get("/media?id=even", "Range: bytes=2-5", f"If-Range: {value}").status == 200
    for value in (etag, f'"a", W/{etag}', "*"):
        assert site.get("/media?id=even", f"If-None-Match: {value}").status == 304
    assert site.get("/media?id=even", 'If-None-Match: "other"').status == 200


def test_many_ranges_on_one_connection(site: Site, folder: Path) -> None:
    content = (folder / "even.mp4").read_bytes()
    with site.connect() as wire:
        for first in range(0, len(content), 3001):
            lines = f"GET /media?id=even HTTP/1.1\r\nHost: {site.host}\r\n"
            wire.sendall(f"{lines}Range: bytes={first}-{first + 3000}\r\n\r\n".encode())
            assert read_answer(wire).body == content[first : first + 3001]


def ask_for_huge(site: Site) -> Any:
    wire = site.connect()
    wire.sendall(f"GET /media?id=huge HTTP/1.1\r\nHost: {site.host}\r\n\r\n".encode())
    assert wire.recv(4096)
    return wire


def test_who_goes_away_ends_the_reading(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    reads, real, handles = list[int](), ranges._read, set[int]()

    def counted(handle: int, first: int, count: int) -> bytes:
        handles.add(handle)
        reads.append(count)
        return real(handle, first, count)

    monkeypatch.setattr(ranges, "_read", counted)
    wire = ask_for_huge(site)
    time.sleep(0.3)
    held = len(reads)
    assert max(reads) <= ranges.CHUNK
    assert sum(reads) < 64 * 2**20  # a client that does not take it is not read ahead for
    wire.close()
    wait_for(lambda: not any(_is_open(handle, "huge.mp4") for handle in handles))
    assert len(reads) <= held + 8


def _is_open(handle: int, name: str) -> bool:
    try:
        return os.readlink(f"/proc/self/fd/{handle}").endswith(name)
    except OSError:
        return False


def test_a_client_that_takes_nothing_is_let_go(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranges, "STALLED", 0.5)
    with ask_for_huge(site) as wire:
        time.sleep(1.5)
        assert _drain(wire) < 512 * 2**20


def test_a_file_that_gets_shorter_ends_the_connection(site: Site, folder: Path) -> None:
    try:
        with ask_for_huge(site) as wire:
            os.truncate(folder / "huge.mp4", 2**20)
            assert _drain(wire) < 512 * 2**20  # ended, and short of what was promised
        assert site.get("/media?id=huge").headers["content-length"] == str(2**20)
    finally:
        os.truncate(folder / "huge.mp4", 512 * 2**20)


def _drain(wire: Any) -> int:
    got = 0
    try:
        while piece := wire.recv(2**20):
            got += len(piece)
    except ConnectionResetError:
        pass
    return got


def test_a_file_that_goes_is_missing(site: Site, folder: Path) -> None:
    path = render(folder / "brief.mp4", even_times(25, 1), codec="libx264")
    site.get("/api/project")
    assert site.get("/media?id=brief").status == 200
    path.unlink()
    assert site.get("/media?id=brief").status == 404
    assert site.get("/thumb?id=brief&t=0&h=48").status == 404
