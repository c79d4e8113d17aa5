"""What the report's figures and tables say is what the metrics say."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import plotly.graph_objects as go
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hrpro.core.annotations import Click, Detection, Detections, Segment
from hrpro.core.timeline import Timeline
from hrpro.metrics.errors import KINDS, diagnose
from hrpro.report.collect import GOOD, Result, Subject, Traces, true_tiou
from hrpro.report.curves import curves
from hrpro.report.diagnosis import errors
from hrpro.report.precision_recall import curve, mean_curve, precision_recall
from hrpro.report.scores import Spread, score_figure, spread
from hrpro.report.summary import data
from hrpro.report.table import class_table
from hrpro.report.timelines import LANES, Strip, timeline
from hrpro.report.videos import pick
from hrpro.report.write import sections
from report_subjects import CLASSES, SECONDS, detections, result, subject


@pytest.fixture(scope="module")
def judged() -> Result:
    about = subject(10, seed=5)
    found = detections(about, 1.0, seed=5)
    return Result(about, result(found, before=detections(about, 2.0, seed=5)))


def test_the_area_below_a_curve_is_the_ap(judged: Result) -> None:
    for label in range(len(judged.judged.columns.classes)):
        for k in range(len(judged.judged.tious)):
            recall, precision = curve(judged.judged, label, k)
            assert (np.diff(recall) > 0).all()
            assert (np.diff(precision) <= 0).all()
            area = (np.diff([0.0, *recall]) * precision).sum()
            assert area == pytest.approx(judged.detection.ap[label, k])
    mean = mean_curve(judged.judged, 4)
    assert mean.mean() == pytest.approx(judged.detection.mean[4], abs=0.01)


def test_the_drawn_curve_holds_that_area(judged: Result) -> None:
    """vh: from each recall to the next at the height of the next."""
    figure = next(f for f in precision_recall(judged).figures if f.name == "pr-classes")
    for label, trace in enumerate(figure.data):
        assert trace["line"]["shape"] == "vh"
        area = (np.diff(trace["x"]) * np.array(trace["y"][1:])).sum()
        k = judged.detection.tious.index(GOOD)
        assert area == pytest.approx(judged.detection.ap[label, k], abs=0.002)
        assert trace["name"].endswith(f"{judged.detection.ap[label, k]:.2f}")


def test_the_table_of_classes_is_the_metrics_own(judged: Result) -> None:
    text = class_table(judged.detection)
    for name, ap in zip(judged.detection.classes, judged.detection.ap, strict=True):
        row = text.partition(f"<bdi>{name}</bdi>")[2].partition("</tr>")[0]
        assert [f"{value:.3f}<" in row for value in (*ap, ap.mean())] == [True] * 8
    assert f"{judged.detection.average():.3f}<" in text.partition("<tfoot>")[2]


def test_the_errors_are_those_of_the_diagnosis(judged: Result) -> None:
    found = diagnose(judged.truth, judged.run.found, tiou=GOOD, durations=judged.subject.seconds)
    section = errors(judged)
    profile, gain, by_length, length, by_coverage, coverage = section.figures
    assert [trace["customdata"] for trace in profile.data] == found.profile.T.tolist()
    assert [trace["name"] for trace in profile.data] == list(KINDS)
    assert max(gain.data[0]["x"]) == round(100 * max(found.gain_fixed.values()), 2)
    assert [text for b in found.by_length if (text := f"{b.missed} of {b.n}")] == length.data[0]["text"]
    assert sum(int(text.split()[-1]) for text in coverage.data[0]["text"]) == found.n_truth
    for figure, buckets in ((by_length, found.by_length), (by_coverage, found.by_relative_length)):
        assert figure.data[0]["y"] == pytest.approx([100 * b.map_n for b in buckets], abs=0.01)
        assert [text.partition("×")[2] for text in figure.data[0]["text"]] == [
            f"{b.map_n / found.map_n:.2f}" for b in buckets
        ]
        assert figure.layout["shapes"][0]["y0"] == pytest.approx(100 * found.map_n)


def test_auc_and_rank_correlation() -> None:
    def of(scores: list[float], tiou: list[float]) -> Spread:
        return Spread(np.array(scores), np.array(tiou))

    parted = of([0.9, 0.8, 0.2, 0.1], [0.9, 0.7, 0.3, 0.0])
    assert (parted.auc, parted.good) == (1.0, 2)
    assert parted.rank == pytest.approx(1.0)
    assert of([0.1, 0.9], [0.9, 0.1]).auc == 0.0
    assert of([0.5, 0.5, 0.5], [0.9, 0.1, 0.2]).auc == 0.5
    assert of([0.5, 0.5], [0.9, 0.1]).rank is None
    assert of([0.5, 0.2], [0.9, 0.8]).auc is None
    assert of([], []).auc is None
    rng = np.random.default_rng(0)
    scores, tiou = np.round(rng.uniform(size=60), 1), rng.uniform(size=60)
    pairs = scores[tiou >= GOOD, None] - scores[tiou < GOOD]
    assert Spread(scores, tiou).auc == pytest.approx(((pairs > 0) + (pairs == 0) / 2).mean())


def test_stage_two_s_better_scores_show(judged: Result) -> None:
    """The run's detections are those of stage 1 with their ends put closer to the truth."""
    section = score_figure(judged)
    assert section is not None
    before, after = section.figures
    good = [len(figure.data[1]["x"]) for figure in (before, after)]
    assert good[0] < good[1] == spread(judged.truth, judged.run.found).good
    assert score_figure(Result(judged.subject, replace(judged.run, before=None))) is None
    best = true_tiou(judged.judged.columns)
    assert (best[judged.judged.hit[:, 4]] >= GOOD).all()


