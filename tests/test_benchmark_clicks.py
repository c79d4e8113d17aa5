"""The clicks that benchmarks/clicks.py draws: where they lie, how many they are; its tables and figures."""

from __future__ import annotations

import csv
import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_folders import edit_json, field_layout
from hrpro.core.annotations import Segment
from hrpro.data.clicks import read_clicks
from hrpro.data.folder import open_dataset

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "benchmarks"))
benchmark = pytest.importorskip("clicks", reason="the benchmarks are not here")
draw = pytest.importorskip("click_curves").draw
designs = pytest.importorskip("click_designs")
Design, as_table, make_clicks = designs.Design, designs.as_table, designs.make_clicks

Truth = dict[str, list[Segment]]
SHARES = st.sampled_from((0.0, 0.03, 0.1, 0.3, 0.5, 1.0))
DESIGNS = st.builds(
    Design,
    sd=st.sampled_from((0.0, 0.04, 0.2, 0.3, 3.0)),
    stray=SHARES,
    missing=SHARES,
    doubled=SHARES,
    share=st.sampled_from((0.05, 0.3, 0.5, 1.0)),
)
SEEDS = st.integers(0, 2**32)


@st.composite
def truths(pick: st.DrawFn) -> tuple[Truth, dict[str, float]]:
    """Recordings of 20 s with up to six segments each, which may touch, overlap or be without length."""
    moment = st.integers(0, 200).map(lambda tenths: tenths / 10)
    segment = st.builds(
        lambda a, b, label: Segment(min(a, b), max(a, b), label), moment, moment, st.sampled_from("xy")
    )
    recordings = pick(st.lists(st.lists(segment, max_size=6), min_size=1, max_size=6))
    truth = {f"r{n}": each for n, each in enumerate(recordings)}
    return truth, dict.fromkeys(truth, 20.0)


def inside(time: float, label: str, segments: list[Segment]) -> bool:
    return any(s.start <= time < s.end for s in segments if s.label == label)


def covers_all(label: str, segments: list[Segment]) -> bool:
    end = 0.0
    for start, stop in sorted((s.start, s.end) for s in segments if s.label == label):
        if start > end:
            return False
        end = max(end, stop)
    return end >= 20.0


@given(truths(), DESIGNS, SEEDS)
def test_shares_are_met_and_every_click_lies_where_it_may(
    made: tuple[Truth, dict[str, float]], design: Any, seed: int
) -> None:
    truth, seconds = made
    clicks = make_clicks(truth, seconds, design, seed)
    assert set(clicks) <= set(truth)
    assert len(clicks) == max(round(design.share * len(truth)), 1)
    here = sum(len(truth[id]) for id in clicks)
    clicked = here - round(design.missing * here)
    total = clicked + round(design.doubled * clicked)
    assert sum(map(len, clicks.values())) == total
    outside = fixed = 0
    for id, each in clicks.items():
        assert [c.time for c in each] == sorted(c.time for c in each)
        for click in each:
            assert 0 <= click.time <= 20
            fixed += covers_all(click.label, truth[id]) or any(s.start == s.end for s in truth[id])
            outside += not inside(click.time, click.label, truth[id])
    stray = round(design.stray * total)
    assert stray - fixed <= outside <= stray + fixed


@given(truths(), st.sampled_from((0.0, 0.2, 5.0)), SEEDS)
def test_a_plain_design_clicks_every_segment_once_inside(
    made: tuple[Truth, dict[str, float]], sd: float, seed: int
) -> None:
    truth, seconds = made
    clicks = make_clicks(truth, seconds, Design(sd=sd), seed)
    for id, segments in truth.items():
        assert Counter(c.label for c in clicks[id]) == Counter(s.label for s in segments)
        for label in "xy":
            times = sorted(c.time for c in clicks[id] if c.label == label)
            own = [s for s in segments if s.label == label]
            assert all(s.start <= t for s, t in zip(sorted(own, key=lambda s: s.start), times, strict=True))
            # A click in an action without length lies at its end.
            assert all(t <= s.end for s, t in zip(sorted(own, key=lambda s: s.end), times, strict=True))
        if sd == 0:
            assert sorted(c.time for c in clicks[id]) == pytest.approx(
                sorted((s.start + s.end) / 2 for s in segments)
            )


@given(truths(), SEEDS)
def test_one_seed_makes_the_same_clicks_and_designs_that_go_together(
    made: tuple[Truth, dict[str, float]], seed: int
) -> None:
    truth, seconds = made

    def drawn(**design: float) -> set:
        clicks = make_clicks(truth, seconds, Design(**design), seed)
        return {(id, c.label, c.time) for id, each in clicks.items() for c in each}

    assert drawn(stray=0.3, doubled=0.3) == drawn(stray=0.3, doubled=0.3)
    assert drawn(missing=0.5) <= drawn(missing=0.3) <= drawn(missing=0.1) <= drawn()
    assert drawn(share=0.3) <= drawn(share=0.5) <= drawn()
    assert drawn() <= drawn(doubled=0.3) <= drawn(doubled=1.0)


