"""Tables and subtitles: read back as their formats say."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest

from hrpro.cli import main
from hrpro.core.annotations import Detection, Detections
from hrpro.core.errors import RunError
from hrpro.data.formats.activitynet import write_detections
from hrpro.video.subtitles import write_shown

FOUND = [
    Detection(3661.0004, 3662.9996, "jump, <high> & far", 0.75),
    Detection(0.0, 59.9996, 'say\n"hi" --> now', 0.5),
    Detection(0.0, 1.5, "run", 0.25),
    Detection(5.0, 6.0, "run", 0.24),
]


def test_what_is_shown_is_in_order_of_time(tmp_path: Path) -> None:
    base = tmp_path / "new/a.b"
    shown = write_shown(base, "x/a.b", Detections.from_list(FOUND), 0.25)
    assert [d.score for d in shown] == [0.25, 0.5, 0.75]
    assert sorted(path.name for path in base.parent.iterdir()) == ["a.b.csv", "a.b.srt", "a.b.vtt"]
    with (tmp_path / "new/a.b.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["video"] for row in rows] == ["x/a.b"] * 3
    assert [(float(row["start"]), row["label"], float(row["score"])) for row in rows] == [
        (0, "run", 0.25),
        (0, 'say\n"hi" --> now', 0.5),
        (3661, "jump, <high> & far", 0.75),
    ]


def written(tmp_path: Path, found: list[Detection], suffix: str) -> str:
    write_shown(tmp_path / "a", "a", Detections.from_list(found), 0)
    return (tmp_path / f"a{suffix}").read_bytes().decode()


def test_srt(tmp_path: Path) -> None:
    assert written(tmp_path, FOUND[:2], ".srt").split("\n\n") == [
        '1\n00:00:00,000 --> 00:01:00,000\nsay "hi" --> now (0.50)',
        "2\n01:01:01,000 --> 01:01:03,000\njump, <high> & far (0.75)\n",
    ]
    assert written(tmp_path, [], ".srt") == ""


def test_vtt(tmp_path: Path) -> None:
    text = written(tmp_path, FOUND, ".vtt")
    assert text.startswith("WEBVTT\n\n")
    times = re.findall(r"^(\d\d:\d\d:\d\d\.\d{3}) --> (\d\d:\d\d:\d\d\.\d{3})$", text, re.MULTILINE)
    assert times[-1] == ("01:01:01.000", "01:01:03.000")
    assert len(times) == text.count("-->") == len(FOUND), "an arrow in a label is no cue"
    assert "jump, &lt;high&gt; &amp; far (0.75)" in text
    assert written(tmp_path, [], ".vtt") == "WEBVTT\n"


def test_converted_detections_are_the_same_subtitles(tmp_path: Path) -> None:
    found = [d for d in FOUND if "\n" not in d.label]
    write_detections(tmp_path / "all.json", {"a": Detections.from_list(found)})
    for suffix in (".srt", ".vtt"):
        assert main(["convert", str(tmp_path / "all.json"), str(tmp_path / f"converted{suffix}")]) == 0
        assert (tmp_path / f"converted{suffix}").read_bytes().decode() == written(tmp_path, found, suffix)


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match=r"file/a\.csv: cannot be written: "):
        write_shown(tmp_path / "file/a", "a", Detections.empty(), 0)
