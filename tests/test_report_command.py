"""``hrpro report`` from runs and data on disk: its numbers, what it does without, and its errors."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("plotly", reason="the extra [report] is not installed")

from commands import SMALL, run
from hrpro.localizer import HRPro
from hrpro.metrics.files import evaluate_files
from hrpro.report import export as exporting
from hrpro.report.figure import Figure, layout
from test_report_page import CHROMIUM

pytest_plugins = ["command_fixtures"]


@pytest.fixture(scope="module")
def other(data: Path) -> Path:
    folder = data.parent / "other"
    words = [*SMALL, "--stages", "1", "--seed", "5"]
    assert run("train", "--data", data, "--run", folder, *words) == 0
    return folder


def words_of(page: Path) -> str:
    return page.read_text(encoding="utf-8").rpartition("</main>")[0]


def test_its_numbers_are_those_of_predict_and_evaluate(
    data: Path, trained: Path, other: Path, detections: Path, tmp_path: Path
) -> None:
    out = tmp_path / "report.html"
    words = (
        "--run",
        trained,
        "--run",
        other,
        "--data",
        data,
        "--out",
        out,
        "--ground-truth",
        data / "gt_full.json",
    )
    assert run("report", *words, "--quiet") == 0
    page = words_of(out)
    expected = evaluate_files(data / "gt_full.json", detections)
    assert f"<strong>{expected.average():.3f}</strong>" in page
    for name, ap in zip(expected.classes, expected.ap, strict=True):
        row = page.partition(f'<th scope="row"><bdi>{name}</bdi></th><td class="n">')[2].partition("</tr>")[0]
        cells = re.findall(r'<td class="n h\d+">([\d.]+)</td>', row)
        assert cells == [f"{value:.3f}" for value in (*ap, ap.mean())]
    assert "Runs compared" in page
    assert re.findall(r'<th scope="row">(stages)</th><td>2</td><td>1</td>', page) == ["stages"]
    shutil.copytree(trained, tmp_path / "again")
    assert run("report", "--run", trained, "--run", tmp_path / "again", "--data", data, "--out", out) == 0
    page = words_of(out)
    assert "The runs have the same settings." in page
    assert page.count(">+0.000<") >= 10
    assert page.count(">0.000 to 0.000<") == 10


def test_with_evaluates_customs_its_numbers_are_evaluates(
    data: Path, trained: Path, detections: Path, tmp_path: Path
) -> None:
    """A video left out, detections in ambiguous stretches taken out, a label that is no class."""
    content = json.loads((data / "gt_full.json").read_text())
    for entry in content["database"].values():
        rows = entry["annotations"]
        rows[:] = [*rows, {**rows[0], "label": "Ambiguous"}] if rows else rows
    truth, stretches = tmp_path / "truth.json", tmp_path / "ambiguous.txt"
    truth.write_text(json.dumps(content))
    stretches.write_text("test_000 5 20\ntest_002 0 11.5\nelsewhere 0 60\n")
    customs = ["--exclude", "test_001", "--drop-labels", "Ambiguous", "--ambiguous", stretches]
    table, out = tmp_path / "table.csv", tmp_path / "r.html"
    asked = ("--ground-truth", truth, "--detections", detections, "--subset", "test", "--csv", table)
    assert run("evaluate", *asked, *customs) == 0
    named = {"exclude": ["test_001"], "drop_labels": ["Ambiguous"], "ambiguous": stretches}
    expected = evaluate_files(truth, detections, subset="test", **named)
    usual = ["report", "--run", trained, "--data", data, "--ground-truth", truth, "--out", out]
    assert run(*usual, *customs) == 0
    page = words_of(out)
    assert expected.coverage.ambiguous_detections > 0
    assert f"{expected.coverage.ambiguous_detections} detections removed: they touch an ambiguous" in page
    assert "1 video left out: test_001." in page
    assert f"<strong>{expected.average():.3f}</strong>" in page
    lines = dict(line.split(",", 1) for line in table.read_text().splitlines())
    for name in (*expected.classes, "mAP"):
        row = re.search(rf'<th scope="row">(?:<bdi>)?{name}(?:</bdi>)?</th><td class="n">.*?</tr>', page)
        assert row
        cells = re.findall(r'<td class="n(?: h\d+)?">(\d\.\d{3})</td>', row[0])[:7]
        assert cells == [f"{float(value):.3f}" for value in lines[name].split(",")]
    shown = re.findall(r"<h3[^>]*><bdi>([^<]+)", page)
    assert sorted(shown) == ["test_000", "test_002"]
    # Each of the three changes something here, or this would show nothing.
    for left in named:
        others = evaluate_files(
            truth, detections, subset="test", **{**named, left: () if left != "ambiguous" else None}
        )
        assert others.average() != expected.average(), left


def test_stage_one_alone_is_the_model_trained_without_stage_two(data: Path, trained: Path) -> None:
    """Its detections before stage 2 are what a run of stages: 1 with the same seed finds."""
    folder = data.parent / "first stage"
    assert run("train", "--data", data, "--run", folder, *SMALL, "--stages", "1") == 0
    features_td = np.load(data / "features/test/test_000.npy")
    both = HRPro.load(trained)
    alone, expected = both.stage_one().predict(features_td), HRPro.load(folder).predict(features_td)
    assert np.array_equal(alone.segments, expected.segments)
    assert np.array_equal(alone.scores, expected.scores)
    assert not np.array_equal(both.predict(features_td).scores, expected.scores)
    assert both.instance is not None


def test_without_ground_truth_it_says_so(data: Path, trained: Path, tmp_path: Path) -> None:
    bare = tmp_path / "bare"
    shutil.copytree(data, bare)
    (bare / "gt_full.json").unlink()
    assert run("report", "--run", trained, "--data", bare, "--out", tmp_path / "r.html", "--quiet") == 0
    assert "There is no ground truth, so what needs the true segments is left out." in words_of(
        tmp_path / "r.html"
    )
    assert (
        run("report", "--run", trained, "--data", data, "--split", "train", "--out", tmp_path / "r.html") == 0
    )
    page = words_of(tmp_path / "r.html")
    assert "gt_full.json holds no segment of these recordings" in page
    assert page.count("click: ") >= 10  # the training's clicks, on their timelines


def test_a_truth_that_knows_some_videos_is_used_for_those(data: Path, trained: Path, tmp_path: Path) -> None:
    content = json.loads((data / "gt_full.json").read_text())
    del content["database"]["test_001"]
    (tmp_path / "some.json").write_text(json.dumps(content))
    words = ("--data", data, "--ground-truth", tmp_path / "some.json", "--out", tmp_path / "r.html")
    assert run("report", "--run", trained, *words) == 0
    page = words_of(tmp_path / "r.html")
    assert "1 of 3 recordings are not in some.json, and not evaluated." in page
    assert "no truth known" in page


def test_videos_beside_the_data_are_linked(data: Path, trained: Path, tmp_path: Path) -> None:
    whole = tmp_path / "data"
    shutil.copytree(data, whole)
    (whole / "videos").mkdir()
    (whole / "videos/test_000.mp4").write_bytes(b"")
    assert run("report", "--run", trained, "--data", whole, "--out", tmp_path / "pages/r.html") == 0
    page = words_of(tmp_path / "pages/r.html")
    assert set(re.findall(r' (?:src|href)="(\.[^"#]+)', page)) == {"../data/videos/test_000.mp4"}
    assert re.search(r'href="../data/videos/test_000.mp4#t=\d+\.\d\d"', page)


def test_bad_input_is_told_in_one_line(data: Path, trained: Path, said, tmp_path: Path) -> None:
    out = tmp_path / "r.html"
    usual = ["report", "--run", trained, "--out", out]
    assert said(*usual) == "report needs --data DIR or --videos DIR"
    assert "there is no trained model here" in said("report", "--run", tmp_path, "--data", data, "--out", out)
    assert "is given twice" in said(*usual, "--run", trained, "--data", data)
    assert "no split 'tset' (did you mean 'test'?)" in said(*usual, "--data", data, "--split", "tset")
    assert said(*usual, "--split", "test") == "--split: goes with --data"
    assert said(*usual, "--data", data, "--format", "svg") == "--format: goes with --figures"
    assert "cannot be written" in said("report", "--run", trained, "--data", data, "--out", tmp_path)
    (tmp_path / "gt.json").write_text('{"database": {}}')
    message = said(*usual, "--data", data, "--ground-truth", tmp_path / "gt.json")
    assert "holds no segment of these recordings" in message
    assert "leaves out every recording" in said(
        *usual, "--data", data, "--exclude", "test_000,test_001,test_002"
    )
    (tmp_path / "stretches.txt").write_text("test_000 5\n")
    message = said(*usual, "--data", data, "--ambiguous", tmp_path / "stretches.txt")
    assert "stretches.txt:1: 'test_000 5' is not 'video start end'" in message
    assert "there is no such video, folder or list" in said(
        *usual, "--data", data, "--videos", tmp_path / "no"
    )
    assert "features that do not say how they were made" in said(*usual, "--videos", tmp_path)
    assert not out.exists()
    film = tmp_path / "film.mp4"
    film.write_bytes(b"somebody's")
    message = said("report", "--run", trained, "--data", data, "--out", film)
    assert "is there already and is no report of hrpro's (name another file" in message
    assert film.read_bytes() == b"somebody's"


def test_a_run_that_was_trained_on_videos(tmp_path: Path) -> None:
    pytest.importorskip("av", reason="the extra [video] is not installed")
    pytest.importorskip("cv2", reason="the extra [video] is not installed")
    from rendered_videos import even_times, render

    for name, seconds in (("a.mp4", 8), ("day/b.mp4", 7), ("new.mp4", 5)):
        path = tmp_path / "videos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        render(path, even_times(25, seconds), fps=25)
    clicks = tmp_path / "clicks.csv"
    clicks.write_text("video,seconds,class\na,3,wave\na,6,jump\nb,4,wave\n")
    words = ("--videos", tmp_path / "videos", "--quiet")
    assert run("train", "--run", tmp_path / "run", "--clicks", clicks, *words, *SMALL) == 0
    made = tmp_path / "run/features/a.safetensors"
    before = made.stat().st_mtime_ns
    out = tmp_path / "r.html"
    assert run("report", "--run", tmp_path / "run", "--clicks", clicks, "--out", out, *words) == 0
    page = words_of(out)
    assert re.findall(r"<h3[^>]*><bdi>([^<]+)", page) == ["a", "day/b", "new"]
    assert made.stat().st_mtime_ns == before
    assert (tmp_path / "run/features/new.safetensors").is_file()
    assert 'src="videos/day/b.mp4"' in page
    assert page.count("click: wave") == 2


def _figure() -> Figure:
    data = [{"type": "scatter", "x": [0, 1], "y": [1, 3]}]
    return Figure("one", "One", "A line.", data, layout("<b>One", width=200, height=120))


@pytest.mark.parametrize(("format", "start"), [("png", b"\x89PNG"), ("svg", b"<svg")])
def test_figures_as_files(format: str, start: bytes, tmp_path: Path) -> None:
    pytest.importorskip("kaleido", reason="the extra [report] is not installed")
    if CHROMIUM is None:
        pytest.skip("there is no Chromium")
    paths = exporting.export([_figure()], tmp_path / "figures", format)
    assert [path.name for path in paths] == [f"one.{format}"]
    assert paths[0].read_bytes().startswith(start)
    assert b"http" not in re.sub(rb"http://www\.w3\.org/[\w/]+", b"", paths[0].read_bytes())


def test_without_a_browser_the_page_is_written_and_one_line_says_why_the_figures_are_not(
    data: Path,
    trained: Path,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pytest.importorskip("kaleido", reason="the extra [report] is not installed")
    monkeypatch.setenv("BROWSER_PATH", str(tmp_path / "no-browser"))
    monkeypatch.setenv("PATH", str(tmp_path))
    capsys.readouterr()
    words = ("--data", data, "--out", tmp_path / "r.html", "--figures", tmp_path / "figures")
    assert run("report", "--run", trained, *words) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert "drawn by Chromium" in err
    assert (tmp_path / "r.html").is_file()


def test_click_curves_stand_in_the_page(data: Path, trained: Path, tmp_path: Path) -> None:
    kept, out = tmp_path / "clicks.json", tmp_path / "report.html"
    key = "<b>films</b> | {} | hrpro | seed 0"
    kept.write_text(json.dumps({key.format("reference"): 0.7, key.format("missing=0.5"): 0.4}))
    words = ("--run", trained, "--data", data, "--out", out, "--quiet", "--click-curves", kept)
    assert run("report", *words) == 0
    page = words_of(out)
    assert "Clicks as people make them" in page
    assert 'data-name="clicks-1-missing"' in page
    assert "<b>films" not in page
    kept.write_text("{}")
    out.unlink()
    assert run("report", *words) == 2
    assert not out.exists()
