"""What ``hrpro convert`` writes, read by the tools' own libraries; and what these write, read by it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path

import pytest

from hrpro.convert import convert
from hrpro.data.formats.activitynet import read_ground_truth

CLICKS = {
    "kitchen": [(0.0, "cut"), (3.25, "pour é"), (12.345, "cut"), (3599.999, "stir & <mix>")],
    "garden": [(1.04, "dig")],
}
SEGMENTS = {
    "kitchen": [
        (0.0, 2.0, "cut"),
        (1.5, 4.25, "cut"),
        (1.6, 7.013, "pour é"),
        (3600.5, 3661.25, "stir & <mix>"),
    ],
    "garden": [(0.04, 10.0, "dig")],
}


@pytest.fixture
def clicks(tmp_path: Path) -> Path:
    rows = [f"{video},{time},{label}" for video, each in CLICKS.items() for time, label in each]
    path = tmp_path / "clicks.csv"
    path.write_text("\n".join(["video_id,timestamp,label", *rows, ""]), encoding="utf-8")
    return path


@pytest.fixture
def segments(tmp_path: Path) -> Path:
    database = {
        video: {"annotations": [{"label": label, "segment": [start, end]} for start, end, label in each]}
        for video, each in SEGMENTS.items()
    }
    path = tmp_path / "segments.json"
    path.write_text(json.dumps({"database": database}))
    return path


def same(found: list[tuple], expected: list[tuple]) -> bool:
    """Labels alike, times to a microsecond, in any order."""
    rounded = [
        sorted((*(round(t, 6) for t in times), label) for *times, label in each) for each in (found, expected)
    ]
    return rounded[0] == rounded[1]


def test_pympi_reads_our_eaf(clicks: Path, segments: Path, tmp_path: Path) -> None:
    elan = pytest.importorskip("pympi", reason="needs pympi-ling, of hrpro[dev]").Elan
    convert(clicks, tmp_path / "clicks", target_format="elan", folder=True)
    convert(segments, tmp_path / "segments", target_format="elan", folder=True)
    for video, expected in CLICKS.items():
        made = elan.Eaf(str(tmp_path / f"clicks/{video}.eaf"))
        assert [each["MEDIA_URL"] for each in made.media_descriptors] == [f"{video}.mp4"]
        rows = [row for tier in made.get_tier_names() for row in made.get_annotation_data_for_tier(tier)]
        assert same([(start / 1000, label) for start, _, label in rows], expected)
        assert {end - start for start, end, _ in rows} == {1}
        made = elan.Eaf(str(tmp_path / f"segments/{video}.eaf"))
        tiers = {tier: made.get_annotation_data_for_tier(tier) for tier in made.get_tier_names()}
        rows = [(start / 1000, end / 1000, label) for each in tiers.values() for start, end, label in each]
        assert same(rows, SEGMENTS[video])
        for each in tiers.values():  # in a tier of ELAN nothing may overlap
            spans = sorted((start, end) for start, end, _ in each)
            assert all(one[1] <= other[0] for one, other in pairwise(spans))


def test_we_read_pympis_eaf(tmp_path: Path) -> None:
    elan = pytest.importorskip("pympi", reason="needs pympi-ling, of hrpro[dev]").Elan
    for video, rows in SEGMENTS.items():
        made = elan.Eaf(author="somebody")
        made.add_linked_file(f"/films/{video}.mp4", mimetype="video/mp4")
        made.remove_tier("default")
        for n, (start, end, label) in enumerate(rows):
            tier = f"tier {n}"
            made.add_tier(tier)
            made.add_annotation(tier, round(start * 1000), round(end * 1000), label)
        (tmp_path / "eaf").mkdir(exist_ok=True)
        made.to_file(str(tmp_path / f"eaf/{video}.eaf"))
    convert(tmp_path / "eaf", tmp_path / "found.json")
    found = read_ground_truth(tmp_path / "found.json").videos
    assert found.keys() == SEGMENTS.keys()
    for video, rows in SEGMENTS.items():
        assert same([(s.start, s.end, s.label) for s in found[video]], rows)


def test_webvtt_py_reads_our_subtitles(clicks: Path, segments: Path, tmp_path: Path) -> None:
    webvtt = pytest.importorskip("webvtt", reason="needs webvtt-py, of hrpro[dev]")
    for form, read in (("webvtt", webvtt.read), ("srt", webvtt.from_srt)):
        convert(clicks, tmp_path / f"clicks-{form}", target_format=form, folder=True)
        convert(segments, tmp_path / f"segments-{form}", target_format=form, folder=True)
        suffix = "vtt" if form == "webvtt" else form
        for video, expected in CLICKS.items():
            cues = read(str(tmp_path / f"clicks-{form}/{video}.{suffix}"))
            assert same([(seconds(c.start_time), shown(c)) for c in cues], expected)
            assert all(seconds(c.end_time) == pytest.approx(seconds(c.start_time) + 1) for c in cues)
            cues = read(str(tmp_path / f"segments-{form}/{video}.{suffix}"))
            rows = [(seconds(c.start_time), seconds(c.end_time), shown(c)) for c in cues]
            assert same(rows, SEGMENTS[video])


def seconds(time: object) -> float:
    parts: Mapping[str, int] = vars(time)
    return parts["hours"] * 3600 + parts["minutes"] * 60 + parts["seconds"] + parts["milliseconds"] / 1000


def shown(cue: object) -> str:
    """A cue's text as a player shows it: webvtt-py leaves the format's escapes as they are."""
    text = str(cue.raw_text)  # pyright: ignore[reportAttributeAccessIssue]
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
