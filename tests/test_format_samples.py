"""A sample of each format, written after its documentation: told by its content and read as it is meant."""

from __future__ import annotations

from pathlib import Path

import pytest

from hrpro.core.annotations import Click, Detection, Segment
from hrpro.data.formats.form import Source
from hrpro.data.formats.neutral import Annotations, Video
from hrpro.data.formats.registry import FORMATS, guess_source

SAMPLES = Path(__file__).parent / "samples"
SHARED = Path(__file__).resolve().parents[1].parent / "shared" / "data" / "annotations"
GAME = "league/2025-2026/2025-08-01 - 20-00 North 1 - 0 South"
POUR, STIR = Click(2.0, "pour"), Click(7.25, "stir")

EXPECTED: dict[str, tuple[str, dict[str, Video], tuple[str, ...]]] = {
    "activitynet.json": (
        "activitynet",
        {
            "v_kitchen": Video(
                (), (Segment(1.5, 4.25, 'Café, "au lait"'), Segment(6, 6, "stir")), 30.5, 25.0, "training"
            ),
            "v_empty": Video((), (), 12.0, None, "testing"),
        },
        ("not read: resolution, taxonomy, url",),
    ),
    "activitynet_results.json": (
        "activitynet-results",
        {"v_kitchen": Video((), (Detection(5.5, 7, "stir", 0.75), Detection(1, 4, "pour", 0.125)))},
        (),
    ),
    "lacp.csv": (
        "lacp",
        {"kitchen": Video((POUR, Click(7.0, "stir")))},
        ("not read: start_frame and stop_frame, which are ground truth and no clicks",),
    ),
    "sfnet.txt": (
        "sfnet",
        {"kitchen": Video((POUR, STIR)), "garden": Video((Click(0.5, "dig, deep"),))},
        (),
    ),
    "seconds.csv": ("seconds", {"kitchen": Video((POUR, Click(7.25, 'stir "slowly"')))}, ()),
    "segments.csv": (
        "segments",
        {"kitchen": Video((), (Detection(5.5, 7, "stir", 0.75), Segment(1, 4.25, "pour, slowly")))},
        ("not read: the columns note",),
    ),
    "via3_project.json": (
        "via",
        {
            "kitchen": Video((POUR,), (Segment(6.5, 8.125, "stir"),)),
            "garden": Video((), (Segment(0.5, 0.75, "left"), Segment(0.5, 0.75, "right"))),
        },
        ("not read: 1 further attribute's value, 1 picture region, 1 deleted annotation",),
    ),
    "via3_export.csv": (
        "via",
        {"kitchen": Video((Click(2.0, "pour, slowly"),), (Segment(6.5, 8.125, "stir"),))},
        ("not read: 1 picture region",),
    ),
    "label_studio.json": (
        "label-studio",
        {
            "0f1e2d3c-kitchen": Video((POUR,), (Segment(0, 1, "stir"),)),
            "garden": Video((), (Detection(2, 3, "dig", 0.25),), fps=50.0),
        },
        ("not read: 1 other region",),
    ),
    "label_studio_min.json": ("label-studio", {"kitchen": Video((POUR,), (Segment(0, 1, "stir"),))}, ()),
    "elan.eaf": (
        "elan",
        {"kitchen": Video((Click(2.0, "stir"),), (Segment(1.5, 4.25, "pour & stir"),))},
        ("not read: 2 dependent tier's annotations",),
    ),
    "boris.tsv": (
        "boris",
        {
            "kitchen": Video(
                (Click(2.25, "pour"),), (Segment(1.5, 4.25, "stir"), Segment(2, 5, "stir")), 30.5, 25.0
            )
        },
        ("not read: 4 subjects, 2 modifiers, 1 comment",),
    ),
    "boris_7.tsv": (
        "boris",
        {"kitchen": Video((Click(2.25, "pour"),), (Segment(1.5, 4.25, "stir"),), 30.5, 25.0)},
        ("the observation has a time offset; its times are taken as they stand",),
    ),
    "soccernet.json": (
        "soccernet",
        {
            f"{GAME}/1": Video((Click(12.34, "Goal"),)),
            f"{GAME}/2": Video((Click(2700.0, "Yellow card"),)),
        },
        ("not read: 1 team, 1 off-screen mark",),
    ),
    "soccernet_predictions.json": (
        "soccernet",
        {"league/game/1": Video((Click(559.0, "Penalty"),))},
        ("not read: 1 confidence",),
    ),
    "fiftyone.json": (
        "fiftyone",
        {
            "kitchen": Video((), (Detection(0, 0.96, "stir", 0.5), Segment(1.5, 4.25, "pour"))),
            "garden": Video(),
        },
        ("not read: 1 attribute",),
    ),
    "audacity.txt": (
        "audacity",
        {"audacity": Video((Click(2.15, 'pour, "slowly"'),), (Segment(3.4, 6.1, "stir"),))},
        ("not read: 1 frequency range",),
    ),
}


