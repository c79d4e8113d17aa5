"""The click curves of a report: what trials become points, and what a file must be."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from hrpro.core.errors import DataError
from hrpro.report.click_trials import VARIED, click_trials, read_trials

TRIALS = {
    "films | reference | hrpro | seed 0": 0.70,
    "films | reference | hrpro | seed 1": 0.74,
    "films | sd=0.2 | hrpro | seed 0": 0.66,
    "films | sd=0.2 | hrpro | seed 1": 0.68,
    "films | share=0.5 | hrpro | seed 0": 0.5,
    "films | reference | hrpro-next | seed 0": 0.75,
    "films | sd=0.2 | hrpro-next | seed 0": 0.73,
    "films | sd=0.2 stray=0.03 | hrpro | seed 0": 0.6,
    "films | sd=0.2 | hrpro | snippet.steps=3 | seed 0": 0.1,
}


def kept(folder: Path, trials: object) -> Path:
    path = folder / "clicks.json"
    path.write_text(json.dumps(trials, indent=1))
    return path


def test_a_point_is_where_one_thing_differs(tmp_path: Path) -> None:
    found = read_trials(kept(tmp_path, TRIALS))
    assert found["films", "hrpro"]["sd"] == {0.04: [0.70, 0.74], 0.2: [0.66, 0.68]}
    assert found["films", "hrpro"]["share"] == {1.0: [0.70, 0.74], 0.5: [0.5]}
    assert found["films", "hrpro"]["missing"] == {0.0: [0.70, 0.74]}
    assert found["films", "hrpro-next"]["sd"] == {0.04: [0.75], 0.2: [0.73]}


def test_the_figures_show_their_means_in_order(tmp_path: Path) -> None:
    section = click_trials(kept(tmp_path, TRIALS))
    assert [figure.name for figure in section.figures] == ["clicks-1-sd", "clicks-1-share"]
    spread, share = section.figures
    assert [trace["name"] for trace in spread.data] == ["hrpro", "hrpro-next"]
    assert spread.data[0]["x"] == [0.04, 0.2]
    assert spread.data[0]["y"] == [0.72, 0.67]
    assert spread.data[0]["error_y"]["array"] == pytest.approx([0.0283, 0.0141])
    assert share.data[0]["x"] == [0.5, 1.0]
    assert "at most 2 trainings a point" in str(section.body[0])


@pytest.mark.parametrize(
    ("trials", "message"),
    [
        ([], "must be an object of trials"),
        ({"films": 0.5}, r"clicks\.json:2: films: 'films': 0\.5 is no trial"),
        ({"films | reference | hrpro | seed 0": "0.5"}, "is no trial"),
        ({"films | reference | hrpro | seed 0": 1.5}, "is no trial"),
        ({"films | reference | hrpro | seed 0": 0.5}, "holds no curve"),
    ],
)
def test_another_file_is_refused_in_a_line(tmp_path: Path, trials: object, message: str) -> None:
    with pytest.raises(DataError, match=message) as caught:
        click_trials(kept(tmp_path, trials))
    assert "\n" not in str(caught.value)


def test_it_reads_what_the_benchmark_keeps(tmp_path: Path) -> None:
    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "benchmarks"))
    benchmark = pytest.importorskip("clicks", reason="the benchmarks are not here")
    designs = benchmark.designs([*benchmark.CURVES, "people"])
    keys = [benchmark._key("films", design, "hrpro", [], 0, 0, 0) for design in designs]
    found = read_trials(kept(tmp_path, dict.fromkeys(keys, 0.5)))["films", "hrpro"]
    drawn = {field: set(values) for _, field, values in benchmark.CURVES.values()}
    assert found.keys() == drawn.keys() == VARIED.keys()
    for field, values in drawn.items():
        assert found[field].keys() == values


def test_folds_of_the_training_are_a_figure_of_their_own(tmp_path: Path) -> None:
    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "benchmarks"))
    benchmark = pytest.importorskip("clicks", reason="the benchmarks are not here")
    first, half = benchmark.designs([])[0], benchmark.Design(share=0.5)
    trials = {
        benchmark._key("films", design, "hrpro", [], 0, fold, folds): value
        for design, fold, folds, value in (
            (first, 0, 0, 0.8),
            (half, 0, 0, 0.7),
            (first, 0, 3, 0.2),
            (half, 0, 5, 0.1),
        )
    }
    assert len(trials) == 4
    assert benchmark._key("films", first, "hrpro", [], 0, 0, 3) != benchmark._key(
        "films", first, "hrpro", [], 0, 0, 5
    )
    found = read_trials(kept(tmp_path, trials))
    assert found["films", "hrpro"]["share"] == {1.0: [0.8], 0.5: [0.7]}
    assert found["films, held out", "hrpro"]["share"] == {1.0: [0.2], 0.5: [0.1]}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--data", "/a/films", "/b/films"], "two folders of one name"),
        (["--curves", "people", "--svg", "x.svg"], "no curve"),
    ],
)
def test_the_benchmark_refuses_before_it_trains(
    words: list[str], said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "benchmarks"))
    benchmark = pytest.importorskip("clicks", reason="the benchmarks are not here")
    monkeypatch.setattr(sys, "argv", ["clicks.py", *words])
    with pytest.raises(SystemExit):
        benchmark.main()
    assert said in capsys.readouterr().err