def test_the_spread_is_the_one_that_was_asked_for() -> None:
    truth = {"r": [Segment(100.0 * n, 100.0 * n + 50, "x") for n in range(4000)]}
    places = {}
    for sd in (0.04, 0.1, 0.2):
        clicks = make_clicks(truth, {"r": 1e6}, Design(sd=sd), 3)["r"]
        places[sd] = np.array([(c.time - s.start) / 50 for c, s in zip(clicks, truth["r"], strict=True)])
        expected = 0.985 * sd if sd == 0.2 else sd  # 2.5 standard deviations fit into the segment
        assert places[sd].std() == pytest.approx(expected, rel=0.03)
        assert places[sd].mean() == pytest.approx(0.5, abs=0.01)
    assert np.array_equal(places[0.04] > 0.5, places[0.2] > 0.5)
    other = make_clicks(truth, {"r": 1e6}, Design(), 4)["r"]
    assert other != make_clicks(truth, {"r": 1e6}, Design(), 3)["r"]


def test_stray_clicks_spread_over_all_that_is_free() -> None:
    truth = {
        "r": [Segment(10, 20, "x"), Segment(15, 30, "x"), Segment(60, 90, "x"), Segment(0, 10, "y")] * 300
    }
    clicks = make_clicks(truth, {"r": 100.0}, Design(stray=1.0), 0)["r"]
    times = np.array([c.time for c in clicks if c.label == "x"])
    counts = [((times >= a) & (times < b)).sum() for a, b in ((0, 10), (30, 60), (90, 100))]
    assert sum(counts) == len(times) == 900
    assert np.array(counts) / 900 == pytest.approx([0.2, 0.6, 0.2], abs=0.05)


@pytest.mark.parametrize("fault", [{"sd": -0.1}, {"stray": 1.1}, {"missing": -0.1}, {"share": 0.0}])
def test_a_design_that_is_none(fault: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=f"{next(iter(fault))} cannot be"):
        Design(**fault)


def test_tables_are_read_back(tmp_path: Path) -> None:
    truth = {"a, b": [Segment(1, 9, 'x "1"'), Segment(3, 4, "y")], "c": []}
    clicks = make_clicks(truth, dict.fromkeys(truth, 20.0), Design(doubled=1.0), 0)
    path = tmp_path / "clicks.csv"
    path.write_text(as_table(clicks), encoding="utf-8")
    rows = read_clicks(path, lambda _: None)
    written = [(id, round(c.time, 6), c.label) for id, each in clicks.items() for c in each]
    assert [(row.video, row.time, row.label) for row in rows] == written
    assert len(rows) == 4


def test_curves_share_their_reference() -> None:
    assert benchmark.designs(["missing"]) == [Design(missing=share) for share in (0.0, 0.1, 0.3, 0.5)]
    every = benchmark.designs([*benchmark.CURVES, "people"])
    assert len(every) == len(set(every)) == 18
    assert every[0].name() == "reference"
    assert every[-1].name() == "sd=0.2 stray=0.03"


def test_a_whole_run_prints_keeps_and_draws(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    root = field_layout(tmp_path / "data")

    def longer(content: dict) -> None:
        for entry in content["database"].values():
            entry["annotations"] = [
                {"label": "jump", "segment": [8, 14]},
                {"label": "run", "segment": [20, 30]},
            ]

    edit_json(root / "gt_full.json", longer)
    tiny = [f"{part}.{name}" for part in ("snippet", "instance") for name in ("steps=2", "hidden=8")]
    words = [
        "clicks.py",
        "--data",
        root,
        "--methods",
        "base",
        "--curves",
        "doubled",
        "people",
        "--seeds",
        "1",
    ]
    words += ["--set", *tiny, "--json", tmp_path / "c.json", "--svg", tmp_path / "c.svg"]
    words += ["--tables", tmp_path / "tables"]
    monkeypatch.setattr(sys, "argv", [str(word) for word in words])
    benchmark.main()
    printed = capsys.readouterr().out
    trials = json.loads((tmp_path / "c.json").read_text())
    assert len(trials) == 5
    for key, value in trials.items():
        assert f"{key}  {value:.4f}" in printed
    usual = next(value for key, value in trials.items() if "| reference |" in key)
    people = next(value for key, value in trials.items() if "sd=0.2 stray=0.03" in key)
    assert f"| reference | {usual:.3f} ± 0.000 |" in printed
    assert f"| sd=0.2 stray=0.03 | {people:.3f} ± 0.000 ({100 * (people - usual):+.1f}) |" in printed
    tables = {path.name: list(csv.reader(path.open())) for path in (tmp_path / "tables").iterdir()}
    assert len(tables["data-reference-1-0.csv"]) == 5
    assert len(tables["data-doubled=0.5-1-0.csv"]) == 7
    assert open_dataset(root).training_set(tmp_path / "tables/data-reference-1-0.csv").clicks
    assert not list((tmp_path / "data").rglob("*reference*"))
    svg = ElementTree.parse(tmp_path / "c.svg").getroot()
    assert svg.findtext("{http://www.w3.org/2000/svg}title")
    assert len(svg.findall("{http://www.w3.org/2000/svg}polyline")) == 1
    benchmark.main()
    again = capsys.readouterr().out
    assert again == printed[printed.index("\n| ") :]


def test_the_figure_holds_every_point_within_its_panel() -> None:
    rng = np.random.default_rng(0)
    curves = {
        f"{name}&co": {m: [(v, rng.random(), 0.1) for v in (0, 0.3, 1)] for m in ("a<b", "c")}
        for name in "xyz"
    }
    svg = ElementTree.fromstring(draw({"one": curves, "two": curves}))
    space = "{http://www.w3.org/2000/svg}"
    assert len(svg.findall(f"{space}polyline")) == 12
    height = float(svg.attrib["viewBox"].split()[3])
    for circle in svg.findall(f"{space}circle"):
        assert 0 < float(circle.attrib["cx"]) < 960
        assert 0 < float(circle.attrib["cy"]) < height