@pytest.mark.parametrize("file", EXPECTED)
def test_a_sample_is_told_by_its_content_and_read(file: str, tmp_path: Path) -> None:
    form, videos, remarks = EXPECTED[file]
    source = Source(SAMPLES / file, lambda _: 25.0)
    read = FORMATS[form].read
    assert read is not None
    assert read(source) == Annotations(videos, remarks)
    disguised = tmp_path / "sample.dat"
    disguised.write_bytes((SAMPLES / file).read_bytes())
    assert guess_source(Source(disguised)).name == form


def test_every_sample_is_read_and_every_format_that_is_read_has_one() -> None:
    files = {path.name for path in SAMPLES.iterdir()} - {"README.md"}
    assert files == set(EXPECTED)
    assert {form for form, _, _ in EXPECTED.values()} == {f.name for f in FORMATS.values() if f.read}
    page = (SAMPLES / "README.md").read_text(encoding="utf-8")
    assert all(file in page for file in files)


@pytest.mark.parametrize("word", ["ANNOTATION_DOCUMENT", "WEBVTT_video"])
def test_a_word_of_another_format_makes_no_file_one_of_it(word: str, tmp_path: Path) -> None:
    (tmp_path / "clicks").write_text(f"{word},1.5,jump\n{word},2.5,jump\n")
    assert guess_source(Source(tmp_path / "clicks")).name == "sfnet"


def test_boris_pairs_states_by_their_modifiers_too(tmp_path: Path) -> None:
    head = "Observation id\tMedia file name\tSubject\tBehavior\tModifier #1\tBehavior type\tTime\n"
    rows = [("apple", "START", 1), ("pear", "START", 2), ("apple", "STOP", 3), ("pear", "STOP", 5)]
    text = "".join(f"o\tone.mp4\tAnn\teat\t{what}\t{kind}\t{time}\n" for what, kind, time in rows)
    (tmp_path / "events.tsv").write_text(head + text)
    source = Source(tmp_path / "events.tsv")
    read = guess_source(source).read
    assert read is not None
    found = read(source).videos["one"].segments
    assert [(one.start, one.end, one.label) for one in found] == [(1, 3, "eat"), (2, 5, "eat")]


@pytest.mark.skipif(not SHARED.is_dir(), reason="the published annotations are not on this machine")
@pytest.mark.parametrize("data", ["thumos14", "gtea", "beoid"])
def test_published_files_are_told_and_read(data: str) -> None:
    truth = Source(SHARED / data / "gt_full.json")
    assert guess_source(truth).name == "activitynet"
    for path in sorted((SHARED / data / "point_labels").iterdir()):
        source = Source(path, lambda _: 30.0)
        form = guess_source(source)
        assert form.name == ("lacp" if path.name.startswith("point") else "sfnet")
        assert form.read is not None
        assert sum(len(video.clicks) for video in form.read(source).videos.values()) > 100