def test_f1_counts_what_is_shown(judged: Result) -> None:
    shown = judged.run.shown()
    assert judged.f1.keys() == judged.truth.keys()
    for id in judged.truth:
        alone = Result(
            replace(judged.subject, truth={id: judged.truth[id]}), replace(judged.run, found={id: shown[id]})
        )
        hits = int(alone.judged.hit[:, 4].sum())
        assert judged.f1[id] == pytest.approx(2 * hits / (len(shown[id]) + len(judged.truth[id])))
    quiet = {id: Detections.empty() for id in judged.truth}
    nothing = {**judged.truth, "idle": ()}
    of_idle = Result(
        replace(judged.subject, truth=nothing),
        replace(judged.run, found={**quiet, "idle": Detections.empty()}),
    )
    assert of_idle.f1["idle"] == 1.0
    assert set(of_idle.f1.values()) == {0.0, 1.0}


@given(st.dictionaries(st.text(max_size=3), st.floats(0, 1), min_size=1, max_size=30))
def test_best_typical_and_worst_hold_no_video_twice(f1: dict[str, float]) -> None:
    groups = pick(f1)
    listed = [id for ids in groups.values() for id in ids]
    assert len(listed) == len(set(listed))
    if len(f1) < 3:
        assert sorted(listed) == sorted(f1)
        return
    best, typical, worst = ([f1[id] for id in groups[name]] for name in ("Best", "Typical", "Worst"))
    assert best[0] == max(f1.values())
    assert worst[0] == min(f1.values())
    assert min(best) >= max(typical) >= min(typical) >= max(worst)


def test_a_timeline_draws_what_there_is() -> None:
    truth = [Segment(1, 3, "jump"), Segment(5, 9, "run")]
    found = [Detection(1.2, 3, "jump", 0.9), Detection(20, 22, "wave", 0.5)]
    strip = Strip("v", 30.0, truth, [Click(2, "jump")], found, [True, False], [False, True])
    p_tc = np.linspace(0, 1, 180).reshape(60, 3).astype(np.float32)
    figure = timeline(strip, Traces(p_tc, p_tc[:, 0], Timeline(0.5)), CLASSES, "t")
    bars = {trace["name"]: trace for trace in figure.data if trace["type"] == "bar"}
    assert bars["predictions"]["base"] == [1.2, 20]
    assert bars["predictions"]["x"] == pytest.approx([1.8, 2])
    assert bars["predictions"]["marker"]["line"]["width"] == [0, 2.5]
    assert bars["ground truth"]["marker"]["line"]["width"] == [0, 2.5]
    assert figure.layout["yaxis"]["ticktext"] == ["jump", "run", "wave", "attention A"]
    curve_of_run = [t for t in figure.data if t.get("fill") == "tonexty"][1]
    heights = (np.array(curve_of_run["y"]) - 2) / 0.52  # the second of three lanes stands at 2
    assert heights[1:-1] == pytest.approx(p_tc[:, 1], abs=0.002)
    assert curve_of_run["x"][1:-1] == [round(0.25 + 0.5 * t, 2) for t in range(60)]


def test_every_class_that_occurs_is_drawn_and_of_very_many_it_is_said_which_are_not(tmp_path: Path) -> None:
    def drawn(n: int) -> tuple[list[str], str]:
        names = [f"class {i:02d}" for i in range(n)]
        found = [Detection(i, i + 1, name, 0.5 + i / 1000) for i, name in enumerate(names)]
        truth = (Segment(0, 1, names[0]),)
        about = Subject("data", "test", {"v": SECONDS}, {}, {"v": truth})
        run = result({"v": Detections.from_list(found, names)}, classes=names)
        section = next(s for s in sections(about, [run], tmp_path / "r.html") if s.title == "All videos")
        (figure,) = section.figures
        said = "".join(part for part in section.body if isinstance(part, str))
        return figure.layout["yaxis"]["ticktext"][:-1], said

    lanes, said = drawn(13)
    assert lanes == [f"class {i:02d}" for i in range(13)]
    assert "not drawn" not in said
    lanes, said = drawn(LANES + 2)
    assert lanes == ["class 00", *(f"class {i:02d}" for i in range(3, LANES + 2))]  # true, or scored best
    assert "2 more classes occur and are not drawn, only listed: class 01, class 02" in said


def test_an_hour_is_drawn_by_its_peaks() -> None:
    p_tc = np.zeros((100_000, 1), np.float32)
    p_tc[54_321] = 1
    strip = Strip("v", 50_000.0, [], [], [], None, [])
    figure = timeline(strip, Traces(p_tc, p_tc[:, 0], Timeline(0.5)), ("jump",), "t")
    drawn = next(trace for trace in figure.data if trace.get("fill"))
    assert len(drawn["x"]) <= 2002
    assert max(drawn["y"]) == pytest.approx(1.52)
    assert drawn["x"][int(np.argmax(drawn["y"]))] == pytest.approx(27_160, abs=25)


def test_all_figures_are_what_plotly_takes(judged: Result) -> None:
    strip = Strip("v", 30.0, [Segment(1, 3, "jump")], [Click(2, "jump")], [], None, [True])
    figures = [timeline(strip, judged.run.traces("v"), CLASSES, "t")]
    for section in (precision_recall(judged), errors(judged), data(judged.subject), curves(judged.run)):
        assert section is not None
        figures += section.figures
    assert len({figure.name for figure in figures}) == len(figures) == 15
    for figure in figures:
        go.Figure(figure.as_dict())  # raises for a name or a value that it does not know
