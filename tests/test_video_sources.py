"""Which files are videos, what each is called, and which of them a shard takes."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hrpro.core.errors import ConfigError, DataError
from hrpro.video.sources import Source, by_name, find_videos, shard


def touch(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x")
    return folder


def ids(where: Path) -> dict[str, Path]:
    return {source.id: source.path for source in find_videos(where)}


def test_a_folder_gives_all_videos_below_it_by_their_place(tmp_path: Path) -> None:
    names = ("b.mp4", "a.MKV", "day 1/a.mp4", "day 2/a.mp4", "day 2/x/ä.b.webm")
    touch(tmp_path, *names, "a.txt", ".c.mp4", ".cache/d.mp4", "a.annotated.mp4", "a.json", "b.safetensors")
    found = ids(tmp_path)
    assert found == {name.rpartition(".")[0]: tmp_path / name for name in names}
    assert list(found) == sorted(found)


def test_phones_and_cameras_endings_are_known(tmp_path: Path) -> None:
    endings = ("mp4", "3g2", "qt", "f4v", "y4m", "h264", "m2v", "divx", "dv", "MOV", "mts")
    touch(tmp_path, *(f"{ending}.{ending}" for ending in endings))
    assert sorted(ids(tmp_path)) == sorted(endings)


def test_linked_folders_are_looked_into_once(tmp_path: Path) -> None:
    """A disk linked into the folder counts; a link back to where it began ends there."""
    touch(tmp_path, "disk/x.mp4", "mine/a.mp4", "mine/deep/b.mp4")
    (tmp_path / "mine/linked").symlink_to(tmp_path / "disk")
    (tmp_path / "mine/deep/round").symlink_to(tmp_path / "mine")
    (tmp_path / "mine/nowhere").symlink_to(tmp_path / "gone")
    assert list(ids(tmp_path / "mine")) == ["a", "deep/b", "linked/x"]


@pytest.mark.skipif(not hasattr(os, "seteuid"), reason="needs POSIX users")
def test_a_folder_that_may_not_be_looked_into_is_left_out_and_told() -> None:
    """As lost+found on a disk; not below pytest's own folder, which others may not look into either."""
    top = Path(tempfile.mkdtemp())
    try:
        touch(top, "a.mp4", "lost/b.mp4")
        top.chmod(0o755)
        (top / "lost").chmod(0)
        with nobody(), pytest.warns(UserWarning, match=r"lost: left out, cannot be read: Permission denied"):
            assert list(ids(top)) == ["a"]
        with nobody(), pytest.raises(DataError, match="cannot be read: Permission denied"):
            find_videos(top / "lost")
    finally:
        (top / "lost").chmod(0o755)
        shutil.rmtree(top)


@contextmanager
def nobody() -> Iterator[None]:
    """Without root's right to read all."""
    mine = os.geteuid()
    os.seteuid(65534 if mine == 0 else mine)
    try:
        yield
    finally:
        os.seteuid(mine)


def test_a_list_whose_videos_share_a_name_says_what_helps(tmp_path: Path) -> None:
    touch(tmp_path, "one/a.mp4", "two/a.mp4", "lists/x")
    (tmp_path / "lists/both.txt").write_text("../one/a.mp4\n../two/a.mp4\n")
    with pytest.raises(DataError, match="put the list into a folder that both lie below"):
        find_videos(tmp_path / "lists/both.txt")
    (tmp_path / "lists/both.txt").rename(tmp_path / "both.txt")
    (tmp_path / "both.txt").write_text("one/a.mp4\ntwo/a.mp4\n")
    assert list(ids(tmp_path / "both.txt")) == ["one/a", "two/a"]


def test_same_stems_are_told_apart_by_folder_or_refused(tmp_path: Path) -> None:
    touch(tmp_path, "one/a.mp4", "two/a.mp4")
    assert list(ids(tmp_path)) == ["one/a", "two/a"]
    touch(tmp_path, "two/a.avi")
    with pytest.raises(DataError, match=r"a\.avi and .*a\.mp4 would both be called 'two/a' \(rename"):
        find_videos(tmp_path)


