"""`hrpro convert` as one types it: formats guessed, losses said, nothing written by halves."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from commands import run
from hrpro.data.formats.registry import FORMATS

pytest_plugins = ["command_fixtures"]
SAMPLES = Path(__file__).parent / "samples"
ROOT = Path(__file__).resolve().parents[1]

CLICKS = "video_id,timestamp,label\na/b,1.5,jump\na/b,2.0004,run\nc,3,jump\n"


@pytest.fixture
def clicks(tmp_path: Path) -> Path:
    path = tmp_path / "mine.csv"
    path.write_text(CLICKS)
    return path


def test_to_a_tool_and_back(clicks: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for tool in ("via", "boris"):
        there, back = tmp_path / f"{tool}.out", tmp_path / f"{tool}.csv"
        assert run("convert", clicks, there, "--to", tool) == 0
        assert capsys.readouterr().out == f"seconds to {tool}: 3 clicks, 0 segments, 2 videos in {there}\n"
        assert run("convert", there, back) == 0
        assert back.read_text() == CLICKS
        assert capsys.readouterr() == (f"{tool} to seconds: 3 clicks, 0 segments, 2 videos in {back}\n", "")


def test_a_folder_gets_a_file_a_video_and_is_read_as_one(
    clicks: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "eaf"
    assert run("convert", clicks, f"{out}/", "--to", "elan") == 0
    assert sorted(path.name for path in out.iterdir()) == ["a_b.eaf", "c.eaf"]
    os.umask(mask := os.umask(0o022))
    assert out.stat().st_mode & 0o777 == 0o777 & ~mask
    assert capsys.readouterr().out == (
        "times are rounded to milliseconds: 1 of them moved\n"
        f"seconds to elan: 3 clicks, 0 segments, 2 videos in 2 files in {out}\n"
    )
    assert run("convert", out, tmp_path / "back.csv") == 0
    assert (tmp_path / "back.csv").read_text() == CLICKS.replace("2.0004", "2")
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]
    capsys.readouterr()
    assert run("convert", clicks, f"{tmp_path / 'labels'}/", "--to", "audacity") == 0
    assert "1 video named otherwise there, as 'a/b' is 'a_b'\n" in capsys.readouterr().out
    assert (tmp_path / "labels/a_b.txt").read_text() == "1.500000\t1.500000\tjump\n2.000400\t2.000400\trun\n"


def test_a_file_of_one_video_says_where_its_name_went(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = tmp_path / "one.csv"
    source.write_text("video_id,timestamp,label\nc,3,jump\n")
    assert run("convert", source, tmp_path / "labels.txt", "--to", "audacity") == 0
    assert "only the file's name tells the video there: 'c' becomes 'labels'\n" in capsys.readouterr().out


def test_a_dot_in_a_name_is_part_of_it(clicks: Path, tmp_path: Path) -> None:
    clicks.rename(tmp_path / "mine.v1.csv")
    assert run("convert", tmp_path / "mine.v1.csv", f"{tmp_path}/out/", "--to", "via") == 0
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["mine.v1.json"]


def test_a_label_of_audacity_at_one_moment_is_a_click_however_it_is_written(tmp_path: Path) -> None:
    there = tmp_path / "o.json"
    (tmp_path / "film.txt").write_text("1.5\t1.500000\tjump\n2\t2.5\trun\n")
    assert run("convert", tmp_path / "film.txt", there, "--from", "audacity", "--to", "via") == 0
    assert run("convert", there, tmp_path / "back.txt", "--to", "audacity") == 0
    back = (tmp_path / "back.txt").read_text()
    assert back == "1.500000\t1.500000\tjump\n2.000000\t2.500000\trun\n"


def test_elan_s_offset_and_further_media_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = (SAMPLES / "elan.eaf").read_text(encoding="utf-8")
    assert text.count("<MEDIA_DESCRIPTOR ") == 1
    before, _, after = text.partition("<MEDIA_DESCRIPTOR ")
    second = '<MEDIA_DESCRIPTOR MEDIA_URL="file:///b.wav" MIME_TYPE="audio/x-wav"/>'
    path = tmp_path / "two.eaf"
    path.write_text(
        f'{before}<MEDIA_DESCRIPTOR TIME_ORIGIN="5000" {after}'.replace("</HEADER>", f"{second}</HEADER>")
    )
    assert run("convert", path, tmp_path / "out.json", "--to", "activitynet", "--force") == 0
    told = " ".join("".join(capsys.readouterr()).split())
    assert "the media's offset (TIME_ORIGIN, 5000 ms) was not applied to the times" in told
    assert "1 further media file" in told


def test_keys_and_columns_that_nothing_here_knows_are_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    row = {"label": "jump", "segment": [1, 2], "id": 7}
    facts = {"duration": 9, "url": "x", "annotations": [row]}
    found = {"label": "jump", "segment": [1, 2], "score": 0.5, "peak": 1.5}
    for name, content, told in (
        ("true.json", json.dumps({"database": {"v": facts}, "taxonomy": []}), "not read: id, taxonomy, url"),
        (
            "found.json",
            json.dumps({"results": {"v": [found]}, "external_data": {}}),
            "not read: peak",
        ),
        ("clicks.csv", "video_id,timestamp,label,who\nv,1,jump,me\n", "not read: the columns who"),
    ):
        (tmp_path / name).write_text(content)
        assert run("convert", tmp_path / name, tmp_path / f"{name}.out", "--to", "via") == 0
        assert told in " ".join("".join(capsys.readouterr()).split())


def test_losses_are_said_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = SAMPLES / "via3_project.json"
    assert run("convert", source, tmp_path / "c.csv") == 0
    assert capsys.readouterr().out.splitlines() == [
        "not read: 1 further attribute's value, 1 picture region, 1 deleted annotation",
        "left out, as a click table in seconds cannot hold it: 3 segments",
        f"via to seconds: 1 click, 0 segments, 1 video in {tmp_path / 'c.csv'}",
    ]


def test_json_is_results_if_all_is_scored_and_ground_truth_if_not(tmp_path: Path) -> None:
    assert run("convert", SAMPLES / "activitynet_results.json", tmp_path / "a.json") == 0
    assert set(json.loads((tmp_path / "a.json").read_text())) == {"version", "results", "external_data"}
    assert run("convert", SAMPLES / "boris.tsv", tmp_path / "b.json") == 0
    assert list(json.loads((tmp_path / "b.json").read_text())["database"]) == ["kitchen"]


def test_frames_need_a_rate_of_all_or_of_each(tmp_path: Path, said) -> None:
    table, out = SAMPLES / "lacp.csv", tmp_path / "out.csv"
    assert "of 'kitchen' are not known (give --fps N, or --fps FILE" in said("convert", table, out)
    assert run("convert", table, out, "--fps", "50") == 0
    assert out.read_text() == "video_id,timestamp,label\nkitchen,1,pour\nkitchen,3.5,stir\n"
    rates = tmp_path / "gt.json"
    rates.write_text('{"database": {"kitchen": {"fps": 12.5, "annotations": []}, "x": {}}}')
    assert run("convert", table, out, "--fps", rates, "--force") == 0
    assert out.read_text().endswith("kitchen,14,stir\n")
    assert run("convert", out, tmp_path / "back.csv", "--to", "lacp", "--fps", rates) == 0
    assert (tmp_path / "back.csv").read_text() == "class,video_id,point\npour,kitchen,50\nstir,kitchen,175\n"
    assert "in frames, and those a second of 'kitchen'" in said(
        "convert", out, tmp_path / "x", "--to", "lacp"
    )
    for bad in ("0", "nan", "abc", str(tmp_path / "no.json")):
        assert "frames a second must be a " in said("convert", table, tmp_path / "y.csv", "--fps", bad)


def test_subtitles_can_be_looked_at(tmp_path: Path) -> None:
    source = tmp_path / "d.json"
    rows = [
        {"label": "a <b> & c", "score": 0.456, "segment": [1, 3661.5]},
        {"label": "a <b> & c", "score": 0.4, "segment": [0, 0]},
    ]
    source.write_text(json.dumps({"results": {"v": rows}}))
    assert run("convert", source, tmp_path / "v.vtt") == 0
    assert (tmp_path / "v.vtt").read_text() == (
        "WEBVTT\n\n00:00:00.000 --> 00:00:00.001\na &lt;b&gt; &amp; c (0.40)\n"
        "\n00:00:01.000 --> 01:01:01.500\na &lt;b&gt; &amp; c (0.46)\n"
    )
    assert run("convert", source, tmp_path / "v.srt") == 0
    assert (tmp_path / "v.srt").read_text() == (
        "1\n00:00:00,000 --> 00:00:00,001\na <b> & c (0.40)\n"
        "\n2\n00:00:01,000 --> 01:01:01,500\na <b> & c (0.46)\n"
    )
    assert run("convert", SAMPLES / "audacity.txt", tmp_path / "audacity.srt") == 0
    assert "00:00:02,150 --> 00:00:03,150\npour" in (tmp_path / "audacity.srt").read_text()


def test_nothing_is_overwritten_or_written_by_halves(clicks: Path, tmp_path: Path, said) -> None:
    out = tmp_path / "out.csv"
    out.write_text("precious")
    assert said("convert", clicks, out) == f"{out}: it is there already (--force overwrites it)"
    broken = tmp_path / "broken.csv"
    broken.write_text(CLICKS + "c,-1,jump\n")
    assert said("convert", broken, out, "--force").startswith(f"{broken}:5: the click's time must be")
    assert out.read_text() == "precious"
    folder = tmp_path / "eaf"
    folder.mkdir()
    (folder / "c.eaf").write_text("precious")
    assert said("convert", clicks, folder, "--to", "elan").startswith(
        f"{folder / 'c.eaf'}: it is there already"
    )
    assert os.listdir(folder) == ["c.eaf"]
    line_break = tmp_path / "l.json"
    rows = [{"label": "fine", "segment": [0, 1]}, {"label": "x\ny", "segment": [0, 1]}]
    line_break.write_text(
        json.dumps({"database": {f"v{i}": {"annotations": [r]} for i, r in enumerate(rows)}})
    )
    told = said("convert", line_break, f"{tmp_path / 'subtitles'}/", "--to", "srt")
    assert "'x\\ny' has a line break" in told
    assert not (tmp_path / "subtitles").exists()
    assert run("convert", clicks, f"{folder}/", "--to", "elan", "--force") == 0
    assert (folder / "c.eaf").read_text().startswith("<?xml")
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]
    assert run("convert", clicks, clicks, "--from", "seconds", "--to", "sfnet", "--force") == 0
    assert clicks.read_text() == CLICKS.partition("\n")[2]


def test_a_folder_or_a_file_in_the_way_stays_and_nothing_is_written(
    clicks: Path, tmp_path: Path, said
) -> None:
    clicks.write_text(CLICKS + "zebra,3,jump\n")  # the last one of all
    out = tmp_path / "out"
    (out / "zebra.eaf").mkdir(parents=True)
    for force in ((), ("--force",)):
        told = said("convert", clicks, f"{out}/", "--to", "elan", *force)
        assert told == f"{out / 'zebra.eaf'}: is a folder, where a file is to be"
        assert os.listdir(out) == ["zebra.eaf"]
    file = tmp_path / "file"
    file.write_text("precious")
    told = said("convert", clicks, f"{file}/", "--to", "elan")
    assert told == f"{file}: is a file, where a folder is to be"
    told = said("convert", clicks, f"{file}/inside/", "--to", "elan")
    assert told.startswith(f"{file}/inside: cannot be written: ")
    assert file.read_text() == "precious"
    assert sorted(os.listdir(tmp_path)) == ["file", "mine.csv", "out"]


def test_what_cannot_be_is_told_in_one_line(clicks: Path, tmp_path: Path, said) -> None:
    truth, out = SAMPLES / "activitynet.json", tmp_path / "x.csv"
    assert said("convert", truth, out, "--to", "seconds").startswith(
        "a click table in seconds can hold nothing of it: 2 segments"
    )
    assert said("convert", clicks, tmp_path / "x.abc").startswith(
        f"{tmp_path / 'x.abc'}: its name does not tell"
    )
    assert said("convert", clicks, out, "--to", "bors").endswith("no format 'bors' (did you mean 'boris'?)")
    assert "there are: activitynet, activitynet-results" in said("convert", clicks, out, "--from", "zzz")
    assert "(name a folder: " in said("convert", clicks, tmp_path / "x.eaf")
    assert "is written here, not read" in said("convert", clicks, out, "--from", "srt")
    assert said("convert", tmp_path / "none.csv", out).endswith(
        "none.csv: cannot be read: No such file or directory"
    )
    (tmp_path / "empty").mkdir()
    assert said("convert", tmp_path / "empty", out).endswith("empty: there is no file in this folder")
    mixed = tmp_path / "mixed"
    mixed.mkdir()
    for name in ("elan.eaf", "soccernet.json"):
        (mixed / name).write_bytes((SAMPLES / name).read_bytes())
    assert f"{mixed / 'soccernet.json'}: SoccerNet's action spotting beside" in said("convert", mixed, out)
    subtitle = tmp_path / "a.vtt"
    subtitle.write_text("WEBVTT\n\n00:00.000 --> 00:01.000\nx\n")
    assert said("convert", subtitle, out).endswith("a.vtt: WebVTT is written here, not read")
    assert not out.exists()


def test_the_page_and_the_help_name_every_format(capsys: pytest.CaptureFixture[str]) -> None:
    page = (ROOT / "docs/formats.md").read_text(encoding="utf-8")
    with pytest.raises(SystemExit):
        run("convert", "--help")
    text = " ".join(capsys.readouterr().out.split())
    for name in FORMATS:
        assert f"| `{name}` |" in page
        assert f" {name}" in text
