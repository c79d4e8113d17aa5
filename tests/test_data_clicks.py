"""Click tables: three forms, guessed from what stands in them, and bad rows named by line."""

from __future__ import annotations

import csv
import io
import math
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hrpro.core.errors import DataError
from hrpro.data.clicks import ClickRow, read_clicks

FRAMES = "class,start_frame,stop_frame,video_id,point"
INDEXED = "class,class_index,start_frame,stop_frame,video_id,point"
SECONDS = "video_id,timestamp,label"


def fps_25(_: str) -> float | None:
    return 25.0


def table(tmp_path: Path, text: str | bytes) -> Path:
    path = tmp_path / "clicks.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def read(tmp_path: Path, text: str | bytes, fps_of=fps_25) -> list[ClickRow]:
    return read_clicks(table(tmp_path, text), fps_of)


@pytest.mark.parametrize(
    "text",
    [
        f"{FRAMES}\njump,10,90,v 1,50\nrun,1,2,w,100\n",
        f"{INDEXED}\njump,3,10.5,90.25,v 1,50\nrun,4,1,2,w,100.0\n",
        f"{SECONDS}\nv 1,2.0,jump\nw,4,run",
        "Timestamp , LABEL,video_id\n2,jump,v 1\n4,run,w\n",
        "video,seconds,class\nv 1,2.0,jump\nw,4.0,run\n",
        "v 1,2.0,jump\nw,4.0,run\n",
        "point,video,label\n50,v 1,jump\n100,w,run\n",
    ],
)
def test_each_form_is_told_by_its_content(tmp_path: Path, text: str):
    rows = [(row.video, row.time, row.label) for row in read(tmp_path, text)]
    assert rows == [("v 1", 2.0, "jump"), ("w", 4.0, "run")]


def test_segment_columns_never_leave_the_reader(tmp_path: Path):
    rows = read(tmp_path, f"{FRAMES}\njump,1234,5678,v,2500\n")
    assert rows == [ClickRow("v", 100.0, "jump", 2)]
    assert vars(rows[0]).keys() == {"video", "time", "label", "line"}
    assert read(tmp_path, f"{FRAMES}\njump,not a number,,v,2500\n") == rows


def test_frames_take_each_video_s_own_rate(tmp_path: Path):
    rates = {"a": 50.0, "b": 29.97}
    rows = read(tmp_path, f"{FRAMES}\nx,,,a,100\nx,,,b,100\n", rates.get)
    assert [row.time for row in rows] == [2.0, 100 / 29.97]
    with pytest.raises(DataError, match=r"clicks\.csv:2: .*frames a second of 'c' are not known"):
        read(tmp_path, f"{FRAMES}\nx,,,c,100\n", rates.get)
    assert read(tmp_path, f"{SECONDS}\nc,100,x\n", rates.get)[0].time == 100


def test_blank_lines_bom_crlf_and_old_mac_ends_keep_the_line_count(tmp_path: Path):
    for end in ("\n", "\r\n", "\r"):
        text = "\ufeff" + end.join(["", SECONDS, "", "v,1,jump", " , ,", "v,2,jump", ""])
        assert [(row.time, row.line) for row in read(tmp_path, text)] == [(1, 4), (2, 6)]


def test_names_may_hold_commas_quotes_spaces_and_any_script(tmp_path: Path):
    rows = read(tmp_path, 'v,1,"jump, high"\n"a ""b""",2, Прыжок 跳 \nd e,3,5\'10" man\n')
    assert [(row.video, row.label) for row in rows] == [
        ("v", "jump, high"),
        ('a "b"', "Прыжок 跳"),
        ("d e", "5'10\" man"),
    ]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("v,abc,jump", "time is not a number: 'abc'"),
        ("v,,jump", "time is not a number: ''"),
        ("v,1_0,jump", "time is not a number: '1_0'"),
        ('v,"1,5",jump', "time is not a number: '1,5'"),
        ("v,nan,jump", "finite number from 0 on, not nan"),
        ("v,inf,jump", "finite number from 0 on, not inf"),
        ("v,-0.5,jump", "finite number from 0 on, not -0.5"),
        ("v,1,5,jump", "4 columns where 3 are expected"),
        ("v,1", "2 columns where 3 are expected"),
        ("v;1;jump", "1 columns where 3 are expected"),
        ("v,1,", "the label is empty"),
        (",1,jump", "the video is empty"),
        ('v,1,"jump', "not a row of comma-separated values"),
        ('v,1,"ju"mp', "not a row of comma-separated values"),
    ],
)
def test_a_bad_row_is_named_by_line_and_spoils_no_other(tmp_path: Path, row: str, message: str):
    path = table(tmp_path, f"{SECONDS}\nv,1,jump\n{row}\nv,3,run\n")
    with pytest.raises(DataError, match=message) as caught:
        read_clicks(path, fps_25)
    assert caught.value.where == f"{path}:3"
    faults: list[DataError] = []
    rows = read_clicks(path, fps_25, faults.append)
    assert [(r.time, r.line) for r in rows] == [(1, 2), (3, 4)]
    assert [fault.where for fault in faults] == [f"{path}:3"]


@pytest.mark.parametrize(
    "text", ["a,b\n1,2\n", "video_id,label\nv,jump\n", "v,jump,1\n", "point,timestamp,video_id,label\n"]
)
def test_an_unknown_form_names_the_known_ones(tmp_path: Path, text: str):
    message = r"clicks\.csv:1: neither a known header nor a click.*video_id,timestamp"
    with pytest.raises(DataError, match=message):
        read(tmp_path, text)


def test_an_empty_table_has_no_clicks(tmp_path: Path):
    for text in ("", "\ufeff\n\n", f"{SECONDS}\n", f"{FRAMES}\r\n"):
        assert read(tmp_path, text) == []


def test_files_that_are_no_text(tmp_path: Path):
    with pytest.raises(DataError, match="UTF-8"):
        read(tmp_path, "v,1,jump\n".encode("utf-16"))
    with pytest.raises(DataError, match=r"missing\.csv: the click table cannot be read"):
        read_clicks(tmp_path / "missing.csv", fps_25)


names = st.text(st.characters(exclude_categories=["C", "Zl", "Zp"]), min_size=1).map(str.strip).filter(bool)
times = st.floats(0, 1e6, allow_nan=False)


@settings(max_examples=60, deadline=None)
@given(
    clicks=st.lists(st.tuples(names, times, names), min_size=1, max_size=8),
    form=st.sampled_from(["frames", "seconds", "bare"]),
    bom=st.booleans(),
    end=st.sampled_from(["\n", "\r\n", "\n\n"]),
)
def test_whatever_a_csv_writer_writes_is_read_back(tmp_path_factory, clicks, form, bom, end):
    out = io.StringIO()
    writer = csv.writer(out, lineterminator=end)
    if form == "frames":
        writer.writerow(INDEXED.split(","))
        writer.writerows((label, 0, -1, 1e9, video, repr(time * 25)) for video, time, label in clicks)
    else:
        if form == "seconds":
            writer.writerow(SECONDS.split(","))
        writer.writerows((video, repr(time), label) for video, time, label in clicks)
    text = ("\ufeff" if bom else "") + out.getvalue()
    rows = read(tmp_path_factory.mktemp("c"), text)
    assert [(row.video, row.label) for row in rows] == [(video, label) for video, _, label in clicks]
    assert all(math.isclose(row.time, time) for row, (_, time, _) in zip(rows, clicks, strict=True))
    lines = text.removeprefix("\ufeff").split("\n")
    assert all(row.label in lines[row.line - 1].replace('""', '"') for row in rows)
