"""``hrpro studio PROJECT --import FILE``: what another tool wrote, taken into a project."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("fastapi", reason="the extra [studio] is not installed")
pytest.importorskip("av", reason="the extra [video] is not installed")

from commands import run
from hrpro.core.annotations import Click
from hrpro.studio.project import open_project
from hrpro.studio.store import Store
from studio_server import Server
from studio_store import make_videos

pytest_plugins = ["command_fixtures"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make_videos(tmp_path / "films")


def export(folder: Path, out: Path) -> str:
    assert run("studio", folder, "--export", out, "--force") == 0
    return out.read_text()


def test_clicks_and_segments_of_another_tool_come_in_once(folder: Path, tmp_path: Path, capsys) -> None:
    table = tmp_path / "mine.json"
    table.write_text(
        """{"database": {"one": {"subset": "train", "annotations": [
            {"segment": [2, 4], "label": "jump"}, {"segment": [6, 20.4], "label": "run"}]},
        "elsewhere": {"annotations": [{"segment": [1, 2], "label": "jump"}]}}}"""
    )
    clicks = tmp_path / "clicks.csv"
    clicks.write_text("video_id,timestamp,label\none.mp4,3.5,jump\ntwo,20.2,run\n")
    assert run("studio", folder, "--import", clicks) == 0
    assert "seconds: 2 clicks and 0 segments taken in" in capsys.readouterr().out
    for told in ("0 clicks and 2 segments taken in", "; 2 were there already"):
        assert run("studio", folder, "--import", table) == 0
        out = capsys.readouterr().out
        assert told in out
        assert "left out, as no such video is here: 'elsewhere' (1)" in out
    # jump has its click; of run the second segment had none, and it ends with its film.
    assert export(folder, tmp_path / "out.csv") == (
        "video_id,timestamp,label\none,3.5,jump\none,13,run\ntwo,20,run\n"
    )
    spans = export(folder, tmp_path / "out.json")
    assert '"segment": [2.0, 4.0]' in spans
    assert '"segment": [6.0, 20.0]' in spans
    assert "run" in spans


@pytest.mark.parametrize("format", ["boris", "elan", "via", "label-studio", "audacity"])
def test_what_one_project_wrote_another_takes_in(folder: Path, tmp_path: Path, format: str, capsys) -> None:
    rows = "one,1,jump\none,3.6,run\ntwo,7.4,jump\n"
    (tmp_path / "clicks.csv").write_text("video_id,timestamp,label\n" + rows)
    (tmp_path / "spans.csv").write_text("video,start,end,label\none,3.2,5,run\ntwo,7,8.8,jump\n")
    assert run("studio", folder, "--import", tmp_path / "clicks.csv") == 0
    assert run("studio", folder, "--import", tmp_path / "spans.csv") == 0
    assert run("studio", folder, "--export", f"{tmp_path}/labels/", "--format", format) == 0
    other = make_videos(tmp_path / "films again")
    assert run("studio", other, "--import", tmp_path / "labels") == 0
    assert "3 clicks and 2 segments taken in" in capsys.readouterr().out
    for name in ("out.csv", "out.json"):
        assert export(other, tmp_path / f"theirs {name}") == export(folder, tmp_path / name)


def test_frames_are_one_time_up_to_half_of_one(folder: Path, tmp_path: Path, capsys) -> None:
    rows = "one,1.07,jump\none,5.33,jump\ntwo,3.21,run\n"
    (tmp_path / "clicks.csv").write_text("video_id,timestamp,label\n" + rows)
    assert run("studio", folder, "--import", tmp_path / "clicks.csv") == 0
    before = export(folder, tmp_path / "before.csv")
    for format in ("lacp", "soccernet"):
        out = f"{tmp_path}/{format}/"
        assert run("studio", folder, "--export", out, "--format", format) == 0
        assert run("studio", folder, "--import", out) == 0
        assert "0 clicks and 0 segments taken in; 3 were there already" in capsys.readouterr().out
    assert export(folder, tmp_path / "after.csv") == before
    # Of a film that is not here no rate need be known.
    table = tmp_path / "lacp" / "clicks.csv"
    (file,) = (tmp_path / "lacp").iterdir()
    text = file.read_text()
    table.write_text(f"{text}jump,elsewhere,30\n")
    assert run("studio", folder, "--import", table) == 0
    assert "left out, as no such video is here: 'elsewhere' (1)" in capsys.readouterr().out


def test_segments_of_no_length_are_left_out(folder: Path, tmp_path: Path, capsys) -> None:
    spans = tmp_path / "spans.csv"
    spans.write_text("video,start,end,label\none,3,3,jump\none,20.3,20.7,jump\none,4,5,jump\n")
    assert run("studio", folder, "--import", spans) == 0
    out = capsys.readouterr().out
    assert "left out, as a segment must end after it starts: 3 s of 'one', 20 s of 'one'" in out
    assert "1 segment taken in" in out


@pytest.mark.skipif(os.name == "nt", reason="needs the limits of POSIX")
def test_a_full_disk_is_one_line_and_takes_nothing(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "few.csv").write_text("video_id,timestamp,label\none,1,jump\n")
    assert run("studio", folder, "--import", tmp_path / "few.csv") == 0
    rows = "".join(f"two,{n / 1000},jump\n" for n in range(15_000))
    (tmp_path / "many.csv").write_text("video_id,timestamp,label\n" + rows)
    code = (
        "import resource, sys; from hrpro.cli import main\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))\n"
        "sys.exit(main(sys.argv[1:]))\n"
    )
    words = ["studio", str(folder), "--import", str(tmp_path / "many.csv")]
    done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
    assert "cannot be written" in done.stderr
    assert export(folder, tmp_path / "out.csv") == "video_id,timestamp,label\none,1,jump\n"


def test_what_cannot_be_taken_in_is_one_line_and_changes_nothing(folder: Path, tmp_path: Path, said) -> None:
    def fault(text: str, *more: str, name: str = "table.csv") -> str:
        (tmp_path / name).write_text(text)
        return said("studio", folder, "--import", tmp_path / name, *more)

    head = "video_id,timestamp,label\n"
    assert "none of its videos is here: 'nobody' (1)" in fault(head + "nobody,1,jump\n")
    assert "not in its video: 3000 s of 'one', which ends at 20 s (check the unit of the times)" in fault(
        head + "one,1,jump\none,3000,jump\n"
    )
    assert f"{tmp_path / 'table.csv'}:3" in fault(head + "one,1,jump\none,soon,jump\n")
    assert "cannot be a class" in fault(head + f"one,1,{'j' * 101}\n")
    for below in ("x", "y"):
        (folder / below).mkdir()
        shutil.copy(folder / "one.mp4", folder / below / "clip.mp4")
    assert "there are several videos 'clip' here (write its path below the folder)" in fault(
        head + "clip,1,jump\n"
    )
    assert "name it with --format: " in fault("nothing\n", name="x.bin")
    assert "no click, and no segment that somebody set" in fault(
        '{"version": "1", "results": {"one": [{"segment": [1, 2], "label": "jump", "score": 0.5}]},'
        ' "external_data": {}}',
        name="found.json",
    )
    assert "there is no format 'elna' (did you mean 'elan'?)" in fault(head, "--format", "elna")
    assert "take in first" in fault(head + "one,1,jump\n", "--export", str(tmp_path / "x.csv"))
    assert "goes with --export" in fault(head + "one,1,jump\n", "--force")
    assert not (folder / ".hrpro-studio/studio.db").exists()


def test_while_a_studio_has_the_project_it_says_where(folder: Path, tmp_path: Path, said) -> None:
    (tmp_path / "clicks.csv").write_text("video_id,timestamp,label\none,1,jump\n")
    server = Server(folder, tmp_path / "server.log")
    try:
        fault = said("studio", folder, "--import", tmp_path / "clicks.csv")
        assert f"open already, at {server.url}" in fault
    finally:
        server.stop()
    assert run("studio", folder, "--import", tmp_path / "clicks.csv") == 0
    project = open_project(folder)
    store = Store(project.database, project.durations)
    assert store.click_table() == {"one": (Click(1.0, "jump"),)}
    store.close()
