"""ActivityNet files: what is read, what comes back after writing, and what each fault is called."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hrpro.core.annotations import Detection, Detections, Segment
from hrpro.core.errors import DataError
from hrpro.data.formats.activitynet import (
    GroundTruth,
    parse_detections,
    read_detections,
    read_ground_truth,
    write_detections,
    write_ground_truth,
)

SHARED = Path(__file__).resolve().parents[1].parent / "shared"


def put(path: Path, content: Any) -> Path:
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


def database(**entry: Any) -> dict[str, Any]:
    return {"database": {"vid": {"subset": "Test", "duration": 9.5, "annotations": [], **entry}}}


def one(**row: Any) -> dict[str, Any]:
    return database(annotations=[{"label": "x", "segment": [0, 1]}, {"label": "x", "segment": [0, 1], **row}])


def test_ground_truth_is_read_in_file_order(tmp_path: Path) -> None:
    path = put(
        tmp_path / "gt.json",
        {
            "version": "whatever",
            "database": {
                "b": {
                    "subset": "Test",
                    "annotations": [{"label": "y", "segment": [3, 4.5], "segment(frames)": [0, 9]}],
                },
                "a": {
                    "subset": "TEST",
                    "duration": 12,
                    "fps": 30,
                    "annotations": [{"label": "y", "segment": [2, 2]}, {"label": "x", "segment": [0.0, 1]}],
                },
                "c": {"subset": "validation", "annotations": "broken, but not asked for"},
                "d": {"duration": 1.0, "annotations": []},
            },
        },
    )
    truth = read_ground_truth(path, subset="tEsT")
    assert list(truth.videos.items()) == [
        ("b", (Segment(3, 4.5, "y"),)),
        ("a", (Segment(2, 2, "y"), Segment(0, 1, "x"))),
    ]
    assert (truth.durations, truth.subsets) == ({"a": 12.0}, {"b": "Test", "a": "TEST"})
    assert truth.classes == ("x", "y")
    fewer = read_ground_truth(path, subset="test", exclude=["b", "c", "e"], drop_labels={"x"})
    assert fewer.videos == {"a": (Segment(2, 2, "y"),)}
    assert fewer.excluded_unknown == ("c", "e")
    with pytest.raises(DataError, match=r"gt\.json:1: database\.c: 'annotations' must be a list"):
        read_ground_truth(path)
    with pytest.raises(DataError, match=r"no subset 'train' \(the subsets are: TEST, Test, validation\)"):
        read_ground_truth(path, subset="train")


NUMBERS = [None, "1", True, float("nan"), float("inf"), -0.5, [1]]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('{"database": {\n  "a": }', r"not JSON at line 2, column 8"),
        ("", r"not JSON at line 1, column 1"),
        ("[" * 100_000, r"not JSON"),
        ([], r"gt\.json:1: an object .* is a list"),
        ({"data": {}}, r"gt\.json:1: database: .* is missing"),
        ({"database": []}, r"database: .* is a list"),
        ({"database": {"vid": None}}, r"database\.vid: .* is missing"),
        ({"database": {"vid": {"subset": "Test"}}}, r"database\.vid: 'annotations' must be a list"),
        (database(annotations=[3]), r"database\.vid\.annotations\[0\]: an object .* is a int"),
        (one(label=7), r"annotations\[1\]: 'label' must be a class name, not 7"),
        (database(annotations=[{"segment": [0, 1]}]), r"annotations\[0\]: 'label' must .* not None"),
        (database(annotations=[{"label": "x"}]), r"annotations\[0\]: 'segment' must be .* not None"),
        (one(segment=[0, 1, 2]), r"annotations\[1\]: 'segment' must be \[start, end\]"),
        (
            one(segment=[4, 3.5]),
            r"annotations\[1\]\.segment: the segment ends \(3\.5 s\) before it starts \(4 s\)",
        ),
        *[(one(segment=[0, bad]), r"annotations\[1\]\.segment: seconds, 0 or more") for bad in NUMBERS],
        *[(one(segment=[bad, 9]), r"annotations\[1\]\.segment: seconds, 0 or more") for bad in NUMBERS],
        *[(database(duration=bad), r"database\.vid\.duration: seconds, 0 or more") for bad in NUMBERS[1:]],
        (
            '{"database": {"v": {"annotations": []},\n "v": {"annotations": []}}}',
            r"gt\.json:2: the key 'v' appears twice",
        ),
    ],
)
def test_faults_of_ground_truth_name_file_line_and_key(content: Any, said: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=said) as caught:
        read_ground_truth(put(tmp_path / "gt.json", content))
    assert str(tmp_path / "gt.json") in str(caught.value)


def test_files_that_are_none(tmp_path: Path) -> None:
    (tmp_path / "latin").write_bytes(b'{"database": "\xe9"}')
    for path in (tmp_path / "nowhere.json", tmp_path, tmp_path / "latin"):
        for read in (read_ground_truth, read_detections):
            with pytest.raises(DataError, match=path.name):
                read(path)


def test_a_byte_order_mark_is_no_fault(tmp_path: Path) -> None:
    (tmp_path / "gt.json").write_bytes(b"\xef\xbb\xbf" + json.dumps(one()).encode())
    assert len(read_ground_truth(tmp_path / "gt.json").videos["vid"]) == 2


seconds = st.floats(0, 1e5, allow_subnormal=False)
spans = st.tuples(seconds, seconds).map(sorted)
labels = st.text(max_size=5)


@settings(deadline=None)
@given(
    st.dictionaries(st.text(max_size=4), st.lists(st.tuples(spans, labels), max_size=4), max_size=3), seconds
)
def test_ground_truth_comes_back_as_it_was(
    tmp_path_factory: Any, rows: dict[str, Any], duration: float
) -> None:
    path = tmp_path_factory.getbasetemp() / "gt.json"
    videos = {v: tuple(Segment(start, end, label) for (start, end), label in row) for v, row in rows.items()}
    some = list(videos)[::2]
    truth = GroundTruth(videos, dict.fromkeys(some, duration), dict.fromkeys(some, "Test"))
    write_ground_truth(path, truth)
    assert read_ground_truth(path) == truth


def listed(found: dict[str, Detections]) -> dict[str, list[Detection]]:
    return {video: list(rows) for video, rows in found.items()}


scores = st.floats(allow_nan=False, allow_infinity=False)
rows_of = st.lists(st.builds(lambda t, c, s: Detection(t[0], t[1], c, s), spans, labels, scores), max_size=5)


@settings(deadline=None)
@given(st.dictionaries(st.text(max_size=4), rows_of, max_size=3))
def test_detections_come_back_ranked_with_full_scores(tmp_path_factory: Any, rows: dict[str, Any]) -> None:
    path = tmp_path_factory.getbasetemp() / "found.json"
    found = {video: Detections.from_list(of_video) for video, of_video in rows.items()}
    write_detections(path, found)
    first, text = read_detections(path), path.read_text()
    for video, of_video in rows.items():
        expected = sorted(of_video, key=lambda row: -row.score)
        assert [(row.label, row.score) for row in first[video]] == [
            (row.label, row.score) for row in expected
        ]
        ends = [time for row in expected for time in (row.start, row.end)]
        np.testing.assert_allclose(first[video].segments.ravel(), ends, rtol=0, atol=1e-6)
    assert len({detections.classes for detections in first.values()}) <= 1
    write_detections(path, first)
    assert path.read_text() == text
    assert listed(read_detections(path)) == listed(first)


def test_the_written_form_is_that_of_the_field(tmp_path: Path) -> None:
    path = tmp_path / "new" / "found.json"
    row = Detection(19.200000000000003, 21.76, "run", 1 / 3)
    found = {"v": Detections.from_list([row]), "nothing": Detections.empty()}
    write_detections(path, found, version="v1", external_data={"used": False})
    assert json.loads(path.read_text()) == {
        "version": "v1",
        "results": {"v": [{"label": "run", "score": 1 / 3, "segment": [19.2, 21.76]}], "nothing": []},
        "external_data": {"used": False},
    }
    assert path.stat().st_mode & 0o777 == 0o666 & ~_umask()
    assert [entry.name for entry in path.parent.iterdir()] == ["found.json"]


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_whoever_reads_the_old_file_meanwhile_reads_all_of_it(tmp_path: Path) -> None:
    path = put(tmp_path / "found.json", "old")
    with path.open() as old:
        write_detections(path, {})
        assert old.read() == "old"
    assert read_detections(path) == {}


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    path = put(tmp_path / "found.json", "old")
    bad = Detections.from_list([Detection(0, 1, "x", 1), Detection(0, 1, "x", float("nan"))])
    with pytest.raises(
        DataError, match=r"found\.json: results\.v\[\d\]: 'score' must be a finite number, not nan"
    ):
        write_detections(path, {"v": bad})
    (tmp_path / "folder").mkdir()
    with pytest.raises(DataError, match="folder: cannot be written"):
        write_detections(tmp_path / "folder", {})
    assert path.read_text() == "old"
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["folder", "found.json"]


GOOD = {"segment": [0, 1.5], "label": "x", "score": 1}
BAD_NUMBERS = [None, "0.5", True, float("nan"), float("-inf"), [1], {}]


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (3, "an object with"),
        ({}, "'segment' is missing"),
        ({"segment": [0, 1], "label": "x"}, "'score' is missing"),
        ({"segment": [0, 1], "score": 1}, "'label' is missing"),
        ({**GOOD, "label": 5}, "'label' must be a class name, not 5"),
        ({**GOOD, "label": None}, "'label' must be a class name, not None"),
        ({**GOOD, "label": ["x"]}, "'label' must be a class name"),
        *[({**GOOD, "score": bad}, "'score' must be a finite number") for bad in BAD_NUMBERS],
        *[({**GOOD, "segment": [0, bad]}, "'segment' must be") for bad in BAD_NUMBERS],
        *[
            ({**GOOD, "segment": bad}, "'segment' must be")
            for bad in (None, 3, [], [1], [1, 2, 3], "12", {"0": 1})
        ],
        ({**GOOD, "segment": [2, 1]}, r"ends \(1 s\) before it starts \(2 s\)"),
    ],
)
@pytest.mark.parametrize("company", [[GOOD, GOOD], []])
def test_faults_of_detections_name_the_row(row: Any, said: str, company: list[Any]) -> None:
    payload = {"results": {"fine": company, "vid": [*company, row, *company]}}
    with pytest.raises(DataError, match=rf"^found: results\.vid\[{len(company)}\]: .*{said}"):
        parse_detections(payload, where="found")


def test_lengths_that_make_up_for_each_other_are_a_fault() -> None:
    rows = [{**GOOD, "segment": [1]}, {**GOOD, "segment": [1, 2, 3]}]
    with pytest.raises(DataError, match=r"results\.v\[0\]: 'segment' must be"):
        parse_detections({"results": {"v": rows}})


@pytest.mark.parametrize(
    ("payload", "said"),
    [
        ({}, "results: .* is missing"),
        ({"results": []}, "results: .* is a list"),
        ({"results": {"v": {"0": GOOD}}}, r"results\.v: a list of detections is expected"),
        ({"results": {"v": "text"}}, r"results\.v: a list of detections is expected"),
        ([], "is a list"),
    ],
)
def test_faults_of_the_frame(payload: Any, said: str) -> None:
    with pytest.raises(DataError, match=said):
        parse_detections(payload)


def test_no_detections_at_all() -> None:
    assert parse_detections({"results": {}}) == {}
    (rows,) = parse_detections({"results": {"v": []}}).values()
    assert len(rows) == 0
    assert rows.segments.shape == (0, 2)


@pytest.mark.skipif(not SHARED.exists(), reason="the shared data are not here")
@pytest.mark.parametrize(
    ("name", "subset", "videos", "segments"),
    [
        ("thumos14", "test", 212, 3358),
        ("gtea", "VALIDATION", 7, None),
        ("beoid", "training", 46, None),
        ("activitynet13", "Validation", 4728, None),
        ("activitynet13", None, 19228, 22152),
    ],
)
def test_the_files_of_the_field(name: str, subset: str | None, videos: int, segments: int | None) -> None:
    path = SHARED / "data/annotations" / name / "gt_full.json"
    truth = read_ground_truth(path, subset)
    assert len(truth.videos) == len(truth.durations) == len(truth.subsets) == videos
    entries = json.loads(path.read_text())["database"]
    expected = {
        video: [(*row["segment"], row["label"]) for row in entries[video]["annotations"]]
        for video in truth.videos
    }
    found = {video: [(s.start, s.end, s.label) for s in rows] for video, rows in truth.videos.items()}
    assert found == expected
    assert segments is None or sum(map(len, truth.videos.values())) == segments