def test_a_list_is_read_from_where_it_lies(tmp_path: Path) -> None:
    touch(tmp_path, "here/list.txt", "here/a.mp4", "here/below/b.raw", "there/c.mp4")
    path = tmp_path / "here/list.txt"
    lines = ("\ufeffa.mp4\r", "", " below/b.raw ", "# of the year before", "../there/c.mp4", "a.mp4", "")
    path.write_text("\n".join([*lines, f"{tmp_path}/here/missing.mp4"]))
    found = ids(path)
    assert list(found) == ["a", "below/b", "c", "missing"]
    assert found["c"] == tmp_path / "there/c.mp4"
    path.write_text("a.mp4\n../there/a.mp4\n")
    with pytest.raises(DataError, match="would both be called 'a'"):
        find_videos(path)
    path.write_text("\n")
    with pytest.raises(DataError, match="the list is empty"):
        find_videos(path)
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match="the list cannot be read"):
        find_videos(path)


def test_a_list_may_begin_at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    touch(tmp_path, "lists/list.txt", "home/a.mp4")
    (tmp_path / "lists/list.txt").write_text("~/a.mp4\n")
    assert ids(tmp_path / "lists/list.txt") == {"a": tmp_path / "home/a.mp4"}


def test_a_list_in_the_working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    touch(tmp_path, "list.txt", "sub/a.mp4")
    monkeypatch.chdir(tmp_path)
    Path("list.txt").write_text(f"sub/a.mp4\n{tmp_path}/b.mp4")
    assert list(ids(Path("list.txt"))) == ["b", "sub/a"]


def test_one_file_has_its_own_name_whatever_its_ending(tmp_path: Path) -> None:
    touch(tmp_path, "a.b.weird")
    assert ids(tmp_path / "a.b.weird") == {"a.b": tmp_path / "a.b.weird"}


def test_nothing_to_read_is_one_clear_line(tmp_path: Path) -> None:
    touch(tmp_path, "notes.pdf")
    with pytest.raises(DataError, match="there is no video file in this folder"):
        find_videos(tmp_path)
    with pytest.raises(DataError, match="there is no such video, folder or list"):
        find_videos(tmp_path / "missing.mp4")


def test_names_that_are_no_text_still_name_files_of_ours(tmp_path: Path) -> None:
    try:
        touch(tmp_path, "caf\udce9.mp4")
    except OSError:
        pytest.skip("this file system takes UTF-8 alone")
    (source,) = find_videos(tmp_path)
    assert source.id == "caf?"
    assert source.path.exists()


def test_a_video_goes_by_all_its_names_unless_two_share_one(tmp_path: Path) -> None:
    names = by_name(find_videos(touch(tmp_path, "a.mp4", "x/b.mp4", "y/b.mp4", "z/a.mkv", "z/c.mkv")))
    for name in ("a", "a.mp4"):
        assert names[name] == Source("a", tmp_path / "a.mp4"), "its own id goes before another's stem"
    for name in ("z/c", "z/c.mkv", "c", "c.mkv", str(tmp_path / "z/c.mkv")):
        assert names[name] == Source("z/c", tmp_path / "z/c.mkv")
    assert names["b"] is None
    assert names["b.mp4"] is None
    assert names["y/b"] == Source("y/b", tmp_path / "y/b.mp4")
    assert "q" not in names


@given(st.integers(0, 30), st.integers(1, 40))
def test_shards_are_all_of_it_and_of_nothing_twice(videos: int, count: int) -> None:
    sources = [Source(f"{number:02d}", Path("x")) for number in range(videos)]
    parts = [shard(sources, f"{first}/{count}") for first in range(1, count + 1)]
    assert sorted(chain(*parts), key=lambda source: source.id) == sources
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


@pytest.mark.parametrize("part", ["0/2", "3/2", "1", "a/b", "1/0", "-1/2", "1/2/3", "", "½/2"])
def test_no_such_shard(part: str) -> None:
    with pytest.raises(ConfigError, match="must be I/N with I from 1 to N"):
        shard([], part)
